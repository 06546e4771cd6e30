/** A worker process of the simulation: the real engine, ended at any instant from outside or at a named step by itself. */
import { subscribe } from 'node:diagnostics_channel';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConfigStore, createConfigStore } from '../../../engine/config/config-store.ts';
import { createEngine } from '../../../engine/create-engine.ts';
import type { Engine } from '../../../engine/engine.ts';
import { startWorkers, type Workers } from '../../../engine/runtime/workers.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';
import { BEATS, CLAIM_TTL, LOCK_DURATION, type Order, WARM, WORKING, type WorkOrder } from './orders.ts';

interface Work {
  readonly config: ConfigStore;
  readonly engine: Engine;
  readonly workers: Workers;
}
let work: Work | undefined;

const log =
  process.env.SIMULATION_LOG === undefined
    ? undefined
    : (line: object) => console.error(JSON.stringify({ at: Date.now(), pid: process.pid, ...line }));

// Who writes, and by what it has read: see overtaken.ts. Epoch ms by the end of the address, `companies/5`.
const readAt = new Map<string, number>();
subscribe('undici:request:create', (message) => {
  const { request } = message as {
    request: { method: string; path: string; addHeader(name: string, value: string): void };
  };
  request.addHeader('x-sandbox-sender', String(process.pid));
  const read = request.method === 'PATCH' && readAt.get(request.path.split('?')[0]!.split('/').slice(-2).join('/'));
  if (read) request.addHeader('x-sandbox-read-at', String(read));
});

async function begin(order: WorkOrder): Promise<Work> {
  const config = await createConfigStore({ root: order.root, env: order.env, debounce: 20, poll: 2_000 });
  let passed = 0;
  const engine = createEngine({
    redisUrl: order.redisUrl,
    prefix: order.prefix,
    config,
    fingerprinter: testFingerprinter,
    claimTtl: order.claimTtl ?? CLAIM_TTL,
    versions: BEATS,
    ...(log
      ? {
          onOutcome: ({ outcome, ...event }) => log({ ...event, ...outcome }),
          onCall: (call) => log({ call }),
          logger: {
            debug: () => {},
            info: () => {},
            warn: (fields, message) => log({ warn: message, fields }),
            error: (fields, message) => log({ error: message, fields }),
          },
        }
      : {}),
    step: async (name, update) => {
      if (update?.readAt !== undefined)
        readAt.set(`${update.entity}/${update.id}`, performance.timeOrigin + update.readAt);
      if (order.dawdle !== undefined) await sleep(Math.random() * order.dawdle);
      if (name !== order.dieAt || passed++ < (order.dieAfter ?? 0)) return;
      process.kill(process.pid, 'SIGKILL');
      // The signal ends the process before anything else happens in it.
      await new Promise(() => {});
    },
  });
  const workers = await startWorkers(engine, { schedules: false, lockDuration: order.lockDuration ?? LOCK_DURATION });
  return { config, engine, workers };
}

async function end({ config, engine, workers }: Work): Promise<void> {
  await workers.close();
  await engine.close();
  await config.close();
}

async function obey(order: Order): Promise<string> {
  if (work) await end(work);
  work = undefined;
  if (order.do === 'rest') return WARM;
  work = await begin(order);
  return WORKING;
}

const orders = createInterface({ input: process.stdin });
let turn: Promise<void> = Promise.resolve();
orders.on('line', (line) => {
  turn = turn.then(async () => {
    console.log(await obey(JSON.parse(line) as Order));
  });
});
// Nobody is left to work for.
orders.on('close', () => process.exit());
console.log(WARM);
