/**
 * Links as a copy outside Redis, in both directions, a batch at a time. A copy holds all that cannot be made again: link keys,
 * bases, the states in which records were handled, what people decided to leave, and creates that were begun. It holds
 * ids and fingerprints, no values of records.
 *
 * It does not hold what was read: after an import both sides are read fully before anything is matched or created, for
 * records may have come since the copy that no index knows of.
 */
import type { Base, Pair, SideIndex } from '../types.ts';
import { packOpen } from './issue-codec.ts';
import type { Issues } from './issues.ts';
import { type Packable, pack } from './msgpack.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';
import type { CorrelationNote, Issue, IssueKind, Link, OpenPatch, PendingCreate, Token } from './types.ts';
import { packLink, type WireUnit } from './units.ts';
import { packState } from './unlinked-codec.ts';
import { staleWord } from './words.ts';

export interface CopiedLink {
  readonly ids: Pair<string>;
  readonly base: Base;
  readonly unconfirmed?: readonly string[];
  readonly correlation?: Pair<CorrelationNote | undefined>;
  readonly lastSynced: Pair<Token>;
  readonly ownWriteAt?: Pair<number>;
  readonly foreignAt?: Pair<number>;
  readonly issue?: Issue;
}

/** A record without a link that has something to keep. */
export interface CopiedRecord {
  readonly side: SideIndex;
  readonly id: string;
  readonly state?: string;
  readonly issue?: Issue;
  readonly pendingCreate?: PendingCreate;
}

/** `differs`: a record is linked to another one by now. `busy`: a worker has it just now. */
export type Restored = 'imported' | 'there' | 'differs' | 'busy';

const RESTORED: readonly Restored[] = ['there', 'imported', 'differs', 'busy'];
const BATCH = 500;
const TRIES = 5;

/** What nothing would bring up again; all else is looked at again. */
const KEPT: readonly IssueKind[] = ['orphaned', 'paused', 'unmatched'];

export type Transfer = ReturnType<typeof createTransfer> & { count(): Promise<number> };

export function createTransfer(context: StoreContext, reader: Reader, issues: Issues) {
  const { words } = context;
  return {
    /** Every link, a batch at a time. One that changes meanwhile is copied as it was or as it became, never mixed. */
    copyLinks: () => copyLinks(context, reader),

    /** Records without a link that were decided about, or for which a create was begun. */
    copyRecords: () => copyRecords(reader, issues),

    /**
     * Puts links back in one step, each whole or not at all; one that is there is left as it is. With the first, what
     * was read before counts no more.
     */
    restoreLinks: (batch: readonly CopiedLink[], dry: boolean): Promise<Restored[]> =>
      restore(
        context,
        (used) =>
          Promise.all(
            batch.map(async ({ issue, ...link }) => ({
              ...(await packLink(context, { ...link, revision: undefined, raw: ['', ''] }, used)),
              open: await packOpen(issue ? { issue } : {}, words, used),
            })),
          ),
        dry,
      ),

    /** Puts back what is known of records without a link; what is known of them by now stays. */
    restoreRecords: (batch: readonly CopiedRecord[], dry: boolean): Promise<Restored[]> =>
      restore(
        context,
        (used) =>
          Promise.all(
            batch.map(async ({ side, id, state, issue, pendingCreate }) => {
              const patch: OpenPatch = { ...(issue ? { issue } : {}), ...(pendingCreate ? { pendingCreate } : {}) };
              return { s: String(side), i: id, st: packState(state), open: await packOpen(patch, words, used) };
            }),
          ),
        dry,
      ),
  };
}

async function* copyLinks({ redis, base }: StoreContext, reader: Reader): AsyncGenerator<CopiedLink[]> {
  let cursor = '0';
  do {
    const [next, flat] = await redis.hscanBuffer(`${base}link`, cursor, 'COUNT', BATCH);
    cursor = next.toString();
    const ids = flat.flatMap((field, i) => (i % 2 === 0 ? [field.toString()] : []));
    const copied = (await reader.records(0, ids)).flatMap(({ link, openOfLink }) =>
      link ? [copiedLink(link, openOfLink.issue)] : [],
    );
    if (copied.length > 0) yield copied;
  } while (cursor !== '0');
}

function copiedLink(link: Link, issue: Issue | undefined): CopiedLink {
  // Whatever waits for another try is looked at once more.
  // That an id was given again may stand nowhere else than in the issue.
  const open = issue !== undefined && !KEPT.includes(issue.kind) && issue.code !== 'ID_REUSED';
  const { ids, base, unconfirmed, lastSynced, ownWriteAt, foreignAt } = link;
  const [a, b] = link.correlation;
  const correlation = open ? ([a ?? 'open', b ?? 'open'] as const) : link.correlation;
  return {
    ids,
    base,
    ...(unconfirmed.length > 0 ? { unconfirmed } : {}),
    ...(correlation.some(Boolean) ? { correlation } : {}),
    lastSynced: open ? ['', ''] : lastSynced,
    ...(ownWriteAt.some((at) => at > 0) ? { ownWriteAt, foreignAt } : {}),
    ...(issue && !open ? { issue: lasting(issue) } : {}),
  };
}

async function* copyRecords(reader: Reader, issues: Issues): AsyncGenerator<CopiedRecord[]> {
  for await (const batch of issues.list(KEPT)) {
    for (const side of [0, 1] as const) {
      const own = batch.filter((record) => record.side === side);
      const found = await reader.records(
        side,
        own.map(({ id }) => id),
      );
      const free = own.flatMap(({ id, issue }, i): CopiedRecord[] => {
        const { link, unlinked } = found[i]!;
        return link || !unlinked?.state ? [] : [{ side, id, state: unlinked.state, issue: lasting(issue) }];
      });
      if (free.length > 0) yield free;
    }
  }
  for (const side of [0, 1] as const) {
    const pending = await issues.pendingCreates(side);
    if (pending.length > 0) yield pending.map(({ id, pending }) => ({ side, id, pendingCreate: pending }));
  }
}

async function restore(
  { prefix, mapping, scripts, words }: StoreContext,
  make: (used: Set<number>) => Promise<WireUnit[]>,
  dry: boolean,
): Promise<Restored[]> {
  for (let left = TRIES; left > 0; left--) {
    const used = new Set<number>();
    const u = await make(used);
    const request = { p: prefix, m: mapping, w: [...used], dry, u };
    const results = await scripts.text<number[]>('restore', pack(request as Packable));
    if (results[0] !== -1) return results.map((code) => RESTORED[code]!);
    words.forget();
  }
  throw staleWord();
}

/** Without the failed job, which the queues of another Redis do not have. */
function lasting({ job: _, ...issue }: Issue): Issue {
  return issue;
}
