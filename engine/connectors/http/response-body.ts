/**
 * The body of a response, read and parsed within limits: a system that was taken over must not fill the memory of a process
 * or keep it from everything else. Values are counted as the bytes come in, before anything is parsed: 20 million empty
 * arrays are 60 MB of text and over a gigabyte of objects.
 */
import { isUtf8 } from 'node:buffer';

export interface ResponseLimits {
  /** As they come over the wire: nothing is decompressed. */
  readonly bytes: number;
  /** Objects, arrays, texts, numbers, true, false and null, all together. */
  readonly values: number;
}

const MiB = 1024 * 1024;

/** Of a response that holds one record. */
export const RECORD_LIMITS: ResponseLimits = { bytes: 8 * MiB, values: 200_000 };
/** Of a refusal: only its first words are shown. */
export const REFUSAL_LIMITS: ResponseLimits = { bytes: 256 * 1024, values: 10_000 };
/** Digits of one number: more are no number of any business, and take a decimal library long. */
const MAX_DIGITS = 1_000;

const LARGEST_PAGE: ResponseLimits = { bytes: 32 * MiB, values: 400_000 };

/** @param size records in a full page, where the system file declares it */
export const pageLimits = (size: number | undefined): ResponseLimits =>
  size === undefined
    ? LARGEST_PAGE
    : {
        bytes: Math.min(LARGEST_PAGE.bytes, RECORD_LIMITS.bytes + size * 64 * 1024),
        values: Math.min(LARGEST_PAGE.values, RECORD_LIMITS.values + size * 1_000),
      };

/** Records of one page. Some systems answer more than they were asked for; what is far beyond is no page. */
export const mostRecords = (size: number | undefined): number =>
  size === undefined ? 50_000 : Math.max(1_000, Math.min(size * 10, 50_000), size * 2);

/** The response holds more than it may; what it said is not known. */
export class TooMuch extends Error {}

/**
 * Collects the parts of a body.
 * @param within milliseconds for the whole of it
 */
export function createBody(limits: ResponseLimits, within: number) {
  const end = performance.now() + within;
  const parts: Uint8Array[] = [];
  const count = createCount();
  let size = 0;
  return {
    /** @throws TooMuch */
    add(part: Uint8Array): void {
      size += part.length;
      if (size > limits.bytes) throw new TooMuch(`answered more than ${shown(limits.bytes)}`);
      if (count.add(part) > limits.values) throw new TooMuch(`answered more than ${limits.values} values`);
      if (count.digits() > MAX_DIGITS) throw new TooMuch(`answered a number of more than ${MAX_DIGITS} digits`);
      if (performance.now() > end) throw new TooMuch('took too long for one answer');
      parts.push(part);
    },
    bytes: (): Buffer => Buffer.concat(parts, size),
  };
}

/** @throws TooMuch */
export async function readBody(
  parts: AsyncIterable<Uint8Array>,
  limits: ResponseLimits,
  within: number,
): Promise<Buffer> {
  const body = createBody(limits, within);
  for await (const part of parts) body.add(part);
  return body.bytes();
}

const shown = (bytes: number): string => (bytes < MiB ? `${bytes / 1024} KiB` : `${bytes / MiB} MiB`);

export interface Count {
  /** @returns values so far; of text that is no JSON, any number */
  add(part: Uint8Array): number;
  /** The longest run of digits outside of texts so far. */
  digits(): number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counts the values of a JSON text that comes in parts, without parsing it. */
export function createCount(): Count {
  // The whole is one value; each comma begins another, and so does what follows a bracket that does not close at once.
  let values = 1;
  let opened = false;
  let inText = false;
  let escaped = false;
  let run = 0;
  let longest = 0;
  return {
    add(part) {
      for (let at = 0; at < part.length; at++) {
        const byte = part[at] as number;
        if (inText) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inText = false;
          continue;
        }
        if (byte <= 0x20) continue;
        if (byte >= 0x30 && byte <= 0x39) {
          if (++run > longest) longest = run;
        } else run = 0;
        if (opened) {
          opened = false;
          // ] and }
          if (byte !== 0x5d && byte !== 0x7d) values++;
        }
        if (byte === QUOTE) inText = true;
        // , and [ {
        else if (byte === 0x2c) values++;
        else if (byte === 0x5b || byte === 0x7b) opened = true;
      }
      return values;
    },
    digits: () => longest,
  };
}

/** The text of a body; undefined where it is no valid UTF-8: replacement characters would travel on to the other system. */
export function textOf(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}
