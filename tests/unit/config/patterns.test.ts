/** Schemas are tried on records in linear time, whatever a record holds: patterns, formats, and entries that must differ. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schemaFaults } from '../../../engine/config/validate.ts';
import { load, reported } from './fixture.ts';

/** In ms of this process, so that others on the machine do not count. */
function cpu(work: () => unknown): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}
const messages = (schema: object, value: unknown): string[] =>
  schemaFaults(schema as never, value).map(({ message }) => message);

describe('a pattern', () => {
  it.each([
    ['^([a-z0-9]+-?)+$', `${'a'.repeat(29)}!`],
    ['^(\\w+\\s?)*$', `${'word '.repeat(5_000)}!`],
    ['^(a|a)*$', `${'a'.repeat(50_000)}!`],
    ['^(.*a){12}$', `${'a'.repeat(20_000)}!`],
  ])('%s does not backtrack', (pattern, text) => {
    let found: string[] = [];
    expect(cpu(() => (found = messages({ pattern }, text)))).toBeLessThan(1_000);
    expect(found).toEqual([`Does not have the form that is needed (${pattern}).`]);
  });

  it('of names of fields does not backtrack', () => {
    const schema = { patternProperties: { '^([a-z0-9]+-?)+$': { type: 'string' } }, additionalProperties: false };
    const name = `${'a'.repeat(29)}!`;
    expect(cpu(() => messages(schema, { [name]: 'x' }))).toBeLessThan(1_000);
    expect(messages(schema, { 'a-b': 1 })).toEqual(['Must be text.']);
  });

  it.each(['^[+0-9]*$', '^-?[0-9]+(\\.[0-9]{1,2})?$', '^[A-Z]{2}$', '^(off|[0-9]+(ms|s|m))$', '\\bx\\b', '^\\p{L}+$'])(
    '%s takes what RegExp takes',
    (pattern) => {
      const regex = new RegExp(pattern, 'u');
      fc.assert(
        fc.property(fc.oneof(fc.string({ unit: fc.constantFrom(...'019+-.AZxoffms é') }), fc.string()), (text) => {
          expect(messages({ pattern }, text).length).toBe(regex.test(text) ? 0 : 1);
        }),
      );
    },
  );

  it('is not tried on a text of more than 100,000 characters', () => {
    expect(messages({ pattern: '^a+$' }, 'a'.repeat(100_000))).toEqual([]);
    expect(messages({ pattern: '^a+$' }, 'a'.repeat(100_001))).toEqual([
      'Has more than 100000 characters; no pattern is tried on those.',
    ]);
  });

  it('a pattern that cannot run in linear time is a fault of its file, at its place', () => {
    const schema = `{
  "properties": {
    "pattern": { "type": "string", "examples": [{ "pattern": "(?=x)" }] },
    "code": { "pattern": "^(?=.*[0-9]).+$" },
    "tags": { "items": { "anyOf": [{ "pattern": "^(a)\\\\1$" }] } }
  },
  "patternProperties": { "^(?!x)": {} }
}`;
    expect(
      reported(load({ 'schemas/crm/people.schema.json': schema })).filter((line) => line.startsWith('schemas/')),
    ).toEqual([
      'schemas/crm/people.schema.json:4:27 CONFIG_SCHEMA properties.code.pattern: The regular expression /^(?=.*[0-9]).+$/ cannot be used: lookahead and lookbehind are not supported, as they cannot run in linear time; match more and take a group instead.',
      'schemas/crm/people.schema.json:5:50 CONFIG_SCHEMA properties.tags.items.anyOf[0].pattern: The regular expression /^(a)\\1$/ cannot be used: backreferences are not supported, as they cannot run in linear time.',
      'schemas/crm/people.schema.json:7:27 CONFIG_SCHEMA patternProperties.^(?!x): The regular expression /^(?!x)/ cannot be used: lookahead and lookbehind are not supported, as they cannot run in linear time; match more and take a group instead.',
    ]);
  });
});

describe('a format', () => {
  it.each(['url', 'uri', 'email', 'hostname', 'date-time', 'duration', 'uuid', 'ipv6', 'json-pointer'])(
    '%s is tried in linear time',
    (format) => {
      for (const part of ['a', 'http://a:a@', 'a@a.', '1:', 'P1Y', '%41', '/~0', 'a-'])
        for (const start of ['', 'http://', 'a@', '['])
          expect(cpu(() => messages({ format }, `${start}${part.repeat(30_000)}!`))).toBeLessThan(1_000);
    },
  );

  it('url takes addresses', () => {
    expect(messages({ format: 'url' }, 'https://example.com/a?b=c')).toEqual([]);
    expect(messages({ format: 'url' }, 'example')).toHaveLength(1);
  });
});

describe('entries that must differ', () => {
  const schema = { uniqueItems: true };

  it.each<[unknown[], boolean]>([
    [[1, '1', true, 'true', null, 'null', [], {}], true],
    [
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      false,
    ],
    [
      [
        [1, 2],
        [2, 1],
      ],
      true,
    ],
    [[1, 2, 1], false],
    [[], true],
  ])('are all different in %j: %s', (list, unique) => {
    expect(messages(schema, list)).toEqual(unique ? [] : ['Holds the same entry twice.']);
    expect(messages({ uniqueItems: false }, list)).toEqual([]);
  });

  it('are compared in linear time', () => {
    const list = Array.from({ length: 9_000 }, (_, i) => ({ a: i, b: [1, 2, 3] }));
    expect(cpu(() => messages(schema, list))).toBeLessThan(1_000);
    expect(messages(schema, [...list, list[7]])).toEqual(['Holds the same entry twice.']);
  });
});

it('of very many faults the first are reported, as they are compared with each other', () => {
  const schema = { items: { anyOf: [{ type: 'object', required: ['a'] }, { type: 'array' }] } };
  const list = Array.from({ length: 20_000 }, () => ({ b: 1 }));
  let found: string[] = [];
  expect(cpu(() => (found = messages(schema, list)))).toBeLessThan(1_500);
  expect(found.length).toBeGreaterThan(100);
});
