/** Units of work that are taken together, each committed or given back by itself. */
import { coalesce } from '../coalesce.ts';
import type { CommitAnswer, CommitUnit, RecordRef, Taken, TakenUnit } from '../store/types.ts';
import { CLAIM_TTL, type Claims, createClaimTable } from './claim-table.ts';
import { createDeadline } from './deadline.ts';
import type { MappingScope } from './scope.ts';

/** Units that are recorded by one script at most: while it runs, Redis does nothing else. */
const COMMITTED = 25;
/** Ms for which a unit that ends waits for others, to be recorded by the same script. */
const LINGER = 10;

/** A unit under claims. */
export interface ClaimedUnit {
  readonly taken: TakenUnit;
  readonly claims: Claims;
  /** Redis' time when it was taken, in ms. */
  readonly now: number;
  /** `performance.now()` then. */
  readonly takenAt: number;
  /** See `Taken`. */
  readonly lastEnd: number;
  /** With `continues` the unit is worked on further; else it is done with. Units that come together are recorded by one script. */
  commit(what: Omit<CommitUnit, 'claims' | 'records'>): Promise<CommitAnswer>;
  /** Without a result: its records are due again in `inMs` (default now), as far as they were marked. */
  giveBack(inMs?: number): Promise<void>;
}

export interface Batch extends Pick<Taken, 'busy' | 'left' | 'brake'> {
  readonly units: readonly ClaimedUnit[];
  /** Once all units are done with. */
  close(): void;
}

export interface TakeOptions {
  /** Due records at most. */
  readonly limit?: number;
  /** Exactly these, due or not. */
  readonly records?: readonly RecordRef[];
  /** The marks of records stay, for others to work on. */
  readonly keepMarks?: boolean;
}

export async function takeBatch(
  scope: Pick<MappingScope, 'links' | 'owner' | 'claimTtl' | 'notifyWorkers'>,
  { keepMarks = false, ...what }: TakeOptions,
): Promise<Batch> {
  const { batches } = scope.links;
  const { owner } = scope;
  const ttl = scope.claimTtl ?? CLAIM_TTL;
  const asked = createDeadline().now();
  const { units, now, lastEnd, busy, left, brake } = await batches.take({ owner, ttlMs: ttl, ...what });
  const takenAt = performance.now();
  const table = createClaimTable(batches, owner, ttl);
  const record = coalesce<CommitUnit, CommitAnswer>(
    (some) => batches.commit(owner, some, scope.notifyWorkers),
    COMMITTED,
    LINGER,
  );

  const claimed = units.map((taken): ClaimedUnit => {
    const claims = table.open(taken.claims, asked);
    return {
      taken,
      claims,
      now,
      takenAt,
      lastEnd,
      async commit(what) {
        const records = keepMarks ? [] : taken.records.map(({ key }) => key);
        const answer = await record({ ...what, claims: claims.names(), records });
        if (answer.kind !== 'done' || what.continues) return answer;
        claims.close();
        if (keepMarks) await batches.releaseTaken(owner, [{ records: taken.records, claims: [] }]);
        return answer;
      },
      async giveBack(inMs = 0) {
        const held = claims.names();
        await batches.releaseTaken(owner, [{ records: taken.records, claims: held }], inMs);
        claims.close();
      },
    };
  });
  return { units: claimed, busy, left, brake, close: table.close };
}
