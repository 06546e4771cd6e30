/** The limits of the brake: what stands in a file, what by default, and how much a run may do by them. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { allowance, BRAKE_DEFAULTS, BRAKE_KINDS, brakeConfig } from '../../../engine/config/brake-limits.ts';
import { edited, load } from './fixture.ts';
import { ROOT } from './real.ts';

describe('defaults', () => {
  it('are the same in code, schema and docs', async () => {
    const schema = JSON.parse(await readFile(`${ROOT}schemas/mapping.schema.json`, 'utf8'));
    const docs = await readFile(`${ROOT}docs/mappings.md`, 'utf8');
    const kinds = schema.properties.brake.anyOf[1].properties;
    expect(Object.keys(kinds).sort()).toEqual([...BRAKE_KINDS, 'firstSync'].sort());
    const { firstSync } = brakeConfig();
    expect(kinds.firstSync.default).toBe(firstSync);
    expect(docs).toContain(`  firstSync: ${firstSync}\n`);
    for (const kind of BRAKE_KINDS) {
      const { count, percent, minimum } = BRAKE_DEFAULTS[kind];
      expect(kinds[kind].default).toEqual({ count, percent, minimum });
      expect(docs).toContain(`  ${kind}: { count: ${count}, percent: ${percent}, minimum: ${minimum} }`);
    }
  });

  it('fill what a file leaves out', () => {
    expect(brakeConfig()).toEqual({ ...BRAKE_DEFAULTS, firstSync: 500 });
    expect(brakeConfig({ deletes: { count: 7 }, clears: 'off' })).toEqual({
      deletes: { ...BRAKE_DEFAULTS.deletes, count: 7 },
      creates: BRAKE_DEFAULTS.creates,
      clears: undefined,
      firstSync: 500,
    });
    expect(brakeConfig('off')).toEqual({
      deletes: undefined,
      creates: undefined,
      clears: undefined,
      firstSync: undefined,
    });
  });
});

describe('how many one run may do', () => {
  const limit = { count: 500, percent: 10, minimum: 5 };
  it.each([
    // The share counts, but not for a handful, and never beyond the number.
    ['creates', 0, 5],
    ['creates', 50, 5],
    ['creates', 60, 6],
    ['creates', 69, 6],
    ['creates', 4_000, 400],
    ['creates', 1_000_000, 500],
    ['clears', 3, 5],
    // Half of few links is too much all the same; one or two never are.
    ['deletes', 0, 2],
    ['deletes', 1, 2],
    ['deletes', 3, 2],
    ['deletes', 6, 2],
    ['deletes', 7, 3],
    ['deletes', 12, 5],
    ['deletes', 40, 5],
    ['deletes', 200, 20],
    ['deletes', 1_000_000, 500],
  ] as const)('%s of %i linked: %i', (kind, linked, most) => {
    expect(allowance(kind, limit, linked)).toBe(most);
  });

  it('is at most the count, however small, and all records at 100 % within the count', () => {
    expect(allowance('deletes', { ...limit, count: 0 }, 1_000)).toBe(0);
    expect(allowance('creates', { ...limit, count: 3 }, 1_000)).toBe(3);
    expect(allowance('creates', { ...limit, percent: 100 }, 400)).toBe(400);
  });

  it('allows more missing records than half of a few links where nothing is deleted for them', () => {
    expect(allowance('deletes', limit, 6, false)).toBe(5);
    expect(allowance('deletes', limit, 200, false)).toBe(20);
  });

  it('is never more than both 20 and a tenth of all, nor half of all if that is more than two', () => {
    const believed: number[] = [];
    for (let linked = 0; linked <= 5_000; linked++) {
      const most = allowance('deletes', BRAKE_DEFAULTS.deletes, linked);
      if ((most > 20 && most > linked / 10) || (most > 2 && most >= linked / 2)) believed.push(linked);
    }
    expect(believed).toEqual([]);
  });
});

const FILE = 'mappings/people-customers.yaml';

describe('in a file', () => {
  const problems = (brake: string) =>
    load(edited(FILE, ['create:', `brake: ${brake}\ncreate:`])).problems.map(
      ({ where, message }) => `${where}: ${message}`,
    );

  it.each([
    '{ deletes: { count: 20 }, creates: off }',
    'off',
    '{ clears: { percent: 2.5, minimum: 0 } }',
    '{ firstSync: 0 }',
  ])('%s is taken', (brake) => {
    expect(problems(brake)).toEqual([]);
  });

  it.each([
    ['{ deletes: 20 }', 'brake.deletes'],
    ['{ firstSync: -1 }', 'brake.firstSync'],
    ['{ updates: off }', 'brake'],
    ['{ deletes: { percent: 120 } }', 'brake.deletes.percent'],
    ['{ deletes: { max: 3 } }', 'brake.deletes'],
    ['on', 'brake'],
  ])('%s is refused at its place', (brake, where) => {
    expect(problems(brake)).toEqual([expect.stringContaining(where)]);
  });
});
