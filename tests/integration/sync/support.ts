/** Short words for what every test of sync does: make a record, edit it, sync it, look at its counterpart. */

import { join } from 'node:path';
import type { Job } from 'bullmq';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { Outcome } from '../../../engine/model/outcome.ts';
import type { RecordJob } from '../../../engine/runtime/queues.ts';
import type { Run } from '../../../engine/store/runs.ts';
import { takeBatch } from '../../../engine/sync/batch.ts';
import { mappingScope } from '../../../engine/sync/mapping-scope.ts';
import { reconcileUnit } from '../../../engine/sync/reconcile.ts';
import type { MappingScope } from '../../../engine/sync/scope.ts';
import type { SyncContext } from '../../../engine/sync/sync-context.ts';
import type { RecordIssue } from '../../support/links.ts';
import { deletePrefix } from '../../support/redis.ts';
import { type Json, startWorld, type World, type WorldOptions } from '../../support/world.ts';

export type MappingName = 'company-customer' | 'contact-customer' | 'product-product' | 'opportunity-order';
export type SystemName = 'keap' | 'shop';

export const sideOf = (system: SystemName): 0 | 1 => (system === 'keap' ? 0 : 1);
export const other = (system: SystemName): SystemName => (system === 'keap' ? 'shop' : 'keap');

/** Stages of the Keap stand-in, by the status that they stand for in the shop. */
export const STAGES = {
  pending: '27',
  processing: '31',
  'on-hold': '44',
  completed: '12',
  cancelled: '19',
} as const;
/** A stage that the value table does not have. */
export const STAGE_WITHOUT_STATUS = '58';

let serial = 0;
/** A word that no other record of this file has. */
export const unique = (word: string): string => `${word}-${++serial}`;

// ---------------------------------------------------------------- worlds

/** A world of all tests of a block: started before the first of them, closed after the last. */
export function worldWith({
  synced,
  timeout,
  ...options
}: WorldOptions & {
  /** What is synced fully at first: every mapping, unless it is one or none. */
  synced?: MappingName | false;
  /** Milliseconds for the start. */
  timeout?: number;
} = {}): World {
  let started: World | undefined;
  beforeAll(async () => {
    started = await startWorld(options);
    if (synced !== false) await sync(started, 'full', synced);
  }, timeout);
  afterAll(() => started?.close());
  return new Proxy({} as World, {
    get(_, name) {
      if (!started) throw new Error('The world of these tests has not started yet');
      return started[name as keyof World];
    },
  });
}

export interface ProductRules {
  match?: string;
  when?: string;
  /** Besides name and SKU. */
  rows?: readonly string[];
}

/** A small mapping of products, in place of the included one. */
export const productMapping = ({ match = 'sku', when, rows = [] }: ProductRules): string => `mapping: product-product
description: Products.
between: { keap: products, customwebshop: products }
${when === undefined ? '' : `when: { customwebshop: '${when}' }`}
${match && `match: [{ keap: ${match}, customwebshop: ${match} }]`}
create: [customwebshop]
schedule: off
properties:
  - { keap: name, customwebshop: name, required: true }
  - { keap: sku, customwebshop: sku }
${rows.map((row) => `  - ${row}\n`).join('')}`;

export const productFile = (dir: string): string => join(dir, 'mappings', 'product-product.yaml');

/** Pairs for `replaced`: rows of a mapping, by their fields of Keap, get these rules. */
export const ruled = (rules: Readonly<Record<string, string>>) =>
  Object.entries(rules).map(([name, rule]) => [`  - keap: ${name}\n`, `  - keap: ${name}\n    ${rule}\n`] as const);

// ---------------------------------------------------------------- records

/** Fields of Keap that an answer leaves out unless they are asked for. */
const FIELDS: Record<string, string> = {
  companies: 'notes,address,email_address,phone_number,update_time,custom_fields',
  contacts:
    'given_name,family_name,job_title,email_addresses,phone_numbers,addresses,company,update_time,custom_fields',
};

/** A company read by its id alone does not state its times: the list does. */
async function readKeap(world: World, entity: string, id: string): Promise<Json> {
  if (entity !== 'companies')
    return world.keapApi('GET', `/v2/${entity}/${id}${FIELDS[entity] ? `?fields=${FIELDS[entity]}` : ''}`);
  return (await world.keapApi('GET', `/v2/companies?filter=company_id==${id}&fields=${FIELDS.companies}`)).companies[0];
}

export async function make(world: World, system: SystemName, entity: string, fields: object): Promise<string> {
  const record = await (system === 'keap'
    ? world.keapApi('POST', `/v2/${entity}`, fields)
    : world.shopApi('POST', `/${entity}`, fields));
  return String(record.id);
}

/** Fields that a product has in either system. */
export const product = (name: string) => ({ name, sku: name, price: 100, short_description: 'x' });

/** The record, or undefined where there is none. */
export async function read(world: World, system: SystemName, entity: string, id: string): Promise<Json> {
  const record = await (system === 'keap' ? readKeap(world, entity, id) : world.shopApi('GET', `/${entity}/${id}`));
  return record?.id === undefined ? undefined : record;
}

/** Inside of what Keap answers, and not to be sent back. */
const READ_ONLY = ['country', 'zip_code', 'number_e164', 'email_opt_status', 'is_opt_in'];
const writable = (fields: object): object =>
  JSON.parse(JSON.stringify(fields, (name, value) => (READ_ONLY.includes(name) ? undefined : value)));

const maskOf = (fields: object): string =>
  Object.keys(fields)
    .map((name) => `update_mask=${name}`)
    .join('&');

/** Replaces top-level fields, as a user of that system does. Keap stores nested objects whole, the shop field by field. */
export function edit(world: World, system: SystemName, entity: string, id: string, fields: object): Promise<Json> {
  return system === 'keap'
    ? world.keapApi('PATCH', `/v2/${entity}/${id}?${maskOf(fields)}`, writable(fields))
    : world.shopApi('PATCH', `/${entity}/${id}`, fields);
}

export const remove = (world: World, system: SystemName, entity: string, id: string): Promise<Json> =>
  system === 'keap' ? world.keapApi('DELETE', `/v2/${entity}/${id}`) : world.shopApi('DELETE', `/${entity}/${id}`);

/** All records of an entity, as they are stored. */
export const all = (world: World, system: SystemName, entity: string): Json[] =>
  system === 'keap'
    ? world.keap.store.table(entity as 'companies').values()
    : world.shop.store.table(entity as 'customers').values();

/** Returns once an edit made now is later than `record`, on either system's clock. */
export async function laterThan(record: Json): Promise<void> {
  const time = Date.parse(record.update_time ?? record.last_updated_time ?? record.updated_at);
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(time), { interval: 1 });
}

// ---------------------------------------------------------------- sync

/** Begins reconciles of records of one mapping, and waits until all is quiet. */
export async function reconcile(
  world: World,
  mapping: MappingName,
  system: SystemName,
  ...ids: string[]
): Promise<void> {
  await world.engine.context({ owner: 'test' }).enqueue(mapping, sideOf(system), ids);
  await world.settle();
}

/** A scan of every mapping, or of one, with all that follows from it. */
export async function sync(world: World, scan: 'changes' | 'full' = 'changes', mapping?: MappingName): Promise<Run> {
  if (mapping === undefined) {
    const run = await world.sync(scan);
    await world.settle();
    return run;
  }
  const { run } = await world.engine.trigger({ mapping, scan });
  await world.settle();
  return (await world.engine.runs.get(run.id))!;
}

export const counterpart = (
  world: World,
  mapping: MappingName,
  system: SystemName,
  id: string,
): Promise<string | undefined> => world.engine.links(mapping).reader.counterpart(sideOf(system), id);

/** @returns the id of its counterpart, which it must have */
export async function linked(world: World, mapping: MappingName, system: SystemName, id: string): Promise<string> {
  const found = await counterpart(world, mapping, system, id);
  expect(
    found,
    `${mapping}: ${system} ${id} has a counterpart (issue: ${JSON.stringify(await issueOf(world, mapping, system, id))})`,
  ).toBeDefined();
  return found!;
}

export const issueOf = async (
  world: World,
  mapping: MappingName,
  system: SystemName,
  id: string,
): Promise<RecordIssue | undefined> =>
  (await world.issues(mapping)).find((one) => one.side === sideOf(system) && one.id === id);

/** Failed jobs about one record, under either of its names. */
export async function failedJobs(world: World, mapping: MappingName, system: SystemName, id: string): Promise<Job[]> {
  const jobs = (await world.engine.queues.reconcile(mapping).getFailed()) as Job<RecordJob>[];
  const side = sideOf(system);
  const counterpartId = await counterpart(world, mapping, system, id);
  return jobs.filter(({ data }) =>
    data.side === side ? data.id === id : counterpartId !== undefined && data.id === counterpartId,
  );
}

/** Why they failed; shorter to read than whole jobs where a test fails. */
export const failures = async (...of: Parameters<typeof failedJobs>): Promise<string[]> =>
  (await failedJobs(...of)).map((job) => job.failedReason);

/** Redis loses all that this Tandem keeps in it, queues too. */
export async function wipe(world: World): Promise<void> {
  await deletePrefix(world.engine.redis, world.engine.prefix);
  await world.restartWorkers();
}

/** Writes that took effect so far, on each system. */
export const writes = (world: World): [number, number] => [world.keap.stats().writes, world.shop.stats().writes];

/** Nothing comes of reading everything once more. */
export async function expectQuiet(world: World, mapping?: MappingName): Promise<void> {
  const before = writes(world);
  const run = await sync(world, 'full', mapping);
  expect(run.progress.work).toBe(0);
  expect(writes(world)).toEqual(before);
}

/** What functions of sync need of one mapping of the world. */
export const scopeOf = (
  world: World,
  mapping: MappingName,
  context: SyncContext = world.engine.context({ owner: 'person' }),
): MappingScope => mappingScope(context, world.engine.mapping(mapping));

/** What a worker does with one record. */
export async function reconcileOne(scope: MappingScope, record: { side: 0 | 1; id: string }): Promise<Outcome> {
  const { units, brake, close } = await takeBatch(scope, { records: [record] });
  try {
    return await reconcileUnit(scope, units[0]!, record, { brake });
  } finally {
    close();
  }
}

// ---------------------------------------------------------------- values

/** Value at a path of names; `name[SLOT]` selects the element of a list whose `field` is SLOT. */
export function get(record: Json, path: string): Json {
  return path.split('.').reduce((at: Json, step) => {
    const [, name, slot] = /^(\w+)(?:\[(\w+)\])?$/.exec(step)!;
    const value = at?.[name!];
    return (slot === undefined ? value : value?.find((one: Json) => one.field === slot)) ?? undefined;
  }, record);
}

/** Sets a value at such a path, making what is missing on the way; undefined removes it. */
export function set(record: Json, path: string, value: Json): void {
  const steps = path.split('.');
  let at = record;
  for (const [i, step] of steps.entries()) {
    const [, name, slot] = /^(\w+)(?:\[(\w+)\])?$/.exec(step)!;
    if (i === steps.length - 1) {
      if (value === undefined) delete at[name!];
      else at[name!] = value;
      return;
    }
    at[name!] ??= slot === undefined ? {} : [];
    if (slot === undefined) {
      at = at[name!];
      continue;
    }
    let element = at[name!].find((one: Json) => one.field === slot);
    if (!element) {
      element = { field: slot };
      at[name!].push(element);
    }
    at = element;
  }
}
