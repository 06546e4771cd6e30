/** Places in a text, by line and column. */

/** Counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where the lines of the text begin; kept for the one text at hand, whose problems may be very many. */
let lines: { readonly text: string; readonly starts: readonly number[] } = { text: '', starts: [0] };

function startsOf(text: string): readonly number[] {
  if (lines.text !== text) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    lines = { text, starts };
  }
  return lines.starts;
}

/** @param offset character, from 0 */
export function placeOf(text: string, offset: number): Place {
  const starts = startsOf(text);
  const at = Math.min(Math.max(0, offset), text.length);
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: at - starts[low]! + 1 };
}
