/** A system file that its schema has let through becomes a configuration; what the schema cannot say is checked. */
import { shortHash } from '../hash.ts';
import type { Report } from '../report.ts';
import type { EntityConfig, SystemConfig } from '../types.ts';
import { buildEntity } from './build-entity.ts';
import { buildWebhooks } from './build-webhooks.ts';
import { buildOperation } from './operation.ts';
import { expression } from './system-expression.ts';
import type { SystemFile, SystemInput } from './system-file.ts';
import { duration, HOUR, MINUTE, SECOND } from './time-spans.ts';

export function buildSystem(file: SystemFile, input: SystemInput, report: Report): Omit<SystemConfig, 'credentials'> {
  if (!URL.canParse(file.baseUrl))
    report.add('CONFIG_SCHEMA', ['baseUrl'], 'Must be a web address, such as https://api.example.com/v2.');
  const entities: Record<string, EntityConfig> = {};
  const eventOwners = new Map<string, string>();
  for (const [name, entity] of Object.entries(file.entities)) {
    entities[name] = buildEntity(file, name, entity, input, report);
    for (const [i, event] of (entity.events ?? []).entries()) {
      const owner = eventOwners.get(event);
      if (owner)
        report.add(
          'CONFIG_DUPLICATE',
          ['entities', name, 'events', i],
          `The event "${event}" belongs to "${owner}" already.`,
        );
      eventOwners.set(event, name);
    }
  }
  const schemaTexts = Object.values(file.entities).map((entity) => input.schemas.get(entity.schema)?.text ?? '');
  const auth = file.auth.kind === 'oauth2' ? { ...file.auth, scope: file.auth.scope } : file.auth;
  return {
    name: file.system,
    title: file.title ?? file.system,
    description: file.description ?? '',
    file: input.file,
    version: shortHash(input.text, ...schemaTexts),
    connector: file.connector ?? 'http',
    baseUrl: file.baseUrl.replace(/\/+$/, ''),
    auth,
    headers: file.headers ?? {},
    timeout: duration(file.timeout, 30 * SECOND),
    limits: (file.limits ?? []).map((limit) => ({ requests: limit.requests, per: duration(limit.per, SECOND) })),
    concurrency: file.concurrency ?? 4,
    quota: [file.quota ?? []].flat().map(({ remaining, part, reset, window }) => ({
      remaining,
      part: part === undefined ? undefined : part - 1,
      reset,
      window: window === undefined ? undefined : duration(window, MINUTE),
    })),
    retry: { statuses: file.retry?.statuses ?? [] },
    errors: {
      throttled:
        file.errors?.throttled === undefined
          ? undefined
          : expression(file.errors.throttled, report, ['errors', 'throttled']),
      message: file.errors?.message,
    },
    account: file.account && {
      ...buildOperation(file.account, 'GET', [], [], report, ['account']),
      cache: duration(file.account.cache, HOUR),
    },
    entities,
    webhooks: file.webhooks ? buildWebhooks(file.webhooks, report) : undefined,
  };
}
