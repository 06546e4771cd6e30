/** Answers the questions of `decide`. Reads and calculates; writes nothing, neither to a system nor to Redis. */
import { asTandemError, type TandemError } from '../errors.ts';
import { firstSeen } from '../merge/unconfirmed.ts';
import { entryOf } from '../merge/unit.ts';
import { flip } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import { type Json, otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import type { Question } from './actions.ts';
import {
  anyInScope,
  gatherCorrelation,
  gatherMatching,
  gatherRule,
  gatherSuccessors,
  searchCorrelation,
} from './candidates.ts';
import { convertProperty, flowsTo, propertyStates } from './convert.ts';
import type { DeliveredRecord, Facts, NewRecord, RecordFact, RestoredValue, Unit } from './facts.ts';
import { findUnconfirmedCreate, gatherOpenCreates } from './find-create.ts';
import { readNamed } from './read-view.ts';
import { convertContext } from './references.ts';
import type { MappingScope } from './scope.ts';
import { gatherPartner } from './stored.ts';
import { type RecordView, viewRecord } from './view.ts';
import { newRecord, refusalOf } from './write.ts';

/** @returns the facts that the answer adds or replaces */
export async function gather(
  scope: MappingScope,
  facts: Facts,
  unit: Unit,
  question: Question,
): Promise<Partial<Facts>> {
  switch (question.ask) {
    case 'record':
      return gatherRecord(scope, facts, unit, question.side, question.id);
    case 'waiters':
      return { waitedFor: await scope.links.dependents.isWaitedFor(facts.side, facts.id) };
    case 'correlation':
      return { correlation: await gatherCorrelation(scope, question.view) };
    case 'rule': {
      const rules = [...facts.rules];
      rules[question.rule] = await gatherRule(scope, question.view, question.rule);
      return { rules };
    }
    case 'search-correlation':
      return { searched: await searchCorrelation(scope, question.view) };
    case 'named-record':
      return { namedExists: (await readNamed(scope, question.side, question.id)) !== undefined };
    case 'unconfirmed-create':
      return { found: await findUnconfirmedCreate(scope, question.view, question.pending) };
    case 'open-creates':
      return { openCreates: await gatherOpenCreates(scope, question.view, firstSeen(facts)) };
    case 'matching-candidates':
      return { matching: await gatherMatching(scope, question.view, question.candidates) };
    case 'candidates-exist':
      return { candidatesExist: await anyInScope(scope, question.side, question.ids) };
    case 'partner':
      return { partner: await gatherPartner(scope, question) };
    case 'new-record':
      return { newRecord: await convertNew(scope, question.view) };
    case 'conversions': {
      const converting = convertContext(scope);
      const properties = await propertyStates(scope.mapping, question.views, question.base, converting);
      return { conversions: { properties, refs: converting.missing } };
    }
    case 'allowance':
      return { allowance: await scope.allowanceOf(question.kind) };
    case 'counterpart': {
      const [found] = await scope.links.reader.counterparts(question.side, [question.id]);
      return { winnersCounterpart: found ?? null };
    }
    case 'successors':
      return { successors: await gatherSuccessors(scope, question.view) };
    case 'absent-twice': {
      const absent = (await readRecord(scope, question.side, question.id)) === undefined;
      return { absentTwice: { ...facts.absentTwice, [recordKey(question.side, question.id)]: absent } };
    }
    case 'restored-value':
      return { restored: await convertRestored(scope, question) };
  }
}

const readRecord = (scope: MappingScope, side: SideIndex, id: string): Promise<SystemRecord | undefined> =>
  scope.clients[side].read(scope.mapping.sides[side].entity.name, id);

/** How old a page may be whose records are used, in ms: of a record with a link, whose counterpart is read now, and of one without. */
const LINKED_AGE = 10_000;
const UNLINKED_AGE = 300_000;

/**
 * A page's record is used under the mapping that has read it, while the page is fresh, and its link was not committed after the
 * page was requested; or where it is the one that was committed. Without a link, no link may have ended since: its record may be one that was deleted then; nor may
 * another worker have handled a later reading.
 */
function isCurrent(
  { mapping, rawOf }: MappingScope,
  known: DeliveredRecord,
  side: SideIndex,
  { stored: { link, unlinked, lastEnd } }: Facts,
): boolean {
  if (known.version !== mapping.version) return false;
  if (performance.now() - known.requestedAt > (link ? LINKED_AGE : UNLINKED_AGE)) return false;
  if (link === undefined) {
    if (lastEnd > (known.revision ?? 0)) return false;
    const handled = unlinked?.raw ?? '';
    return known.handled === undefined || known.handled === handled || handled === rawOf(known);
  }
  return (known.revision !== undefined && link.revision <= known.revision) || link.raw[side] === rawOf(known);
}

async function gatherRecord(
  scope: MappingScope,
  facts: Facts,
  unit: Unit,
  side: SideIndex,
  id: string,
): Promise<Pick<Facts, 'records'>> {
  const known = unit.known?.(side);
  // A page may be older than a write that raised no revision.
  const usable = known?.record.id === id && !entryOf(facts).pendingWrites && isCurrent(scope, known, side, facts);
  const delivered = usable ? known : undefined;
  const order = facts.records.filter((fact) => fact !== undefined).length;
  const learned = (fact: RecordFact): Pick<Facts, 'records'> => ({
    records: flip(side, [fact, facts.records[otherSide(side)]]),
  });
  try {
    const record = delivered?.record ?? (await readRecord(scope, side, id));
    if (!record) return learned({ kind: 'absent' });
    if (record.id !== id) return learned({ kind: 'other', id: record.id });
    const readAt = performance.now();
    const view = delivered?.view ?? (await viewRecord(scope.mapping, side, record, scope.fingerprinter));
    const fact = { kind: 'present', view, askedFor: id, order } as const;
    if (!delivered) return learned({ ...fact, from: 'read', readAt });
    const { from, requestedAt } = delivered;
    const shown = from === 'response' ? { readAt: requestedAt } : {};
    return learned({ ...fact, from, ...shown, shownAgo: performance.now() - requestedAt });
  } catch (cause) {
    const error = asTandemError(cause);
    if (error.retry !== 'never') throw error;
    return learned({ kind: 'unreadable', error });
  }
}

/** What would be sent to create the counterpart of a record. */
async function convertNew(scope: MappingScope, source: RecordView): Promise<NewRecord> {
  const { mapping } = scope;
  const target = mapping.sides[otherSide(source.side)];
  const converting = convertContext(scope);
  const writes = [];
  for (const property of mapping.properties) {
    if (!flowsTo(property, target.index)) continue;
    const converted = await convertProperty(mapping, property, source, target.index, converting);
    if (!converted.ok) return { ok: false, error: converted.error, refs: converting.missing };
    if (converted.value !== null)
      writes.push({ property: property.name, value: converted.value, fingerprint: converted.fingerprint });
  }
  try {
    return { ok: true, writes, data: newRecord(mapping, target, writes, source.record.id) };
  } catch (error) {
    return { ok: false, error: asTandemError(error), refs: [] };
  }
}

/** A value of the history as it would be written to its own side, and what it becomes on the other one. */
async function convertRestored(
  scope: MappingScope,
  { property: name, value, near, far }: Extract<Question, { ask: 'restored-value' }>,
): Promise<RestoredValue> {
  const { mapping } = scope;
  const i = mapping.properties.findIndex((property) => property.name === name);
  const property = mapping.properties[i]!;
  const refused = (error: TandemError): RestoredValue => ({ ok: false, error });
  const data = property.sides[near.side].path!.set(near.record.data, value);
  const typed = await viewRecord(mapping, near.side, { ...near.record, data }, scope.fingerprinter);
  const write = { property: name, value: value as Json, fingerprint: typed.fingerprints[i]! };
  const changes = near.fingerprints[i] !== write.fingerprint;
  const refusal = changes ? refusalOf(mapping, near, write) : undefined;
  if (refusal) return refused(refusal);
  if (!flowsTo(property, far.side)) return { ok: true, write, toward: undefined };
  const converted = await convertProperty(mapping, property, typed, far.side, convertContext(scope));
  if (!converted.ok) return refused(converted.error);
  const refusedFar = refusalOf(mapping, far, {
    property: name,
    value: converted.value,
    fingerprint: converted.fingerprint,
  });
  return refusedFar ? refused(refusedFar) : { ok: true, write, toward: converted.fingerprint };
}
