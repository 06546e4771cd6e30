/** Pictures of times are read without a RegExp that backtracks (jsonata-js/jsonata#833), and bounded in length and width. */
import fc from 'fast-check';
import jsonata from 'jsonata';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { compileExpression } from '../../../engine/expression/compile.ts';

/** In ms of this process, so that others on the machine do not count. */
async function cpu(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work().catch(() => {});
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}
const read = compileExpression('$toMillis(text, picture)');

afterEach(() => vi.useRealTimers());

describe('a picture', () => {
  it.each([
    ['[Ya][Ma][Da][da][Wa][wa][Xa][xa][Ha][ha][ma][sa][Ya][Ma][Da][da]', `${'a'.repeat(120)}!`],
    ['[f1][f1][f1][f1][f1][f1][f1][f1]', `${'1'.repeat(120)}!`],
    ['[Yw][Mw][Dw][dw][Hw][mw][sw]', `${'one '.repeat(30)}!`],
    ['[Yi][Mi][Di][di][Hi][mi][si][Yi][Mi]', `${'m'.repeat(120)}!`],
    ['[MNn][FNn][Ya][MNn][FNn][Ya][MNn][FNn]', `${'a'.repeat(120)}!`],
  ])('%s that backtracks as a RegExp is read at once', async (picture, text) => {
    expect(await cpu(() => read.evaluate({ text, picture }))).toBeLessThan(1_000);
  });

  it('of any components is read as JSONata reads it', async () => {
    // What a picture leaves out is taken from now.
    vi.useFakeTimers({ toFake: ['Date'], now: 1_750_000_000_000 });
    const component = fc
      .tuple(
        fc.constantFrom(...'YMDdFWwXxHhPmsfZz'),
        fc.constantFrom('', '1', '01', '0001', 'a', 'A', 'i', 'w', 'Nn', '1o', '#1'),
        fc.constantFrom('', ',2', ',2-2', ',*-4', ',3-3'),
      )
      .map(([name, form, width]) => `[${name}${form}${width}]`);
    const literal = fc.constantFrom('', '-', '/', ' ', ':', 'T', '.', ' of ', '[[');
    // Few components: theirs may backtrack.
    const picture = fc
      .array(fc.tuple(component, literal), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.flat().join(''));
    const theirs = jsonata('$toMillis(text, picture)');
    const outcome = async (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        // JSONata may answer NaN, which is no value of a property.
        (value) => (Number.isNaN(value) ? 'failed' : { value }),
        () => 'failed',
      );
    await fc.assert(
      fc.asyncProperty(picture, fc.integer({ min: 0, max: 4e12 }), fc.boolean(), async (picture, millis, written) => {
        const format = jsonata('$fromMillis(millis, picture)');
        const text = written ? await format.evaluate({ millis, picture }).catch(() => '2018-03-12') : '2018-03-12';
        expect(await outcome(read.evaluate({ text, picture }))).toEqual(
          await outcome(theirs.evaluate({ text, picture })),
        );
      }),
      { numRuns: 500 },
    );
  });
});
