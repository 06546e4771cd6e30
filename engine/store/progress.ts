/** How far a mapping has been read, and which edits of it have been followed up. */
import type { Pair, SideIndex } from '../types.ts';
import { redisTime, type StoreContext } from './store-context.ts';
import type { Unlinked } from './unlinked.ts';

/** What of a mapping's edits has been followed up. */
export interface Followed {
  /** Version under which records with an issue were tried last. */
  readonly version: string;
  /** Definitions of the properties, by name, under which every link was agreed, or is queued or has an issue. */
  readonly definitions: Readonly<Record<string, string>>;
  /** Which records are in scope and how they find each other, when everything was read last. */
  readonly scope: string;
  /** Its sides as they were last: what is known of them where its file is missing. */
  readonly sides: Pair<KeptSide>;
}

/** In place of a full read that counts no more. */
const FORMER = '|';

export interface KeptSide {
  readonly name: string;
  readonly system: string;
  readonly entity: string;
}

// Over 60 lines: a factory. What it returns are short functions over one hash.
export function createProgress({ redis, base, rules, scripts }: StoreContext, unlinked: Unlinked) {
  const key = `${base}progress`;
  // What was done under other match rules does not count, and is overwritten.
  const marked = (text: string, by = rules.id): string => `${by}|${text}`;
  const unmarked = (text: string | null | undefined, by = rules.id): string | undefined =>
    text?.startsWith(`${by}|`) ? text.slice(by.length + 1) : undefined;
  const readUnder = (text: string | null | undefined): string | undefined => unmarked(text, rules.reads);
  const readBoth = async (field: 'full' | 'planned'): Promise<boolean> =>
    (await redis.hmget(key, `${field}:0`, `${field}:1`)).every((text) => readUnder(text) !== undefined);

  /** Links were put back from a copy, there are none although records name their counterparts, or there were other rules. */
  async function isNoFirst(): Promise<boolean> {
    const [restored, first] = await redis.hmget(key, 'restored', 'first');
    if (restored !== null || (first !== null && unmarked(first) === undefined)) return true;
    const naming = await Promise.all(([0, 1] as const).map((side) => unlinked.correlatedCount(side)));
    return naming.some((count) => count > 0) && (await redis.hlen(`${base}link`)) === 0;
  }

  return {
    /**
     * Whether both sides were read fully once under the present match rules, with the records that take part now: before
     * that nothing is matched or created.
     */
    ready: (): Promise<boolean> => readBoth('full'),

    /**
     * An edit changed which records take part or how they match: full reads under the former rules count no more, also not
     * once the edit is undone, as what was left out meanwhile is not indexed any more.
     * @returns whether both sides had been read, and one of them under former rules
     */
    forgetFormerReads: async (): Promise<boolean> =>
      (await scripts.text<number>('forget', marked('', rules.reads), FORMER)) === 1,

    /**
     * Whether both sides were read fully under rules that count: those of this process, or of one that has another version of
     * the mapping.
     */
    readByAny: async (): Promise<boolean> =>
      (await redis.hmget(key, 'full:0', 'full:1')).every((text) => text !== null && text !== FORMER),

    /** Whether a plan has read both sides: enough to tell what would be done, not to do it. */
    readyToPlan: async (): Promise<boolean> => (await readBoth('full')) || (await readBoth('planned')),

    /**
     * When each side was last read fully, and up to which modification it was read; ISO 8601. `doubtful`: the list of the
     * full read may have ended early, so that there may be older records that nobody has seen.
     */
    async readBefore(
      side: SideIndex,
    ): Promise<{ full: string | undefined; since: string | undefined; doubtful: boolean }> {
      const [full, since, doubtful] = await redis.hmget(key, `full:${side}`, `since:${side}`, `doubtful:${side}`);
      return { full: readUnder(full), since: since ?? undefined, doubtful: doubtful === '1' };
    },

    /** When each side was last read to its end, fully or only what had changed; ISO 8601. */
    async lastRead(side: SideIndex): Promise<{ full: string | undefined; changes: string | undefined }> {
      const [full, changes] = await redis.hmget(key, `full:${side}`, `changes:${side}`);
      return { full: readUnder(full), changes: changes ?? undefined };
    },

    /** Since when both sides are to be read by schedule; ISO 8601, undefined where they never were. */
    scheduledSince: async (): Promise<string | undefined> => (await redis.hget(key, 'scheduled')) ?? undefined,

    noteScheduled: async (): Promise<void> => {
      await redis.hsetnx(key, 'scheduled', new Date().toISOString());
    },

    /**
     * @param since time of the latest modification that was read, as the system states it
     * @param doubtful whether the list may have ended early
     */
    async readThrough(
      side: SideIndex,
      scan: 'changes' | 'full' | 'plan',
      since: string | undefined,
      doubtful = false,
    ): Promise<void> {
      const now = new Date().toISOString();
      if (scan === 'plan') return void (await redis.hset(key, `planned:${side}`, marked(now, rules.reads)));
      const done =
        scan === 'full'
          ? { [`full:${side}`]: marked(now, rules.reads), [`doubtful:${side}`]: doubtful ? '1' : '0' }
          : { [`changes:${side}`]: now };
      await redis.hset(key, { ...done, ...(since === undefined ? {} : { [`since:${side}`]: since }) });
      if (scan !== 'full' || !(await readBoth('full'))) return;
      if (unmarked(await redis.hget(key, 'first')) !== undefined) return;
      await redis.hset(key, 'first', marked((await isNoFirst()) ? '0' : String(await redisTime(redis))));
    },

    /** How far this run has read a side under this version of the mapping, where it was interrupted. */
    async reading<T>(side: SideIndex, run: string, version: string): Promise<T | undefined> {
      const kept = await redis.hget(key, `reading:${side}`);
      const name = `${run} ${version} `;
      return kept?.startsWith(name) ? (JSON.parse(kept.slice(name.length)) as T) : undefined;
    },

    /** One side is read by one scan at a time. */
    async noteReading(side: SideIndex, run: string, version: string, reading: object): Promise<void> {
      await redis.hset(key, `reading:${side}`, `${run} ${version} ${JSON.stringify(reading)}`);
    },

    /** Both sides were read. */
    async endReading(): Promise<void> {
      await redis.hdel(key, 'reading:0', 'reading:1');
    },

    /**
     * Epoch ms of Redis' clock when both sides had been read fully for the first time, if they have; 0 where that was no
     * first sync, but links are being rebuilt, or there was one under other match rules.
     */
    async firstRead(): Promise<number | undefined> {
      const at = unmarked(await redis.hget(key, 'first'));
      return at === undefined ? undefined : Number(at);
    },

    /** A person allowed the first sync under the present match rules to create as much as there is. */
    firstSyncAllowed: async (): Promise<boolean> => unmarked(await redis.hget(key, 'first:allowed')) !== undefined,

    allowFirstSync: async (): Promise<void> =>
      void (await redis.hset(key, 'first:allowed', marked(new Date().toISOString()))),

    /** Where the next full scan goes on to try rejected writes again: a cursor of `issues.failedFrom`. */
    retriedTo: async (): Promise<string> => (await redis.hget(key, 'retried')) ?? '0',

    noteRetriedTo: async (cursor: string): Promise<void> =>
      void (await (cursor === '0' ? redis.hdel(key, 'retried') : redis.hset(key, 'retried', cursor))),

    async followed(): Promise<Partial<Followed>> {
      const [version, definitions, scope, sides] = await redis.hmget(
        key,
        'followed:version',
        'followed:definitions',
        'followed:scope',
        'followed:sides',
      );
      return {
        ...(version ? { version } : {}),
        ...(definitions ? { definitions: JSON.parse(definitions) as Followed['definitions'] } : {}),
        ...(scope ? { scope } : {}),
        ...(sides ? { sides: JSON.parse(sides) as Followed['sides'] } : {}),
      };
    },

    async follow({ version, definitions, scope, sides }: Partial<Followed>): Promise<void> {
      await redis.hset(key, {
        ...(version === undefined ? {} : { 'followed:version': version }),
        ...(definitions === undefined ? {} : { 'followed:definitions': JSON.stringify(definitions) }),
        ...(scope === undefined ? {} : { 'followed:scope': scope }),
        ...(sides === undefined ? {} : { 'followed:sides': JSON.stringify(sides) }),
      });
    },
  };
}
