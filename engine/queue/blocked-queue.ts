/** Why nobody takes what waits in a queue: what a person, or a system that is down, must end first. */
import { callsPause } from '../connectors/circuit.ts';
import type { Engine } from '../engine.ts';
import { ERRORS } from '../errors.ts';
import { mappingOfQueue } from './named.ts';
import { WAITS, type Wait } from './reasons.ts';
import { systemStates } from './system-states.ts';
import type { LivingProcess } from './versions.ts';

/** What keeps workers from taking anything of a queue. */
export interface Pause extends Wait {
  readonly remedy?: string;
  /** Epoch ms, where that is known. */
  readonly since?: number;
}

/** Why nobody takes what waits in a queue, what a person must end first; empty where somebody does. */
export function pausesOf(
  engine: Engine,
  { name, paused }: { readonly name: string; readonly paused: boolean },
  processes: readonly LivingProcess[],
): Pause[] {
  const mapping = mappingOfQueue(name);
  const workers = processes.filter((process) => process.workers);
  const pauses: Pause[] = [];
  if (paused) pauses.push(WAITS.paused);
  if (workers.length === 0) pauses.push(WAITS.worker);
  else if (mapping !== undefined && workers.every(({ yielded }) => yielded.includes(mapping)))
    pauses.push(WAITS.version);
  const away = systemsDown(engine, mapping, processes);
  return away ? [...pauses, away] : pauses;
}

/** Work for systems that are down stays in its queue. */
function systemsDown(
  engine: Engine,
  mapping: string | undefined,
  processes: readonly LivingProcess[],
): Pause | undefined {
  const sides = (mapping && engine.config.current().mappings.get(mapping)?.sides) || [];
  const states = systemStates(engine, processes);
  const names = [...new Set(sides.map(({ system }) => system.name))].filter((name) =>
    callsPause(states[name] ?? { state: 'unknown' }),
  );
  if (names.length === 0) return undefined;
  return {
    reason: 'away',
    code: 'SYSTEM_DOWN',
    detail: names.map((name) => `${states[name]?.reason ?? `${name} is down`}.`).join(' '),
    remedy: ERRORS.SYSTEM_DOWN.remedy,
    since: Math.min(...names.map((name) => states[name]?.since ?? Date.now())),
  };
}
