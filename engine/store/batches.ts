/** Batches of dirty records: taken under claims, committed or given back. One script each, however many records. */
import { coalesce } from '../coalesce.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import { type BrakeListener, brakeRequest, parseBrake } from './brake.ts';
import { parseOpen, quietIssue } from './issue-codec.ts';
import { type Packable, pack } from './msgpack.ts';
import type { Reader } from './reader.ts';
import { LEASE } from './runs/run-scripts.ts';
import { redisTime, type StoreContext } from './store-context.ts';
import { isToken, tokenBytes } from './tokens.ts';
import {
  type Batches,
  type Begin,
  type OpenEntry,
  RECENT,
  type RecordRef,
  type Taken,
  type TakenUnit,
  type TakeRequest,
} from './types.ts';
import { commitUnits, packIndex, packUnit, parseRecent, type WireUnit } from './units.ts';
import { decodeUnlinked, packState } from './unlinked-codec.ts';
import { textOfWaiting, unpackWaiting } from './waiting-codec.ts';
import { staleWord } from './words.ts';

const LIMIT = 50;
/** Ms for which the first that begins a write waits for others. */
const LINGER = 1;
/** Records asked about in one script. */
const LOOKED = 500;

type TakeAnswer = [now: Buffer, brake: Buffer[], left: number, busy: Buffer[], units: UnitAnswer[], ended: Buffer];
type UnitAnswer = [
  keys: Buffer[],
  claims: Buffer[],
  first: Buffer | null,
  link: Buffer | null,
  entry: Buffer | null,
  open: Buffer[],
  recent: Buffer | null,
];

// Over 60 lines: a factory. What it returns are short functions, one per script.
/** @param tell called when this process puts the brake on */
export function createBatches(context: StoreContext, reader: Reader, tell: BrakeListener = () => {}): Batches {
  const { redis, scripts, words, base } = context;
  const keysOf = (records: readonly RecordRef[]): string[] => records.map(({ side, id }) => recordKey(side, id));

  async function decodeUnits(answers: readonly UnitAnswer[], now: number): Promise<TakenUnit[] | undefined> {
    const links = await reader.decode(
      answers.flatMap(([, , first, value]) => (first && value ? [{ id: first.toString(), value }] : [])),
    );
    if (!links) return undefined;
    const entries = answers.map(([, , , , entry]) => (entry ? decodeUnlinked(entry) : undefined));
    const waiting = answers.flatMap(([, , , , , open]) => open.filter((value, i) => i % 3 === 2 && value.length > 0));
    const texts = await words.texts([
      ...entries.flatMap((entry) => (entry?.issue ? [entry.issue.text] : [])),
      ...waiting.map(textOfWaiting),
    ]);
    let next = 0;
    return answers.map(([keys, claims, , link, , open, recent], i) => {
      const opened: Record<string, OpenEntry> = {};
      for (let at = 0; at < open.length; at += 3) {
        const issue = open[at + 2]!.length > 0 ? unpackWaiting(open[at + 2]!, texts) : undefined;
        opened[open[at]!.toString()] = { ...parseOpen(open[at + 1]!.toString()), ...(issue ? { issue } : {}) };
      }
      const own = keys[0]!.toString();
      const quiet = quietIssue(entries[i], texts);
      if (quiet) opened[own] = { ...opened[own], issue: quiet };
      return {
        records: triples(keys).map(([key, due, event]) => ({
          ...parseRecordKey(key),
          key,
          due: due === '' ? undefined : Number(due),
          event: eventOf(event),
        })),
        claims: claims.map(String),
        ...(link ? { link: links[next++]! } : {}),
        ...(entries[i] ? { unlinked: entries[i] } : {}),
        open: opened,
        recent: parseRecent(recent?.toString(), now - RECENT),
      };
    });
  }

  async function take({ owner, ttlMs, limit = LIMIT, records }: TakeRequest): Promise<Taken> {
    const request = { o: owner, ttl: ttlMs, ...(records ? { r: keysOf(records) } : { n: limit }) };
    const [time, brake, left, busy, answers, ended] = await scripts.run<TakeAnswer>('take', pack(request as Packable));
    const now = Number(time);
    const units = await decodeUnits(answers, now);
    if (units)
      return {
        units,
        now,
        lastEnd: Number(ended),
        brake: parseBrake(Object.fromEntries(pairs(brake))),
        left,
        busy: busy.map((key) => parseRecordKey(key.toString())),
      };
    // A definition set went after the links were read: what was taken is taken again, now that they name another one.
    const taken = answers.map(([keys]) => triples(keys).map(([key]) => parseRecordKey(key)));
    if (records) throw staleWord();
    return take({ owner, ttlMs, records: taken.flat() });
  }

  const lock = coalesce<WireUnit, number>((requests) => scripts.text('lock', pack(requests as Packable)), LOOKED);
  const begin = coalesce<WireUnit, string[]>(
    (requests) => scripts.text('begin', pack(requests as Packable)),
    LOOKED,
    LINGER,
  );

  return {
    lookup: reader.lookup,
    take,

    commit: (owner, units, marked) =>
      commitUnits(
        context,
        owner,
        (used) => Promise.all(units.map((unit) => packUnit(context, unit, used))),
        { r: `${context.prefix}:{runs}:`, t: new Date().toISOString(), l: LEASE },
        marked,
      ),

    async releaseTaken(owner, units, inMs = 0) {
      const claims = units.flatMap((unit) => unit.claims);
      const keys = units.flatMap((unit) => unit.records.map(({ key }) => key));
      if (claims.length + keys.length > 0)
        await scripts.text('release', owner, inMs, claims.length, ...claims, ...keys);
    },

    async markDirty(records, inMs = 0) {
      if (records.length > 0) await scripts.text('mark', inMs, ...keysOf(records));
    },

    async dirtyStats() {
      const dirty = `${base}dirty`;
      const now = await redisTime(redis);
      const [count, due, oldest] = await Promise.all([
        redis.zcard(dirty),
        redis.zcount(dirty, '-inf', now),
        redis.zrange(dirty, '0', '0', 'WITHSCORES'),
      ]);
      return { count, due, oldest: oldest[1] === undefined ? undefined : Math.floor(Number(oldest[1])) };
    },

    async dirtyRecords(offset, limit) {
      const flat = await redis.zrange(`${base}dirty`, String(offset), String(offset + limit - 1), 'WITHSCORES');
      return pairs(flat).map(([key, due]) => ({ ...parseRecordKey(key), due: Math.floor(Number(due)) }));
    },

    extend: (owner, claims, ttlMs) => claimed(owner, ttlMs, 'work', claims),
    claim: (owner, claims, ttlMs) => claimed(owner, ttlMs, 'take', claims),

    async lock(owner, indexed, claims, ttlMs) {
      const entry = indexed && {
        s: String(indexed.side),
        i: indexed.entry.id,
        ...packIndex(context, indexed.entry),
      };
      const at = await lock({ o: owner, ttl: ttlMs, c: claims, ...entry } as WireUnit);
      return at === 0 ? undefined : at;
    },

    async begin({ record, owner = '', claims = [], writes, create, replaces, unlimited, allowance }: Begin) {
      const asked = unlimited === 'unasked' ? {} : brakeRequest(unlimited, allowance);
      const [result, ...fields] = await begin({
        b: asked,
        k: record,
        o: owner,
        c: claims,
        ...(writes ? { W: JSON.stringify(writes), wr: writes.revision, wa: writes.ids[0], wb: writes.ids[1] } : {}),
        ...(create ? { C: JSON.stringify(create), ck: create.key, cr: replaces ?? '' } : {}),
      });
      if (result === 'begun') return undefined;
      if (result === 'changed' || result === 'lost') return result;
      const brake = parseBrake(Object.fromEntries(pairs(fields)));
      if (brake && 'id' in asked && brake.id === asked.id) tell(true, brake);
      return brake;
    },

    async withdraw({ record, owner = '', claims = [] }, key) {
      const [result] = await begin({ b: {}, k: record, o: owner, c: claims, D: key });
      return result === 'begun' ? undefined : (result as 'changed' | 'lost');
    },

    async noteCreate({ record, owner = '', claims = [] }, key, learned) {
      const fields = JSON.stringify(learned).slice(1, -1);
      const [result] = await begin({ b: {}, k: record, o: owner, c: claims, M: fields, mk: key });
      return result === 'begun' ? undefined : (result as 'changed' | 'lost');
    },

    async dropWrites({ record, owner = '', claims = [] }, writes) {
      await begin({ b: {}, k: record, o: owner, c: claims, R: JSON.stringify(writes) });
    },

    async leaveToPerson(record, owner = '') {
      await begin({ b: {}, k: record, o: owner, c: [], V: true });
    },

    async changed(side, ids, raws) {
      const other: number[] = [];
      for (let i = 0; i < ids.length; i += LOOKED) {
        const joined = tokenBytes(...raws.slice(i, i + LOOKED));
        const found = await scripts.run<number[]>('compare', String(side), joined, ...ids.slice(i, i + LOOKED));
        other.push(...found.map((position) => i + position));
      }
      return other;
    },

    async free(side, ids) {
      const free: number[] = [];
      for (let i = 0; i < ids.length; i += LOOKED) {
        const found = await scripts.run<number[]>('free', String(side), ...ids.slice(i, i + LOOKED));
        free.push(...found.map((position) => i + position));
      }
      return free;
    },

    async noteRaw(side, records) {
      for (let i = 0; i < records.length; i += LOOKED) {
        const units = records.slice(i, i + LOOKED).map(({ id, raw, state }): WireUnit => {
          const states = { st: packState(state), s8: isToken(state) ? tokenBytes(state) : '' };
          return { c: [], d: [], k: 'R', s: String(side), i: id, raw: tokenBytes(raw), ...states };
        });
        await commitUnits(context, '', async () => units);
      }
    },

    revision: async () => Number((await redis.get(`${base}revision`)) ?? 0),
  };

  async function claimed(owner: string, ttlMs: number, how: 'take' | 'work', names: readonly string[]) {
    const at = await scripts.text<number>('claim', owner, ttlMs, how, ...names);
    return at === 0 ? undefined : at;
  }
}

function pairs(flat: readonly (Buffer | string)[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) found.push([flat[i]!.toString(), flat[i + 1]!.toString()]);
  return found;
}

function triples(flat: readonly Buffer[]): [string, string, string][] {
  const found: [string, string, string][] = [];
  for (let i = 0; i < flat.length; i += 3) found.push([String(flat[i]), String(flat[i + 1]), String(flat[i + 2])]);
  return found;
}

/** `EPOCH_MS|TRACE`, as marks of events note it. */
function eventOf(noted: string): TakenUnit['records'][number]['event'] {
  const bar = noted.indexOf('|');
  return bar < 0 ? undefined : { at: Number(noted.slice(0, bar)), trace: noted.slice(bar + 1) || undefined };
}
