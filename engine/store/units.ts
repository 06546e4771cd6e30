/** Units of work as scripts take them, and their commit. */

import { TandemError } from '../errors.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { Pair } from '../types.ts';
import { packOpen } from './issue-codec.ts';
import { encodeLink } from './link-codec.ts';
import { type Packable, pack } from './msgpack.ts';
import type { StoreContext } from './store-context.ts';
import { tokenBytes } from './tokens.ts';
import type {
  CommitAnswer,
  CommitResult,
  CommitUnit,
  LinkState,
  PendingWrites,
  RecentWrite,
  RecordKey,
  RecordRef,
  RunCount,
  UnlinkedIndex,
} from './types.ts';
import { packState } from './unlinked-codec.ts';

export type WireUnit = { readonly [name: string]: Packable | undefined };

const ANSWERS = ['done', 'fenced', 'taken', 'lost'] as const;
/** Match keys by which a link is found, at most. */
const MOST_KEYS = 20;
/** A text that goes between its interning and the commit is interned again; that it goes each time is no chance. */
const TRIES = 5;

export const recordKeys = (records: readonly RecordRef[]): RecordKey[] =>
  records.map(({ side, id }) => recordKey(side, id));

/**
 * Records units that others have packed.
 * @param make called again where a text that they use is gone
 * @param marked is given the mappings of which records were marked dirty
 */
export async function commitUnits(
  context: StoreContext,
  owner: string,
  make: (used: Set<number>) => Promise<readonly WireUnit[]>,
  more: { readonly [name: string]: Packable | undefined } = {},
  marked: (mappings: readonly string[]) => void = () => {},
): Promise<CommitAnswer[]> {
  for (let left = TRIES; left > 0; left--) {
    const used = new Set<number>();
    const units = await make(used);
    const request = { p: context.prefix, m: context.mapping, o: owner, w: [...used], u: units, ...more };
    const answers = await context.scripts.text<unknown[]>('commit', pack(request as Packable));
    if (answers[0] === -1) {
      context.words.forget();
      continue;
    }
    const mappings = answers.at(-1) as string[];
    if (mappings.length > 0) marked(mappings);
    return (answers.slice(0, -1) as [code: number, revision: number, due: string][]).map(([code, revision, due]) => ({
      kind: ANSWERS[code]!,
      ...(revision === 0 ? {} : { revision }),
      ...(due === '' ? {} : { lease: due }),
    })) as CommitAnswer[];
  }
  throw new TandemError('INTERNAL', 'A text that many records share was deleted each time that it was to be used.');
}

export async function packUnit(context: StoreContext, unit: CommitUnit, used: Set<number>): Promise<WireUnit> {
  const open: Record<string, Packable> = {};
  for (const [key, patch] of Object.entries(unit.open ?? {})) open[key] = await packOpen(patch, context.words, used);
  return {
    c: unit.claims,
    d: unit.continues ? [] : unit.records,
    x: unit.continues ? 'keep' : undefined,
    h: unit.holdMs,
    bk: unit.blockedBy,
    ...(await packResult(context, unit, used)),
    open: unit.open && open,
    rc: unit.recent && packRecent(unit.recent),
    own: ownKey(unit),
    wf: [
      ...(unit.waitFor ?? []).map(({ mapping, side, id }) => [mapping, String(side), id, 'w']),
      ...(unit.watch ?? []).map((key) => {
        const { side, id } = parseRecordKey(key);
        return [context.mapping, String(side), id, 'c'];
      }),
    ],
    ws: unit.markDependents,
    wa: unit.markAllDependents,
    mk: unit.mark?.map(({ mapping, side, id, untilReady, inMs = 0, unlessRaw }) => [
      mapping,
      String(side),
      id,
      untilReady ? -1 : inMs,
      unlessRaw ? tokenBytes(unlessRaw) : '',
    ]),
    run: unit.run && packRun(unit.run, unit),
  };
}

async function packResult(context: StoreContext, { result }: CommitUnit, used: Set<number>): Promise<WireUnit> {
  switch (result.kind) {
    case 'link':
      return { ...(await packLink(context, result.link, used)), kw: packPending(result) };
    case 'unlinked': {
      const { record, state, raw, index, leave } = result;
      return {
        k: 'U',
        s: String(record.side),
        i: record.id,
        ...(index === undefined ? {} : packIndex(context, index ?? undefined)),
        st: state === undefined ? undefined : packState(state),
        raw: raw === undefined ? undefined : tokenBytes(raw),
        lv: leave || undefined,
      };
    }
    case 'removed':
      return {
        k: 'X',
        ...(result.ids ? { a: result.ids[0], b: result.ids[1] } : {}),
        ...(result.record ? { s: String(result.record.side), i: result.record.id } : {}),
      };
    case 'unlink':
      return {
        k: 'K',
        a: result.ids[0],
        b: result.ids[1],
        rev: result.revision,
        ix: result.index?.map((index) => (index ? (packIndex(context, index) as Packable) : false)),
      };
    case 'none':
      return { k: 'N' };
  }
}

export async function packLink(context: StoreContext, link: LinkState, used: Set<number>): Promise<WireUnit> {
  const { number, set } = await context.words.setFor(link.base);
  used.add(number);
  const {
    ownWriteAt = [undefined, undefined],
    foreignAt = [undefined, undefined],
    raw = [undefined, undefined],
    correlation = [undefined, undefined],
  } = link;
  const bits = (pair: Pair<unknown>): number => (pair[0] === undefined ? 1 : 0) + (pair[1] === undefined ? 2 : 0);
  const value = encodeLink(
    {
      other: link.ids[1],
      base: link.base,
      unconfirmed: link.unconfirmed ?? [],
      correlation,
      lastSynced: link.lastSynced,
      raw: [raw[0] ?? '', raw[1] ?? ''],
      ownWriteAt: [ownWriteAt[0] ?? 0, ownWriteAt[1] ?? 0],
      foreignAt: [foreignAt[0] ?? 0, foreignAt[1] ?? 0],
    },
    set,
    number,
  );
  return {
    k: 'L',
    a: link.ids[0],
    b: link.ids[1],
    v: value,
    rev: link.revision ?? 0,
    keep: bits(raw) + 4 * bits(ownWriteAt),
    ky: link.matchKeys && tokenBytes(...link.matchKeys.slice(0, MOST_KEYS)),
  };
}

/** The script puts the revision in. */
const packPending = ({ link, pending }: Extract<CommitResult, { kind: 'link' }>): string | undefined =>
  pending && JSON.stringify({ revision: 0, ids: link.ids, writes: pending } satisfies PendingWrites);

/** How a record without a link is found; undefined: by nothing. */
export function packIndex({ rules, fingerprinter }: StoreContext, index: UnlinkedIndex | undefined): WireUnit {
  const keys = Array.from({ length: rules.count }, (_, rule) => index?.keys[rule] ?? '');
  const named = index?.correlationId;
  return {
    seen: index !== undefined,
    n: tokenBytes(...keys),
    g: rules.tag,
    corr: named === undefined ? '' : tokenBytes(fingerprinter.token(named)),
  };
}

/** Under which a unit waits and is counted: a link under its record on side 0. */
function ownKey({ result, claims }: CommitUnit): RecordKey {
  if (result.kind === 'link') return recordKey(0, result.link.ids[0]);
  return result.kind === 'unlinked' ? recordKey(result.record.side, result.record.id) : (claims[0] ?? '');
}

const packRun = ({ place, did, fields }: RunCount, unit: CommitUnit): Packable => [
  place,
  did,
  ownKey(unit),
  ...fields.flat(),
];

/** Property, side, before, sent, at, times, 1 for `unshown` and 2 for `read`, how often in a row where more than once, from. */
type Packed = [string, 0 | 1, string, string, number, number, (0 | 1 | 2)?, (number | null)?, string?];

const packRecent = (recent: readonly RecentWrite[]): string =>
  recent.length === 0 ? '' : JSON.stringify(recent.map(packedWrite));

function packedWrite({ property, side, before, sent, at, times, unshown, read, same, from }: RecentWrite): Packed {
  const packed: Packed = [property, side, before, sent, at, times];
  if (unshown || read || same !== undefined || from !== undefined) packed.push(unshown ? 1 : read ? 2 : 0);
  if (same !== undefined || from !== undefined) packed.push(same ?? null);
  if (from !== undefined) packed.push(from);
  return packed;
}

export const parseRecent = (json: string | undefined, since: number): RecentWrite[] =>
  (json === undefined ? [] : (JSON.parse(json) as Packed[])).flatMap(
    ([property, side, before, sent, at, times, shown, same, from]) => {
      const write = { property, side, before, sent, at, times, ...(same == null ? {} : { same }) };
      const known = shown === 1 ? ({ unshown: true } as const) : shown === 2 ? ({ read: true } as const) : {};
      return at < since ? [] : [{ ...write, ...known, ...(from === undefined ? {} : { from }) }];
    },
  );
