/** Whether and when each side has been read: fully, or only what had changed. */
import type { SideIndex } from '../types.ts';
import { noteFirstRead } from './first-sync.ts';
import { marked, progressKey, unmarked } from './progress-hash.ts';
import type { StoreContext } from './store-context.ts';
import type { Unlinked } from './unlinked.ts';

/** In place of a full read that counts no more. */
const FORMER = '|';

export function createReadiness(context: StoreContext) {
  const { redis, base, rules, scripts } = context;
  return {
    /**
     * Whether both sides were read fully once under the present match rules, with the records that take part now: before
     * that nothing is matched or created.
     */
    ready: (): Promise<boolean> => readBoth(context, 'full'),

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
      (await redis.hmget(progressKey(base), 'full:0', 'full:1')).every((text) => text !== null && text !== FORMER),

    /** Whether a plan has read both sides: enough to tell what would be done, not to do it. */
    readyToPlan: async (): Promise<boolean> =>
      (await readBoth(context, 'full')) || (await readBoth(context, 'planned')),
  };
}

export function createFullReads(context: StoreContext, unlinked: Unlinked) {
  const { redis, base, rules } = context;
  const key = progressKey(base);
  return {
    /**
     * When each side was last read fully, and up to which modification it was read; ISO 8601. `doubtful`: the list of the
     * full read may have ended early, so that there may be older records that nobody has seen.
     */
    async readBefore(
      side: SideIndex,
    ): Promise<{ full: string | undefined; since: string | undefined; doubtful: boolean }> {
      const [full, since, doubtful] = await redis.hmget(key, `full:${side}`, `since:${side}`, `doubtful:${side}`);
      return { full: unmarked(full, rules.reads), since: since ?? undefined, doubtful: doubtful === '1' };
    },

    /** When each side was last read to its end, fully or only what had changed; ISO 8601. */
    async lastRead(side: SideIndex): Promise<{ full: string | undefined; changes: string | undefined }> {
      const [full, changes] = await redis.hmget(key, `full:${side}`, `changes:${side}`);
      return { full: unmarked(full, rules.reads), changes: changes ?? undefined };
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
      if (scan === 'full' && (await readBoth(context, 'full'))) await noteFirstRead(context, unlinked);
    },
  };
}

async function readBoth({ redis, base, rules }: StoreContext, field: 'full' | 'planned'): Promise<boolean> {
  const texts = await redis.hmget(progressKey(base), `${field}:0`, `${field}:1`);
  return texts.every((text) => unmarked(text, rules.reads) !== undefined);
}
