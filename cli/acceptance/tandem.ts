/** The running Tandem as an acceptance test sees it: through its HTTP API only. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  HistoryPage,
  Issue,
  IssuePage,
  LinkPage,
  MappingPage,
  MappingSummary,
  Run,
  Triggered,
} from '../../api/index.ts';
import type { Mapping, SideIndex } from '../../engine/index.ts';
import { asFailure } from '../failure.ts';
import { type Client, path, query } from '../http-client.ts';

export interface TestedTandem {
  states(): Promise<readonly MappingSummary[]>;
  /** Asks for a record to be synchronized, and waits until that is done. @returns whether it was done in time */
  sync(mapping: Mapping, side: SideIndex, id: string): Promise<boolean>;
  counterpart(mapping: Mapping, side: SideIndex, id: string): Promise<string | undefined>;
  issue(mapping: Mapping, side: SideIndex, id: string): Promise<Issue | undefined>;
  /** Values of a record that lost. */
  lost(
    mapping: Mapping,
    side: SideIndex,
    id: string,
  ): Promise<readonly { property: string; side: string; value?: unknown }[]>;
  link(mapping: Mapping, ids: readonly [string, string]): Promise<void>;
  unlink(mapping: Mapping, side: SideIndex, id: string): Promise<void>;
  /** Nothing of the mapping is worked on meanwhile. */
  paused<T>(mapping: Mapping, work: () => Promise<T>): Promise<T>;
  resume(mapping: string): Promise<void>;
}

/** Milliseconds between two looks at a run: short at first, as most are done at once. */
const LOOKS = [20, 40, 80, 160, 320];

/** @param limit milliseconds that one record may take */
// Over 60 lines: a factory. What it returns are short functions, each one request or a few.
export function testedTandem(client: Client, limit: number, signal: AbortSignal): TestedTandem {
  const sideName = (mapping: Mapping, side: SideIndex): string => mapping.sides[side].name;
  const orNothing = async <T>(work: Promise<T>, nothing: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (['NOT_FOUND', 'SYSTEM_NOT_FOUND'].includes(asFailure(error).code)) return nothing;
      throw error;
    }
  };
  const queue = (name: string, action: 'pause' | 'resume') => client.post(path('queues', name, action));
  const tandem: TestedTandem = {
    states: async () => (await client.get<MappingPage>(`/mappings${query({ limit: 500 })}`)).mappings,
    async sync(mapping, side, id) {
      const until = performance.now() + limit;
      const run = await client.post<Triggered>(path('triggers', mapping.name), {
        record: { side: sideName(mapping, side), id },
      });
      for (let look = 0; performance.now() < until; look++) {
        const { state } = await client.get<Run>(path('runs', run.id));
        if (state === 'done' || state === 'failed') return true;
        await sleep(LOOKS[Math.min(look, LOOKS.length - 1)], undefined, { signal });
      }
      return false;
    },
    async counterpart(mapping, side, id) {
      const found = await orNothing(
        client.get<Pick<LinkPage, 'links'>>(
          `${path('links', mapping.name)}${query({ side: sideName(mapping, side), id })}`,
        ),
        { links: [] },
      );
      return found.links[0]?.ids[sideName(mapping, side === 0 ? 1 : 0)];
    },
    async issue(mapping, side, id) {
      const filter = query({ mapping: mapping.name, side: sideName(mapping, side), id });
      return (await client.get<IssuePage>(`/records${filter}`)).records[0];
    },
    async lost(mapping, side, id) {
      const address = path('records', mapping.name, sideName(mapping, side), id, 'history');
      return (await orNothing(client.get<Pick<HistoryPage, 'entries'>>(address), { entries: [] })).entries;
    },
    async link(mapping, ids) {
      await client.post(path('links', mapping.name), {
        ids: { [sideName(mapping, 0)]: ids[0], [sideName(mapping, 1)]: ids[1] },
      });
    },
    async unlink(mapping, side, id) {
      await orNothing(
        client.delete(`${path('links', mapping.name)}${query({ side: sideName(mapping, side), id })}`),
        undefined,
      );
    },
    async paused(mapping, work) {
      await queue(mapping.name, 'pause');
      try {
        return await work();
      } finally {
        await queue(mapping.name, 'resume');
      }
    },
    async resume(mapping) {
      await queue(mapping, 'resume');
    },
  };
  return tandem;
}
