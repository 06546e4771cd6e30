/** The HTTP kind of connector: what a system file declares, as requests. Each operation has a file of its own. */
import type { EntityConfig, SystemConfig } from '../../config/types.ts';
import type { Capabilities, Connector, ConnectorHost } from '../connector.ts';
import { create } from './create-record.ts';
import { remove } from './delete-record.ts';
import { entityOf, type HttpSystem } from './http-system.ts';
import { check, list } from './list.ts';
import { read } from './read.ts';
import { find } from './search.ts';
import { createTransport, type Transport } from './transport.ts';
import { update } from './update-record.ts';
import { createAccount } from './written.ts';

/**
 * @param transport carries the requests; a check puts one of its own in place of it, which sees every response
 * @throws TandemError STARTUP_REFUSED where the system cannot be used as it is set up
 */
export function openHttpConnector(
  config: SystemConfig,
  host: ConnectorHost,
  transport: Transport = createTransport(config, host),
): Connector {
  const account = createAccount({ config, host, transport });
  const http: HttpSystem = { config, host, transport, account, forms: new Map(), refused: new Map() };
  return {
    capabilities: (name) => capabilitiesOf(entityOf(http, name)),
    check: (name) => check(http, name),
    list: (name, options) => list(http, name, options),
    read: (name, id) => read(http, name, id),
    find: (name, field, value) => find(http, name, field, value),
    create: (name, data, options) => create(http, name, data, options),
    update: (name, id, change, options) => update(http, name, id, change, options),
    delete: (name, id, options) => remove(http, name, id, options),
    close: () => transport.close(),
  };
}

export function capabilitiesOf({
  modified,
  list,
  read,
  find,
  create,
  update,
  delete: remove,
}: EntityConfig): Capabilities {
  return {
    modified: modified !== undefined,
    list: list && { since: list.since !== undefined },
    read: read !== undefined,
    find: Object.keys(find?.by ?? {}),
    create: create && { returns: create.answer, idempotent: create.idempotency !== undefined },
    update: update && {
      returns: update.answer === 'record' ? 'record' : 'nothing',
      versioned: update.version !== undefined,
    },
    delete: remove !== undefined,
  };
}
