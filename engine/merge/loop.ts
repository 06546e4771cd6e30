/**
 * Values that go to and fro between the two systems although nobody edits them: each reformats what it is given, or an
 * automation puts its own value back. After a few turns the property is left alone. Pure.
 */
import { TandemError } from '../errors.ts';
import { formsBetween, sameButForm } from '../expression/forms.ts';
import type { Json } from '../json.ts';
import { mapPair } from '../model/pair.ts';
import type { RecentWrite, Unsettled } from '../store/types.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type Pair, type SideIndex } from '../types.ts';
import { baseEntry, fingerprintOf } from './base.ts';
import type { MergeResult, PropertyDecision, PropertyWrite } from './merge.ts';
import { isPersonal, rawOf } from './readback.ts';
import { entryOf } from './unit.ts';

/** So many times in a row a value may come back in another form. */
const FORM_TURNS = 3;
/**
 * So many times in a row a property may be written while such writes are remembered: with the same value to each side, for
 * something puts another one in its place, and to the one side and then to the other with new ones, as people and tests write.
 */
const TURNS = 6;
const NEW_TURNS = 1_000;
/** What happened longer ago has nothing to do with what happens now, in ms. */
const FORGOTTEN = 7 * 86_400_000;

export interface Turns {
  readonly merged: MergeResult;
  /** What is remembered of properties that would be written now, by name; undefined: nothing any more. */
  readonly unsettled: ReadonlyMap<string, Unsettled | undefined>;
}

interface Read {
  readonly base: Base;
  readonly views: Pair<RecordView>;
}

/** @param base the agreement as it was */
export function breakLoops(facts: Facts, { base, views }: Read, merged: MergeResult): Turns {
  const unsettled = new Map<string, Unsettled | undefined>();
  const stopped = new Map<string, TandemError>();
  for (const side of [0, 1] as const) {
    for (const write of merged.writes[side]) {
      if (isPersonal(facts, write.property)) continue;
      const returns = returnsOf(facts, views[side], write);
      const { times } = turnsOf(facts, write, side);
      const ends = returns > FORM_TURNS || times > NEW_TURNS || returnedTurns(facts, write, side) > TURNS;
      const error = ends ? loopError(facts, views[side], write) : undefined;
      if (error) stopped.set(write.property, error);
      unsettled.set(write.property, unsettledAs(facts, views, write.property, returns, error));
    }
  }
  return { merged: without(merged, base, stopped), unsettled };
}

type Written = Pick<PropertyWrite, 'property' | 'fingerprint'>;

/** How often in a row the property was written to and fro, or the same value to the same side, this write included. */
export function turnsOf(facts: Facts, write: Written, side: SideIndex): Pick<RecentWrite, 'times' | 'same'> {
  const last = lastWrite(facts, ({ property }) => property === write.property);
  const same = sameTurns(facts, write, side);
  const continues = last && last.side === side && last.sent !== write.fingerprint;
  return { times: continues ? last.times : (last?.times ?? 0) + 1, ...(same > 1 ? { same } : {}) };
}

/** How often in a row this value was written there, this write included: something put another one in its place since. */
function sameTurns(facts: Facts, { property, fingerprint }: Written, side: SideIndex): number {
  const last = lastTo(facts, property, side);
  return last?.sent === fingerprint ? (last.same ?? 1) + 1 : 1;
}

/**
 * How often in a row the same value was written to each side, this write included; 0 where it is a new one. New values of the
 * other side do not end this: who puts back the same value each time may meet a new one each time.
 */
function returnedTurns(facts: Facts, write: Written, side: SideIndex): number {
  const same = sameTurns(facts, write, side);
  const other = lastTo(facts, write.property, otherSide(side));
  return same === 1 ? 0 : same + (other ? (other.same ?? 1) : 0);
}

const lastTo = (facts: Facts, property: string, side: SideIndex): RecentWrite | undefined =>
  lastWrite(facts, (one) => one.property === property && one.side === side);

const lastWrite = ({ stored }: Facts, which: (one: RecentWrite) => boolean): RecentWrite | undefined =>
  stored.recent
    .filter((one) => one.from === undefined && which(one))
    .reduce<RecentWrite | undefined>(latest, undefined);

const latest = (a: RecentWrite | undefined, b: RecentWrite): RecentWrite => (a && a.at > b.at ? a : b);

/** How often in a row what is written says the same as what stands there, in another form. */
function returnsOf(facts: Facts, view: RecordView, { property, value }: PropertyWrite): number {
  if (!sameButForm(value, rawOf(facts, view, property))) return 0;
  const { unsettled } = entryOf(facts);
  const former = unsettled && Object.hasOwn(unsettled, property) ? unsettled[property] : undefined;
  return former && facts.stored.now - former.at < FORGOTTEN ? former.returns + 1 : 1;
}

function unsettledAs(
  { mapping, stored }: Facts,
  views: Pair<RecordView>,
  property: string,
  returns: number,
  error: TandemError | undefined,
): Unsettled | undefined {
  if (!error) return returns === 0 ? undefined : { returns, at: stored.now };
  const values = mapPair(views, (view) => fingerprintOf(mapping, view, property));
  return { halt: { values, code: error.code, reason: error.message }, returns: 0, at: stored.now };
}

function loopError(facts: Facts, view: RecordView, { property, value }: PropertyWrite): TandemError {
  const { mapping } = facts;
  const [own, other] = [mapping.sides[view.side].name, mapping.sides[otherSide(view.side)].name];
  const words = `${property} goes to and fro between ${other} and ${own}, and nobody edits it. ${advice(value, rawOf(facts, view, property))}`;
  return new TandemError('WRITE_LOOP', words.trim(), { property });
}

/** The line that would end it. */
function advice(value: Json, shown: unknown): string {
  const forms = typeof value === 'string' && typeof shown === 'string' ? formsBetween(value, shown) : undefined;
  return forms ? `Its two forms are the same with: equal: [${forms.join(', ')}]` : '';
}

function without(
  { writes, base, decisions }: MergeResult,
  former: Base,
  stopped: ReadonlyMap<string, TandemError>,
): MergeResult {
  const entries = Object.entries(base).filter(([name]) => !stopped.has(name));
  const kept = [...stopped.keys()].flatMap((name) => {
    const entry = baseEntry(former, name);
    return entry ? [[name, entry] as const] : [];
  });
  return {
    writes: mapPair(writes, (some) => some.filter(({ property }) => !stopped.has(property))),
    base: Object.fromEntries([...entries, ...kept]),
    decisions: decisions.map((one): PropertyDecision => {
      const error = stopped.get(one.property);
      return error ? { property: one.property, rule: 'blocked', error } : one;
    }),
  };
}
