/** Webhooks at the system: registers what is missing, removes what is stale, asks to verify again what was turned off. */
import type { OperationConfig, SystemConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import type { JsonObject } from '../../types.ts';
import { createHost, type SystemDeps } from '../host.ts';
import type { HttpResponse } from './call.ts';
import { itemsOf } from './paging.ts';
import { readPath } from './read-path.ts';
import { fillJson, fillPath, fillQuery, type Values } from './template.ts';
import { toId } from './to-record.ts';
import { createTransport } from './transport.ts';

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

// Over 60 lines: a factory. What it returns are short functions over the declared operations.
/**
 * Opens connections of its own, until `close`.
 * @throws TandemError STARTUP_REFUSED as `createTransport`; at `ensure` OPERATION_UNSUPPORTED where the system file
 *   declares no registration, and what listing the hooks throws
 */
export function createWebhookRegistrar(config: SystemConfig, deps: SystemDeps): WebhookRegistrar {
  const host = createHost(config, deps);
  const transport = createTransport(config, host);

  async function call(
    operation: OperationConfig,
    values: Values,
    effect: 'read' | 'create' | 'update' | 'delete',
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

  return {
    async ensure(urlFor) {
      const register = config.webhooks?.register;
      if (register === undefined) {
        const words = `${config.name} declares no way to register webhooks`;
        throw new TandemError('OPERATION_UNSUPPORTED', words, { system: config.name });
      }
      const url = urlFor(config.name);
      const wanted = new Set(Object.values(config.entities).flatMap((entity) => entity.events));
      const listed = await call(register.list, {}, 'read');
      const hooks = itemsOf(listed.body, register.list.items).map(
        (item): Hook => ({
          key: toId(readPath(item, register.fields.key)) ?? '',
          event: String(readPath(item, register.fields.event) ?? ''),
          url: String(readPath(item, register.fields.url) ?? ''),
          status: register.fields.status === undefined ? '' : String(readPath(item, register.fields.status) ?? ''),
        }),
      );
      const ours = hooks.filter((hook) => hook.key !== '' && isOurs(hook.url, url));
      const good = new Map<string, Hook>();
      for (const hook of ours) {
        if (hook.url === url && wanted.has(hook.event) && !good.has(hook.event)) good.set(hook.event, hook);
      }
      const failed: { event: string; error: TandemError }[] = [];
      /** One hook that the system refuses stops no other. */
      const done = async (event: string, work: () => Promise<unknown>): Promise<boolean> => {
        try {
          await work();
          return true;
        } catch (error) {
          failed.push({ event, error: asTandemError(error) });
          return false;
        }
      };
      let created = 0;
      // New ones before old ones go: at no time is an event without a hook.
      const secret = config.webhooks?.signature?.secret;
      for (const event of wanted) {
        if (good.has(event)) continue;
        const body = fillJson(register.create.body, { event, url, secret });
        if (await done(event, () => call(register.create, {}, 'create', body))) created += 1;
      }
      let verified = 0;
      for (const hook of good.values()) {
        const { verify } = register;
        if (verify === undefined || !verify.when.includes(hook.status)) continue;
        const values = { key: hook.key, event: hook.event };
        if (await done(hook.event, () => call(verify, values, 'update'))) verified += 1;
      }
      let removed = 0;
      const { remove } = register;
      const kept = new Set(good.values());
      for (const hook of ours) {
        if (remove === undefined || kept.has(hook)) continue;
        const values = { key: hook.key, event: hook.event };
        if (await done(hook.event, () => goneAfter(() => call(remove, values, 'delete')))) removed += 1;
      }
      return { kept: good.size, created, removed, verified, failed };
    },
    async close() {
      host.close();
      await transport.close();
    },
  };
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
