// The pages for people: no record passes through HTML, and the policy lets only the page's own script run.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startKeap } from '../../../sandbox/keap/server.ts';
import { jsonForScript } from '../../../sandbox/kit/json.ts';
import type { PageEntity } from '../../../sandbox/kit/page.ts';
import { startShop } from '../../../sandbox/shop/server.ts';
import type { Sandbox } from '../../../sandbox/types.ts';

const hostile = '</script><script>alert(1)</script>';
let pages: Sandbox[];

beforeAll(async () => {
  const shop = await startShop({ token: hostile });
  shop.store.add('customers', { company: hostile } as Parameters<typeof shop.store.add<'customers'>>[1]);
  pages = [await startKeap({ apiKey: hostile }), shop];
});
afterAll(() => Promise.all(pages.map((page) => page.close())));

it('the page contains no hostile markup, and has a policy with a fresh nonce', async () => {
  for (const { url } of pages) {
    const answers = [await fetch(`${url}/`), await fetch(`${url}/`)];
    const policies = answers.map((answer) => answer.headers.get('content-security-policy') ?? '');
    expect(policies[0]).not.toBe(policies[1]);
    expect(policies[0]).toContain("default-src 'none'");
    const html = await answers[0]?.text();
    expect(html).not.toContain('alert(1)</script>');
    const nonce = /script-src 'nonce-([^']+)'/.exec(policies[0] ?? '')?.[1];
    const scripts = html?.match(/<script[^>]*>/g) ?? [];
    expect(scripts).toHaveLength(2);
    for (const script of scripts) expect(script).toContain(`nonce="${nonce}"`);
    // No asset from elsewhere.
    expect(html).not.toMatch(/(src|href)="/);
  }
});

it('the page has a script that parses, and a config that comes back whole', async () => {
  const html = await (await fetch(`${pages[1]?.url}/`)).text();
  const [config = '', script = ''] = [...html.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]);
  expect(JSON.parse(config)).toMatchObject({ kind: 'shop', token: hostile });
  expect(() => new Function(script)).not.toThrow();
});

it('the page asks Keap only what Keap describes: for fields, orders and searches', async () => {
  const { url } = pages[0]!;
  const html = await (await fetch(`${url}/`)).text();
  const [config = ''] = [...html.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]);
  const { token, entities } = JSON.parse(config) as { token: string; entities: PageEntity[] };
  const status = async (path: string, query: object) => {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const answer = await fetch(`${url}${path}?${new URLSearchParams(given)}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return answer.status;
  };
  expect(entities).toHaveLength(4);
  for (const { path, listFields, readFields, newestFirst, search } of entities) {
    expect(await status(path, { order_by: newestFirst, fields: listFields, page_size: '25' }), path).toBe(200);
    for (const name of search) expect(await status(path, { filter: `${name}==1` }), name).toBe(200);
    // Fields that are not offered are refused before the record is looked for.
    expect(await status(`${path}/1`, { fields: readFields }), path).toBe(404);
  }
});

it('jsonForScript escapes JSON for scripts', () => {
  const value = { a: '</script><!--', b: '\u2028&' };
  expect(jsonForScript(value)).not.toMatch(/[<>&\u2028]/);
  expect(JSON.parse(jsonForScript(value))).toEqual(value);
});
