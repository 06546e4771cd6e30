/** The running Tandem as an acceptance test sees it: through its HTTP API only. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  HistoryPage,
  IssuePage,
  LinkPage,
  MappingPage,
  MappingSummary,
  OverwrittenValue,
  Resolved,
  Run,
  Triggered,
} from '../../api/index.ts';
import { type Mapping, otherSide, type SideIndex } from '../../engine/index.ts';
import { asFailure } from '../failure.ts';
import { type Client, path, query } from '../http-client.ts';

/** With the name of its review, where a person is asked. */
export type WaitingRecord = IssuePage['records'][number];

export interface TestedTandem {
  states(): Promise<readonly MappingSummary[]>;
  /** Asks for a record to be synchronized, and waits until that is done. @returns whether it was done in time */
  sync(mapping: Mapping, side: SideIndex, id: string): Promise<boolean>;
  counterpart(mapping: Mapping, side: SideIndex, id: string): Promise<string | undefined>;
  issue(mapping: Mapping, side: SideIndex, id: string): Promise<WaitingRecord | undefined>;
  overwritten(mapping: Mapping, side: SideIndex, id: string): Promise<readonly OverwrittenValue[]>;
  /** What a person is asked about a record is answered: the values of a side win. */
  take(issue: WaitingRecord, winner: string): Promise<void>;
  unlink(mapping: Mapping, side: SideIndex, id: string): Promise<void>;
}

/** @param limit milliseconds that one record may take */
export function testedTandem(client: Client, limit: number, signal: AbortSignal): TestedTandem {
  return {
    states: async () => (await client.get<MappingPage>(`/mappings${query({ limit: 500 })}`)).mappings,
    sync: (mapping, side, id) => syncRecord(client, mapping, side, id, limit, signal),
    async counterpart(mapping, side, id) {
      const found = await orNothing(client.get<Pick<LinkPage, 'links'>>(linksOf(mapping, side, id)), { links: [] });
      return found.links[0]?.ids[sideName(mapping, otherSide(side))];
    },
    async issue(mapping, side, id) {
      const filter = query({ mapping: mapping.name, side: sideName(mapping, side), id });
      return (await client.get<IssuePage>(`/records${filter}`)).records[0];
    },
    async overwritten(mapping, side, id) {
      const address = path('records', mapping.name, sideName(mapping, side), id, 'history');
      return (await orNothing(client.get<Pick<HistoryPage, 'entries'>>(address), { entries: [] })).entries;
    },
    async take({ review = '' }, winner) {
      await client.post<Resolved>(path('reviews', review, 'resolve'), { action: 'take', side: winner });
    },
    async unlink(mapping, side, id) {
      await orNothing(client.delete(linksOf(mapping, side, id)), undefined);
    },
  };
}

const sideName = (mapping: Mapping, side: SideIndex): string => mapping.sides[side].name;

const linksOf = (mapping: Mapping, side: SideIndex, id: string): string =>
  `${path('links', mapping.name)}${query({ side: sideName(mapping, side), id })}`;

async function orNothing<T>(work: Promise<T>, nothing: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (['NOT_FOUND', 'SYSTEM_NOT_FOUND'].includes(asFailure(error).code)) return nothing;
    throw error;
  }
}

/** Milliseconds between two looks at a run: short at first, as most are done at once. */
const LOOKS = [20, 40, 80, 160, 320];

async function syncRecord(
  client: Client,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  limit: number,
  signal: AbortSignal,
): Promise<boolean> {
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
}
