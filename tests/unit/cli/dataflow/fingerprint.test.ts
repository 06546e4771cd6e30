/** Whatever a mapping file can say is in the wide document: each key of its format, changed alone, changes the fingerprint. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataflowDocument } from '../../../../cli/dataflow/model.ts';
import { FORMS } from '../../../../engine/expression/forms.ts';
import { edited, files, load } from '../../config/fixture.ts';
import { ROOT } from '../../config/real.ts';

/** Fields that are called the same, so that a title alone does not tell them apart. */
const PERSON = '    title: Person\n    fields: { ref: { title: Code }, address.country: { title: Code } }\n';
const CRM = edited(
  'systems/crm.yaml',
  ['    schema: crm/people', `${PERSON}    schema: crm/people`],
  ['by: {', 'by: { address.country: { country: "{value}" },'],
  ['    schema: crm/stages', '    fields: { id: { title: Label }, name: { title: Label } }\n    schema: crm/stages'],
)['systems/crm.yaml']!;
const PEOPLE = CRM.slice(CRM.indexOf('  people:\n'), CRM.indexOf('  stages:\n'));
const CRM_BOTH = CRM + PEOPLE.replace('people:', 'members:');
type Any = Record<string, unknown>;
const SHOP = files().get('systems/shop.yaml')!;
const BASE_FILES = {
  'systems/crm.yaml': CRM_BOTH,
  'systems/crm2.yaml': CRM_BOTH.replace('system: crm', 'system: crm2\ntitle: crm'),
  'systems/shop.yaml': SHOP + SHOP.slice(SHOP.indexOf('  customers:')).replace('customers:', 'members:'),
  'mappings/values/tables.yaml': 'first: { New: new, Gone: gone }\nsecond: { New: gold, Gone: gone }\n',
  'mappings/second.yaml': files()
    .get('mappings/people-customers.yaml')!
    .replace('mapping: people-customers', 'mapping: second'),
};

const LIMIT = { count: 50, percent: 10, minimum: 5 };
/** A mapping that says something under each key. */
const BASE = {
  mapping: 'first',
  description: 'People and customers.',
  between: { crm: { system: 'crm', entity: 'people' }, shop: { system: 'shop', entity: 'customers' } },
  when: { crm: 'ref != ""' },
  match: [{ crm: 'ref', shop: 'phone', onMatch: 'link' }],
  create: ['shop'],
  correlate: { crm: 'address.country' },
  conflict: 'latest',
  deletes: 'keep',
  brake: { deletes: LIMIT, creates: LIMIT, clears: LIMIT, firstSync: 5 },
  schedule: { changes: '10m', webhooks: '2h', full: '1d' },
  properties: [
    { crm: 'name', shop: 'name', equal: ['case'], required: true },
    { crm: 'mail', shop: 'email', direction: 'shop', drift: 'keep', convert: { shop: '$lowercase($)' } },
    { crm: 'level', shop: 'phone', type: 'decimal', scale: 2 },
    { crm: 'boss_id', shop: 'parent_id', reference: 'first', fallback: { shop: '1' } },
    { crm: 'stage_id', shop: 'status', lookup: { crm: 'stages.name' }, values: { New: 'new', Gone: 'gone' } },
  ],
};

/** What stands elsewhere than in BASE, by path; undefined: nothing. */
type Change = Readonly<Record<string, unknown>>;
/** By key: a change of it alone, or why it may change without the document. `*`: a name of one's own, such as that of a side. */
const CASES: Readonly<Record<string, Change | string>> = {
  mapping: { mapping: 'other', 'properties.3.reference': 'other' },
  description: { description: 'Customers and people.' },
  between: { between: { crm: 'people', shop: { system: 'shop', entity: 'members' } } },
  'between.*': { 'between.crm': 'members' },
  'between.*.system': { 'between.crm.system': 'crm2' },
  'between.*.entity': { 'between.crm.entity': 'members' },
  when: { when: undefined },
  'when.*': { 'when.crm': 'address.country != ""' },
  match: { 'match.1': { crm: 'name', shop: 'name' } },
  'match[].onMatch': { 'match.0.onMatch': 'review' },
  'match[].*': { 'match.0.crm': 'address.country' },
  create: { create: [] },
  'create.*': { create: { shop: 'on-demand' } },
  correlate: { correlate: undefined },
  'correlate.*': { 'correlate.crm': 'ref' },
  conflict: { conflict: 'review' },
  deletes: { deletes: 'review' },
  'deletes.*': { deletes: { shop: 'propagate' } },
  brake: { brake: 'off' },
  'brake.deletes': { 'brake.deletes': 'off' },
  'brake.deletes.count': { 'brake.deletes.count': 51 },
  'brake.deletes.percent': { 'brake.deletes.percent': 11 },
  'brake.deletes.minimum': { 'brake.deletes.minimum': 6 },
  'brake.creates': { 'brake.creates': 'off' },
  'brake.creates.count': { 'brake.creates.count': 51 },
  'brake.creates.percent': { 'brake.creates.percent': 11 },
  'brake.creates.minimum': { 'brake.creates.minimum': 6 },
  'brake.clears': { 'brake.clears': 'off' },
  'brake.clears.count': { 'brake.clears.count': 51 },
  'brake.clears.percent': { 'brake.clears.percent': 11 },
  'brake.clears.minimum': { 'brake.clears.minimum': 6 },
  'brake.firstSync': { 'brake.firstSync': 6 },
  schedule: { schedule: 'off' },
  'schedule.changes': { 'schedule.changes': '11m' },
  'schedule.webhooks': { 'schedule.webhooks': '3h' },
  'schedule.full': { 'schedule.full': 'off' },
  properties: { 'properties.5': { crm: 'address.street', shop: 'street' } },
  'properties[].description': 'for those who read the file; no document quotes it',
  'properties[].type': { 'properties.0': { crm: 'name', shop: 'name', type: 'datetime' } },
  'properties[].scale': { 'properties.2.scale': 3 },
  'properties[].equal': { 'properties.0.equal': ['outer-spaces'] },
  'properties[].required': { 'properties.0.required': false },
  'properties[].direction': { 'properties.2.direction': 'shop' },
  'properties[].conflict': { 'properties.0.conflict': 'shop' },
  'properties[].drift': { 'properties.1.drift': 'revert' },
  'properties[].convert': { 'properties.1.convert': undefined },
  'properties[].convert.*': { 'properties.1.convert.shop': '$trim($)' },
  'properties[].values': { 'properties.4.values': 'tables.second' },
  'properties[].values.*': { 'properties.4.values.New': 'gold' },
  'properties[].reference': { 'properties.3.reference': 'second' },
  'properties[].fallback': { 'properties.3.fallback': undefined },
  'properties[].fallback.*': { 'properties.3.fallback.shop': '2' },
  'properties[].lookup': { 'properties.4.lookup': undefined },
  'properties[].lookup.*': { 'properties.4.lookup.crm': 'stages.id' },
  'properties[].lossy': { 'properties.2.lossy': true },
  'properties[].*': { 'properties.0.crm': 'ref' },
};

function changed(change: Change): typeof BASE {
  const made = structuredClone(BASE);
  for (const [path, value] of Object.entries(change)) {
    const steps = path.split('.');
    const place = steps.slice(0, -1).reduce((at, step) => at[step] as Any, made as Any);
    place[steps.at(-1)!] = value;
  }
  return made;
}

/** Of what a file may hold: `brake.deletes.count`, `match[].*`. */
function keysOf(schema: Any, at = ''): string[] {
  const { properties = {}, additionalProperties: more, items, anyOf = [] } = schema;
  const below = Object.entries({ ...(properties as Any), ...(typeof more === 'object' ? { '*': more } : {}) });
  return [
    ...below.flatMap(([key, inner]) => {
      const path = at === '' ? key : `${at}.${key}`;
      return [path, ...keysOf(inner as Any, path)];
    }),
    ...(items ? keysOf(items as Any, `${at}[]`) : []),
    ...(anyOf as Any[]).flatMap((one) => keysOf(one, at)),
  ];
}

function fingerprint(change: Change = {}): string {
  const mapping = changed(change);
  const { config, problems } = load({ ...BASE_FILES, 'mappings/first.yaml': JSON.stringify(mapping) });
  expect(problems).toEqual([]);
  const [a, b] = config.mappings.get(mapping.mapping)!.sides;
  return dataflowDocument(config, a.system, b.system, new Date(0)).fingerprint;
}

describe('the fingerprint of a document', () => {
  const cases = Object.entries(CASES).flatMap(([key, change]) => (typeof change === 'string' ? [] : [{ key, change }]));

  it('has a case here for each key of the format of mapping files', async () => {
    const schema = JSON.parse(await readFile(join(ROOT, 'schemas/mapping.schema.json'), 'utf8')) as Any;
    expect([...new Set(keysOf(schema))].sort()).toEqual(Object.keys(CASES).sort());
  });

  it.each(cases)('changes with $key', ({ change }) => {
    expect(fingerprint(change)).not.toBe(fingerprint());
  });

  it('changes with what a value is looked up in, though both entities and fields have one title', () => {
    const [a, b] = ['people.ref', 'members.address.country'].map((crm) =>
      fingerprint({ 'properties.4.lookup.crm': crm }),
    );
    expect(a).not.toBe(b);
    expect(fingerprint({ 'properties.4.lookup.crm': 'members.ref' })).not.toBe(a);
  });

  it('is another one for each form of a text that counts as equal', () => {
    const made = [...FORMS.map((form) => [form]), [], ['case', 'composition']].map((equal) =>
      fingerprint({ 'properties.0.equal': equal }),
    );
    expect(new Set(made).size).toBe(FORMS.length + 2);
  });
});
