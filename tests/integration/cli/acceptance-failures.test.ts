/** `qa --write` where something goes wrong around it: a system fails, a queue is paused, another test runs, it is killed. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { begin, type Found, isPaused, keepRows, running as start } from './acceptance-support.ts';

describe('qa --write of two mappings', () => {
  let running: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    running = await start(['contact-customer', 'product-product'], (folder) =>
      keepRows(folder, 'product-product', 'sku', 'name', 'short_description', 'price'),
    );
  });
  afterAll(closeAll);

  it('tells what it found, and what it could not remove, where a system fails during the test', {
    timeout: 300_000,
  }, async () => {
    const { env, marked, shop } = running;
    const test = begin(env);
    // Rows of the second mapping are tested, and a conflict is under way.
    await until(() => isPaused(env, 'product-product'), 180_000);
    expect(test.stderr()).toContain('contact-customer: ');
    await fetch(`${shop.url}/_sandbox/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ action: 'reset' }),
    });
    expect(await test.ended, test.stderr()).toBe(1);
    expect(test.stdout()).toMatch(
      /FAILED product-product: rest, keap to customwebshop: the rest is not tested, because of a failure: SYSTEM_/,
    );
    expect(test.stdout()).toMatch(/\n\d+ rows: [1-9]\d checks passed, 1 failed, \d+ not testable/);
    expect(test.stdout()).toMatch(/left behind: customwebshop\/products\/\d+: /);
    expect(await isPaused(env, 'product-product')).toBe(false);
    await fetch(`${shop.url}/_sandbox/faults`, { method: 'DELETE' });
    expect(await marked()).toBeGreaterThan(0);
    const next = await tandem(['qa', '--write', 'contact-customer'], env);
    expect(next.stderr).toContain('Removing what an earlier test left (tandem-qa-');
    expect(next.status, next.stdout + next.stderr).toBe(0);
    expect(await marked(), next.stdout).toBe(0);
  });

  it('resumes only the queue that it paused itself, also after it was killed', { timeout: 240_000 }, async () => {
    const { env } = running;
    expect((await tandem(['queue', 'pause', 'product-product'], env)).status).toBe(0);
    const killed = begin(env, 'contact-customer');
    await until(() => isPaused(env, 'contact-customer'), 60_000);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await isPaused(env, 'contact-customer')).toBe(true);
    const next = await tandem(['qa', '--write', '--json'], env);
    const { checks } = JSON.parse(next.stdout) as Found;
    expect(checks.filter(({ mapping }) => mapping === 'product-product')).toEqual([
      expect.objectContaining({ verdict: 'not testable', reason: 'its queue is paused' }),
    ]);
    expect(next.status, next.stderr).toBe(0);
    expect(await isPaused(env, 'contact-customer')).toBe(false);
    expect(await isPaused(env, 'product-product')).toBe(true);
    expect((await tandem(['queue', 'resume', 'product-product'], env)).status).toBe(0);
  });
});

describe('qa --write of one mapping', () => {
  let running: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    running = await start(['contact-customer']);
  });
  afterAll(closeAll);

  it('checks before it begins whether its report can be written', { timeout: 60_000 }, async () => {
    const { env, reports, marked } = running;
    const { status, stderr } = await tandem(['qa', '--write', '--report', join(reports, 'none', 'qa.html')], env);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^BAD_REQUEST: The report .*qa\.html cannot be written: ENOENT.* Nothing was tested\.\nName a file/m,
    );
    expect(await marked()).toBe(0);
  });

  it('removes its test records after Ctrl-C, and at the next start those that a killed process left', {
    timeout: 120_000,
  }, async () => {
    const { env, marked } = running;
    const stopped = begin(env);
    // A conflict is tested: some checks are done.
    await until(() => isPaused(env, 'contact-customer'), 60_000);
    stopped.child.kill('SIGINT');
    expect(await stopped.ended).toBe(130);
    // What was found of the mapping under way is reported.
    expect(stopped.stdout()).toMatch(/\n3 rows: [1-9]\d* checks passed, 0 failed, .* \(stopped before the end\)/);
    expect(await marked()).toBe(0);

    const killed = begin(env);
    await until(async () => (await marked()) > 1);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await marked()).toBeGreaterThan(0);
    const next = await tandem(['qa', '--write'], env);
    expect(next.status, next.stdout).toBe(0);
    expect(next.stderr).toContain('Removing what an earlier test left (tandem-qa-');
    expect(await marked()).toBe(0);
  });

  it('refuses to run beside another test, and says who runs it', { timeout: 120_000 }, async () => {
    const { env, marked } = running;
    const first = begin(env);
    await until(async () => (await marked()) > 1);
    const second = await tandem(['qa', '--write'], env);
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(
      new RegExp(
        `CONFLICT: Another test is running \\(tandem-qa-[0-9a-f]{8}\\): process ${first.child.pid} on .*, since .*\\. Nothing was done\\.`,
      ),
    );
    expect(await first.ended, first.stdout()).toBe(0);
  });
});
