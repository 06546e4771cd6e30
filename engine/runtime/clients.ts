/** The clients of the systems in this process: which one is in force, and what is reported of them. */
import type { Config } from '../config/types.ts';
import type { SystemStatus } from '../connectors/circuit.ts';
import { createSystemClient, type SystemClient } from '../connectors/client.ts';
import type { SystemDeps } from '../connectors/host.ts';
import { connectorOf } from '../connectors/registry.ts';
import type { Engine } from '../engine.ts';
import { TandemError } from '../errors.ts';
import type { Logger } from '../logger.ts';

/** What of the engine is there before its clients. */
type Connected = Pick<Engine, 'options' | 'prefix' | 'logger' | 'redis'>;

export function createClients(connected: Connected) {
  const { options, logger } = connected;
  /** Of each system the one in force, and the one before it: work under way finishes on what it began with. */
  const clients = new Map<string, { version: string; client: SystemClient }[]>();

  return {
    client(name: string, begun?: Config): SystemClient {
      const known = clients.get(name) ?? [];
      const former = begun?.systems.get(name)?.version;
      const kept = known.find(({ version }) => version === former);
      if (kept) return kept.client;
      const config = options.config.current().systems.get(name);
      if (!config) throw new TandemError('NOT_FOUND', `There is no system "${name}".`, { system: name });
      const current = known.find(({ version }) => version === config.version);
      if (current) {
        // Edited back: it is the one in force again.
        if (known[0] !== current) clients.set(name, [current, ...known.filter((one) => one !== current)]);
        return current.client;
      }
      const client = createSystemClient(config, depsOf(connected), connectorOf(config, options.connectors));
      const [last, ...older] = known;
      clients.set(name, [{ version: config.version, client }, ...(last ? [last] : [])]);
      // Calls under way finish on the client they began with.
      for (const one of older)
        one.client
          .close()
          .catch((error: unknown) => logger.warn({ system: name, reason: String(error) }, 'closing a former client'));
      return client;
    },

    statuses(): Record<string, SystemStatus> {
      const known = [...clients].filter(([name]) => options.config.current().systems.has(name));
      return Object.fromEntries(known.map(([name, [newest]]) => [name, newest!.client.circuit.status()]));
    },

    close: () => Promise.all([...clients.values()].flat().map(({ client }) => client.close())),
  };
}

const depsOf = ({ options, prefix, logger, redis }: Connected): SystemDeps => ({
  retryDelay: options.retryDelay,
  redis,
  prefix,
  encryptionKey: options.encryptionKey,
  ...(options.onCall ? { onCall: options.onCall } : {}),
  ...(options.tracing ? { tracing: options.tracing } : {}),
  onClock: (system, ahead) => logClock(logger, system, ahead),
  onCircuit: (system, status) => logCircuit(logger, system, status),
});

function logClock(logger: Logger, system: string, ahead: number): void {
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  const offset = `${minutes} min ${ahead > 0 ? 'ahead' : 'behind'}`;
  if (minutes > 0) logger.warn({ system, offset }, 'the clock of the system is off: set it, or this one');
  else logger.info({ system }, 'the clock of the system is right again');
}

function logCircuit(logger: Logger, system: string, { state, next, reason }: SystemStatus): void {
  if (state === 'unauthorized' || state === 'refusing')
    logger.error({ system, next, reason }, 'the system refuses all calls: its work waits');
  else if (state === 'down') logger.warn({ system, next }, 'the system is down: its calls wait, and it is tried again');
  else if (state === 'read-only')
    logger.warn({ system, next }, 'the system takes no writes: they wait, and one of them is tried now and then');
  else logger.info({ system }, 'the system is back: its calls go again');
}
