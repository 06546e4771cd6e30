/** A document says what its mapping does: each rule makes its own sentence, and another one when it is edited. */
/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: system files hold ${NAME} */
import { describe, expect, it } from 'vitest';
import { plainText } from '../../../../cli/dataflow/blocks.ts';
import { columns } from '../../../../cli/dataflow/layout.ts';
import { type DataflowDocument, dataflowDocument, systemPairs } from '../../../../cli/dataflow/model.ts';
import { edited, load, MAPPING } from '../../config/fixture.ts';

const FILE = 'mappings/people-customers.yaml';
const TITLES = {
  ...edited(
    'systems/crm.yaml',
    ['system: crm', 'system: crm\ntitle: CRM'],
    [
      '    schema: crm/people',
      '    title: Person\n    fields: { name: { title: Full Name }, mail: { title: E-Mail } }\n    schema: crm/people',
    ],
    ['    schema: crm/stages', '    title: Stage\n    fields: { name: { title: Label } }\n    schema: crm/stages'],
  ),
  ...edited(
    'systems/shop.yaml',
    ['system: shop', 'system: shop\ntitle: Shop'],
    [
      '    schema: shop/customers',
      '    title: Customer\n    fields: { name: { title: Name } }\n    schema: shop/customers',
    ],
  ),
};
const AT = new Date('2026-11-26T04:00:00.123Z');

function document(edits: Record<string, string> = {}, from = 'crm', to = 'shop'): DataflowDocument {
  const { config, problems } = load({ ...TITLES, ...edits });
  expect(problems).toEqual([]);
  return dataflowDocument(config, config.systems.get(from)!, config.systems.get(to)!, AT);
}

const sentences = (...changes: readonly (readonly [string, string])[]): string[] =>
  document(edited(FILE, ...changes)).mappings[0]!.sentences.map(({ text }) => text);

/** A row in place of the third one. */
const withRow = (row: string): string[] => sentences(['  - crm: address.street\n    shop: street\n', row]);

describe('a document', () => {
  it('has the titles of its systems and records, in the direction asked for, and the time', () => {
    const [forth, back] = [document(), document({}, 'shop', 'crm')];
    expect(forth).toMatchObject({
      title: 'CRM to Shop Dataflow',
      time: '2026-11-26T04:00:00Z',
      mappings: [{ title: 'CRM Person to Shop Customer', description: 'Every person is a customer.' }],
    });
    expect(forth.mappings[0]!.rows.map(({ from, to }) => [from.title, from.type, to.title, to.type])).toEqual([
      ['Full Name', 'string, at most 20 characters', 'Name', 'string'],
      ['E-Mail', 'string, e-mail address', 'email', 'string, e-mail address'],
      ['address.street', 'string', 'street', 'string'],
    ]);
    expect(back.title).toBe('Shop to CRM Dataflow');
    expect(back.mappings[0]!.title).toBe('Shop Customer to CRM Person');
    expect(back.mappings[0]!.rows[0]).toMatchObject({ from: { title: 'Name' }, to: { title: 'Full Name' } });
  });

  it('has a fingerprint that the time leaves alone and every rule changes, shown or not', () => {
    const { fingerprint } = document();
    const { config } = load(TITLES);
    const later = dataflowDocument(config, config.systems.get('crm')!, config.systems.get('shop')!, new Date(0));
    expect(later.fingerprint).toBe(fingerprint);
    const comment = edited(FILE, ['create: [shop]', 'create: [shop] # because']);
    expect(document(comment).fingerprint).toBe(fingerprint);
    const hidden = edited(FILE, ['    shop: email\n', '    shop: email\n    convert: { shop: $lowercase($) }\n']);
    expect(document(hidden).fingerprint).not.toBe(fingerprint);
  });

  it('is made for every pair of systems, each once', () => {
    const { config } = load({ ...TITLES, 'mappings/other.yaml': MAPPING.replace('people-customers', 'again') });
    expect(systemPairs(config).map((pair) => pair.map(({ name }) => name))).toEqual([['crm', 'shop']]);
    const made = dataflowDocument(config, config.systems.get('crm')!, config.systems.get('shop')!, AT);
    expect(made.mappings.map(({ title }) => title)).toEqual([
      'CRM Person to Shop Customer (again)',
      'CRM Person to Shop Customer (people-customers)',
    ]);
  });
});

describe('a sentence', () => {
  it('says of each side whether every record takes part, or which', () => {
    expect(sentences()).toEqual(
      expect.arrayContaining(['Every CRM Person takes part.', 'Every Shop Customer takes part.']),
    );
    const when = sentences(['match:', 'when: { crm: name != "", shop: $lowercase(status) = "gold" }\nmatch:']);
    expect(when).toContain('A CRM Person takes part if Full Name is not empty.');
    expect(when).toContain('A Shop Customer takes part if this expression is true: $lowercase(status) = "gold"');
    expect(when).not.toContain('Every CRM Person takes part.');
  });

  it('says where counterparts are created, and where not', () => {
    expect(sentences()).toEqual(
      expect.arrayContaining([
        'A CRM Person without a counterpart is created in Shop as a Customer.',
        'No CRM Person is created for a Shop Customer without a counterpart.',
      ]),
    );
    expect(sentences(['create: [shop]', 'create: { shop: always }'])).toContain(
      'A CRM Person without a counterpart is created in Shop as a Customer, also beside records there that no rule compares with it.',
    );
  });

  it('says of a side that creates on demand what a record waits for, and that it stays', () => {
    const onDemand = edited(FILE, ['create: [shop]', 'create: { shop: on-demand }']);
    const referring = (mapping: string, crm: string): string =>
      MAPPING.replace('mapping: people-customers', `mapping: ${mapping}`)
        .replace('crm: people', `crm: ${crm}`)
        .replace(
          '  - crm: address.street\n    shop: street\n',
          '  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n',
        );
    const said = (edits: Record<string, string>): string[] =>
      document(edits)
        .mappings.find(({ mapping }) => mapping === 'people-customers')!
        .sentences.map(({ text }) => text);
    const staff = TITLES['systems/crm.yaml']!;
    const people = staff.slice(staff.indexOf('  people:\n'), staff.indexOf('  stages:\n'));
    const two = {
      ...onDemand,
      'systems/crm.yaml': staff + people.replace('people:', 'offices:').replace('title: Person', 'title: Office'),
      'mappings/a.yaml': referring('a', 'offices'),
    };
    expect(said(two)).toEqual(
      expect.arrayContaining([
        'A CRM Person without a counterpart is created in Shop as a Customer once a CRM Office that is synchronized refers to it; it stays when the last one no longer does.',
        'No CRM Person is created for a Shop Customer without a counterpart.',
        'Nothing is created before all records of both sides were read once.',
      ]),
    );
    const itself = edited(
      FILE,
      ['create: [shop]', 'create: { shop: on-demand }'],
      [
        '    shop: email\n',
        '    shop: email\n  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n',
      ],
    );
    expect(said({ ...two, ...itself })).toContainEqual(
      expect.stringContaining(' once a CRM Office or a CRM Person that is synchronized refers to it;'),
    );
  });

  it('says of a mapping without properties that its records are only linked, and nothing of values', () => {
    const rows = MAPPING.slice(MAPPING.indexOf('properties:'));
    const said = sentences([rows, 'properties: []\n'], ['create: [shop]\n', '']);
    expect(said).toContain(
      'The records are only linked, so that references to them can be translated: no property of them is written.',
    );
    expect(said.filter((text) => /kept in step|one way|A record without|both sides changed/.test(text))).toEqual([]);
  });

  it('says by what records match, in which order, and what goes to review', () => {
    const rules =
      'match:\n  - crm: name\n    shop: $trim(name)\n    onMatch: review\n  - crm: name & ref\n    shop: name\n';
    const said = sentences(['match:\n', rules]);
    expect(said).toContain(
      'Match 1: Full Name of the CRM Person equals Name of the Shop Customer without outer spaces; every candidate goes to a person for review.',
    );
    expect(said).toContain(
      'Match 2: name & ref of the CRM Person equals Name of the Shop Customer; one candidate is linked, several go to a person for review.',
    );
    expect(said).toContain(
      'Match 3: E-Mail of the CRM Person equals email of the Shop Customer, whatever the letter case; one candidate is linked, several go to a person for review.',
    );
    const none = sentences(
      ['match:\n  - crm: $lowercase(mail)\n    shop: $lowercase(email)\n', 'match: []\n'],
      ['create: [shop]', 'create: []'],
    );
    expect(none).toContain('Records that exist on both sides already are never matched by what they contain.');
  });

  it('says what is kept in step and what flows one way', () => {
    expect(sentences()).toContain(
      'Once linked, a CRM Person and a Shop Customer are kept in step: an edit of any property below arrives on the other side, wherever it is made.',
    );
    const oneWay = withRow('  - crm: changed\n    shop: street\n    direction: shop\n');
    expect(oneWay).toContain(
      'Once linked, a CRM Person and a Shop Customer are kept in step: an edit of any property below that does not flow one way arrives on the other side, wherever it is made.',
    );
    expect(oneWay).toContain(
      'changed flows from CRM to Shop only; an edit in Shop stays until the value in CRM changes.',
    );
    expect(withRow('  - crm: changed\n    shop: street\n    direction: shop\n    drift: revert\n')).toContain(
      'changed flows from CRM to Shop only; an edit in Shop is put back.',
    );
  });

  it('says which values a record must have, and which refer to other records', () => {
    expect(sentences()).toContain('A record without Full Name (Name) is not written to the other side; it waits.');
    expect(withRow('  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n')).toContain(
      'boss_id and parent_id refer to records that the mapping people-customers links: a record waits until the one that it refers to is linked.',
    );
  });

  it.each([
    [
      'latest',
      'If both sides changed the same property since they last agreed, the record that was modified later wins.',
    ],
    ['crm', 'If both sides changed the same property since they last agreed, the value of CRM wins.'],
    [
      'review',
      'If both sides changed the same property since they last agreed, a person decides, and until then neither side is written.',
    ],
  ])('says who wins a conflict: %s', (rule, expected) => {
    expect(sentences(['create:', `conflict: ${rule}\ncreate:`])).toContain(expected);
  });

  it('names the properties whose conflicts are decided otherwise', () => {
    expect(withRow('  - crm: address.street\n    shop: street\n    conflict: shop\n')).toContain(
      'For address.street, the value of Shop wins.',
    );
  });

  it('says what a deletion does on either side', () => {
    expect(sentences()).toContain('If a CRM Person is deleted, its Shop Customer is kept.');
    const said = sentences(['create:', 'deletes: { shop: propagate, crm: review }\ncreate:']);
    expect(said).toContain(
      'If a CRM Person is deleted, its Shop Customer is deleted as well; if that one was edited meanwhile, is not in step or does not take part, a person decides.',
    );
    expect(said).toContain('If a Shop Customer is deleted, a person decides what becomes of its CRM Person.');
  });

  it('says where the id of the counterpart is kept', () => {
    expect(sentences(['create:', 'correlate: { crm: ref }\ncreate:'])).toContain(
      'Where one of the two is created, or a person links them, ref of the CRM Person gets the id of its Shop Customer.',
    );
  });

  it('says how often both sides are read', () => {
    const said = sentences(['create:', 'schedule: { changes: 90s, webhooks: 36h, full: off }\ncreate:']);
    expect(said).toContain(
      'Changes are looked for every 90 seconds; every 36 hours while the webhooks of both systems are registered.',
    );
    expect(said).toContain('All records are read on demand only.');
    expect(sentences(['create:', 'schedule: off\ncreate:'])).toContain('Changes are not looked for by a schedule.');
  });

  it('says how much one run may do before a person is asked', () => {
    expect(sentences()).toContain(
      'A run that would delete more than 500 records or 10 % of the linked ones (a share counts from 6 records on) stops writing until a person decides.',
    );
    expect(sentences(['create:', 'brake: { creates: off }\ncreate:'])).toContain(
      'No limit holds for the number of records that one run may create (the first sync aside).',
    );
    expect(sentences()).toContain('The first sync may create 500 records before a person allows more.');
    expect(sentences(['create:', 'brake: { firstSync: off }\ncreate:'])).toContain(
      'The first sync may create as many records as there are.',
    );
  });
});

describe('a name of a field', () => {
  it('has its path beside it where another field of the entity has the same title', () => {
    const titled = TITLES['systems/crm.yaml']!.replace(
      'mail: { title: E-Mail }',
      'mail: { title: Code }, ref: { title: Code }',
    );
    const files = { 'systems/crm.yaml': titled, ...edited(FILE, ['create:', 'correlate: { crm: ref }\ncreate:']) };
    const { sentences: said, rows } = document(files).mappings[0]!;
    expect(said.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Match: Code \(mail\) of the CRM Person equals email of/),
        'Where one of the two is created, or a person links them, Code (ref) of the CRM Person gets the id of its Shop Customer.',
      ]),
    );
    expect(rows[1]!.from).toMatchObject({ title: 'Code (mail)', path: 'mail' });
  });
});

describe('a wide table', () => {
  it('says which forms of a text count as equal, whether the row or a whole entity declares them', () => {
    const ofRow = edited(FILE, ['    shop: email\n', '    shop: email\n    equal: [outer-spaces, case]\n']);
    const entity = TITLES['systems/crm.yaml']!.replace(
      '    schema: crm/people',
      '    equal: [line-ends]\n    schema: crm/people',
    );
    const made = document({ ...ofRow, 'systems/crm.yaml': entity });
    const said = made.mappings[0]!.rows.map(({ conversions }) => conversions.map(({ parts }) => plainText(parts)));
    expect(said).toEqual([
      ['differences in line ends do not count'],
      ['differences in line ends, outer spaces and letter case do not count'],
      ['differences in line ends do not count'],
    ]);
  });

  it('has a column for the type on the other side, direction, requirement, conversion, conflict and reference', () => {
    const rows = [
      '  - crm: stage_id\n    shop: status\n    lookup: { crm: stages.name }\n    values: { New: new, Gone: gone }\n    conflict: crm',
      '  - crm: mail\n    shop: email\n    lossy: true\n    convert: { shop: "$lowercase($)", crm: "$replace($, /[^a-z@.]/, \'\')" }',
      '  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n    direction: shop',
    ];
    const made = document({
      [FILE]: `${MAPPING.slice(0, MAPPING.indexOf('  - crm: mail'))}${rows.join('\n')}\n`,
    });
    const [section] = made.mappings;
    const table = section!.rows.map((row) =>
      columns(made, true).map(({ head, cell }) => `${head}: ${plainText(cell(row, section!))}`),
    );
    expect(table[1]).toEqual([
      'CRM property: stage_id',
      'Shop property: status',
      'Data type in Shop: string, one of: new, gold, gone',
      'Data type in CRM: string, id of a Stage',
      'Direction: both ways',
      'Required: no',
      'Conversion: a Stage goes by its Label in CRM; value table',
      'Conflict: CRM wins',
      'Reference: ',
    ]);
    expect(table[2]).toContain(
      'Conversion: to Shop: in small letters; to CRM: only the characters a-z@. are kept; may come back in another form',
    );
    expect(table[3]).toEqual(
      expect.arrayContaining([
        'Data type in Shop: integer, id of a Customer',
        'Direction: to Shop',
        'Conflict: ',
        'Reference: people-customers',
      ]),
    );
    expect(made.tables).toEqual([
      {
        anchor: 'values-people-customers-2',
        title: 'Values of stage_id (CRM Person)',
        entries: [
          ['New', 'new'],
          ['Gone', 'gone'],
        ],
      },
    ]);
  });
});
