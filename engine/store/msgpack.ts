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

/** What is packed is written here first: most values are small, and a Buffer for each part costs more than the part. */
let scratch = Buffer.allocUnsafe(65_536);
let end = 0;

export function pack(value: Packable): Buffer {
  end = 0;
  put(value);
  return Buffer.from(scratch.subarray(0, end));
}

/** Makes room for so many bytes more. */
function reserve(bytes: number): void {
  if (end + bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * scratch.length, end + bytes));
  scratch.copy(larger, 0, 0, end);
  scratch = larger;
}

function put(value: Packable): void {
  if (typeof value === 'string') putText(value);
  else if (Buffer.isBuffer(value)) {
    putLength(value.length);
    reserve(value.length);
    end += value.copy(scratch, end);
  } else if (typeof value === 'boolean') putByte(value ? 0xc3 : 0xc2);
  else if (typeof value === 'number') putNumber(value);
  else if (Array.isArray(value)) {
    putHead(0xdd, value.length);
    for (const item of value as readonly Packable[]) put(item);
  } else {
    const fields = Object.entries(value).filter((field): field is [string, Packable] => field[1] !== undefined);
    putHead(0xdf, fields.length);
    for (const [name, item] of fields) {
      putText(name);
      put(item);
    }
  }
}

function putText(text: string): void {
  const length = Buffer.byteLength(text);
  putLength(length);
  reserve(length);
  end += scratch.write(text, end);
}

/** Of a text that follows. */
function putLength(length: number): void {
  if (length < 32) putByte(0xa0 | length);
  else putHead(0xdb, length);
}

function putByte(byte: number): void {
  reserve(1);
  scratch[end++] = byte;
}

function putHead(type: number, length: number): void {
  reserve(5);
  scratch[end] = type;
  scratch.writeUInt32BE(length, end + 1);
  end += 5;
}

function putNumber(value: number): void {
  reserve(9);
  if (Number.isInteger(value) && value >= 0 && value < 128) scratch[end++] = value;
  else {
    scratch[end] = 0xcb;
    scratch.writeDoubleBE(value, end + 1);
    end += 9;
  }
}
