/** Up to which modification a side has been read. Pure. */

/**
 * The next scan of changes begins here. Edits made while this one was reading are later than its first request, so the
 * watermark is never later than that, on the clock of the system; a record that states a time in the future moves nothing.
 * @param former the watermark before; seen: modification times that were read; all ISO 8601 UTC
 * @param startedAt what the clock of the system showed when the first page was requested, in epoch ms
 */
export function watermarkAfter(
  former: string | undefined,
  seen: Iterable<string | undefined>,
  startedAt: number,
): string | undefined {
  const started = new Date(startedAt).toISOString();
  let latest = former !== undefined && former > started ? started : former;
  let later = false;
  for (const modified of seen) {
    if (modified === undefined) continue;
    if (modified > started) later = true;
    else if (latest === undefined || modified > latest) latest = modified;
  }
  // Where all that was read is later, what is before was read all the same.
  return latest ?? (later ? started : undefined);
}
