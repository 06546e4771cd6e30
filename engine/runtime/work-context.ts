/** What the engine hands to a step of sync: its parts, under one configuration, and a way to queue more work. */
import type { Engine } from '../engine.ts';
import { recordKey } from '../model/record-key.ts';
import type { SyncContext } from '../sync/sync-context.ts';
import { mark } from './marking.ts';

/** As `Engine.context` says. */
export function contextOf(
  engine: Engine,
  { owner, job, config = engine.config.current(), run }: Parameters<Engine['context']>[0],
): SyncContext {
  const { options, runs } = engine;
  return {
    config,
    client: (name) => engine.client(name, config),
    links: (name) => engine.links(name, config),
    fingerprinter: options.fingerprinter,
    owner,
    job,
    runSince: runs.since,
    claimTtl: options.claimTtl,
    step: options.step,
    notifyWorkers(mappings) {
      for (const name of mappings)
        engine.queues
          .notify(name)
          .catch((error: unknown) =>
            engine.logger.debug({ mapping: name, reason: String(error) }, 'waking: looked at again soon'),
          );
    },
    async enqueue(mapping, side, ids, retried = false) {
      const records = ids.map((id) => recordKey(side, id));
      const active = run?.mapping === mapping ? [run.id] : await runs.active(mapping);
      for (const id of active) await runs.expect({ id }, mapping, records, retried);
      await mark(engine, mapping, records);
    },
  };
}
