/** How the systems stand, from what every process tells of its own calls: a server may make none itself. */
import type { SystemStatus } from '../connectors/circuit.ts';
import type { Engine } from '../engine.ts';
import type { ProcessInfo } from './heartbeat.ts';

/** By name, of every system of the configuration. @param processes those that are alive */
export function systemStates(
  engine: Engine,
  processes: readonly Pick<ProcessInfo, 'workers' | 'systems'>[],
): Record<string, SystemStatus> {
  const names = [...engine.config.current().systems.keys()];
  const own = engine.statuses();
  return Object.fromEntries(
    names.map((name) => {
      const seenBy = (workers: boolean): SystemStatus[] =>
        processes.flatMap((one) => (one.workers === workers && one.systems?.[name] ? [one.systems[name]] : []));
      // Those that work call all the time; who only serves may have called last when the system was still down.
      const working = worst(seenBy(true));
      return [
        name,
        working.state === 'unknown' ? worst([...seenBy(false), ...(own[name] ? [own[name]] : [])]) : working,
      ];
    }),
  );
}

/** Down, or else read-only, where it is so for one of them; else as the last call went. */
function worst(statuses: readonly SystemStatus[]): SystemStatus {
  for (const state of ['unauthorized', 'refusing', 'down', 'read-only'] as const) {
    const paused = statuses.filter((one) => one.state === state);
    if (paused.length === 0) continue;
    const times = (of: (one: SystemStatus) => number | undefined): number[] => paused.flatMap((one) => of(one) ?? []);
    return {
      state,
      at: Math.max(...times(({ at }) => at)),
      since: Math.min(...times(({ since }) => since)),
      next: Math.min(...times(({ next }) => next)),
      ...(paused[0]?.reason === undefined ? {} : { reason: paused[0].reason }),
    };
  }
  return statuses.reduce((last, one) => ((one.at ?? 0) > (last.at ?? 0) ? one : last), {
    state: 'unknown',
  } as SystemStatus);
}
