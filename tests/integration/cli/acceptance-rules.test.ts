/** What `qa --write` says of conversions, conflict rules, rows that are computed, and records that are created on demand. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { edit, type Found, keepRows, running } from './acceptance-support.ts';

afterEach(closeAll);

describe('qa --write', () => {
  it('finds a wrong conversion and one that makes the same of everything, and passes none that it only saw arrive', {
    timeout: 240_000,
  }, async () => {
    const { env, marked } = await running(['product-product'], async (folder) => {
      await keepRows(
        folder,
        'product-product',
        ...['sku', 'name', 'description', 'short_description', 'price', 'weight'],
      );
      await edit(
        folder,
        'product-product',
        ['customwebshop: description\n', `$&    direction: customwebshop\n    convert: { customwebshop: '"WRONG"' }\n`],
        [
          'customwebshop: short_description\n',
          '$&    convert: { customwebshop: "$substring($, 0, 3)" }\n    lossy: true\n',
        ],
        ['customwebshop: weight\n    type: decimal', '$&\n    direction: keap\n    convert: { keap: "$ * 2" }'],
        ['customwebshop: price\n    type: decimal', '$&\n    convert: { customwebshop: $ * 1000 }'],
      );
    });
    const { status, stdout } = await tandem(['qa', '--write', '--json', '--limit', '3'], env);
    expect(status).toBe(1);
    const { checks, left } = JSON.parse(stdout) as Found;
    const of = (property: string, what: string) => checks.find((one) => one.property === property && one.what === what);
    const reason = 'its conversion is an expression that nothing leads back from; a value arrived';
    for (const property of ['description', 'short_description'])
      expect(of(property, 'set')).toMatchObject({ from: 'keap', verdict: 'not testable', reason });
    expect(of('description', 'changed')).toMatchObject({ verdict: 'failed' });
    expect(of('description', 'changed')?.reason).toMatch(
      /its conversion makes the same of all values: .* became "WRONG"/,
    );
    expect(of('short_description', 'changed')).toMatchObject({
      verdict: 'passed',
      reason: 'another value gives another one; what its conversion makes of it is not computed',
    });
    // It flows the other way only, so it is empty at first.
    expect(of('weight', 'changed')).toMatchObject({
      from: 'customwebshop',
      verdict: 'passed',
      reason: 'another value gives another one; what its conversion makes of it is not computed',
    });
    const failed = checks.filter(({ verdict }) => verdict === 'failed').map(({ property }) => property);
    expect(new Set(failed)).toEqual(new Set(['description', 'price']));
    expect(left).toEqual([]);
    expect(await marked()).toBe(0);
  });

  it('tests each conflict rule with both orders of editing, a row that is computed, and a required value', {
    timeout: 240_000,
  }, async () => {
    const { env } = await running(['contact-customer'], (folder) =>
      edit(
        folder,
        'contact-customer',
        ['customwebshop: email\n    type: string\n', '$&    conflict: keap\n'],
        ['customwebshop: first_name\n    type: string\n', '$&    required: true\n'],
        ['- keap: family_name\n', `- keap: '"X" & family_name'\n    direction: customwebshop\n`],
      ),
    );
    const { status, stdout } = await tandem(['qa', '--write', '--json'], env);
    expect(status, stdout).toBe(0);
    const { checks } = JSON.parse(stdout) as Found;
    const required = checks.filter(({ what, property }) => what === 'required' && property === 'given_name');
    expect(required.map(({ from, verdict, reason }) => [from, verdict, reason])).toEqual([
      ['keap', 'passed', 'it waits: VALUE_REQUIRED'],
      ['customwebshop', 'passed', 'it waits: VALUE_REQUIRED'],
    ]);
    const conflicts = checks.filter(({ what }) => what === 'conflict');
    const won = (rule: string, last: string, winner: string) =>
      `conflict: ${rule}: ${last} was edited last, ${winner} won, and the value that lost is kept`;
    expect(conflicts.map(({ reason }) => reason)).toEqual([
      won('latest', 'customwebshop', 'customwebshop'),
      won('latest', 'keap', 'keap'),
      won('keap', 'customwebshop', 'keap'),
      won('keap', 'keap', 'keap'),
    ]);
    expect(checks).toContainEqual(
      expect.objectContaining({
        property: 'last_name',
        what: 'changed',
        from: 'keap',
        verdict: 'passed',
        reason: expect.stringMatching(/^family_name was changed, and another value arrived/),
      }),
    );
  });

  it('tests what is created on demand by a record that refers to it, and leaves nothing behind', {
    timeout: 300_000,
  }, async () => {
    const { env, marked } = await running(['contact-customer', 'company-customer', 'opportunity-order'], (folder) =>
      edit(
        folder,
        'contact-customer',
        ['create: [keap]', 'create: { keap: missing, customwebshop: on-demand }'],
        ['customwebshop: first_name\n    type: string\n', '$&    conflict: review\n'],
      ),
    );
    const { status, stdout } = await tandem(['qa', '--write', 'contact-customer', '--json'], env);
    const { checks, left } = JSON.parse(stdout) as Found;
    expect(checks).toContainEqual(
      expect.objectContaining({
        what: 'created',
        from: 'keap',
        verdict: 'passed',
        reason: 'once a record referred to it, and not before',
      }),
    );
    // A review is answered, so that what is tested after it is not held back by it.
    expect(checks.filter(({ rule }) => rule === 'conflict: review').map(({ reason }) => reason)).toEqual([
      'conflict: review: a person is asked',
      'conflict: review: a person is asked',
    ]);
    expect(checks.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(left).toEqual([]);
    expect(status).toBe(0);
    expect(await marked()).toBe(0);
  });
});
