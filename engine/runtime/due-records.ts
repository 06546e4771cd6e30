/** Finds records that are due though nobody lives who was to have them looked at. */
import type { WorkersContext } from './workers-context.ts';

/** @returns what looks once, and does nothing while a look is under way */
export function createDueLook(context: WorkersContext): () => Promise<void> {
  let looking = false;
  return async () => {
    if (looking) return;
    looking = true;
    try {
      await startDue(context);
    } catch (error) {
      context.engine.logger.warn({ reason: String(error) }, 'looking for records that are due');
    } finally {
      looking = false;
    }
  };
}

async function startDue({ engine, member, work, workers }: WorkersContext): Promise<void> {
  const names = [...member.held()].filter((name) => work.paused(name) === 0 && !workers.get(name)?.isPaused());
  const due = await engine.dirty.due(names);
  for (const [i, name] of names.entries()) if (due[i]! > 0) await engine.queues.notify(name);
}
