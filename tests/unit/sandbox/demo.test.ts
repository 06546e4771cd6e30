// What the demo tells to try does what it says.
import { afterEach, expect, it } from 'vitest';
import type { Api } from '../../../sandbox/demo/apis.ts';
import { guide } from '../../../sandbox/demo/guide.ts';
import { startShop } from '../../../sandbox/shop/server.ts';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

const EXAMPLE = {
  company: { keap: '1', shop: '2' },
  order: { keap: '3', shop: '4' },
  failed: undefined,
  keapKey: 'key',
  shopToken: 'token',
  mappingFile: 'mappings/company-customer.yaml',
  redis: { url: 'redis://127.0.0.1:1', prefix: 'demo' },
  variables: { TANDEM_URL: 'http://tandem.test', REDIS_URL: 'redis://127.0.0.1:1', KEAP_API_KEY: "it's" },
  log: '/somewhere/tandem.log',
};

it('one line to copy tests a mapping against the demo, with all variables that this needs', () => {
  const api = (url: string) => ({ url }) as Api;
  const lines = guide(
    { keap: api('http://keap.test/crm/rest'), shop: api('http://shop.test'), tandem: api('http://tandem.test') },
    EXAMPLE,
  );
  expect(lines.find((line) => line.includes('qa --write'))).toBe(
    `  TANDEM_URL='http://tandem.test' REDIS_URL='redis://127.0.0.1:1' KEAP_API_KEY='it'\\''s' npm run -s tandem -- qa --write contact-customer`,
  );
});

it('a command takes the shop down and brings it back', async () => {
  const shop = await startShop({ token: 'token' });
  close = () => shop.close();
  const api = (url: string) => ({ url }) as Api;
  const lines = guide(
    { keap: api('http://keap.test/crm/rest'), shop: api(shop.url), tandem: api('http://tandem.test') },
    EXAMPLE,
  );
  expect(lines.join('\n')).toContain('/somewhere/tandem.log');
  const line = (method: string) =>
    lines.find((one) => one.includes(`-X ${method} '${shop.url}/_sandbox/faults'`)) ?? '';
  const look = () => fetch(`${shop.url}/customers`, { headers: { authorization: 'Bearer token' } });
  const body = /-d '([^']+)'/.exec(line('POST'))?.[1] ?? '';
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(`${shop.url}/_sandbox/faults`, { method: 'POST', headers, body })).status).toBe(201);
  await expect(look()).rejects.toThrow();
  expect(line('DELETE')).not.toBe('');
  await fetch(`${shop.url}/_sandbox/faults`, { method: 'DELETE' });
  expect((await look()).status).toBe(200);
});
