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

  // Names through which JavaScript reaches its own objects, wherever a mapping may say a name.
  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__', 'prototype'])(
    'with %s as a name',
    (name) => {
      const file = 'mappings/people-customers.yaml';
      const text = base.get(file)!;
      for (const edited of [
        text.replaceAll('crm:', `${name}:`),
        text.replace('crm: people', `${name}: { system: crm, entity: people }`),
        text.replace('crm: people', `crm: { system: ${name}, entity: people }`),
        text.replace('crm: people', `crm: { system: crm, entity: ${name} }`),
        text.replace('mapping: people-customers', `mapping: ${name.toLowerCase()}`),
        text.replace('crm: mail', `crm: ${name}`),
        text.replace('crm: mail', `crm: address.${name}.x`),
        text.replace('crm: $lowercase(mail)', `crm: $lookup($, "${name}")`),
        `${text}    values: { ${name}: b, c: ${name} }\n`,
        `${text}    values: ${name}.${name}\n`,
        `${text}    reference: ${name}\n`,
        `${text}    ${name}: 1\n`,
        `${text}${name}: 1\n`,
        text.replace('create: [shop]', `create: [${name}]`),
        text.replace('create: [shop]', `conflict: ${name}`),
      ]) {
        const result = compileFiles(new Map([...base, [file, edited]]), ENV);
        // Refused with a place, or in force; the other files are untouched by it, and so is everything else.
        if (result.config.mappings.size === 0) expect(result.problems.length).toBeGreaterThan(0);
        for (const problem of result.problems) expect(problem.line).toBeGreaterThan(0);
        expect(result.config.systems.size).toBe(2);
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(({} as Record<string, unknown>).b).toBeUndefined();
    },
  );

  it('a file that holds more of anything than a file may hold is refused', () => {
    const file = 'mappings/people-customers.yaml';
    const text = base.get(file)!;
    const bomb = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`).slice(1);
    const begun = performance.now();
    for (const hostile of [
      `a0: &a0 [x]\n${bomb.join('\n')}\n${text}`,
      `${text}\ndescription2: ${'['.repeat(100_000)}`,
      `${text}${'  - { crm: name, shop: name }\n'.repeat(8_000)}`,
      text.replace('$lowercase(mail)', `$contains(mail, /${'(a|'.repeat(2_000)}b${')'.repeat(2_000)}/)`),
      text.replace('$lowercase(mail)', '$contains(mail, /((a{1000}){1000}){1000}/)'),
      text.replace('$lowercase(mail)', `${'('.repeat(4_900)}1${')'.repeat(4_900)}`),
      'x'.repeat(2_000_000),
    ]) {
      const result = compileFiles(new Map([...base, [file, hostile]]), ENV);
      expect(result.config.mappings.size).toBe(0);
      expect(result.problems.length).toBeGreaterThan(0);
    }
    expect(performance.now() - begun).toBeLessThan(60_000);
  });

  it.each([
    'null',
    '[]',
    '"text"',
    '{ entities: 5 }',
    '{ system: [], entities: { a: null } }',
    '{ auth: { kind: [1] } }',
    '{ system: x, baseUrl: https://x, auth: { kind: none }, entities: { a: { schema: crm/people, id: "a[", find: { path: /x, by: { "(": { q: "{value}" } } } } } }',
  ])('of another shape gets problems, and the other system loads: %s', (text) => {
    const result = compileFiles(new Map([...base, ['systems/crm.yaml', text]]), ENV);
    expect(result.problems.length).toBeGreaterThan(0);
    expect(result.config.systems.has('shop')).toBe(true);
  });
});
