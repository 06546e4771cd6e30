/** Attacks by what a reader sends, by what a record holds, and by texts that a schema's pattern is tried on. */

export interface Attack {
  readonly name: string;
  /** Further keys of the one property of the mapping (its paths, `type`, `convert`), as the file says them. */
  readonly property?: Readonly<Record<string, unknown>>;
  /** Schema of the property in the system that is written to. */
  readonly target?: object;
  /** What the hostile system answers for the record. */
  readonly record?: () => string;
  /** What a reader sends. */
  readonly request?: { readonly path: string; readonly body: () => unknown; readonly atOnce?: number };
}

export const schemaOf = (name: object): string =>
  JSON.stringify({
    type: 'object',
    properties: { id: { type: 'string', readOnly: true }, name, more: {} },
  });

/** JSON is YAML. */
export const mappingOf = (property: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    mapping: 'things',
    between: { hostile: { system: 'hostile', entity: 'things' }, quiet: { system: 'quiet', entity: 'things' } },
    create: ['quiet'],
    conflict: 'hostile',
    properties: [{ hostile: 'name', quiet: 'name', type: 'string', direction: 'quiet', ...property }],
  });

const record = (fields: Readonly<Record<string, string>>): string =>
  `{"id":"1","name":"Ann",${Object.entries(fields)
    .map(([name, json]) => `"${name}":${json}`)
    .join(',')}}`;
const text = (length: number, part: string): string =>
  JSON.stringify(part.repeat(Math.ceil(length / part.length)).slice(0, length));
const list = (length: number, item: (i: number) => string): string =>
  `[${Array.from({ length }, (_, i) => item(i)).join(',')}]`;

const MILLION = 1_000_000;

/** The expression of the mapping computes the value from what the record holds in `more`. */
const byRecord = (name: string, expression: string, more: () => string): Attack => ({
  name: `record: ${name}`,
  property: { convert: { quiet: `$string((${expression.replaceAll('more', '$record.more')}))` } },
  record: () => record({ more: more() }),
});
const byPath = (name: string, path: string, more: () => string, further: object = {}): Attack => ({
  name: `record: ${name}`,
  property: { hostile: path, ...further },
  record: () => record({ more: more() }),
});

/** The draft's expression is tried on made-up values. */
const byDraft = (name: string, expression: string, atOnce = 1): Attack => ({
  name: `draft: ${name}`,
  request: {
    path: '/mappings/validate',
    body: () => ({ yaml: mappingOf({ direction: 'both', convert: { quiet: expression, hostile: '$' } }) }),
    atOnce,
  },
});

const LETTERS = '[Ya][Ma][Da][da][da][Wa][wa][Xa][xa][Ha][ha][ma][sa][Ya][Ma][Da]';
const OBJECTS = '[1..1900].{"a": [1..60], "b": $}';

export const ATTACKS: readonly Attack[] = [
  byDraft('a picture of 16 components', `$string($toMillis($pad("", 120, "a") & "!", "${LETTERS}"))`),
  byDraft('an endless lambda', '($f := function($x) { $f($x) }; $f(1))'),
  byDraft('$distinct of objects', `$string($count($distinct(${OBJECTS})))`),
  byDraft('an endless lambda, 20 at once', '($f := function($x) { $f($x) }; $f(1))', 20),
  byDraft('a slow regular expression', '$string($contains($pad("", 1000000, "ab"), /(a|b|ab)*c(a|b)*d{1,500}/))'),
  byDraft(
    'comparing copies with copies',
    '($a := [1..3000].{"a": [1..30]}; $b := $string($a); $string([1..1000].($eq := $a = [1..3000].{"a": [1..30]})))',
  ),
  {
    name: 'draft: 6,000 faults',
    request: {
      path: '/mappings/validate',
      body: () => ({
        yaml: `{"mapping":"x","properties":[${Array.from({ length: 6_000 }, (_, i) => `{"propertie${i}":1}`).join(',')}]}`,
      }),
    },
  },
  {
    name: 'draft: 250 KB of nested lists',
    request: { path: '/mappings/validate', body: () => ({ yaml: `${'['.repeat(100_000)}${']'.repeat(100_000)}` }) },
  },
  {
    name: 'draft: aliases that multiply',
    request: {
      path: '/mappings/validate',
      body: () => ({
        yaml: `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(',')}]`).join('\n')}\n`,
      }),
    },
  },
  {
    name: 'preview: 120,000 values, 20 at once',
    property: { convert: { quiet: '$string($count($distinct($record.more)))' } },
    request: {
      path: '/mappings/things/preview',
      body: () => ({
        side: 'hostile',
        record: { id: '1', name: 'Ann', more: Array.from({ length: 50_000 }, (_, i) => i) },
      }),
      atOnce: 20,
    },
  },
  {
    name: 'preview: $distinct of 1,900 objects',
    property: { convert: { quiet: '$string($count($distinct($record.more)))' } },
    request: {
      path: '/mappings/things/preview',
      body: () => ({
        side: 'hostile',
        record: {
          id: '1',
          name: 'Ann',
          more: Array.from({ length: 1_900 }, (_, i) => ({ a: Array(50).fill(0), b: i })),
        },
      }),
    },
  },

  byRecord(
    'a picture of 16 components',
    '$toMillis(more.t, more.p)',
    () => `{"t":${JSON.stringify(`${'a'.repeat(120)}!`)},"p":${JSON.stringify(LETTERS)}}`,
  ),
  byRecord('$distinct of 1,900 objects', '$count($distinct(more))', () =>
    list(1_900, (i) => `{"a":${list(500, () => '0')},"b":${i}}`),
  ),
  byRecord('$zip of a million', '$count($zip(more, more, more))', () => list(MILLION, () => '0')),
  byRecord('$parseInteger of a long picture', '$parseInteger("12", more)', () => text(60_000, '0,')),
  byRecord('$parseInteger of long words', '$parseInteger(more, "w")', () => text(4 * MILLION, 'one thousand, ')),
  byRecord('$formatInteger by a long picture', '$formatInteger(123456, more)', () => text(60_000, '0,')),
  byRecord('$formatInteger in Roman numerals', '$map(more, function($n) { $length($formatInteger($n, "I")) })', () =>
    list(5_000, () => '3000000'),
  ),
  byRecord('$fromMillis by a long picture', '$length($fromMillis(0, more))', () => text(8 * MILLION, '[Y]')),
  byRecord('$fromMillis by a wide picture', '$length($fromMillis(0, more))', () => '"[Y,300000000-300000000]"'),
  byRecord('$formatNumber by a long picture', '$formatNumber(1.5, more)', () => text(100_000, '#,')),
  byRecord('$split of 8 MB', '$count($split(more, ""))', () => text(8 * MILLION, 'ab')),
  byRecord('$length of 30 MB', '$length(more)', () => text(30 * MILLION, 'é')),
  byRecord('$match over a megabyte', '$count($match(more, /(a+)b?(c|d)*/))', () => text(MILLION, 'aab')),
  byRecord('$replace over a megabyte', '$length($replace(more, /[^a-z0-9]+$/, ""))', () => text(MILLION, '- ')),
  byRecord('$contains over a megabyte', '$contains(more, /(x+x+)+y[0-9]{1,300}/)', () => text(MILLION, 'x')),
  byRecord('$sort of 10,000', '$count($sort(more))', () => list(10_000, (i) => String((i * 7919) % 10_007))),
  byRecord('order by of 10,000', '$count(more^(a))', () => list(10_000, (i) => `{"a":${(i * 7919) % 10_007}}`)),
  byRecord('$spread of 60,000', '$count($spread(more))', () => list(60_000, (i) => `{"a":${i}}`)),
  byRecord('$reduce with $append', '$count($reduce(more, $append))', () => list(60_000, (i) => String(i))),
  byRecord('a join of a list with itself', '$count(more[$.a in $record.more.b])', () =>
    list(9_000, (i) => `{"a":${i},"b":-${i + 1}}`),
  ),
  byRecord('grouping', '$count($keys(more{$string(a): b}))', () => list(9_000, (i) => `{"a":${i % 3},"b":${i}}`)),
  byRecord(
    'a million fields',
    '$count($keys(more))',
    () => `{${Array.from({ length: MILLION }, (_, i) => `"k${i}":0`).join(',')}}`,
  ),
  byRecord('lists that must be copied', '$count(more[])', () => list(3 * MILLION, () => '[]')),
  byRecord('a sum over 3 million', '$sum(more)', () => list(3 * MILLION, () => '1')),
  byPath('a plain path over 2 million', 'more.a', () => list(2 * MILLION, (i) => `{"a":${i % 10}}`), { type: 'list' }),
  byPath('a selection over 2 million', "more[a='x'].b", () => list(2 * MILLION, () => '{"a":"y"}')),
  byPath('a decimal of a megabyte', 'more', () => text(MILLION, '1').replace(/"$/, 'x"'), { type: 'decimal' }),
  byPath('a number of a megabyte', 'more', () => text(MILLION, '1'), { type: 'decimal' }),
  byPath('a date of a megabyte', 'more', () => text(MILLION, '2024-01-01T00:00:00.'), { type: 'datetime' }),
  byPath('lists within lists, 20 million', 'name', () => list(10 * MILLION, () => '[]')),
  {
    name: 'pattern: 30 characters',
    target: { type: 'string', pattern: '^([a-z0-9]+-?)+$' },
    record: () => '{"id":"1","name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}',
  },
  {
    name: 'pattern: a format over a megabyte',
    target: { type: 'string', format: 'uri' },
    record: () => `{"id":"1","name":${text(MILLION, 'http://a.b/')}}`,
  },
  {
    name: 'pattern: 40,000 entries, each once',
    property: { type: 'list', hostile: 'more' },
    target: { type: 'array', uniqueItems: true },
    record: () => record({ more: list(9_900, (i) => `{"a":${i},"b":[1,2,3,4,5]}`) }),
  },
];
