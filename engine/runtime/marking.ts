/** Has records looked at: marks them dirty, and tells the workers of their mapping. */
import type { Engine } from '../engine.ts';
import { recordKey } from '../model/record-key.ts';
import type { MarkEvent } from '../store/dirty.ts';

/** Has records looked at as soon as a worker is free: whatever happens to this process, they are not lost. */
export async function mark(
  { dirty, queues }: Engine,
  mapping: string,
  records: readonly string[],
  event?: MarkEvent,
): Promise<void> {
  if (records.length === 0) return;
  await dirty.mark(mapping, records, 0, event);
  await queues.notify(mapping, event === undefined);
}

/** As `Engine.events` says. */
export async function markEvents(
  engine: Engine,
  system: string,
  events: Parameters<Engine['events']>[1],
): Promise<number> {
  let queued = 0;
  const traces = engine.options.tracing?.jobs.contextManager;
  const event = { at: Date.now(), trace: traces?.getMetadata(traces.active()) };
  for (const mapping of engine.config.current().mappings.values()) {
    for (const side of mapping.sides) {
      if (side.system.name !== system) continue;
      const ids = [
        ...new Set(events.filter((event) => side.entity.events.includes(event.event)).map((event) => event.id)),
      ];
      if (ids.length === 0) continue;
      await mark(
        engine,
        mapping.name,
        ids.map((id) => recordKey(side.index, id)),
        event,
      );
      queued += ids.length;
    }
  }
  return queued;
}
