// What `--once` tries and checks, through the systems' own APIs: edits cross in both directions, counts are right, a
// second full scan is quiet, the rules change without a restart, a failed record is looked at, fixed and synced.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pc from 'picocolors';
import { type Comparison, compareValues, comparisonLines, type Pair } from '../oracle/compare.ts';
import { type MappingName, makeSeed, type Size } from '../seed/index.ts';
import { type Api, type Apis, countKeap, countShop, until } from './apis.ts';
import type { Example } from './guide.ts';

const entities: Record<MappingName, readonly [keap: string, shop: string]> = {
  'company-customer': ['companies', 'customers'],
  'contact-customer': ['contacts', 'customers'],
  'product-product': ['products', 'products'],
  'opportunity-order': ['opportunities', 'orders'],
};

/** A linked company, a linked order, and a job that failed and can be fixed. */
export async function pickExample({ keap, tandem }: Apis): Promise<Pick<Example, 'company' | 'order' | 'failed'>> {
  const [company, order] = await Promise.all(
    ['company-customer', 'opportunity-order'].map(async (mapping) => {
      const { links } = await tandem.get(`/links/${mapping}?limit=1`);
      return { keap: String(links[0].ids.keap), shop: String(links[0].ids.customwebshop) };
    }),
  );
  if (!company || !order) throw new Error('The first sync made no links.');
  await keap.get(`/v2/companies/${company.keap}`);
  const queue = 'reconcile-company-customer';
  const { jobs } = await tandem.get(`/queues/${queue}/jobs?state=failed`);
  const job = jobs.find((one: { detail?: string }) => one.detail?.includes('country_code')) ?? jobs[0];
  return { company, order, failed: job && { queue, job: job.id, reason: job.detail } };
}

interface Demo {
  readonly apis: Apis;
  readonly example: Example;
  /** Folder whose mappings this Tandem runs; a copy. */
  readonly config: string;
  readonly seed: number;
  readonly say: (text: string) => void;
}

/** @returns whether all was as it should be */
export async function tryItAll(demo: Demo): Promise<boolean> {
  const steps: [string, (demo: Demo) => Promise<string>][] = [
    ['Counts on both sides, read through their own APIs', counts],
    ['Values on both sides, read through their own APIs', values],
    ['A second full scan of everything is quiet', quiet],
    ['A company edited in Keap', companyCrosses],
    ['An order edited in the shop', orderCrosses],
    ['Values on both sides, after the edits', values],
    ['A mapping file edited, without a restart', mappingEdited],
    ['A mapping file broken, without harm', mappingBroken],
    ['A failed job looked at, retried, fixed', failedJob],
    ['Quiet again after all that', quiet],
  ];
  let good = true;
  for (const [what, attempt] of steps) {
    demo.say(`\n${pc.bold(what)}`);
    const started = performance.now();
    try {
      demo.say(`${await attempt(demo)}\n  ${pc.green('ok')} after ${Math.round(performance.now() - started)} ms`);
    } catch (error) {
      good = false;
      demo.say(`  ${pc.red('NOT OK')} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return good;
}

async function counts({ apis: { keap, shop }, seed }: Demo): Promise<string> {
  const { expected } = makeSeed(seed, 'demo');
  const lines: string[] = [];
  for (const [mapping, [ofKeap, ofShop]] of Object.entries(entities) as [MappingName, readonly [string, string]][]) {
    const { start, created, after } = expected.mappings[mapping];
    const now = { keap: await countKeap(keap, ofKeap), customwebshop: await countShop(shop, ofShop) };
    lines.push(
      `  ${mapping}: Keap ${start.keap} + ${created.keap} = ${now.keap} ${ofKeap}, shop ${start.customwebshop} -> ${now.customwebshop} ${ofShop}`,
    );
    same(`${mapping}: records in Keap`, now.keap, after.keap);
    same(`${mapping}: records in the shop`, now.customwebshop, after.customwebshop);
  }
  return lines.join('\n');
}

/**
 * Every property of every linked pair, and as many pairs as the seed implies.
 * @returns what was compared, for people
 * @throws where anything differs
 */
export async function values({ apis, seed }: Pick<Demo, 'apis' | 'seed'>, size: Size = 'demo'): Promise<string> {
  const { expected } = makeSeed(seed, size);
  const comparisons = await compareLinked(apis);
  const lines = comparisonLines(comparisons).join('\n');
  const differences = comparisons.reduce((sum, one) => sum + one.differences.length, 0);
  if (differences > 0) throw new Error(`${differences} values differ:\n${lines}`);
  for (const { mapping, pairs } of comparisons) {
    const { matched, created } = expected.mappings[mapping];
    same(`${mapping}: pairs`, pairs, matched + created.keap + created.customwebshop);
  }
  return lines;
}

/** Compares all records that Tandem linked, through the systems' own APIs. */
export async function compareLinked(apis: Apis): Promise<Comparison[]> {
  const pairs = {} as Record<MappingName, Pair[]>;
  for (const mapping of Object.keys(entities) as MappingName[]) {
    // A cursor may give a link twice.
    const found = new Map<string, Pair>();
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const { links, next } = await apis.tandem.get(`/links/${mapping}?limit=500${cursor && `&cursor=${cursor}`}`);
      for (const { ids } of links) found.set(String(ids.keap), { keap: ids.keap, shop: ids.customwebshop });
      cursor = next;
    }
    pairs[mapping] = [...found.values()];
  }
  return compareValues({ keap: apis.keap.get, shop: apis.shop.get }, pairs);
}

async function quiet({ apis }: Demo): Promise<string> {
  await atRest(apis);
  const before = await writes(apis);
  const { id } = await apis.tandem.send('POST', '/triggers', { scan: 'full' });
  const run = await until('the full scan ends', async () => {
    const now = await apis.tandem.get(`/runs/${id}`);
    return (now.state === 'done' || now.state === 'failed') && now;
  });
  same('the state of the run', run.state, 'done');
  same('reconcile jobs', run.progress.work, 0);
  same('writes to Keap and the shop', (await writes(apis)).join(' + '), before.join(' + '));
  const { keap, customwebshop } = run.progress.read;
  return `  ${keap} records read in Keap, ${customwebshop} in the shop: 0 writes, ${run.progress.work} reconcile jobs`;
}

/** What was edited before may still be on its way, also to a third record: quiet begins once nothing is queued. */
async function atRest({ tandem }: Apis): Promise<void> {
  let since = Date.now();
  await until('the queues are empty', async () => {
    const { queues } = await tandem.get('/queues');
    const busy = queues.some(
      ({ name, counts }: { name: string; counts: Record<string, number> }) =>
        name !== 'scan' && (counts.waiting ?? 0) + (counts.active ?? 0) + (counts.delayed ?? 0) > 0,
    );
    if (busy) since = Date.now();
    // Longer than a webhook takes here.
    return Date.now() - since > 600;
  });
}

async function writes({ keap, shop }: Apis): Promise<number[]> {
  const of = async ({ url }: Api) => {
    const stats = (await (await fetch(`${new URL(url).origin}/_sandbox/stats`)).json()) as { writes: number };
    return stats.writes;
  };
  return Promise.all([of(keap), of(shop)]);
}

async function companyCrosses({ apis: { keap, shop }, example }: Demo): Promise<string> {
  const note = `Called at ${new Date().toISOString()}`;
  await keap.send('PATCH', `/v2/companies/${example.company.keap}?update_mask=notes`, { notes: note });
  const customer = await until('the note arrives in the shop', async () => {
    const found = await shop.get(`/customers/${example.company.shop}`);
    return found.note === note && found;
  });
  return `  Keap company ${example.company.keap}, notes -> shop customer ${customer.id}, note: "${customer.note}"`;
}

async function orderCrosses({ apis: { keap, shop }, example }: Demo): Promise<string> {
  const { order } = example;
  const before = await shop.get(`/orders/${order.shop}`);
  const status = before.status === 'completed' ? 'cancelled' : 'completed';
  const stage = status === 'completed' ? 'Won' : 'Lost';
  const step = `Send the invoice (${Date.now()})`;
  await shop.send('PATCH', `/orders/${order.shop}`, { status, next_step: step });
  const deal = await until('the edit arrives in Keap', async () => {
    const found = await keap.get(`/v2/opportunities/${order.keap}`);
    return found.next_action_notes === step && found.stage.name === stage && found;
  });
  return `  shop order ${order.shop}, status ${status} -> Keap opportunity ${deal.id}, stage ${deal.stage.name}; next step: "${deal.next_action_notes}"`;
}

async function mappingEdited({ apis: { keap, shop, tandem }, example, config }: Demo): Promise<string> {
  const file = join(config, 'mappings', 'company-customer.yaml');
  const text = await readFile(file, 'utf8');
  const { version } = await tandem.get('/mappings/company-customer');
  const started = performance.now();
  await writeFile(
    file,
    text.replace(/(- keap: notes\n\s+customwebshop: note\n)/, '$1    convert: { customwebshop: $uppercase($) }\n'),
  );
  await until(
    'the new version is in force',
    async () => (await tandem.get('/mappings/company-customer')).version !== version,
  );
  const effect = Math.round(performance.now() - started);
  await keap.send('PATCH', `/v2/companies/${example.company.keap}?update_mask=notes`, { notes: 'now in capitals' });
  const customer = await until('the new rule shows in the shop', async () => {
    const found = await shop.get(`/customers/${example.company.shop}`);
    return found.note === 'NOW IN CAPITALS' && found;
  });
  return `  notes now has a convert; in force after ${effect} ms; Keap "now in capitals" -> shop "${customer.note}"`;
}

async function mappingBroken({ apis: { keap, shop, tandem }, example, config }: Demo): Promise<string> {
  const file = join(config, 'mappings', 'company-customer.yaml');
  const text = await readFile(file, 'utf8');
  const { version } = await tandem.get('/mappings/company-customer');
  await writeFile(file, text.replace('customwebshop: note\n', 'customwebshop: nota\n'));
  const [problem] = await until('the problem is reported', async () => {
    const { problems } = await tandem.get('/mappings/company-customer');
    return problems.length > 0 && problems;
  });
  same('the version in force', (await tandem.get('/mappings/company-customer')).version, version);
  await keap.send('PATCH', `/v2/companies/${example.company.keap}?update_mask=notes`, { notes: 'still in step' });
  await until(
    'sync goes on',
    async () => (await shop.get(`/customers/${example.company.shop}`)).note === 'STILL IN STEP',
  );
  await writeFile(file, text);
  await until(
    'the problem is gone',
    async () => (await tandem.get('/mappings/company-customer')).problems.length === 0,
  );
  return `  refused: ${problem.file}:${problem.line}:${problem.column} ${problem.message}\n  the last good version ran on, and the file was put back`;
}

async function failedJob({ apis }: Demo): Promise<string> {
  const { keap, shop, tandem } = apis;
  // Asked again: the edit of the mapping gave every failed record another try, under a new job.
  const { failed } = await pickExample(apis);
  if (!failed) throw new Error('The seed data should have made a job fail.');
  const path = `/queues/${failed.queue}/jobs/${encodeURIComponent(failed.job)}`;
  const job = await tandem.get(path);
  await tandem.send('POST', `${path}/retry`);
  const again = await until('the job fails again, for the record is as it was', async () => {
    const now = await tandem.get(path);
    return now.state === 'failed' && now.finishedAt !== job.finishedAt && now;
  });
  const company = await keap.get(`/v2/companies/${job.data.id}?fields=address`);
  // Without what is only read: the country's long name, and the ZIP code beside the postal code.
  const { country: _, zip_code: __, ...address } = company.address;
  await keap.send('PATCH', `/v2/companies/${company.id}?update_mask=address`, {
    address: { ...address, country_code: 'USA' },
  });
  const customer = await until('the fixed company arrives in the shop', async () => {
    const { links } = await tandem.get(`/links/company-customer?side=keap&id=${company.id}`);
    return links[0] && shop.get(`/customers/${links[0].ids.customwebshop}`);
  });
  same('the country in the shop', customer.billing.country, 'US');
  await until('the failed job is gone', async () => {
    const { jobs } = await tandem.get(`/queues/${failed.queue}/jobs?state=failed`);
    return !jobs.some((one: { id: string }) => one.id === failed.job);
  });
  return `  job ${failed.job}: ${again.detail}\n  retried: the same; fixed in Keap -> shop customer ${customer.id}, ${customer.billing.country}; the failed job is gone`;
}

function same(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what}: ${String(found)}, but it should be ${String(wanted)}.`);
}
