/** Checks of system files against a system: what the system refuses, ignores, leaves out, or answers otherwise than declared. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkLive } from '../../../cli/check-live.ts';
import { readEnvironment } from '../../../cli/process/environment.ts';
import type { LiveFinding, LiveRequest, NotChecked } from '../../../engine/check/findings.ts';
import { loadConfig } from '../../../engine/config/load.ts';
import { type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { makeSeed } from '../../../sandbox/seed/index.ts';
import { type ShopSandbox, startShop } from '../../../sandbox/shop/server.ts';
import { type Interfere, startProxy, type TestProxy } from '../../support/proxy.ts';
import { redisUrl, uniquePrefix } from '../../support/redis.ts';
import { ROOT } from '../../unit/config/real.ts';

let keap: KeapSandbox;
let shop: ShopSandbox;
let proxy: TestProxy;
let interfere: Interfere = () => undefined;
const seen: string[] = [];
const folders: string[] = [];

beforeAll(async () => {
  const seed = makeSeed(42, 'small');
  keap = await startKeap({ data: seed.keap, limits: false });
  shop = await startShop({ data: seed.shop });
  proxy = await startProxy(keap.url, (url, method) => {
    seen.push(`${method} ${url.pathname}`);
    return interfere(url, method);
  });
});
afterEach(async () => {
  interfere = () => undefined;
  seen.length = 0;
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});
afterAll(async () => {
  await proxy?.close();
  await keap?.close();
  await shop?.close();
});

/** A copy of the files of this repository, with changes: file, what stands there, what replaces it. */
async function files(...changes: (readonly [file: string, from: RegExp, to: string])[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tandem-live-'));
  folders.push(dir);
  for (const part of ['mappings', 'systems', 'schemas'])
    await cp(join(ROOT, part), join(dir, part), { recursive: true });
  for (const [file, from, to] of changes) {
    const text = await readFile(join(dir, file), 'utf8');
    if (!from.test(text)) throw new Error(`${file} does not hold ${from}.`);
    await writeFile(join(dir, file), text.replace(from, to));
  }
  return dir;
}

interface Checked {
  readonly findings: readonly LiveFinding[];
  readonly requests: readonly LiveRequest[];
  readonly notChecked: readonly NotChecked[];
}

/** Checks some entities of Keap, all of them without names. */
async function check(dir: string, ...names: string[]): Promise<Checked> {
  const { config, problems } = await loadConfig({
    root: dir,
    env: {
      KEAP_BASE_URL: `${proxy.url}/crm/rest`,
      KEAP_API_KEY: keap.apiKey,
      KEAP_LIMIT_SECOND: '1000',
      SHOP_BASE_URL: shop.url,
      SHOP_TOKEN: shop.token,
      SHOP_WEBHOOK_SECRET: 's',
    },
  });
  if (problems.length > 0) throw new Error(JSON.stringify(problems, null, 1));
  const system = config.systems.get('keap')!;
  const entities = Object.values(system.entities).filter(({ name }) => names.length === 0 || names.includes(name));
  const text = await readFile(join(dir, system.file), 'utf8');
  const live = await checkLive(
    readEnvironment({ REDIS_URL: redisUrl(), TANDEM_PREFIX: uniquePrefix() }),
    { json: true, tty: false, line() {}, note() {}, result() {} },
    { config, mappings: [...config.mappings.values()], entities, textOf: () => text, sample: 100 },
  );
  await live.close();
  return {
    findings: live.findings,
    requests: live.reports.flatMap(({ requests }) => requests),
    notChecked: live.reports.flatMap(({ notChecked }) => notChecked),
  };
}

/** The line on which a pattern stands in a file. */
async function lineOf(dir: string, file: string, pattern: RegExp): Promise<number> {
  const text = await readFile(join(dir, file), 'utf8');
  return text.slice(0, text.search(pattern)).split('\n').length;
}

const problems = ({ findings }: Checked) => findings.filter(({ severity }) => severity === 'problem');

/** The parameter of contacts that existed in our imagination only. */
const FORMER_SINCE = [
  'systems/keap.yaml',
  /(\n {2}contacts:\n[\s\S]*?since: \{[^}]*filter: ")[^"]*/,
  '$1since_time=={since}',
] as const;
/** Amounts taken for major units. */
const FORMER_PRICE = [
  'systems/keap.yaml',
  /(\n {2}products:\n[\s\S]*?\n {4}normalize: )[\s\S]*?(\n {4}\w+:)/,
  `$1'$merge([$sift($, function($$v, $$k) { $$k != "price" }), { "price": $round(price.amount * 100) }])'$2`,
] as const;

describe('with the files of this repository', () => {
  it('the live check finds nothing wrong, sends each declared operation once, and only GET', async () => {
    const before = keap.stats();
    const checked = await check(await files());
    expect(problems(checked)).toEqual([]);
    expect(keap.stats().writes).toEqual(before.writes);
    expect(seen.every((request) => request.startsWith('GET '))).toBe(true);
    expect(seen.length).toBe(checked.requests.length);
    const operations = checked.requests.map(({ entity, operation }) => `${entity} ${operation}`);
    expect([...operations].sort()).toEqual(
      [
        ...['companies', 'contacts', 'opportunities', 'products'].flatMap((name) =>
          ['list', 'since', 'read'].map((operation) => `${name} ${operation}`),
        ),
        'stages list',
        'companies find by email_address.email',
        'companies find by company_name',
        "contacts find by email_addresses[field='EMAIL1'].email",
        'products find by sku',
        'products find by name',
      ].sort(),
    );
    expect(checked.notChecked).toEqual([]);
  });

  it('the live check shows no e-mail address and no name that it searches for', async () => {
    const { requests } = await check(await files(), 'companies');
    const searches = requests.filter(({ operation }) => operation.startsWith('find'));
    expect(searches).toHaveLength(2);
    for (const { request } of searches) {
      expect(request).toMatch(/^GET .*filter=\w+==\{value\}/);
      expect(request).not.toContain('@');
    }
  });
});

describe('a parameter that the system does not know', () => {
  it('is found where the system refuses it', async () => {
    interfere = (url) =>
      url.searchParams.get('filter')?.includes('since_time')
        ? {
            status: 400,
            body: { code: 400, message: 'filter since_time is not supported', status: 'INVALID_ARGUMENT' },
          }
        : undefined;
    const dir = await files(FORMER_SINCE);
    const [found, ...others] = problems(await check(dir, 'contacts'));
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'refused',
      entity: 'contacts',
      operation: 'since',
      file: 'systems/keap.yaml',
      line: await lineOf(dir, 'systems/keap.yaml', /since_time==\{since\}(?![\s\S]*since_time==)/),
      request: expect.stringMatching(/^GET .*\/v2\/contacts\?.*filter=since_time==\d{4}-/),
      answer: expect.stringMatching(/^400, .*filter since_time is not supported/),
    });
  });

  it('is found where the system ignores it and answers everything', async () => {
    interfere = (url) => {
      if (url.searchParams.get('filter')?.includes('since_time')) url.searchParams.delete('filter');
      return undefined;
    };
    const dir = await files(FORMER_SINCE);
    const [found, ...others] = problems(await check(dir, 'contacts'));
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'ignored',
      operation: 'since',
      file: 'systems/keap.yaml',
      line: await lineOf(dir, 'systems/keap.yaml', /since_time==\{since\}(?![\s\S]*since_time==)/),
      answer: expect.stringMatching(/^200, \d+ records$/),
      message: expect.stringContaining('every scan of changes reads everything'),
    });
  });

  it('is found when a search ignores it and returns the whole list', async () => {
    interfere = (url) => {
      if (url.searchParams.get('filter')?.startsWith('email==')) url.searchParams.delete('filter');
      return undefined;
    };
    const found = problems(await check(await files(), 'companies'));
    expect(found.map(({ kind, operation }) => ({ kind, operation }))).toEqual([
      { kind: 'ignored', operation: 'find by email_address.email' },
    ]);
  });

  it('is found when the system ignores the requested order', async () => {
    interfere = (url) => {
      url.searchParams.delete('order_by');
      return undefined;
    };
    const found = problems(await check(await files(), 'products', 'opportunities'));
    expect(found.map(({ kind, entity, operation }) => `${kind} ${entity} ${operation}`)).toEqual([
      'ignored opportunities since',
      'ignored products since',
    ]);
  });
});

describe('an amount that disagrees with the formatted amount beside it', () => {
  it('is found where the system file takes it for another unit', async () => {
    const dir = await files(FORMER_PRICE);
    const found = problems(await check(dir, 'products'));
    expect(found[0]).toMatchObject({
      kind: 'amount',
      entity: 'products',
      operation: 'list',
      file: 'systems/keap.yaml',
      line: await lineOf(dir, 'systems/keap.yaml', /'\$merge\(\[\$sift/),
      request: expect.stringMatching(/^GET .*\/v2\/products\?/),
      answer: expect.stringMatching(/^200, \d+ records looked at$/),
      message: expect.stringMatching(/^price of \d+ of \d+ records disagrees .* \d+ beside "\$[\d,.]+"\)\.$/),
    });
  });

  it('is found where a row of a mapping converts it wrongly', async () => {
    const dir = await files([
      'mappings/product-product.yaml',
      /(- keap: price[\s\S]*?customwebshop: price\n)[\s\S]*?(?= {2}- keap)/,
      '$1    type: decimal\n    scale: 2\n    convert: { keap: $ / 100, customwebshop: $ * 100 }\n',
    ]);
    const found = problems(await check(dir, 'products'));
    expect(found).toMatchObject([
      {
        kind: 'amount',
        file: 'mappings/product-product.yaml',
        line: await lineOf(dir, 'mappings/product-product.yaml', /- keap: price/),
        message: expect.stringContaining('arrives as another amount'),
      },
    ]);
  });
});

describe('what comes back is compared with what the files say', () => {
  it('a record that the search of changes leaves out is found', async () => {
    interfere = (url) =>
      url.pathname.endsWith('/v2/companies') && url.searchParams.get('filter')?.includes('time')
        ? { status: 200, body: { companies: [] } }
        : undefined;
    expect(problems(await check(await files(), 'companies'))).toMatchObject([{ kind: 'missing', operation: 'since' }]);
  });

  it('a record that its own search does not find is found', async () => {
    interfere = (url) =>
      url.searchParams.get('filter')?.startsWith('sku==')
        ? { status: 200, body: { products: [], next_page_token: '' } }
        : undefined;
    expect(problems(await check(await files(), 'products'))).toMatchObject([
      { kind: 'missing', operation: 'find by sku', file: 'systems/keap.yaml' },
    ]);
  });

  it('a property that the list shows and a read does not is found', async () => {
    interfere = (url) => {
      if (/\/v2\/companies\/\d+$/.test(url.pathname)) url.searchParams.set('fields', 'address');
      if (url.searchParams.get('filter')?.includes('company_id')) url.searchParams.set('fields', 'address');
      return undefined;
    };
    const found = problems(await check(await files(), 'companies'));
    expect(found.map(({ kind, operation, message }) => `${kind} ${operation} ${message.split(' ')[0]}`)).toContain(
      'differs read notes',
    );
  });

  it('a property that no record has is found at the row that maps it', async () => {
    const dir = await files(
      [
        'schemas/keap/companies.schema.json',
        /"properties": \{/,
        '"properties": {\n"compny_size": { "type": ["string", "null"] },',
      ],
      ['mappings/company-customer.yaml', /keap: notes/, 'keap: compny_size'],
    );
    const { findings } = await check(dir, 'companies');
    expect(findings.filter(({ kind }) => kind === 'absent')).toMatchObject([
      {
        severity: 'warning',
        file: 'mappings/company-customer.yaml',
        line: await lineOf(dir, 'mappings/company-customer.yaml', /- keap: compny_size/),
        message: expect.stringMatching(/^None of \d+ records holds compny_size: /),
      },
    ]);
  });

  it('a time of modification that does not parse is found, and its value is not shown', async () => {
    const dir = await files([
      'systems/keap.yaml',
      /(\n {2}companies:\n[\s\S]*?\n {4}normalize: )[\s\S]*?(\n {4}\w+:)/,
      `$1'$merge([$, { "update_time": "on " & update_time }])'$2`,
    ]);
    const found = problems(await check(dir, 'companies'));
    expect(found[0]).toMatchObject({
      kind: 'time',
      file: 'systems/keap.yaml',
      message: expect.stringContaining('"AA 9999-99-99A99:99:99.999A"'),
    });
  });

  it('a value that breaks the schema is found, with the number of records that have such a value', async () => {
    const dir = await files([
      'schemas/keap/products.schema.json',
      /"sku": \{[\s\S]*?\}/,
      '"sku": { "type": "integer" }',
    ]);
    const { findings } = await check(dir, 'products');
    expect(findings.filter(({ kind }) => kind === 'schema')).toMatchObject([
      {
        severity: 'warning',
        file: 'systems/keap.yaml',
        message: expect.stringMatching(
          /^(\d+) of \d+ records \(the first is \d+\) break the schema at sku: Must be a whole number\.$/,
        ),
      },
    ]);
  });

  it('an operation that is declared with another method than GET is not sent', async () => {
    const dir = await files([
      'systems/keap.yaml',
      /(\n {2}products:\n[\s\S]*?\n {4}find:\n)/,
      '$1      method: DELETE\n',
    ]);
    const { notChecked, findings } = await check(dir, 'products');
    expect(seen.every((request) => request.startsWith('GET '))).toBe(true);
    expect(notChecked.map(({ operation }) => operation)).toEqual(['find by sku', 'find by name']);
    expect(findings.filter(({ operation }) => operation.startsWith('find'))).toEqual([]);
  });

  it('a list that is refused is found, and nothing more is asked of the entity', async () => {
    interfere = (url) =>
      url.pathname.endsWith('/v2/products') ? { status: 403, body: { message: 'not in your plan' } } : undefined;
    const checked = await check(await files(), 'products');
    expect(problems(checked)).toMatchObject([
      {
        kind: 'refused',
        operation: 'list',
        answer: expect.stringContaining('not in your plan'),
        message: expect.stringContaining('No scan works'),
      },
    ]);
    expect(seen).toHaveLength(1);
  });

  it('a system that fails for some requests only is reported as refusing, and one that is away as unavailable', async () => {
    interfere = (url) => (url.searchParams.has('order_by') ? { status: 500, body: {} } : undefined);
    expect(problems(await check(await files(), 'products'))).toMatchObject([{ kind: 'refused', operation: 'since' }]);
    interfere = () => ({ status: 503, body: {} });
    await expect(check(await files(), 'products')).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' });
  });

  it('the live check waits for quota instead of failing', async () => {
    let refusals = 1;
    interfere = () => (refusals-- > 0 ? { status: 429, body: { message: 'Quota Exceeded' } } : undefined);
    const checked = await check(await files(), 'stages');
    expect(problems(checked)).toEqual([]);
    expect(checked.requests).toMatchObject([{ entity: 'stages', operation: 'list', status: 200 }]);
  });
});
