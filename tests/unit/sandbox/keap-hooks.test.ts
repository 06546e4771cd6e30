// The Keap stand-in's hooks: handshake, batches, retries, and turning Inactive.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { until } from '../../support/until.ts';
import { type Call, caller, type Receiver, receiver } from './support.ts';

const hooks = '/crm/rest/v1/hooks';
const companies = '/crm/rest/v2/companies';
let keap: KeapSandbox;
let target: Receiver;
let call: Call;

beforeEach(async () => {
  keap = await startKeap({ limits: false, hookDelayMs: [20, 30], hookTimeoutMs: 300 });
  target = await receiver();
  call = caller(keap.url, { 'X-Keap-API-Key': keap.apiKey });
});
afterEach(async () => {
  await keap.close();
  await target.close();
});

const register = async (eventKey: string) => (await call('POST', hooks, { eventKey, hookUrl: target.url })).body;
const status = async (key: string) => (await call('GET', `${hooks}/${key}`)).body.status;

it('Keap verifies a hook by handshake', async () => {
  const hook = await register('company.add');
  expect(hook).toEqual({ key: expect.any(String), eventKey: 'company.add', hookUrl: target.url, status: 'Verified' });
  target.answer = () => ({ status: 200, headers: { 'x-hook-secret': 'something else' } });
  const other = await register('company.edit');
  expect(other.status).toBe('Unverified');
  target.answer = () => ({ status: 200 });
  expect((await call('POST', `${hooks}/${other.key}/verify`)).body.status).toBe('Verified');
  expect((await call('GET', hooks)).body).toHaveLength(2);
  expect((await call('GET', `${hooks}/event_keys`)).body).toContain('opportunity.stage_move');
  expect((await call('DELETE', `${hooks}/${other.key}`)).status).toBe(204);
  expect((await call('GET', `${hooks}/${other.key}`)).status).toBe(404);
});

it('Keap accepts a subscription with status 200, and refuses what no description has', async () => {
  const made = await call('POST', hooks, { eventKey: 'company.add', hookUrl: target.url });
  expect(made.status).toBe(200);
  expect(
    (await call('PUT', `${hooks}/${made.body.key}`, { eventKey: 'company.edit', hookUrl: target.url })).body,
  ).toEqual({
    ...made.body,
    eventKey: 'company.edit',
  });
  const unknown = await call('POST', hooks, { eventKey: 'order.add', hookUrl: target.url });
  expect([unknown.status, unknown.body]).toEqual([400, { message: expect.stringContaining('company.add') }]);
  expect((await call('GET', `${hooks}?limit=5`)).status).toBe(400);
});

it('Keap verifies a hook later by the secret that it sent', async () => {
  let secret: string | undefined;
  target.answer = ({ headers }) => {
    secret = String(headers['x-hook-secret']);
    return { status: 500 };
  };
  const { key, status: before } = await register('company.add');
  expect(before).toBe('Unverified');
  const confirm = (value: string) =>
    call('POST', `${hooks}/${key}/delayedVerify`, undefined, { 'x-hook-secret': value });
  expect((await confirm('another')).body.status).toBe('Unverified');
  expect((await confirm(secret ?? '')).body.status).toBe('Verified');
});

it('Keap sends changes in batches, without any data of the records', async () => {
  await register('company.add');
  for (let i = 0; i < 3; i++) await call('POST', companies, { company_name: `C${i}` });
  const batches = () => target.received.map(({ body }) => JSON.parse(body));
  await until(() => batches().flatMap((batch) => batch.object_keys).length >= 3);
  const sent = batches();
  expect(sent[0]).toMatchObject({ event_key: 'company.add', object_type: 'company' });
  const keys = sent.flatMap((batch) => batch.object_keys);
  expect(keys.map((key) => key.id)).toEqual([1, 2, 3]);
  expect(Object.keys(keys[0])).toEqual(['id', 'apiUrl', 'timestamp']);
  expect(keys[0].timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
});

it('Keap sends hooks for deletes and stage moves, but not for edits that no hook subscribes to', async () => {
  keap.reset({
    ...keap.snapshot(),
    stages: [
      { id: '1', name: 'A', order: 1, probability: 1, target_number_days: 1 },
      { id: '2', name: 'B', order: 2, probability: 1, target_number_days: 1 },
    ],
  });
  await register('opportunity.stage_move');
  await register('company.delete');
  const contact = (await call('POST', '/crm/rest/v2/contacts', { email_addresses: [{ email: 'a@x.example' }] })).body;
  const opportunity = (
    await call('POST', '/crm/rest/v2/opportunities', { opportunity_title: 'T', contact_id: contact.id, stage_id: '1' })
  ).body;
  await call('PATCH', `/crm/rest/v2/opportunities/${opportunity.id}`, { opportunity_title: 'U' });
  await call('PATCH', `/crm/rest/v2/opportunities/${opportunity.id}`, { stage_id: '2' });
  const company = keap.store.add('companies', { company_name: 'C' });
  keap.store.edit('companies', company.id, { company_name: 'D' });
  await call('DELETE', `${companies}/${company.id}`);
  await until(() => target.received.length === 2);
  expect(target.received.map(({ body }) => JSON.parse(body).event_key).sort()).toEqual([
    'company.delete',
    'opportunity.stage_move',
  ]);
});

it('Keap tries a hook four times, then turns it Inactive until it is verified again', async () => {
  await keap.close();
  keap = await startKeap({ limits: false, hookDelayMs: [1, 2] });
  call = caller(keap.url, { 'X-Keap-API-Key': keap.apiKey });
  const hook = await register('company.add');
  target.answer = () => ({ status: 503 });
  await call('POST', companies, { company_name: 'C' });
  await until(async () => (await status(hook.key)) === 'Inactive');
  expect(target.received).toHaveLength(4);
  target.answer = () => ({ status: 302 });
  await call('POST', companies, { company_name: 'D' });
  target.answer = () => ({ status: 200 });
  expect((await call('POST', `${hooks}/${hook.key}/verify`)).body.status).toBe('Verified');
  target.answer = () => ({ status: 302 });
  await call('POST', companies, { company_name: 'E' });
  await until(() => target.received.length === 5);
  await until(() => keap.webhooks.counts().pending === 0);
  expect(await status(hook.key)).toBe('Verified');
});

it('Keap turns a hook Inactive at once on status 410', async () => {
  const hook = await register('company.add');
  target.answer = () => ({ status: 410 });
  await call('POST', companies, { company_name: 'C' });
  await until(async () => (await status(hook.key)) === 'Inactive');
  expect(target.received).toHaveLength(1);
});

it('a snapshot of Keap contains the hooks and the refresh token', async () => {
  await register('company.add');
  const { hooks: kept, refreshToken } = keap.snapshot();
  expect(kept).toMatchObject([{ eventKey: 'company.add', status: 'Verified' }]);
  expect(refreshToken).toBe('sandbox-keap-refresh');
});
