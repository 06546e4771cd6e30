/**
 * A bad record stops nobody else: it waits in the failed set with a plain reason, and is retried automatically once it
 * is fixed.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  failedJobs,
  failures,
  issueOf,
  linked,
  type MappingName,
  make,
  other,
  read,
  reconcile,
  STAGE_WITHOUT_STATUS,
  type SystemName,
  sync,
  unique,
  worldWith,
} from './support.ts';

const world = worldWith();
let person: { contact: string; customer: string };
beforeAll(async () => {
  const customer = await make(world, 'shop', 'customers', { email: 'buyer@x.example', last_name: 'Buyer' });
  await reconcile(world, 'contact-customer', 'shop', customer);
  person = { customer, contact: await linked(world, 'contact-customer', 'shop', customer) };
});

interface Invalid {
  readonly kind: string;
  readonly mapping: MappingName;
  readonly from: SystemName;
  readonly entity: string;
  readonly target: string;
  readonly code: string;
  /** Names the property in words; never repeats the value. */
  readonly reason: RegExp;
  readonly record: (name: string) => Json;
  readonly fixed: (name: string) => Json;
  /** A part of the bad value that no reason may repeat. */
  readonly secret?: string;
}

const invalid: readonly Invalid[] = [
  {
    kind: 'a value that breaks the schema of its target (too long)',
    mapping: 'company-customer',
    from: 'shop',
    entity: 'customers',
    target: 'companies',
    code: 'RECORD_SCHEMA',
    reason: /address\.line1.*75/,
    secret: 'endless',
    record: (company) => ({ company, billing: { address_1: 'endless '.repeat(12) } }),
    fixed: () => ({ billing: { address_1: 'short' } }),
  },
  {
    kind: 'a value that breaks the schema of its target (no e-mail address)',
    mapping: 'company-customer',
    from: 'keap',
    entity: 'companies',
    target: 'customers',
    code: 'RECORD_SCHEMA',
    reason: /email/,
    secret: 'nowhere',
    record: (company_name) => ({ company_name, email_address: { email: 'nowhere' } }),
    fixed: (name) => ({ email_address: { email: `${name}@x.example` } }),
  },
  {
    kind: 'a product without the price that Keap demands',
    mapping: 'product-product',
    from: 'shop',
    entity: 'products',
    target: 'products',
    code: 'RECORD_SCHEMA',
    reason: /price.*required/i,
    record: (name) => ({ name, short_description: 'no price' }),
    fixed: () => ({ price: '5.00' }),
  },
  {
    kind: 'a value that its table does not have',
    mapping: 'opportunity-order',
    from: 'keap',
    entity: 'opportunities',
    target: 'orders',
    code: 'VALUE_NOT_IN_TABLE',
    reason: /stage_id/,
    secret: 'Internal Review',
    record: (opportunity_title) => ({ opportunity_title, contact_id: person.contact, stage_id: STAGE_WITHOUT_STATUS }),
    fixed: () => ({ stage_id: '27' }),
  },
  {
    kind: 'a country that its table does not have',
    mapping: 'company-customer',
    from: 'keap',
    entity: 'companies',
    target: 'customers',
    code: 'VALUE_NOT_IN_TABLE',
    reason: /address\.country_code/,
    secret: 'XQZ',
    record: (company_name) => ({ company_name, address: { line1: 'Nowhere 1', country_code: 'XQZ' } }),
    fixed: () => ({ address: { line1: 'Nowhere 1', country_code: 'CHE' } }),
  },
  {
    kind: 'a record that the shop rejects (422)',
    mapping: 'company-customer',
    from: 'keap',
    entity: 'companies',
    target: 'customers',
    code: 'SYSTEM_REJECTED',
    reason: /billing\.postcode/,
    secret: '##_##',
    record: (company_name) => ({ company_name, address: { postal_code: '##_##' } }),
    fixed: () => ({ address: { postal_code: '80331' } }),
  },
  {
    kind: 'a price that the shop rejects (422)',
    mapping: 'opportunity-order',
    from: 'keap',
    entity: 'opportunities',
    target: 'orders',
    code: 'SYSTEM_REJECTED',
    reason: /total/,
    record: (opportunity_title) => ({
      opportunity_title,
      contact_id: person.contact,
      stage_id: '27',
      projected_revenue_high: -5,
    }),
    fixed: () => ({ projected_revenue_high: 5 }),
  },
  {
    kind: 'a record that Keap rejects (400)',
    mapping: 'company-customer',
    from: 'shop',
    entity: 'customers',
    target: 'companies',
    code: 'SYSTEM_REJECTED',
    reason: /region_code must be a code of ISO 3166-2/,
    record: (company) => ({ company, billing: { country: 'US', state: 'Arizona' } }),
    fixed: () => ({ billing: { country: 'US', state: 'US-AZ' } }),
  },
];

const nameOf = (record: Json): string =>
  record.company_name ?? record.company ?? record.opportunity_title ?? record.title ?? record.name;

describe.each(invalid)('$kind', ({ mapping, from, entity, target, code, reason, secret, record, fixed }) => {
  it('fails at creation with its reason, the others go on, and it is retried automatically once it is fixed', async () => {
    const name = unique('bad');
    const bad = await make(world, from, entity, record(name));
    const good = await make(world, from, entity, { ...record(`${name} good`), ...fixed(`${name}-good`) });
    await sync(world, 'changes', mapping);
    await linked(world, mapping, from, good);
    const jobs = await failedJobs(world, mapping, from, bad);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]!.failedReason).toMatch(reason);
    // No retry helps: there was none.
    expect(jobs[0]!.attemptsMade).toBe(1);
    expect(await issueOf(world, mapping, from, bad)).toMatchObject({
      kind: 'failed',
      code,
      reason: jobs[0]!.failedReason.replace(/^[A-Z_]+: /, ''),
      job: jobs[0]!.id,
    });
    if (secret)
      expect(JSON.stringify([jobs[0]!.failedReason, jobs[0]!.stacktrace, jobs[0]!.data])).not.toContain(secret);
    expect(all(world, other(from), target).filter((one) => nameOf(one) === name)).toEqual([]);
    // It is not tried again and again while it is as it was.
    await expectQuiet(world, mapping);
    expect(await failures(world, mapping, from, bad)).toHaveLength(1);

    await edit(world, from, entity, bad, fixed(name));
    await sync(world, 'changes', mapping);
    await linked(world, mapping, from, bad);
    expect(all(world, other(from), target).filter((one) => nameOf(one) === name)).toHaveLength(1);
    expect(await issueOf(world, mapping, from, bad)).toBeUndefined();
    expect(await failures(world, mapping, from, bad)).toEqual([]);
  });

  it('fails as an edit of a linked record, whose counterpart stays as it was, and is retried automatically once it is fixed', async () => {
    const name = unique('edit');
    const id = await make(world, from, entity, { ...record(name), ...fixed(name) });
    await reconcile(world, mapping, from, id);
    const counterpartId = await linked(world, mapping, from, id);
    const before = await read(world, other(from), target, counterpartId);
    const good = record(name);
    // What the bad record lacks is cleared by the edit.
    for (const key of Object.keys(fixed(name))) good[key] ??= null;
    if (from === 'shop' && good.billing) good.billing = { address_1: null, country: null, ...good.billing };
    await edit(world, from, entity, id, good);
    await sync(world, 'changes', mapping);
    const jobs = await failedJobs(world, mapping, from, id);
    expect(jobs).toHaveLength(1);
    expect(jobs[0]!.failedReason).toMatch(code === 'RECORD_SCHEMA' && mapping === 'product-product' ? /price/ : reason);
    if (secret) expect(JSON.stringify([jobs[0]!.failedReason, jobs[0]!.stacktrace])).not.toContain(secret);
    expect(await read(world, other(from), target, counterpartId)).toEqual(before);
    await expectQuiet(world, mapping);

    await edit(world, from, entity, id, fixed(name));
    await sync(world, 'changes', mapping);
    expect(await failures(world, mapping, from, id)).toEqual([]);
    expect((await world.issues(mapping)).filter((one) => one.id === id || one.id === counterpartId)).toEqual([]);
    expect(await linked(world, mapping, from, id)).toBe(counterpartId);
  });
});

it('a good edit of the other side still arrives while a record is failed', async () => {
  const name = unique('halfway');
  const company = await make(world, 'keap', 'companies', {
    company_name: name,
    address: { line1: 'A 1', country_code: 'FRA' },
  });
  await reconcile(world, 'company-customer', 'keap', company);
  const customer = await linked(world, 'company-customer', 'keap', company);
  await edit(world, 'keap', 'companies', company, { address: { line1: 'A 2', country_code: 'XQZ' } });
  await sync(world, 'changes', 'company-customer');
  expect(await failures(world, 'company-customer', 'keap', company)).toHaveLength(1);
  // A property that converts is not held up by one that does not.
  expect(await read(world, 'shop', 'customers', customer)).toMatchObject({
    billing: { address_1: 'A 2', country: 'FR' },
  });
  await edit(world, 'shop', 'customers', customer, { note: 'from the shop' });
  await sync(world, 'changes', 'company-customer');
  expect((await read(world, 'keap', 'companies', company)).notes).toBe('from the shop');
  await edit(world, 'shop', 'customers', customer, { billing: { country: 'CH' } });
  await sync(world, 'changes', 'company-customer');
  // Now both sides have changed it, and the shop's value is the later one and can be written.
  expect((await read(world, 'keap', 'companies', company)).address).toMatchObject({
    line1: 'A 2',
    country_code: 'CHE',
  });
  expect(await failures(world, 'company-customer', 'keap', company)).toEqual([]);
});

describe('a retry of a failed job', () => {
  it('fails again while the record is as it was, and succeeds once it is fixed', async () => {
    const name = unique('retry');
    const company = await make(world, 'keap', 'companies', { company_name: name, address: { postal_code: '##_##' } });
    await reconcile(world, 'company-customer', 'keap', company);
    const [job] = await failedJobs(world, 'company-customer', 'keap', company);
    await job!.retry('failed');
    await world.settle();
    expect((await failedJobs(world, 'company-customer', 'keap', company)).map(({ id }) => id)).toEqual([job!.id]);
    await edit(world, 'keap', 'companies', company, { address: { postal_code: '80331' } });
    await job!.retry('failed');
    await world.settle();
    await linked(world, 'company-customer', 'keap', company);
    expect(await failures(world, 'company-customer', 'keap', company)).toEqual([]);
    expect(await issueOf(world, 'company-customer', 'keap', company)).toBeUndefined();
  });

  it('brings a linked record into agreement', async () => {
    const name = unique('retry');
    const customer = await make(world, 'shop', 'customers', {
      company: name,
      billing: { country: 'US', state: 'US-AZ' },
    });
    await reconcile(world, 'company-customer', 'shop', customer);
    const company = await linked(world, 'company-customer', 'shop', customer);
    await edit(world, 'shop', 'customers', customer, { billing: { state: 'Arizona' } });
    await reconcile(world, 'company-customer', 'shop', customer);
    const [job] = await failedJobs(world, 'company-customer', 'shop', customer);
    expect(job!.failedReason).toMatch(/region_code must be a code of ISO 3166-2/);
    await edit(world, 'shop', 'customers', customer, { billing: { country: null, state: null } });
    await job!.retry('failed');
    await world.settle();
    expect((await read(world, 'keap', 'companies', company)).address).toBeUndefined();
    expect(await failures(world, 'company-customer', 'shop', customer)).toEqual([]);
  });

  it('works when what was wrong is on the target: nothing of the source changed', async () => {
    const title = unique('stage');
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: person.contact,
      stage_id: '27',
    });
    world.shop.faults.add({
      method: 'POST',
      path: '/orders',
      times: 1,
      action: 'status',
      status: 422,
      body: { message: 'closed today' },
    });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    const [job] = await failedJobs(world, 'opportunity-order', 'keap', opportunity);
    expect(job!.failedReason).toMatch(/closed today/);
    await job!.retry('failed');
    await world.settle();
    await linked(world, 'opportunity-order', 'keap', opportunity);
  });
});

it('a record that is gone by the time it is tried again leaves no failed job', async () => {
  const name = unique('gone');
  const company = await make(world, 'keap', 'companies', { company_name: name, address: { postal_code: '##_##' } });
  await reconcile(world, 'company-customer', 'keap', company);
  expect(await failures(world, 'company-customer', 'keap', company)).toHaveLength(1);
  await world.keapApi('DELETE', `/v2/companies/${company}`);
  await reconcile(world, 'company-customer', 'keap', company);
  expect(await failures(world, 'company-customer', 'keap', company)).toEqual([]);
  expect(await issueOf(world, 'company-customer', 'keap', company)).toBeUndefined();
  expect(await counterpart(world, 'company-customer', 'keap', company)).toBeUndefined();
});
