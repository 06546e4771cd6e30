/**
 * The brake of one mapping in Redis: what its runs have deleted, created and cleared lately, whether it is on, and what
 * people answered. One fact for all workers.
 */
import { randomUUID } from 'node:crypto';
import type { BrakeKind } from '../config/brake-limits.ts';
import { pairs } from './flat.ts';
import { createMissingRecords } from './missing-records.ts';
import type { Packable } from './msgpack.ts';
import type { StoreContext } from './store-context.ts';
import type { Allowance, Brake, BrakeAnswer } from './types.ts';

export type { Allowance, Brake, BrakeAnswer } from './types.ts';

/** Writes count together for this long where no run is under way, in ms. */
export const BRAKE_WINDOW = 600_000;
/** A run that goes on for longer counts no further back, in ms. */
const LONGEST = 86_400_000;

/** Called when the brake goes on or off, by the process that did it. */
export type BrakeListener = (on: boolean, brake: Brake) => void;

/** @param tell called when this process puts the brake on or takes it off */
export function createBrakeStore(context: StoreContext, tell: BrakeListener = () => {}) {
  const { redis, scripts, base } = context;
  const keys = {
    /** HASH: the brake that is on, else absent. */
    brake: `${base}brake`,
    /** HASH id of a brake -> `ANSWER|KIND|MS`, for 90 days. */
    answers: `${base}brake:answers`,
    /** ZSET of `SIDE/ID` by the time of the write, in ms: what counts at present. */
    consumed: (kind: BrakeKind): string => `${base}brake:consumed:${kind}`,
  };

  return {
    ...createMissingRecords(context),

    /** The brake that is on, if one is. */
    async on(): Promise<Brake | undefined> {
      return parseBrake(await redis.hgetall(keys.brake));
    },

    /** How many writes of a kind were done since then. @param since epoch ms */
    consumed: (kind: BrakeKind, since: number): Promise<number> => redis.zcount(keys.consumed(kind), since, '+inf'),

    /** @returns the brake that is on now: this one, or the one that was on before */
    async trip(brake: Pick<Brake, 'kind' | 'by' | 'count' | 'limit' | 'linked'>): Promise<Brake> {
      const { kind, by, count, limit, linked } = brake;
      const id = randomUUID();
      const fields = [id, kind, by, String(count), String(limit), String(linked)];
      const on = parseBrake(Object.fromEntries(pairs(await scripts.text<string[]>('trip', ...fields))))!;
      if (on.id === id) tell(true, on);
      return on;
    },

    /** @returns the answer that holds: an earlier one stays; undefined when this brake is off by now */
    async answer(brake: Pick<Brake, 'id'>, answer: BrakeAnswer): Promise<BrakeAnswer | undefined> {
      return (await scripts.text<BrakeAnswer | ''>('answer', brake.id, answer)) || undefined;
    },

    /** Takes the brake off; an answer of it is kept for the records that it blocked. @returns false when it was off */
    async release(brake: Brake): Promise<boolean> {
      const { id, kind, answer } = brake;
      const kept = answer === undefined ? '' : `${answer}|${kind}`;
      const off = (await scripts.text<number>('unbrake', id, kept, kind)) === 1;
      if (off) tell(false, brake);
      return off;
    },

    /** What was answered to a brake, as far as it concerns a write of this kind: only what it was about is discarded. */
    async answered(id: string, kind: BrakeKind): Promise<BrakeAnswer | undefined> {
      const stored = await redis.hget(keys.answers, id);
      return stored === null ? undefined : stored.startsWith(`discard|${kind}|`) ? 'discard' : 'continue';
    },
  };
}

/** A write as scripts/brake.lua takes it, with the id that a brake gets which it trips. */
export function brakeRequest(off: readonly BrakeKind[], allowance: Allowance | undefined) {
  const { kind, record, limit, linked } = allowance ?? { kind: '', record: '', limit: 0, linked: 0 };
  const counted = { kind, counter: allowance?.counter ?? kind, record, limit, linked, since: allowance?.since ?? 0 };
  const fields = { off: `,${off.join(',')},`, id: randomUUID(), ...counted };
  return { ...fields, window: BRAKE_WINDOW, longest: LONGEST } satisfies Packable;
}

export function parseBrake({
  id,
  kind,
  by,
  count,
  limit,
  linked,
  since,
  answer,
}: Record<string, string>): Brake | undefined {
  if (id === undefined) return undefined;
  return {
    id,
    kind: kind as BrakeKind,
    by: by as Brake['by'],
    count: Number(count),
    limit: Number(limit),
    linked: Number(linked),
    since: Number(since),
    ...(answer === undefined ? {} : { answer: answer as BrakeAnswer }),
  };
}
