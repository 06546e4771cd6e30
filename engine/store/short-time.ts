/** Times of what is stored by the hundred thousands: five bytes, ms since 2020-01-01, which last until 2054. */
const EPOCH = 1_577_836_800_000;
const LATEST = 2 ** 40 - 1;

/** @param time epoch ms */
export function shortTime(time: number): Buffer {
  const packed = Buffer.alloc(5);
  packed.writeUIntBE(Math.min(Math.max(time - EPOCH, 0), LATEST), 0, 5);
  return packed;
}

/** Epoch ms. @param at where the five bytes begin */
export const readShortTime = (value: Buffer, at = 0): number => value.readUIntBE(at, 5) + EPOCH;
