/** One link: reads both records, decides by `merge`, writes, and records the new base. */
import { redefined } from '../config/definition.ts';
import type { Mapping } from '../config/types.ts';
import { asTandemError, TandemError } from '../errors.ts';
import { EMPTY, isEmpty } from '../expression/values.ts';
import type { BegunWrite, Decided, Lost, StoredBase } from '../links/links.ts';
import { type Decision, merge } from '../merge/merge.ts';
import { type Base, otherSide, type PropertyBase, type SideIndex, type SystemRecord } from '../types.ts';
import { askAgain, brakePair, clearsOf, holdLink, holdReason, keepsSurvivor, mayWrite } from './brake.ts';
import type { Claims } from './claims.ts';
import { convertContext, type SyncContext } from './context.ts';
import { propertyStates } from './convert.ts';
import { DOUBT, marked } from './definitions.ts';
import { type HoldReason, held, heldOutcome, reasonOf, waitFor, wakeWatchers } from './hold.ts';
import { isHandled, nameCounterpart, type Unnamed, type UnnamedSides, unnamedSide, withUnnamed } from './name.ts';
import { changeTo, type Outcome, outcome } from './outcome.ts';
import { indexEntry, type RecordView, recordState, viewRecord } from './view.ts';
import { type Answered, updateRecord } from './write.ts';

type Ids = readonly [string, string];

/**
 * Reconciles an established link. The record that was named is read first: where it is as it was last handled and
 * nothing is held, there is nothing to do, and the other one is not even read. So the echo of an own write costs one
 * call. A change of the other record has its own job.
 * @param named the side whose record the job names
 */
export async function reconcileLink(
  context: SyncContext,
  mapping: Mapping,
  ids: Ids,
  named: SideIndex,
  claims: Claims,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  const other = otherSide(named);
  const [linked, record, [handled], [handledOther], reason, stored, decided] = await Promise.all([
    links.counterpart(0, ids[0]),
    readSide(context, mapping, named, ids[named]),
    links.states(named, [ids[named]]),
    links.states(other, [ids[other]]),
    links.held(0, ids[0]),
    links.base(ids[0]),
    links.decided(0, ids[0]),
  ]);
  // It was found before it was claimed: a person may have broken it since, or given the record another counterpart.
  if (linked !== ids[1])
    throw new TandemError('LINK_CHANGED', 'The link changed since it was found.', {
      mapping: mapping.name,
      id: ids[0],
    });
  const view = record && (await viewRecord(mapping, named, record, context.fingerprinter));
  if (view && !reason && isHandled(mapping, handled, recordState(mapping, view).linked, context.fingerprinter))
    return outcome('unchanged', { ids });
  const counterpart = await readSide(context, mapping, other, ids[other]);
  const records = named === 0 ? ([record, counterpart] as const) : ([counterpart, record] as const);
  if (!view || !counterpart) return reconcileDeleted(context, mapping, ids, records, stored, claims, decided);
  // Should one be deleted again, that is another deletion.
  if (decided?.kind === 'deletes' && !context.dry) await links.undecide(0, ids[0]);
  const otherView = await viewRecord(mapping, other, counterpart, context.fingerprinter);
  const views = named === 0 ? ([view, otherView] as const) : ([otherView, view] as const);
  const states = named === 0 ? ([handled, handledOther] as const) : ([handledOther, handled] as const);
  const unnamed = ([0, 1] as const).map((side) =>
    unnamedSide(mapping, views[side], states[side], ids[otherSide(side)]),
  ) as [Unnamed | undefined, Unnamed | undefined];
  return reconcilePair(context, mapping, views, stored, named, claims, unnamed, decided);
}

const readSide = (
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
): Promise<SystemRecord | undefined> =>
  context.client(mapping.sides[side].system.name).read(mapping.sides[side].entity.name, id);

/**
 * Merges two records and writes what the merge decides. `stored.version` is '' for two records that are just being linked.
 * @param first the side that was read first
 * @param toName what is still to be done about the names in the records
 * @param decided what a person decided against
 */
export async function reconcilePair(
  context: SyncContext,
  mapping: Mapping,
  views: readonly [RecordView, RecordView],
  stored: StoredBase,
  first: SideIndex,
  claims: Claims,
  toName: UnnamedSides = [undefined, undefined],
  decided?: Decided,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  const ids: Ids = [views[0].record.id, views[1].record.id];
  const paused = views.find((view) => !view.inScope);
  if (paused) {
    const reason = {
      kind: 'paused',
      reason: `${mapping.sides[paused.side].name}.when excludes the record: the link is kept, nothing is written.`,
    } as const;
    if (!context.dry) {
      await links.commit({
        ids,
        version: stored.version,
        base: stored.base,
        states: withUnnamed(mapping, statesOf(mapping, views), toName, context.fingerprinter),
        held: held(context, mapping, reason, await links.held(0, ids[0])),
      });
    }
    return outcome('excluded', { ids });
  }

  const landed = (await links.begunWrites(ids, stored.version)).filter(
    ({ property, side, sent }) => ownOf(mapping, views[side], property) === sent,
  );
  const known: StoredBase = { ...stored, base: withLanded(stored.base, landed) };
  const converting = convertContext(context, mapping);
  const states = await propertyStates(mapping, views, known.base, converting);
  const merged = merge({
    base: known.base,
    modified: [views[0].record.modified, views[1].record.modified],
    properties: states,
  });
  const braked: Awaited<ReturnType<typeof brakePair>> = context.dry
    ? { decision: merged }
    : await brakePair(context, mapping, views, merged, known, toName);
  if ('outcome' in braked) return braked.outcome;
  const { decision } = braked;
  const stopped = 'stopped' in braked ? braked.stopped : undefined;
  const conflicts = decision.decisions.filter((one) => one.rule === 'conflict').map((one) => one.property);
  const planned: Outcome = outcome(decision.writes.some((writes) => writes.length > 0) ? 'updated' : 'unchanged', {
    ids,
    writes: [decision.writes[0].map((write) => write.property), decision.writes[1].map((write) => write.property)],
    ...(conflicts.length > 0 ? { conflicts } : {}),
  });
  const trouble = troubleOf(decision, known.base);
  if (context.dry) return trouble && planned.kind === 'unchanged' ? { ...heldOutcome(trouble), ids } : planned;

  // What a system could not tell just now is asked again: nobody has to mend anything.
  const passing = decision.decisions.find(({ error }) => error !== undefined && error.retry !== 'never');
  if (passing?.error) throw passing.error;
  await links.keepLost(ids, lostValues(mapping, views, decision));

  const begun = ([0, 1] as const).flatMap((side) =>
    decision.writes[side].map(({ property, fingerprint }) => ({
      property,
      side,
      sent: fingerprint,
      definition: mapping.properties.find(({ name }) => name === property)?.definition ?? '',
      from: ownOf(mapping, views[otherSide(side)], property),
    })),
  );
  if (begun.length > 0) await links.begin({ version: stored.version, ids, writes: [...landed, ...begun] });

  const answers: [Answered | undefined, Answered | undefined] = [undefined, undefined];
  let rejected: TandemError | undefined;
  for (const side of [0, 1] as const) {
    const writes = decision.writes[side];
    if (writes.length === 0) {
      answers[side] = new Map();
      continue;
    }
    const record = await guarded(context, mapping, views[side], side === first || stored.version === '');
    await claims.confirm();
    await context.step?.('before-update');
    try {
      const result = await updateRecord(context, mapping, mapping.sides[side], record, writes);
      await context.step?.('after-update');
      answers[side] = result.answered;
      rejected ??= result.refused;
      const view = await viewRecord(mapping, side, result.record, context.fingerprinter);
      await links.index(side, [indexEntry(view)]);
    } catch (cause) {
      const error = asTandemError(cause);
      // A record deleted meanwhile is read again; only a refusal that another try would meet too stops here.
      if (error.code === 'SYSTEM_NOT_FOUND')
        throw new TandemError('RECORD_CHANGED', error.message, { ...error.context, cause });
      if (error.retry !== 'never') throw error;
      rejected = error;
    }
  }

  const unnamed: [Unnamed | undefined, Unnamed | undefined] = [...toName];
  for (const side of [0, 1] as const) {
    if (!unnamed[side] || unnamed[side] === 'refused' || !answers[side] || stopped) continue;
    await claims.confirm();
    const done = await nameCounterpart(context, mapping, views[side], ids[otherSide(side)]);
    unnamed[side] = done ? undefined : 'refused';
  }

  const problem = rejected ?? trouble;
  const undecided = problem !== undefined && problem === trouble && isReview(decision);
  // What the brake holds is known by it: its answer brings the record back, and other trouble with it.
  const reason: HoldReason | undefined = stopped
    ? holdReason(mapping, stopped.permit, stopped.change)
    : problem && {
        ...reasonOf(problem, converting.missing),
        ...(undecided ? { kind: 'review' as const } : {}),
      };
  const doubted = doubtful(mapping, decision, known, answers);
  await context.step?.('before-base');
  await links.commit({
    ids,
    version: stored.version,
    base: marked(mapping, baseAfter(decision, known, answers, doubted)),
    states: withUnnamed(
      mapping,
      doubted.size > 0 ? ['', ''] : statesAfter(mapping, views, answers),
      unnamed,
      context.fingerprinter,
    ),
    held: reason && held(context, mapping, reason, await links.held(0, ids[0])),
  });
  await context.step?.('after-base');
  // The base holds it by now, or there is nothing to be cleared any more.
  if (braked.discarded || decided?.kind === 'clears') await links.undecide(0, ids[0]);
  if (begun.length > 0 || landed.length > 0) await links.forgetBegun(ids[0]);
  if (doubted.size > 0) await context.enqueue(mapping.name, 0, [ids[0]]);
  if (stopped) await askAgain(context, mapping, 0, ids[0], stopped.permit);
  for (const side of [0, 1] as const) if (answers[side]?.size) await context.touched(mapping, side, ids[side]);
  if (reason?.refs) await waitFor(context, mapping, 0, ids[0], reason.refs);
  const written = ([0, 1] as const).map((side) =>
    planned.writes[side].filter((property) => answers[side]?.has(property)),
  ) as unknown as Outcome['writes'];
  const changes = changesOf(decision, known.base, views, written);
  if (!problem) return { ...planned, ...changes };
  const kind = problem.code === 'REFERENCE_WAITING' ? 'waiting' : undecided ? 'review' : 'failed';
  return {
    ...planned,
    ...changes,
    kind,
    writes: written,
    code: problem.code,
    reason: problem.message,
    ...(problem.context.property ? { property: problem.context.property } : {}),
  };
}

/** Only edits of records that had agreed before: what two records made of each other when they met is no change of either. */
function changesOf(
  { decisions }: Decision,
  base: Base,
  views: readonly [RecordView, RecordView],
  written: Outcome['writes'],
): Pick<Outcome, 'changes'> {
  const changes = ([0, 1] as const).map((side) => {
    const edited = decisions.some(
      ({ property, rule, writes }) =>
        writes === side &&
        written[side].includes(property) &&
        (rule === 'one-changed' || (rule === 'conflict' && Object.hasOwn(base, property))),
    );
    return edited ? (views[otherSide(side)].record.modified ?? '') : undefined;
  }) as [string | undefined, string | undefined];
  return changes.some((change) => change !== undefined) ? { changes } : {};
}

const ownOf = (mapping: Mapping, view: RecordView, name: string): string =>
  view.fingerprints[mapping.properties.findIndex((property) => property.name === name)] ?? '';

/**
 * The base with own writes that were done, but never recorded: their answer was lost, or the process ended. Else they
 * would look like edits, and win over what people edited since.
 */
function withLanded(base: Base, landed: readonly BegunWrite[]): Base {
  const known: Record<string, PropertyBase> = { ...base };
  for (const { property, side, sent, from, definition } of landed) {
    const entry = side === 0 ? ([sent, from] as const) : ([from, sent] as const);
    known[property] = definition === undefined ? entry : [...entry, definition];
  }
  return known;
}

/**
 * The record in the form in which it may be written. Without a version the system would let an edit be overwritten that
 * was made while the other record was read or searched for, so it is looked at once more.
 * @param first it was read before the other one, or before the search that found the other one
 * @throws TandemError RECORD_CHANGED
 */
export async function guarded(
  context: SyncContext,
  mapping: Mapping,
  view: RecordView,
  first: boolean,
): Promise<SystemRecord> {
  const { name, entity } = mapping.sides[view.side];
  const { record } = view;
  // A search tells no version, even where there is one.
  if (record.version !== undefined || (!first && entity.update?.version === undefined)) return record;
  const now = await readSide(context, mapping, view.side, record.id);
  const again = now && (await viewRecord(mapping, view.side, now, context.fingerprinter));
  if (again && recordState(mapping, again).linked === recordState(mapping, view).linked) return again.record;
  throw new TandemError('RECORD_CHANGED', `The record was changed in ${name} since it was read.`, {
    mapping: mapping.name,
    side: name,
    id: record.id,
  });
}

const isReview = (decision: Decision): boolean =>
  decision.decisions.some((one) => one.rule === 'review') && !decision.decisions.some((one) => one.error);

/** The first thing that keeps a property from agreeing, if any. */
function troubleOf(decision: Decision, base: Base): TandemError | undefined {
  const blocked = decision.decisions.find((one) => one.rule === 'blocked');
  if (blocked)
    return (
      blocked.error ??
      new TandemError('CONFLICT', `${blocked.property} cannot be written.`, { property: blocked.property })
    );
  const waiting = decision.decisions.filter((one) => one.rule === 'review').map(({ property }) => property);
  const [first] = waiting;
  if (first === undefined) return undefined;
  const met = waiting.every((name) => !Object.hasOwn(base, name));
  const names = `${waiting.join(', ')} ${waiting.length === 1 ? 'was' : 'were'}`;
  return new TandemError(
    'CONFLICT',
    met
      ? `${names} different on the two sides when the records met: a person decides.`
      : `${names} changed on both sides: a person decides.`,
    { property: first },
  );
}

/** What is overwritten against somebody's will; and what is cleared, for a runaway clear could not be put back else. */
function lostValues(mapping: Mapping, views: readonly [RecordView, RecordView], decision: Decision): Lost[] {
  const cleared = clearsOf(mapping, views, decision);
  return decision.decisions.flatMap(({ property, rule, loser, writes }) => {
    if (loser !== undefined) return lostValue(mapping, views[loser], property, rule);
    return writes !== undefined && cleared.has(property) ? lostValue(mapping, views[writes], property, 'cleared') : [];
  });
}

/** All that the mapping sees of a record that is about to be deleted. */
export const deletedValues = (mapping: Mapping, view: RecordView): Lost[] =>
  mapping.properties.flatMap(({ name }) => lostValue(mapping, view, name, 'deleted'));

/** An empty value is none that could be put back. */
export function lostValue(mapping: Mapping, view: RecordView, property: string, rule: string): Lost[] {
  const value = view.raw[mapping.properties.findIndex((candidate) => candidate.name === property)];
  if (isEmpty(value)) return [];
  return [{ at: new Date().toISOString(), property, side: mapping.sides[view.side].name, value, rule }];
}

/**
 * Properties that a system without an answer to a write shows otherwise than they were sent. It may have reformatted
 * them, or somebody edited them before they were read: so they count as edited there, once. Where the other side then
 * does the same, that is its form: it is taken as the answer, and the two do not go on forever.
 */
function doubtful(
  mapping: Mapping,
  decision: Decision,
  stored: StoredBase,
  answers: readonly [Answered | undefined, Answered | undefined],
): Set<string> {
  const names = new Set<string>();
  for (const side of [0, 1] as const) {
    if (mapping.sides[side].entity.update?.answer === 'record') continue;
    for (const { property, fingerprint } of decision.writes[side]) {
      const answer = answers[side]?.get(property);
      if (answer !== undefined && answer !== fingerprint && !(DOUBT + property in stored.base)) names.add(property);
    }
  }
  return names;
}

/** The base to record: what was written counts as the target answered it, what was refused keeps its former base. */
function baseAfter(
  decision: Decision,
  stored: StoredBase,
  answers: readonly [Answered | undefined, Answered | undefined],
  doubted: ReadonlySet<string>,
): Record<string, PropertyBase> {
  const base: Record<string, PropertyBase> = { ...decision.base };
  for (const side of [0, 1] as const) {
    for (const { property } of decision.writes[side]) {
      const entry = base[property]!;
      const answer = answers[side]?.get(property);
      const former = stored.base[property];
      if (doubted.has(property)) base[DOUBT + property] = entry;
      else if (answer !== undefined) base[property] = side === 0 ? [answer, entry[1]] : [entry[0], answer];
      else if (former) base[property] = former;
      else delete base[property];
    }
  }
  return base;
}

const statesOf = (mapping: Mapping, views: readonly [RecordView, RecordView]): [string, string] => [
  recordState(mapping, views[0]).linked,
  recordState(mapping, views[1]).linked,
];

/** The states that the next scan will see: written properties as the target answered them, the others as they were read. */
function statesAfter(
  mapping: Mapping,
  views: readonly [RecordView, RecordView],
  answers: readonly [Answered | undefined, Answered | undefined],
): [string, string] {
  const after = views.map((view, side) => ({
    ...view,
    fingerprints: mapping.properties.map((property, i) => answers[side]?.get(property.name) ?? view.fingerprints[i]!),
  })) as unknown as [RecordView, RecordView];
  return statesOf(mapping, after);
}

/** One or both records of a link are gone. The default propagates nothing: the survivor stays and is never made again. */
async function reconcileDeleted(
  context: SyncContext,
  mapping: Mapping,
  ids: Ids,
  [a, b]: readonly [SystemRecord | undefined, SystemRecord | undefined],
  stored: StoredBase,
  claims: Claims,
  decided: Decided | undefined,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  if (context.dry) return outcome('gone', { ids });
  if (!a && !b) {
    await endLink(context, mapping, ids);
    return outcome('gone', { ids });
  }
  const survivor: SideIndex = a ? 0 : 1;
  const { name, system, entity } = mapping.sides[survivor];
  const before = await links.held(0, ids[0]);
  const kept = await keepsSurvivor(context, mapping, ids[0], before, decided);
  const deletes = kept ? 'keep' : mapping.sides[survivor].deletes;
  const goneName = mapping.sides[otherSide(survivor)].name;
  const view = await viewRecord(mapping, survivor, (a ?? b)!, context.fingerprinter);
  const state = recordState(mapping, view).linked;
  const states: [string, string] = survivor === 0 ? [state, ''] : ['', state];
  const { edited, unagreed } = ownValues(mapping, view, stored.base);
  // One that does not take part keeps its last state. Should it take part again, this is decided anew.
  const out = !view.inScope;
  if (deletes === 'propagate' && !out && !edited && unagreed.length === 0) {
    // A delete cannot be taken back: look a second time, and only then.
    if (await readSide(context, mapping, otherSide(survivor), ids[otherSide(survivor)]))
      throw new TandemError('RECORD_CHANGED', `The record in ${goneName} is there again.`, { mapping: mapping.name });
    const permit = await mayWrite(context, mapping, 0, ids[0], 'deletes');
    if (permit.kind === 'braked') return holdLink(context, mapping, ids, stored, states, permit, 'deletes');
    // Answered a moment ago.
    if (permit.kind === 'discard')
      return reconcileDeleted(context, mapping, ids, [a, b], stored, claims, { kind: 'deletes' });
    await links.keepLost(ids, deletedValues(mapping, view));
    await claims.confirm();
    await context.client(system.name).delete(entity.name, ids[survivor]);
    await endLink(context, mapping, ids);
    return outcome('deleted', { ids, side: survivor, changes: changeTo(survivor, undefined) });
  }
  const review = deletes === 'review' || deletes === 'propagate';
  const reason = !review
    ? `The counterpart in ${goneName} was deleted; ${kept ? 'a person decided that ' : ''}${name} keeps its record.`
    : out && deletes === 'propagate'
      ? `The counterpart in ${goneName} was deleted, but ${name}.when excludes the record: a person decides.`
      : edited
        ? `The counterpart in ${goneName} was deleted, but the record was edited in ${name}: a person decides.`
        : deletes === 'propagate'
          ? `The counterpart in ${goneName} was deleted, but ${unagreed.join(', ')} in ${name} never agreed with it: a person decides.`
          : `The counterpart in ${goneName} was deleted: a person decides.`;
  await links.commit({
    ids,
    version: stored.version,
    base: stored.base,
    states,
    held: held(context, mapping, { kind: review ? 'review' : 'gone', reason, ...(kept ? { kept: true } : {}) }, before),
  });
  return outcome(review ? 'review' : 'gone', { ids, reason });
}

/**
 * What a survivor holds that did not come of an agreement with the record that is gone. A value without an agreement that
 * can still be read (in conflict since the two met, of a property that was added or is read otherwise now) is somebody's,
 * also where nothing flows from it. An empty one is nobody's.
 */
function ownValues(mapping: Mapping, view: RecordView, base: Base): { edited: boolean; unagreed: string[] } {
  let edited = false;
  const unagreed: string[] = [];
  for (const [i, { name, definition }] of mapping.properties.entries()) {
    const entry = Object.hasOwn(base, name) ? base[name] : undefined;
    const readable = entry && (redefined(entry[2] ?? definition, definition)?.readable[view.side] ?? true);
    if (entry && readable) edited ||= entry[view.side] !== view.fingerprints[i];
    else if (view.fingerprints[i] !== EMPTY) unagreed.push(name);
  }
  return { edited, unagreed };
}

/** Both records are gone, and so is their link. */
export async function endLink(context: SyncContext, mapping: Mapping, ids: Ids): Promise<void> {
  const links = context.links(mapping.name);
  await links.unlink(...ids);
  for (const side of [0, 1] as const) {
    await links.forget(side, ids[side]);
    await wakeWatchers(context, mapping, side, ids[side]);
  }
}
