/** Whatever a file holds, loading answers with problems and never throws; the other files go on. */
/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: system files hold ${NAME} */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFiles } from '../../../engine/config/load.ts';
import { ENV, files } from './fixture.ts';

const base = files();
const pieces = [
  '',
  ':',
  ' ',
  '\n',
  '  - ',
  '{',
  ']',
  '"',
  "'",
  '$',
  '*x',
  '&x ',
  '!!int ',
  '__proto__',
  'constructor',
  'null',
  '1e999',
  '0',
  'true',
  '\u0000',
  '🙂',
  '#',
  '|',
  '>-',
  '%',
  '@',
  '`',
  '~>',
  '${X}',
];

describe('a damaged file', () => {
  it.each([...base.keys()])('%s', (file) => {
    const text = base.get(file)!;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(text.length), fc.nat(12), fc.constantFrom(...pieces)), { minLength: 1, maxLength: 3 }),
        (cuts) => {
          const damaged = cuts.reduce(
            (now, [at, length, piece]) => now.slice(0, at) + piece + now.slice(at + length),
            text,
          );
          const result = compileFiles(new Map([...base, [file, damaged]]), ENV);
          for (const problem of result.problems) {
            expect(problem.line).toBeGreaterThan(0);
            expect(problem.column).toBeGreaterThan(0);
            expect(problem.message).not.toBe('');
            expect(JSON.stringify(problem)).not.toMatch(/crm-secret|shop-secret/);
          }
          if (result.config.mappings.size === 0) expect(result.problems.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 150) },
    );
  });

  it.each([
    'null',
    '[]',
    '"text"',
    '{ entities: 5 }',
    '{ system: [], entities: { a: null } }',
    '{ auth: { kind: [1] } }',
    '{ system: x, baseUrl: https://x, auth: { kind: none }, entities: { a: { schema: crm/people, id: "a[", find: { path: /x, by: { "(": { q: "{value}" } } } } } }',
  ])('of another shape: %s', (text) => {
    const result = compileFiles(new Map([...base, ['systems/crm.yaml', text]]), ENV);
    expect(result.problems.length).toBeGreaterThan(0);
    expect(result.config.systems.has('shop')).toBe(true);
  });
});
