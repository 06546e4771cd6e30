/** Carries out the actions of `decide`: one small executor per kind, which decides nothing. Its result is a fact. */
import { BRAKE_KINDS } from '../config/brake-limits.ts';
import type { UpdateConfig } from '../config/types.ts';
import { asTandemError, TandemError } from '../errors.ts';
import type { WritablePath } from '../expression/path.ts';
import { fingerprintOf } from '../merge/base.ts';
import { intactAt } from '../merge/create.ts';
import { isLimited } from '../merge/permit.ts';
import { linkedState } from '../merge/record-state.ts';
import { entryOf, keyOf } from '../merge/unit.ts';
import { flip, replaceSide } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import { otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import type { Action } from './actions.ts';
import { type Claims, expiredError } from './claim-table.ts';
import type { Facts, RecordFact, Results, WriteResult } from './facts.ts';
import { readView } from './read-view.ts';
import type { MappingScope } from './scope.ts';
import { type RecordView, viewRecord } from './view.ts';
import { sendable, withUnshown } from './write.ts';

/** Until then this process has the edit, or leaves the record to one that has it; ms. */
const EDITED_WAIT = 250;

type Do<K extends Action['do']> = Extract<Action, { do: K }>;
type Learned = Partial<Facts>;

/** @returns the facts that the effect adds or replaces */
export function apply(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  action: Exclude<Action, { do: 'commit' }>,
): Promise<Learned> {
  switch (action.do) {
    case 'lock':
      return lock(claims, facts, action);
    case 'begin':
      return begin(scope, claims, facts, action);
    case 'keep-overwritten':
      return keepOverwritten(scope, facts, action);
    case 'update':
      return update(scope, claims, facts, action);
    case 'create':
      return create(scope, claims, facts, action);
    case 'note-not-found':
      return noteNotFound(scope, claims, facts, action);
    case 'withdraw-create':
      return withdrawCreate(scope, claims, facts, action);
    case 'delete':
      return remove(scope, claims, facts, action);
    case 'correlate':
      return correlate(scope, claims, facts, action);
    case 'restore':
      return restore(scope, claims, facts, action);
  }
}

const learned = ({ results }: Facts, more: Partial<Results>): Learned => ({ results: { ...results, ...more } });

async function lock(claims: Claims, facts: Facts, { claims: names, entry }: Do<'lock'>): Promise<Learned> {
  await claims.add(names, entry);
  const own = entry?.side === facts.side && entry.entry.id === facts.id;
  return learned(facts, { locked: [...facts.results.locked, ...names], ...(own ? { indexed: true } : {}) });
}

/** The brake is asked, and what is begun is noted, in one step. */
async function begin(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  { consume, writes, shown, create: created }: Do<'begin'>,
): Promise<Learned> {
  const { links, mapping } = scope;
  const record = writes ? recordKey(0, writes.ids[0]) : keyOf(facts);
  const unlimited = BRAKE_KINDS.filter((kind) => !isLimited(mapping.brake, kind));
  if (created) {
    // Its counterpart was looked for by the rules of this version: under others it may be there.
    if (scope.inForce && !(await scope.inForce())) throw editedError(mapping.name, facts.id);
    await scope.step?.('before-begin');
  }
  const result = await links.batches.begin({
    record,
    owner: claims.owner,
    claims: claims.names(),
    ...(writes ? { writes } : {}),
    ...(created ? { create: created.pending, replaces: entryOf(facts).pendingCreate?.key } : {}),
    // A write that a person asks for is not held up by a brake.
    unlimited: consume && unlimited.length < BRAKE_KINDS.length ? unlimited : 'unasked',
    allowance: consume?.allowance,
  });
  if (result === 'lost') throw expiredError();
  if (result === 'changed') throw createChanged(mapping.name, facts.id);
  if (result) return { stored: { ...facts.stored, brake: result } };
  if (created) await scope.step?.('after-begin');
  return learned(facts, { begun: { key: created?.pending.key, record }, ...(shown ? { shownNoted: true } : {}) });
}

const editedError = (mapping: string, id: string): TandemError =>
  new TandemError('RECORD_LOCKED', 'The mapping was edited while this record was looked at: it is looked at again.', {
    ...{ mapping, id, retryAfter: EDITED_WAIT },
  });

const createChanged = (mapping: string, id: string): TandemError =>
  new TandemError('LINK_CHANGED', 'Another worker has begun to create a counterpart of this record.', { mapping, id });

async function keepOverwritten(
  scope: MappingScope,
  facts: Facts,
  { ids, values }: Do<'keep-overwritten'>,
): Promise<Learned> {
  await scope.links.history.keepOverwritten(ids, values);
  return learned(facts, { overwrittenKept: true });
}

async function update(scope: MappingScope, claims: Claims, facts: Facts, action: Do<'update'>): Promise<Learned> {
  const { side } = action;
  const done = (result: WriteResult): Learned =>
    learned(facts, { written: replaceSide(facts.results.written, side, result) });
  const sending: Sending = { stage: 'begun' };
  try {
    const written = await write(scope, claims, facts, action, sending);
    return done({ ...written, at: responseAt(facts) });
  } catch (cause) {
    const error = asTandemError(cause);
    if (isUnwritten(sending, error)) await dropWrites(scope, claims, facts, action);
    // A record that is gone, or that was written and could not be read, is looked at again; only a refusal of the write that
    // another try would meet too ends here.
    if (error.code === 'SYSTEM_NOT_FOUND' || (sending.stage === 'taken' && error.retry === 'never'))
      throw new TandemError('RECORD_CHANGED', error.message, { ...error.context, cause });
    if (error.retry !== 'never') throw error;
    return done({ kind: 'rejected', error });
  }
}

/** How far a write came. */
interface Sending {
  stage: 'begun' | 'sent' | 'taken';
}

/** Nothing was written: it was not sent, or refused. */
const isUnwritten = ({ stage }: Sending, { code, context: { status = 0 } }: TandemError): boolean =>
  stage === 'begun' ||
  (stage === 'sent' && (code === 'RECORD_CHANGED' || (isRefusal(status) && code !== 'SYSTEM_UNAVAILABLE')));

/** Not 408 and 499: who gives up waiting does not know what the system behind does. */
const isRefusal = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 499;

/** What was not written is not pending: the next try would take a value that a person types there for our own. */
async function dropWrites({ links }: MappingScope, claims: Claims, facts: Facts, action: Do<'update'>): Promise<void> {
  const { side, writes } = action;
  const record = facts.results.begun?.record;
  // An earlier try may have sent the same.
  const earlier = [entryOf(facts), facts.partner].flatMap((noted) => noted?.pendingWrites?.writes ?? []);
  const dropped = writes
    .map(({ property, fingerprint: sent }) => ({ property, side, sent }))
    .filter(
      ({ property, sent }) => !earlier.some((w) => w.property === property && w.side === side && w.sent === sent),
    );
  // Where a claim was lost, another worker may have begun the same.
  if (record !== undefined && dropped.length > 0)
    // It is why nothing was written that is reported.
    await links.batches.dropWrites({ record, owner: claims.owner, claims: claims.names() }, dropped).catch(() => {});
}

/** Epoch ms on Redis' clock, now that the response is there. */
const responseAt = ({ stored: { now, takenAt } }: Facts): number => now + performance.now() - takenAt;

/** An older reading is made again before a write that no version guards, in ms. */
const FRESH = 2_000;
/** Such a write is not sent any more so long after that reading, in ms. Updates go ahead of other calls, so that it is rare. */
const STALE = 5_000;

/** Without a version, an edit that is made between the reading and the write is overwritten unseen: that time is kept short. */
async function write(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  action: Omit<Do<'update'>, 'do'>,
  sending: Sending = { stage: 'begun' },
): Promise<Extract<WriteResult, { kind: 'done' }>> {
  const { side, view, readFirst } = action;
  if (view.record.version !== undefined)
    return await send(scope, action, { record: view.record, readAt: undefined }, sending, claims.check);
  const fact = facts.records[side];
  const shownAt = (fact?.kind === 'present' && fact.readAt) || Number.NEGATIVE_INFINITY;
  const again = readFirst || performance.now() - shownAt > FRESH;
  const record = again ? await readAgain(scope, view) : view.record;
  const readAt = again ? performance.now() : shownAt;
  return await send(scope, action, { record, readAt }, sending, () => {
    claims.check();
    if (performance.now() - readAt > STALE) throw changedError(scope, view, 'may have been changed');
  });
}

async function send(
  scope: MappingScope,
  { side, writes, unshown }: Omit<Do<'update'>, 'do'>,
  { record, readAt }: { readonly record: SystemRecord; readonly readAt: number | undefined },
  sending: Sending,
  check: () => void,
): Promise<Extract<WriteResult, { kind: 'done' }>> {
  const { mapping, clients } = scope;
  const entity = mapping.sides[side].entity.name;
  const known = { ...record, data: withUnshown(mapping, side, record.data, unshown) };
  const { data, changed, properties, refused } = sendable(mapping, side, known, writes);
  await scope.step?.('before-update', { entity, id: record.id, readAt });
  const change = { data, changed, version: record.version, before: record.data };
  const guard = (): void => {
    check();
    sending.stage = 'sent';
  };
  const taken = (): void => {
    sending.stage = 'taken';
  };
  const response = await clients[side].update(entity, record.id, change, { guard, taken });
  taken();
  await scope.step?.('after-update');
  expectSame(scope, side, record.id, response);
  return { kind: 'done', view: await viewResponse(scope, side, response), properties, refused };
}

/** A response may lack a part of the record, without which a computed value fails. */
async function viewResponse(scope: MappingScope, side: SideIndex, response: SystemRecord): Promise<RecordView> {
  try {
    return await viewRecord(scope.mapping, side, response, scope.fingerprinter);
  } catch (error) {
    const read = await readView(scope, side, response.id);
    if (!read) throw error;
    return read;
  }
}

/** What a write answers under another id is another record. @throws TandemError RECORD_CHANGED */
function expectSame({ mapping }: MappingScope, side: SideIndex, id: string, answered: SystemRecord): void {
  if (answered.id === id) return;
  const { name } = mapping.sides[side];
  const words = `${name} answered record ${answered.id} to a write of ${id}: it is looked at again.`;
  throw new TandemError('RECORD_CHANGED', words, { mapping: mapping.name, side: name, id });
}

/** @throws TandemError RECORD_CHANGED where it is not as it was seen */
async function readAgain(scope: MappingScope, view: RecordView): Promise<SystemRecord> {
  const { mapping, clients } = scope;
  const { entity } = mapping.sides[view.side];
  const record = await clients[view.side].read(entity.name, view.record.id);
  const now = record && (await viewRecord(mapping, view.side, record, scope.fingerprinter));
  const same = now?.record.id === view.record.id;
  if (now && same && linkedState(mapping, now) === linkedState(mapping, view)) return now.record;
  throw changedError(scope, view, 'was changed');
}

function changedError({ mapping }: MappingScope, { side, record }: RecordView, what: string): TandemError {
  const { name } = mapping.sides[side];
  const words = `The record ${what} in ${name} since it was read.`;
  return new TandemError('RECORD_CHANGED', words, { mapping: mapping.name, side: name, id: record.id });
}

async function create(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  { side, data, key }: Do<'create'>,
): Promise<Learned> {
  const { mapping, clients } = scope;
  const entity = mapping.sides[side].entity.name;
  let record: SystemRecord | undefined;
  try {
    record = await clients[side].create(entity, data, { idempotencyKey: key, guard: claims.check });
    await scope.step?.('after-post');
  } catch (cause) {
    const error = asTandemError(cause);
    const { id } = error.context;
    // The outcome is not known: the next try finds the pending create, and looks for its result before it posts again.
    if (error.code !== 'OUTCOME_UNKNOWN' && error.code !== 'LINK_CHANGED')
      return learned(facts, { created: { kind: 'rejected', error } });
    if (id === undefined) throw error;
    await noteMade(scope, facts, id);
    record = await clients[side].read(entity, id);
    if (record?.id !== id) throw error;
  }
  try {
    const view = await viewRecord(mapping, side, record, scope.fingerprinter);
    return learned(facts, { created: { kind: 'created', view } });
  } catch (error) {
    await noteMade(scope, facts, record.id);
    throw error;
  }
}

/**
 * The system answered which record it created, and the two were not linked: another worker has the new record by its event,
 * say. The id is kept whatever went wrong, so that the next try links that record.
 */
export async function keepMade(scope: MappingScope, facts: Facts): Promise<void> {
  const { created, committed } = facts.results;
  if (created?.kind !== 'created' || committed !== undefined) return;
  // It is what went wrong before that is reported.
  await noteMade(scope, facts, created.view.record.id, intactAt(facts, created.view)).catch(() => {});
}

async function noteMade({ links }: MappingScope, facts: Facts, made: string, shownAt = ''): Promise<void> {
  const { side, id, results } = facts;
  const key = results.begun?.key;
  const madeAt = Math.round(responseAt(facts));
  // Also by a worker that has lost its claims: what was made is linked by the worker that has the record now.
  if (key !== undefined)
    await links.batches.noteCreate({ record: recordKey(side, id) }, key, { made, madeAt, intactAt: shownAt });
}

async function noteNotFound(
  { links, mapping }: MappingScope,
  claims: Claims,
  facts: Facts,
  { side, id, key, at }: Do<'note-not-found'>,
): Promise<Learned> {
  const begun = { record: recordKey(side, id), owner: claims.owner, claims: claims.names() };
  const result = await links.batches.noteCreate(begun, key, { notFoundSince: at });
  if (result === 'lost') throw expiredError();
  if (result === 'changed') throw createChanged(mapping.name, id);
  return learned(facts, { notFoundNoted: true });
}

async function withdrawCreate(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  { side, id, key }: Do<'withdraw-create'>,
): Promise<Learned> {
  const begun = { record: recordKey(side, id), owner: claims.owner, claims: claims.names() };
  const result = await scope.links.batches.withdraw(begun, key);
  if (result === 'lost') throw expiredError();
  return learned(facts, { withdrawn: true });
}

async function remove(scope: MappingScope, claims: Claims, facts: Facts, { side, id }: Do<'delete'>): Promise<Learned> {
  try {
    await scope.clients[side].delete(scope.mapping.sides[side].entity.name, id, { guard: claims.check });
    return learned(facts, { deleted: true });
  } catch (cause) {
    const error = asTandemError(cause);
    // A person who asked for it gets the error.
    if (error.code !== 'SYSTEM_REJECTED' || facts.choice) throw error;
    return learned(facts, { notDeleted: error });
  }
}

async function correlate(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  { side, view, counterpart }: Do<'correlate'>,
): Promise<Learned> {
  const { mapping, clients } = scope;
  const { correlate: path, entity } = mapping.sides[side];
  const known = (result: Results['correlated'][SideIndex]): Learned =>
    learned(facts, { correlated: replaceSide(facts.results.correlated, side, result) });
  if (!path || !entity.update) return known(false);
  try {
    // What is known may be from a page, which has no version, or from before a write of this very look.
    const record = sendsOnly(entity.update, path) ? view.record : await clients[side].read(entity.name, view.record.id);
    if (record?.id !== view.record.id) return known(false);
    const data = path.set(record.data, counterpart ?? null);
    const change = { data, changed: [path], version: record.version, before: record.data };
    const named = await clients[side].update(entity.name, record.id, change, { guard: claims.check });
    expectSame(scope, side, record.id, named);
    return known({ view: await viewRecord(mapping, side, named, scope.fingerprinter) });
  } catch (cause) {
    const error = asTandemError(cause);
    return known(error.retry === 'never' ? false : { error });
  }
}

async function restore(
  scope: MappingScope,
  claims: Claims,
  facts: Facts,
  { side, view, write: value, readFirst, ids, values }: Do<'restore'>,
): Promise<Learned> {
  await scope.links.history.keepOverwritten(ids, values);
  await scope.markDirty(scope.mapping.name, side, [ids[side]]);
  if (!value) return learned(facts, { restored: {} });
  const { view: written } = await write(scope, claims, facts, { side, view, writes: [value], readFirst });
  const { property, fingerprint: sent } = value;
  const before = fingerprintOf(scope.mapping, view, property);
  const wrote = { property, side, before, sent, at: Math.round(responseAt(facts)) };
  const order = 1 + Math.max(...facts.records.map((fact) => (fact?.kind === 'present' ? fact.order : 0)));
  const fact: RecordFact = { kind: 'present', view: written, from: 'response', askedFor: ids[side], order };
  return {
    ...learned(facts, { restored: { view: written, wrote } }),
    records: flip(side, [fact, facts.records[otherSide(side)]]),
  };
}

/** Whether an update sends this place and nothing beside it, on no condition: then nothing has to be read before it. */
const sendsOnly = (update: UpdateConfig, { steps }: WritablePath): boolean =>
  update.method.toUpperCase() !== 'PUT' &&
  update.version === undefined &&
  (steps.length === 1 ||
    (update.nested === 'merge' && update.mask === undefined && steps.every(({ select }) => select === undefined)));
