/** Follows whether the systems can be called: the workers of a mapping pause while a system of it is down. */
import type { Mapping } from '../config/types.ts';
import { callsPause } from '../connectors/circuit.ts';
import type { Engine } from '../engine.ts';
import { asTandemError } from '../errors.ts';
import type { WorkersContext } from './workers-context.ts';

/** Whether a system of the mapping is down, as far as this process has seen. */
export function systemDown(engine: Engine, { sides }: Mapping): boolean {
  const statuses = engine.statuses();
  return sides.some(({ system }) => callsPause(statuses[system.name] ?? { state: 'unknown' }));
}

/**
 * Work that needs a system which is down stays in its queue, rather than be taken and put back again and again. The
 * system is tried by this process itself, so that all goes on soon after its return, whether there is work or not.
 */
export function followSystems({ engine, member, workers }: WorkersContext): void {
  const statuses = engine.statuses();
  for (const mapping of engine.config.current().mappings.values()) {
    const worker = workers.get(mapping.name);
    if (!worker || !member.held().has(mapping.name)) continue;
    if (!systemDown(engine, mapping)) {
      if (worker.isPaused()) worker.resume();
      continue;
    }
    if (!worker.isPaused()) void worker.pause(true);
    for (const { system, entity } of mapping.sides) {
      const { state = 'unknown', next = 0 } = statuses[system.name] ?? {};
      if (callsPause({ state }) && next <= Date.now()) void tryOut(engine, system.name, entity.name);
    }
  }
}

async function tryOut(engine: Engine, system: string, entity: string): Promise<void> {
  try {
    await engine.client(system).ready(entity);
  } catch (error) {
    engine.logger.debug({ system, reason: asTandemError(error).message }, 'the system is still down');
  }
}

/** Calls each system once, and logs what does not answer. */
export async function checkSystems(engine: Engine): Promise<void> {
  const sides = [...engine.config.current().mappings.values()].flatMap((mapping) => mapping.sides);
  const entities = new Map(sides.map(({ system, entity }) => [system.name, entity.name]));
  for (const [system, entity] of entities) {
    try {
      await engine.client(system).check(entity);
    } catch (error) {
      const { code, message } = asTandemError(error);
      engine.logger.warn({ system, code, reason: message }, 'the system does not answer as it should');
    }
  }
}
