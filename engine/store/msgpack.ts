/**
 * Arguments of a script as one MessagePack value, which Redis' `cmsgpack.unpack` reads. Redis does not know the binary type
 * of the format (0xc4), so that bytes are sent as texts, which are bytes in Lua. Absent fields are left out.
 */
export type Packable =
  | string
  | number
  | boolean
  | Buffer
  | readonly Packable[]
  | { readonly [name: string]: Packable | undefined };

export function pack(value: Packable): Buffer {
  const parts: Buffer[] = [];
  put(value, parts);
  return Buffer.concat(parts);
}

function put(value: Packable, parts: Buffer[]): void {
  if (typeof value === 'string') putBytes(Buffer.from(value), parts);
  else if (Buffer.isBuffer(value)) putBytes(value, parts);
  else if (typeof value === 'boolean') parts.push(Buffer.from([value ? 0xc3 : 0xc2]));
  else if (typeof value === 'number') parts.push(numberBytes(value));
  else if (Array.isArray(value)) {
    parts.push(head(0xdd, value.length));
    for (const item of value as readonly Packable[]) put(item, parts);
  } else {
    const fields = Object.entries(value).filter((field): field is [string, Packable] => field[1] !== undefined);
    parts.push(head(0xdf, fields.length));
    for (const [name, item] of fields) {
      put(name, parts);
      put(item, parts);
    }
  }
}

function putBytes(bytes: Buffer, parts: Buffer[]): void {
  parts.push(bytes.length < 32 ? Buffer.from([0xa0 | bytes.length]) : head(0xdb, bytes.length), bytes);
}

function head(type: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = type;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

function numberBytes(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 128) return Buffer.from([value]);
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = 0xcb;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}
