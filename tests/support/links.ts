/** Short words for what tests ask of the store of one mapping, and steps that the engine only does as parts of a batch. */
import type { Redis } from 'ioredis';
import { ERRORS, TandemError } from '../../engine/errors.ts';
import type { Fingerprinter } from '../../engine/expression/values.ts';
import { recordKey } from '../../engine/model/record-key.ts';
import { packOpen } from '../../engine/store/issue-codec.ts';
import { createStore, type Store } from '../../engine/store/store.ts';
import type { StoreRules } from '../../engine/store/store-context.ts';
import { isToken, tokenBytes } from '../../engine/store/tokens.ts';
import {
  type CorrelationNote,
  ISSUE_KINDS,
  type Issue,
  type IssueKind,
  type Link,
  type OpenPatch,
  type PendingCreate,
  type RecordRef,
  type UnlinkedIndex,
} from '../../engine/store/types.ts';
import { commitUnits, packLink, type WireUnit } from '../../engine/store/units.ts';
import { packState } from '../../engine/store/unlinked-codec.ts';
import { type Base, otherSide, type Pair, type SideIndex } from '../../engine/types.ts';

export type { Overwritten } from '../../engine/store/history.ts';
export interface RecordIssue extends Issue, RecordRef {}

export interface StoredBase {
  /** Counts the commits of the mapping; what fences a slow worker. '' for a link that does not exist yet. */
  readonly version: string;
  readonly base: Base;
}

export interface Commit {
  readonly ids: Pair<string>;
  readonly version: string;
  readonly base: Base;
  readonly states: Pair<string>;
  readonly issue?: Issue | undefined;
}

/** A record as the index holds it. */
export interface IndexEntry {
  readonly id: string;
  /** Fingerprint of the match key per rule. */
  readonly keys: readonly (string | undefined)[];
  /** Id of the record of the other side that this one names as its counterpart. */
  readonly names?: string | undefined;
}

export type Links = ReturnType<typeof createLinks>;

/** Marks in a base a property whose written value was read back otherwise. */
const UNCONFIRMED = '~';

export const createLinks = (redis: Redis, prefix: string, mapping: StoreRules, fingerprinter: Fingerprinter) =>
  linksIn(createStore(redis, prefix, mapping, fingerprinter));

// Over 60 lines: a factory. What it returns are functions over the same store, each a few commands.
export function linksIn(store: Store) {
  const { context, reader, issues, unlinked, progress } = store;
  const { mapping: name, fingerprinter } = context;
  const tokenOf = (text: string): string => (isToken(text) ? text : fingerprinter.token(text));
  const patch = (side: SideIndex, id: string, change: OpenPatch): Promise<void> =>
    issues.patch([[recordKey(side, id), change]]);

  /** What is noted in front of a state, and the state itself. */
  function parseState(state: string): { note: CorrelationNote | undefined; token: string } {
    const [, note, rest = ''] = /^(new|open|refused)\.(.*)$/s.exec(state) ?? [];
    return { note: note as CorrelationNote | undefined, token: tokenOf(note === undefined ? state : rest) };
  }

  function stateOf(link: Link, side: SideIndex): string | null {
    const note = link.correlation[side];
    return note === undefined ? link.lastSynced[side] || null : `${note}.${link.lastSynced[side]}`;
  }

  const one = async (unit: WireUnit | ((used: Set<number>) => Promise<WireUnit>)) =>
    (await commitUnits(context, '', async (used) => [typeof unit === 'function' ? await unit(used) : unit]))[0]!;

  /** @param note kept: as it was */
  async function setState(
    side: SideIndex,
    id: string,
    state: string | undefined,
    kept: boolean,
    change: OpenPatch = {},
  ): Promise<void> {
    const { note, token } = parseState(state ?? '');
    const notes: readonly (CorrelationNote | undefined)[] = [undefined, 'new', 'open', 'refused'];
    const exact = note === undefined && state === '' ? 'open' : note;
    await one(async (used) => ({
      c: [],
      d: [],
      k: 'H',
      s: String(side),
      i: id,
      st: packState(state),
      s8: tokenBytes(token),
      note: kept && note === undefined ? -1 : notes.indexOf(exact),
      open8: state === '',
      rel: state === undefined,
      open: { [recordKey(side, id)]: await packOpen(change, context.words, used) },
    }));
  }

  return {
    store,
    /** Names the present match rules and correlations. */
    rules: context.rules.id,
    brake: store.brake,
    batches: store.batches,

    // ------------------------------------------------------------ links

    counterpart: (side: SideIndex, id: string): Promise<string | undefined> => reader.counterpart(side, id),

    /** Counterparts in the order of the ids. */
    counterparts: async (side: SideIndex, ids: readonly string[]): Promise<(string | null)[]> =>
      (await reader.lookup(side, ids)).map(({ link }) => link?.ids[otherSide(side)] ?? null),

    count: store.links.count,
    page: store.links.page,

    /** All links, a batch at a time. */
    async *all(): AsyncGenerator<[id: string, counterpart: string][]> {
      for await (const batch of store.links.all()) yield batch.map(({ ids }) => [...ids] as [string, string]);
    },

    async base(id: string): Promise<StoredBase> {
      const { link } = await reader.record(0, id);
      return link ? { version: String(link.revision), base: baseOf(link) } : { version: '', base: {} };
    },

    /**
     * Records an agreement in one step: link keys, base and states together, the pending creates of both ended.
     * @throws TandemError LINK_CHANGED, LINK_TAKEN
     */
    async commit({ ids, version, base, states, issue }: Commit): Promise<string> {
      const parsed = states.map(parseState);
      const left = (side: SideIndex): CorrelationNote | undefined =>
        parsed[side]!.note ?? (states[side] === '' ? (version === '' ? 'new' : 'open') : undefined);
      const link = {
        ids,
        revision: version === '' ? undefined : Number(version),
        base: Object.fromEntries(Object.entries(base).filter(([property]) => !property.startsWith(UNCONFIRMED))),
        unconfirmed: Object.keys(base).flatMap((property) =>
          property.startsWith(UNCONFIRMED) ? [property.slice(1)] : [],
        ),
        correlation: [left(0), left(1)] as const,
        lastSynced: [parsed[0]!.token, parsed[1]!.token] as const,
        raw: ['', ''] as const,
      };
      const answer = await one(async (used) => ({
        c: [],
        d: [],
        ...(await packLink(context, link, used)),
        quiet: true,
        open: {
          [recordKey(0, ids[0])]: await packOpen({ issue: issue ?? null, pendingCreate: null }, context.words, used),
          [recordKey(1, ids[1])]: await packOpen({ issue: null, pendingCreate: null }, context.words, used),
        },
      }));
      if (answer.kind === 'fenced')
        throw new TandemError('LINK_CHANGED', 'Another worker brought this link into agreement meanwhile.', {
          mapping: name,
          id: ids[0],
        });
      if (answer.kind !== 'done')
        throw new TandemError('LINK_TAKEN', 'One of the two records is linked to another one.', {
          mapping: name,
          id: ids[0],
        });
      return String(answer.revision);
    },

    unlink: async (a: string, b: string): Promise<boolean> =>
      (await one({ c: [], d: [], k: 'K', a, b })).kind === 'done',

    // ------------------------------------------------------------ states of handled records

    states: async (side: SideIndex, ids: readonly string[]): Promise<(string | null)[]> =>
      (await reader.lookup(side, ids)).map(({ link, unlinked }) =>
        link ? stateOf(link, side) : (unlinked?.state ?? null),
      ),

    /**
     * Remembers that a record was handled in this state, and why it waits. What is noted in front of the state of a linked
     * one stays.
     */
    async raise(side: SideIndex, id: string, state: string, issue: Issue): Promise<void> {
      await setState(side, id, state, true, { issue });
      if (issue.kind === 'failed' && issue.code && ERRORS[issue.code].retry !== 'never')
        await issues.noteGivenUp(recordKey(side, id));
    },

    handled: (side: SideIndex, id: string, state: string): Promise<void> =>
      setState(side, id, state, false, { issue: null }),

    async issue(side: SideIndex, id: string): Promise<Issue | undefined> {
      const { issue } = (await reader.record(side, id)).open;
      return issue;
    },

    /** @param kinds only these; failed, waiting, blocked and review alone are found without reading all issues */
    async *allIssues(kinds: readonly IssueKind[] = ISSUE_KINDS): AsyncGenerator<RecordIssue[]> {
      for await (const batch of issues.list(kinds)) yield batch.map(({ side, id, issue }) => ({ side, id, ...issue }));
    },

    /** Lets records be looked at again: their states and issues are forgotten, but not what is still to be named. */
    async retryIssues(records: readonly RecordRef[]): Promise<void> {
      for (const { side, id } of records) await setState(side, id, undefined, true, { issue: null });
    },

    // ------------------------------------------------------------ what a person decided against

    decided: async (side: SideIndex, id: string) => (await reader.record(side, id)).open.decision,

    // ------------------------------------------------------------ match index

    index: (side: SideIndex, records: readonly IndexEntry[]): Promise<void> =>
      unlinked.index(
        side,
        records.map(({ id, keys, names }): UnlinkedIndex => ({ id, keys, correlationId: names })),
      ),
    candidates: unlinked.candidates,
    firstSeen: unlinked.firstSeen,

    async forget(side: SideIndex, id: string): Promise<void> {
      await one({ c: [], d: [], k: 'X', s: String(side), i: id });
    },

    // ------------------------------------------------------------ pending creates

    pendingCreate: async (side: SideIndex, id: string): Promise<PendingCreate | undefined> =>
      (await issues.open(side, id)).pendingCreate,

    /** Pending creates of source records on `side`, that is creates on the other side. */
    pendingCreates: async (side: SideIndex): Promise<{ id: string; pending: PendingCreate }[]> =>
      (await issues.pendingCreates(side)).map(({ id, pending }) => ({ id, pending })),

    beginCreate: (side: SideIndex, id: string, pendingCreate: PendingCreate): Promise<void> =>
      patch(side, id, { pendingCreate }),

    ...store.history,
    ...store.transfer,
    ...progress,
    ...store.waitingRoom,
    seenRecords: store.seenRecords,
    ...store.claims,

    // ------------------------------------------------------------ claims

    /** Redis' time in ms once every claim is held, undefined when another owner holds one of them. */
    claim: (names: readonly string[], owner: string, ttl: number): Promise<number | undefined> =>
      store.batches.claim(owner, names, ttl),
    extend: async (names: readonly string[], owner: string, ttl: number): Promise<boolean> =>
      (await store.batches.extend(owner, names, ttl)) !== undefined,
    unclaim: (names: readonly string[], owner: string): Promise<void> =>
      store.batches.releaseTaken(owner, [{ records: [], claims: names }]),
  };
}

const baseOf = ({ base, unconfirmed }: Link): Base => ({
  ...base,
  ...Object.fromEntries(unconfirmed.map((property) => [UNCONFIRMED + property, base[property]!])),
});
