/** The report of an acceptance test is the document, with what was found beside each sentence and row. */
import { describe, expect, it } from 'vitest';
import { fieldsRead } from '../../../../cli/acceptance/fields.ts';
import { renderReport } from '../../../../cli/acceptance/qa-report.ts';
import type { Check } from '../../../../cli/acceptance/verdicts.ts';
import { dataflowDocument } from '../../../../cli/dataflow/model.ts';
import { load, MAPPING } from '../../config/fixture.ts';

const check = (what: Check['what'], more: Partial<Check> = {}): Check => ({
  mapping: 'people-customers',
  from: 'crm',
  to: 'shop',
  verdict: 'passed',
  what,
  ...more,
});

function markdown(checks: readonly Check[]): string {
  const second = MAPPING.replace('people-customers', 'untested');
  const { config } = load({ 'mappings/untested.yaml': second });
  const [crm, shop] = [config.systems.get('crm')!, config.systems.get('shop')!];
  const report = {
    checks,
    mark: 'qa-1',
    started: '2026-11-26T04:00:00.000Z',
    took: 1_000,
    removed: 2,
    left: [],
    stopped: false,
  };
  const document = dataflowDocument(config, crm, shop, new Date('2026-11-26T04:00:00Z'));
  return renderReport('md', report, [document], config.mappings);
}

describe('the report', () => {
  it('has the introduction, the time and the fingerprint of the document, and only mappings that were tested', () => {
    const text = markdown([check('created')]);
    expect(text).toMatch(/Made by Tandem at 2026-11-26 04:00:00 UTC from definitions `[0-9a-f]{12}`\./);
    expect(text).toContain('This document states which records');
    expect(text).toContain('Mapping `people-customers`.');
    expect(text).not.toContain('Mapping `untested`.');
  });

  it('says of each sentence what the checks about it found', () => {
    const lines = markdown([
      check('created'),
      check('matched', { rule: 'match 1', verdict: 'failed', reason: 'match 1: not linked' }),
      check('conflict', { rule: 'conflict: latest', property: 'name', reason: 'kept' }),
      check('deleted', { from: 'shop', to: 'crm', reason: 'deletes: keep' }),
      check('schedule', { verdict: 'not testable', reason: 'no test waits' }),
    ]).split('\n');
    const said = (part: string): string => lines.find((line) => line.startsWith('- ') && line.includes(part)) ?? '';
    expect(said('is created in shop')).toMatch(/^- ✓ .*\(✓ created, crm to shop\)$/);
    expect(said('Match: ')).toMatch(/^- ✗ .*\(✗ matched, crm to shop: match 1: not linked\)$/);
    expect(said('If both sides changed')).toMatch(/^- ✓ .*\(✓ name: conflict, crm to shop: kept\)$/);
    expect(said('If a shop customers is deleted')).toMatch(/^- ✓ .*\(✓ deleted, shop to crm: deletes: keep\)$/);
    expect(said('If a crm people is deleted')).toMatch(/^- – .*\(not tested\)$/);
    expect(said('All records are read')).toMatch(/^- – .*\(– schedule, crm to shop: no test waits\)$/);
  });

  it('has the results of a row in its line', () => {
    const text = markdown([
      check('set', { property: 'name', ms: 1_200 }),
      check('changed', { property: 'name', from: 'shop', to: 'crm', verdict: 'failed', reason: 'expected "a"' }),
    ]);
    expect(text).toContain('| crm to shop | shop to crm | Slowest |');
    expect(text).toMatch(/\| ✓ set \| ✗ changed \| 1\.2 s \|/);
  });

  it('tells what failed before a mapping was tested to its end', () => {
    expect(markdown([check('rest', { verdict: 'failed', reason: 'TIMEOUT: gone' })])).toContain(
      '- ✗ rest, crm to shop: TIMEOUT: gone',
    );
  });
});

describe('fieldsRead', () => {
  it('finds each simple path that an expression reads, once', () => {
    const found = fieldsRead('$exists(name) ? "X" & name : $uppercase(address.street)');
    expect(found.map(({ source }) => source).sort()).toEqual(['address.street', 'name']);
    expect(fieldsRead('"constant"')).toEqual([]);
  });
});
