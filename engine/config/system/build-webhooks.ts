/** The webhooks of a system: how its events are read, and how hooks are registered there. */
import type { Report } from '../report.ts';
import type { WebhookConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import { buildOperation } from './operation.ts';
import { expression } from './system-expression.ts';
import type { SystemFile } from './system-file.ts';
import { duration, MINUTE } from './time-spans.ts';

export function buildWebhooks(webhooks: NonNullable<SystemFile['webhooks']>, report: Report): WebhookConfig {
  const at = (...rest: (string | number)[]): YamlPath => ['webhooks', ...rest];
  const { register, signature } = webhooks;
  return {
    events: expression(webhooks.events, report, at('events')),
    handshake: webhooks.handshake,
    signature: signature && {
      header: signature.header,
      secret: signature.secret,
      format: signature.format,
      tolerance: duration(signature.tolerance, 5 * MINUTE),
    },
    register: register && {
      list: {
        ...buildOperation(register.list, 'GET', [], [], report, at('register', 'list')),
        items: register.list.items ?? '',
      },
      create: {
        ...buildOperation(register.create, 'POST', [], [], report, at('register', 'create')),
        body: register.create.body,
      },
      remove:
        register.remove &&
        buildOperation(register.remove, 'DELETE', ['key'], ['key'], report, at('register', 'remove')),
      fields: {
        key: register.fields.key,
        event: register.fields.event,
        url: register.fields.url,
        status: register.fields.status,
      },
      verify: register.verify && {
        ...buildOperation(register.verify, 'POST', ['key'], ['key'], report, at('register', 'verify')),
        when: register.verify.when,
      },
    },
  };
}
