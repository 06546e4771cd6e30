/** Webhooks at the system: registers what is missing, removes what is stale, asks to verify again what was turned off. */
import type { OperationConfig, SystemConfig, WebhookRegistrationConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import type { JsonObject } from '../../types.ts';
import type { Effect } from '../connector.ts';
import { createHost, type SystemDeps } from '../host.ts';
import type { HttpResponse } from './call.ts';
import { itemsOf } from './paging.ts';
import { readPath } from './read-path.ts';
import { fillJson, fillPath, fillQuery, type Values } from './template.ts';
import { toId } from './to-record.ts';
import { createTransport, type Transport } from './transport.ts';

/** What one `ensure` did at the system, in numbers of hooks. Each hook is for one event. */
export interface RegisterCounts {
  /** Hooks that were there and are kept. */
  readonly kept: number;
  readonly created: number;
  readonly removed: number;
  readonly verified: number;
  /** What the system refused; the others are in place. */
  readonly failed: readonly { readonly event: string; readonly error: TandemError }[];
}

export interface WebhookRegistrar {
  /** Makes the hooks at the system what they should be; doing it again changes nothing. @param urlFor the public URL that takes a system's events */
  ensure(urlFor: (system: string) => string): Promise<RegisterCounts>;
  close(): Promise<void>;
}

interface Hook {
  readonly key: string;
  readonly event: string;
  readonly url: string;
  readonly status: string;
}

/**
 * Opens connections of its own, until `close`.
 * @throws TandemError STARTUP_REFUSED as `createTransport`; at `ensure` OPERATION_UNSUPPORTED where the system file
 *   declares no registration, and what listing the hooks throws
 */
export function createWebhookRegistrar(config: SystemConfig, deps: SystemDeps): WebhookRegistrar {
  const host = createHost(config, deps);
  const transport = createTransport(config, host);
  return {
    ensure: (urlFor) => ensure(config, transport, urlFor),
    async close() {
      host.close();
      await transport.close();
    },
  };
}

/** What one `ensure` works with. */
interface Round {
  readonly transport: Transport;
  readonly register: WebhookRegistrationConfig;
  readonly failed: { event: string; error: TandemError }[];
}

async function ensure(
  config: SystemConfig,
  transport: Transport,
  urlFor: (system: string) => string,
): Promise<RegisterCounts> {
  const register = config.webhooks?.register;
  if (register === undefined) {
    const words = `${config.name} declares no way to register webhooks`;
    throw new TandemError('OPERATION_UNSUPPORTED', words, { system: config.name });
  }
  const url = urlFor(config.name);
  const wanted = new Set(Object.values(config.entities).flatMap((entity) => entity.events));
  const round: Round = { transport, register, failed: [] };
  const hooks = await listHooks(round);
  const ours = hooks.filter((hook) => hook.key !== '' && isOurs(hook.url, url));
  const good = new Map<string, Hook>();
  for (const hook of ours) {
    if (hook.url === url && wanted.has(hook.event) && !good.has(hook.event)) good.set(hook.event, hook);
  }
  // New ones before old ones go: at no time is an event without a hook.
  const missing = [...wanted].filter((event) => !good.has(event));
  const created = await createHooks(round, missing, { url, secret: config.webhooks?.signature?.secret });
  const verified = await verifyHooks(round, [...good.values()]);
  const kept = new Set(good.values());
  const removed = await removeHooks(
    round,
    ours.filter((hook) => !kept.has(hook)),
  );
  return { kept: good.size, created, removed, verified, failed: round.failed };
}

async function listHooks(round: Round): Promise<Hook[]> {
  const { list, fields } = round.register;
  const listed = await call(round, list, {}, 'read');
  return itemsOf(listed.body, list.items).map(
    (item): Hook => ({
      key: toId(readPath(item, fields.key)) ?? '',
      event: String(readPath(item, fields.event) ?? ''),
      url: String(readPath(item, fields.url) ?? ''),
      status: fields.status === undefined ? '' : String(readPath(item, fields.status) ?? ''),
    }),
  );
}

async function createHooks(round: Round, events: readonly string[], values: Values): Promise<number> {
  const { create } = round.register;
  let created = 0;
  for (const event of events) {
    const body = fillJson(create.body, { event, ...values });
    if (await done(round, event, () => call(round, create, {}, 'create', body))) created += 1;
  }
  return created;
}

async function verifyHooks(round: Round, hooks: readonly Hook[]): Promise<number> {
  const { verify } = round.register;
  let verified = 0;
  for (const { key, event, status } of hooks) {
    if (verify === undefined || !verify.when.includes(status)) continue;
    if (await done(round, event, () => call(round, verify, { key, event }, 'update'))) verified += 1;
  }
  return verified;
}

async function removeHooks(round: Round, hooks: readonly Hook[]): Promise<number> {
  const { remove } = round.register;
  if (remove === undefined) return 0;
  let removed = 0;
  for (const { key, event } of hooks) {
    if (await done(round, event, () => goneAfter(() => call(round, remove, { key, event }, 'delete')))) removed += 1;
  }
  return removed;
}

/** One hook that the system refuses stops no other. */
async function done({ failed }: Round, event: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    failed.push({ event, error: asTandemError(error) });
    return false;
  }
}

async function call(
  { transport }: Round,
  operation: OperationConfig,
  values: Values,
  effect: Effect,
  body?: JsonObject,
): Promise<HttpResponse> {
  return await transport.send({
    entity: 'webhooks',
    operation: 'webhook',
    method: operation.method,
    path: fillPath(operation.path, values),
    template: operation.path,
    query: fillQuery(operation.query, values),
    effect,
    single: values.key !== undefined,
    ...(body === undefined ? {} : { body }),
  });
}

/** What is gone already is removed. */
async function goneAfter(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (!(error instanceof TandemError) || error.code !== 'SYSTEM_NOT_FOUND') throw error;
  }
}

/** Ours share origin and path up to the last part, which is the unguessable key. Another installation has another origin. */
function isOurs(hook: string, url: string): boolean {
  return URL.canParse(hook) && prefixOf(hook) === prefixOf(url);
}

function prefixOf(text: string): string {
  const url = new URL(text);
  return `${url.origin}${url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1)}`;
}
