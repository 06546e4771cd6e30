/** How the systems stand, from what every process tells of its own calls: a server may make none itself. */
import type { Engine } from '../engine/engine.ts';
import type { ProcessInfo } from '../engine/queue/versions.ts';
import type { Standing } from '../engine/systems/client.ts';

/** By name, of every system of the configuration. @param processes those that are alive */
export function systemStates(
  engine: Engine,
  processes: readonly Pick<ProcessInfo, 'workers' | 'systems'>[],
): Record<string, Standing> {
  const names = [...engine.config.current().systems.keys()];
  const own = engine.standings();
  return Object.fromEntries(
    names.map((name) => {
      const seenBy = (workers: boolean): Standing[] =>
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

/** Down where it is so for one of them; else as the last call went. */
function worst(standings: readonly Standing[]): Standing {
  const down = standings.filter(({ state }) => state === 'down');
  if (down.length > 0) {
    const times = (of: (one: Standing) => number | undefined): number[] => down.flatMap((one) => of(one) ?? []);
    return {
      state: 'down',
      at: Math.max(...times(({ at }) => at)),
      since: Math.min(...times(({ since }) => since)),
      next: Math.min(...times(({ next }) => next)),
    };
  }
  return standings.reduce((last, one) => ((one.at ?? 0) > (last.at ?? 0) ? one : last), {
    state: 'unknown',
  } as Standing);
}
