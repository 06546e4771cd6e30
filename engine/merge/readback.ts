/**
 * What a record shows of our own writes. A system may read back old values for a while, ignore a field, cut a text or write it
 * in a form of its own. None of these is an edit by a person, so none of them overwrites the value that was sent. Pure.
 */
import { TandemError } from '../errors.ts';
import { sameButForm } from '../expression/forms.ts';
import { isEmpty } from '../expression/values.ts';
import { type PendingWrite, RECENT, type RecentWrite, UNKNOWN_VALUE } from '../store/types.ts';
import type { Conversions, Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type Pair, type PropertyBase, type SideIndex } from '../types.ts';
import { type Answered, baseEntry, entryFrom, fingerprintOf } from './base.ts';
import { foreignModified } from './foreign.ts';
import { areWhole, lossOf, NOTHING_STORED } from './loss.ts';
import type { PropertyState, PropertyWrite } from './merge.ts';
import { entryOf } from './unit.ts';

/** A property of which nothing is decided now: its agreement stays as `entry`. */
export interface LeftAlone {
  readonly property: string;
  readonly entry: PropertyBase | undefined;
  /** Undefined: one of the sides has shown an old reading only; it is read again. */
  readonly error?: TandemError | undefined;
}

export interface Readback {
  /** To be merged, with what each side holds as far as it is known. */
  readonly properties: readonly PropertyState[];
  readonly base: Base;
  readonly left: readonly LeftAlone[];
  /** How long ago the write was of which a side still shows nothing, in ms. */
  readonly old: Pair<number | undefined>;
  /** What was sent to a side that still shows old values: what is written to it as a whole holds these too. */
  readonly unshown: Pair<readonly PropertyWrite[]>;
  /** Sides by property that hold neither what was there before our own write nor what we wrote, or were edited since. */
  readonly third: ReadonlyMap<string, SideIndex>;
}

/** What one side shows of our own last write of a property. */
type Shown =
  /** What the base says, or an edit. */
  | { readonly kind: 'plain' }
  | { readonly kind: 'old'; readonly age: number; readonly sent: PropertyWrite | undefined; readonly error?: undefined }
  | { readonly kind: 'refused'; readonly error: TandemError }
  | { readonly kind: 'third' };

const PLAIN: Shown = { kind: 'plain' };

interface Read {
  readonly base: Base;
  readonly views: Pair<RecordView>;
}

export function readback(facts: Facts, { base, views }: Read, { properties }: Conversions): Readback {
  const merged: PropertyState[] = [];
  const entries: Record<string, PropertyBase> = {};
  const left: LeftAlone[] = [];
  const old: [number | undefined, number | undefined] = [undefined, undefined];
  const unshown: [PropertyWrite[], PropertyWrite[]] = [[], []];
  const third = new Map<string, SideIndex>();
  for (const state of properties) {
    const { name, own } = state;
    const entry = baseEntry(base, name);
    const halted = haltOf(facts, state);
    if (halted) {
      left.push({ property: name, entry, error: halted });
      continue;
    }
    const shown = ([0, 1] as const).map((side) => shownOf(facts, views[side], state, entry));
    const side = shown.findIndex(({ kind }) => kind === 'old' || kind === 'refused') as SideIndex | -1;
    for (const one of [0, 1] as const) {
      const found = shown[one]!;
      if (found.kind === 'old') {
        old[one] = Math.min(found.age, old[one] ?? found.age);
        if (found.sent) unshown[one].push(found.sent);
      }
      if (found.kind === 'third') third.set(name, one);
    }
    if (side === -1 || !entry) {
      merged.push(state);
      continue;
    }
    const found = shown[side] as Extract<Shown, { kind: 'old' | 'refused' }>;
    const other = otherSide(side);
    const kept = found.kind === 'old' ? entry : entryFrom(side, own[side], UNKNOWN_VALUE, entry[2]);
    if (shown[other]!.kind === 'old' || own[other] === entry[other]) {
      left.push({ property: name, entry: kept, error: found.error });
      continue;
    }
    // The other side was edited since: that is written. What this side holds by now is what we wrote, or what was there before.
    const held = found.kind === 'old' ? entry[side] : own[side];
    merged.push({ ...state, own: side === 0 ? [held, own[1]] : [own[0], held] });
    entries[name] = entryFrom(side, held, entry[other], entry[2]);
  }
  return { properties: merged, base: { ...base, ...entries }, left, old, unshown, third };
}

/** Nothing changed since the property was left alone, and nobody asked to try again. */
function haltOf(facts: Facts, { name, own }: PropertyState): TandemError | undefined {
  const { issue, unsettled } = entryOf(facts);
  // Under another version of the mapping it may go well.
  if (issue?.mapping !== facts.mapping.version) return undefined;
  const halt = unsettled && Object.hasOwn(unsettled, name) ? unsettled[name]!.halt : undefined;
  if (!halt || !issue || isPersonal(facts, name) || facts.stored.link?.lastSynced.includes('')) return undefined;
  if (halt.values[0] !== own[0] || halt.values[1] !== own[1]) return undefined;
  return new TandemError(halt.code, halt.reason, { property: name });
}

function shownOf(facts: Facts, view: RecordView, state: PropertyState, entry: PropertyBase | undefined): Shown {
  const { name, own } = state;
  const { side } = view;
  if (!entry || state.redefined || own[side] === entry[side] || isPersonal(facts, name)) return PLAIN;
  const writes = writesTo(facts, side, name);
  const last = writes.at(-1);
  if (!last) return wasCreatedNow(facts, side) ? { kind: 'third' } : PLAIN;
  if (own[side] === last.sent) return PLAIN;
  // An edit, though nobody knows whether the person saw what we wrote. Where nothing has shown that since our write, and the
  // value is still the one from before, something else of the record was edited.
  const ignored = last.unshown && last.before === own[side];
  if (isNewer(facts, view) && !ignored) return { kind: 'third' };
  const now = state.toward[side];
  // What we have sent, where it is still known: the other side was not edited since.
  const known = now?.ok && now.fingerprint === last.sent;
  const sent = known ? now.value : null;
  const shown = rawOf(facts, view, name);
  if (isFormer(writes, own[side])) {
    const write = known ? { property: name, value: now.value, fingerprint: now.fingerprint } : undefined;
    if (mayLag(facts, side, last)) return { kind: 'old', age: ageOf(facts, side, last), sent: write };
    // The system may have a form of its own for what was sent, and that may be the former one.
    if (!last.read && !sameButForm(sent, shown)) return { kind: 'refused', error: notStored(facts, name, side) };
  }
  if (last.read) return { kind: 'third' };
  // Once it was shown, it was stored: what is empty by now was cleared by somebody, and another whole number was typed.
  const edited = !last.unshown && (isEmpty(shown) || areWhole(sent, shown));
  const loss = edited ? undefined : isEmpty(shown) ? NOTHING_STORED : lossOf(sent, shown);
  return loss === undefined ? { kind: 'third' } : { kind: 'refused', error: lossError(facts, name, side, loss) };
}

/** Whether a record shows one of the values from before our own last write, so short a time after it that its replica may lag. */
export function mayBeOld(facts: Facts, view: RecordView, property: string): boolean {
  const writes = writesTo(facts, view.side, property);
  const last = writes.at(-1);
  const value = fingerprintOf(facts.mapping, view, property);
  return last !== undefined && value !== last.sent && isFormer(writes, value) && mayLag(facts, view.side, last);
}

/** Our own recent writes of one property to one side that were recorded, the oldest first. */
const writesTo = ({ stored }: Facts, side: SideIndex, property: string): RecentWrite[] =>
  stored.recent.filter((one) => one.property === property && one.side === side && isRecorded(one));

/** Own writes that were never recorded, and that a record shows by now: its reads lagged when the link was committed. */
export const shownLate = (facts: Facts, base: Base, views: Pair<RecordView>): PendingWrite[] =>
  facts.stored.recent.flatMap((write) => {
    const { property, side, sent, from } = write;
    if (from === undefined || !isShown(facts, views[side], write)) return [];
    const entry = baseEntry(base, property);
    if (entry === undefined || entry[side] === sent) return [];
    return [{ property, side, sent, from, ...(entry[2] === undefined ? {} : { definition: entry[2] }) }];
  });

/** Whether a property shows an own write that was never recorded. */
export const isShownLate = (facts: Facts, view: RecordView, property: string): boolean =>
  facts.stored.recent.some((one) => !isRecorded(one) && one.property === property && isShown(facts, view, one));

const isShown = ({ mapping }: Facts, view: RecordView, { side, property, sent }: RecentWrite): boolean =>
  view.side === side && fingerprintOf(mapping, view, property) === sent;

/** Own writes of an earlier try that nothing has shown yet: where reads lag, they may show later, and are no edit then. */
export const unshownBefore = (
  facts: Facts,
  { base, views, pending }: Read & { readonly pending: readonly PendingWrite[] },
  answers: Pair<Answered>,
): RecentWrite[] =>
  pending.flatMap(({ property, side, sent, from }) => {
    const { mapping, stored } = facts;
    const before = fingerprintOf(mapping, views[side], property);
    const again = answers[side].has(property);
    if (mapping.sides[side].entity.lag === 0 || again || from === UNKNOWN_VALUE) return [];
    // What somebody edited there is no old reading: that write is undone.
    const entry = baseEntry(base, property);
    const known = before !== sent && (!entry || entry[side] === before);
    if (!known && !mayBeOld(facts, views[side], property)) return [];
    return [{ property, side, before, sent, at: stored.now, times: 1, unshown: true, from }];
  });

/** Whether a value stood there before one of these writes, or was sent by one: a replica may show any of them. */
const isFormer = (writes: readonly RecentWrite[], value: string | undefined): boolean =>
  writes.some(({ before, sent }) => before === value || sent === value);

/** How long after a write the record was as its view shows it, in ms: a page may have been requested some time ago. */
function ageOf({ records, stored }: Facts, side: SideIndex, write: RecentWrite): number {
  const fact = records[side];
  return stored.now - (fact?.kind === 'present' ? (fact.shownAgo ?? 0) : 0) - write.at;
}

/** Whether the record is as a reading showed it: the response to a write may be an echo. */
export function wasRead({ records }: Facts, side: SideIndex): boolean {
  const fact = records[side];
  return fact?.kind === 'present' && fact.from !== 'response';
}

const mayLag = (facts: Facts, side: SideIndex, write: RecentWrite): boolean =>
  ageOf(facts, side, write) < facts.mapping.sides[side].entity.lag;

/** Whether we created the record so short a time ago that a write to it would be remembered. */
function wasCreatedNow({ stored: { link, now } }: Facts, side: SideIndex): boolean {
  return link !== undefined && link.ownWriteAt[side] > 0 && now - link.created < RECENT;
}

export const rawOf = ({ mapping }: Facts, view: RecordView, name: string): unknown =>
  view.raw[mapping.properties.findIndex((property) => property.name === name)];

/**
 * Somebody modified the record after our own last write through this mapping. Our own write through another mapping may have
 * given the record a later time since. A reading older than any own write says nothing.
 */
function isNewer({ stored }: Facts, view: RecordView): boolean {
  const [own, all] = [stored.link?.ownWriteAt[view.side] ?? 0, stored.ownWrites[view.side]];
  const foreign = foreignModified(view, all);
  if (own === 0 || foreign === undefined || all.some(({ at }) => Date.parse(view.record.modified!) < at)) return false;
  return Date.parse(foreign) > own;
}

/** A person decides now what becomes of it. */
export function isPersonal({ choice }: Facts, name: string): boolean {
  return choice?.kind === 'resolve-conflict' || (choice?.kind === 'restore' && choice.property === name);
}

function notStored({ mapping }: Facts, property: string, side: SideIndex): TandemError {
  const { name } = mapping.sides[side];
  const words = `${name} took the write of ${property} without an error, and still holds the value from before.`;
  return new TandemError('WRITE_NOT_STORED', words, { property });
}

function lossError({ mapping }: Facts, property: string, side: SideIndex, loss: string): TandemError {
  return new TandemError('WRITE_NOT_STORED', `${mapping.sides[side].name} stored ${property} otherwise: ${loss}.`, {
    property,
  });
}

/**
 * Why the response to our own write does not show one property as it was sent.
 * @param view the record as it was before
 * @param after as the response shows it, or as it was read after a write without a response
 * @returns `old`: it shows what it held before, for a replica may not have the write yet; undefined: it is stored, or the
 *   system has a form of its own for it
 */
export function notStoredBy(
  facts: Facts,
  view: RecordView,
  after: RecordView,
  { property, value, fingerprint }: PropertyWrite,
): 'old' | TandemError | undefined {
  const { mapping } = facts;
  const { side } = view;
  const [shown, raw] = [fingerprintOf(mapping, after, property), rawOf(facts, after, property)];
  if (shown === fingerprint || sameButForm(value, raw)) return undefined;
  if (shown === fingerprintOf(mapping, view, property) || isFormer(writesTo(facts, side, property), shown))
    return mapping.sides[side].entity.lag > 0 ? 'old' : notStored(facts, property, side);
  return lossIn(facts, after, { property, value });
}

/** What the system has lost of one property that it was sent. */
export function lossIn(
  facts: Facts,
  after: RecordView,
  { property, value }: Pick<PropertyWrite, 'property' | 'value'>,
): TandemError | undefined {
  const raw = rawOf(facts, after, property);
  const loss = sameButForm(value, raw) ? undefined : lossOf(value, raw);
  return loss === undefined ? undefined : lossError(facts, property, after.side, loss);
}

/** How long to wait before a record is read again that has shown an old reading, in ms: as long as it has taken until now. */
export const nextLook = (age: number): number => Math.min(Math.max(age, FIRST_LOOK), LAST_LOOK);
const FIRST_LOOK = 1_000;
const LAST_LOOK = 60_000;

/** Older writes of one property to one side that are remembered: a replica may show any of them. */
const REMEMBERED = 4;

/**
 * @param views both records as they were read
 * @param written our own writes of just now
 * @returns all that are remembered
 */
export function recentAfter(facts: Facts, views: Pair<RecordView>, written: readonly RecentWrite[]): RecentWrite[] {
  const { mapping, stored } = facts;
  const same = (a: RecentWrite, b: RecentWrite): boolean => a.property === b.property && a.side === b.side;
  const ends = (a: RecentWrite, b: RecentWrite): boolean => same(a, b) && (isRecorded(a) || a.sent === b.sent);
  const kept = stored.recent.filter((one, i) => {
    if (!isRecorded(one)) return isAwaited(facts, views[one.side], one) && !written.some((other) => ends(other, one));
    const later = stored.recent.slice(i + 1).filter((other) => isRecorded(other) && same(one, other)).length;
    const again = written.some((other) => isRecorded(other) && same(one, other)) ? 1 : 0;
    if (later + again === 0) return true;
    return later + again < REMEMBERED && stored.now - one.at < mapping.sides[one.side].entity.lag;
  });
  return [...kept.map((one) => shownBy(facts, views[one.side], one)), ...written];
}

/** Whether its outcome was recorded. */
export const isRecorded = ({ from }: RecentWrite): boolean => from === undefined;

/** Whether a write that was never recorded may show yet: what stands there is a value from before, and reads may lag that long. */
function isAwaited(facts: Facts, view: RecordView, write: RecentWrite): boolean {
  const value = fingerprintOf(facts.mapping, view, write.property);
  const isOld = value === write.before || isFormer(writesTo(facts, write.side, write.property), value);
  return isOld && mayLag(facts, write.side, write);
}

/** Nothing is open about a write whose value has been read, nor about one after which a person typed another value. */
function shownBy(facts: Facts, view: RecordView, write: RecentWrite): RecentWrite {
  const { unshown, ...shown } = write;
  const value = fingerprintOf(facts.mapping, view, write.property);
  if (value === write.sent && wasRead(facts, view.side)) return { ...shown, read: true };
  const isOld = value !== write.sent && isFormer(writesTo(facts, view.side, write.property), value);
  return unshown && !isOld && !isEmpty(rawOf(facts, view, write.property)) ? shown : write;
}
