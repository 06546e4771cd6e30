/** `tandem qa --write` against a Tandem that runs: every row and rule is tried, a wrong one is found, and nothing is left behind. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { running } from './acceptance-support.ts';
import { configFolder, standIns } from './support.ts';

afterEach(closeAll);

describe('qa --write', () => {
  it('tests every row and rule of the shipped flow, and leaves nothing behind', { timeout: 300_000 }, async () => {
    const { env, reports, marked } = await running([
      'company-customer',
      'contact-customer',
      'opportunity-order',
      'product-product',
    ]);
    const files = ['qa.html', 'qa.md', 'qa.xml'].map((name) => join(reports, name));
    const { status, stdout } = await tandem(['qa', '--write', ...files.flatMap((file) => ['--report', file])], env);
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(/\n30 rows: \d+ checks passed, 0 failed, \d+ not testable, in \d+ s\n/);
    expect(stdout).toContain(' 0 left behind');
    expect(await marked()).toBe(0);
    const [html, md, xml] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    expect(html).toContain('<h1>Acceptance test of the data flow</h1>');
    expect(md).toMatch(/\| Company Name \| Company \| string \| ✓ set, /);
    expect(md).toContain('✓ review, keap to customwebshop: match 1: two records match');
    expect(md).toMatch(/Made by Tandem at [\d :-]+ UTC from definitions `[0-9a-f]{12}`\./);
    // Each sentence of each section has a verdict, and none is left out.
    const sentences = md!
      .slice(md!.indexOf('## <a id='), md!.indexOf('## Not testable'))
      .split('\n')
      .filter((line) => /^- .*\)$/.test(line));
    expect(sentences.filter((line) => !/^- [✓–] /.test(line) || line.includes('(not tested)'))).toEqual([]);
    expect(md).toMatch(/✓ contact\\_id: reference, customwebshop to keap: it waits until the record/);
    expect(md).toContain('- ✓ Where one of the two is created, or a person links them, External Id of the ');
    // A reference is changed to a second linked record, and back.
    expect(xml).toMatch(
      /<testcase classname="opportunity-order" name="contact_id: changed, keap to customwebshop" time="[\d.]+"\/>/,
    );
    expect(xml).toMatch(
      /<testcase classname="opportunity-order" name="contact_id: changed, customwebshop to keap" time="[\d.]+"\/>/,
    );
    expect(xml).toMatch(/<testsuites name="tandem qa" tests="\d+" failures="0"/);
  });

  it('asks for --yes where a system does not run on this machine', async () => {
    const folder = await configFolder('product-product');
    const { env } = await standIns();
    const { status, stderr } = await tandem(['qa', '--write'], {
      ...env,
      TANDEM_CONFIG: folder,
      SHOP_BASE_URL: 'https://shop.example',
    });
    expect(status).toBe(2);
    expect(stderr).toContain(
      'BAD_REQUEST: --write makes, changes and deletes records of its own in shop.example. Nothing was done.\nSay so: --yes',
    );
  });
});
