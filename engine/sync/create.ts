/**
 * Creates the counterpart of a record exactly once. Before the POST an intent is stored, after it link and base in one
 * step. An intent that is found on a retry means that the outcome is not known: the record is looked for before
 * anything is posted again.
 */
import { randomUUID } from 'node:crypto';
import type { Mapping, MappingSide, Property } from '../config/types.ts';
import { asTandemError, TandemError } from '../errors.ts';
import { EMPTY, stableJson } from '../expression/values.ts';
import { recordKey } from '../links/keys.ts';
import type { Intent } from '../links/links.ts';
import { merge, type PropertyWrite } from '../merge/merge.ts';
import { type Base, type JsonObject, otherSide, type PropertyBase, type SystemRecord } from '../types.ts';
import { holdCreate, mayWrite, type Permit, seenOf } from './brake.ts';
import { type Claims, recordClaim } from './claims.ts';
import { convertContext, type SyncContext } from './context.ts';
import { convertProperty, flowsTo, propertyStates } from './convert.ts';
import { marked } from './definitions.ts';
import { heldOutcome, hold, reasonOf, wakeWaiters } from './hold.ts';
import { nameCounterpart, needsName, withUnnamed } from './name.ts';
import { changeTo, type Outcome, outcome } from './outcome.ts';
import { indexEntry, type RecordView, recordState, viewRecord } from './view.ts';
import { newRecord } from './write.ts';

/** How long a record that may be the result of a create waits before it asks again, in ms: while that create is under
 * way, and while it waits for its next try. */
const UNDER_WAY_WAIT = 300;
const NEXT_TRY_WAIT = 5_000;

/** What appears so long after a create began, in ms, and does not hold just what was sent, is not its result. */
const LATE = 172_800_000;

/** Is no fingerprint of anything, so that every value differs from it. */
const UNKNOWN = '?';

/**
 * The source has no link and no candidate; its claims are held.
 * @param more.lost what `lostResult` found; more.decided: a person has looked, the record is not the result of another create
 */
export async function createCounterpart(
  context: SyncContext,
  mapping: Mapping,
  source: RecordView,
  claims: Claims,
  more: { lost?: SystemRecord; decided?: boolean } = {},
): Promise<Outcome> {
  const links = context.links(mapping.name);
  const from = source.side;
  const target = mapping.sides[otherSide(from)];
  const id = source.record.id;
  const state = recordState(mapping, source).unlinked;

  const former = await links.intent(from, id);
  // Whoever began a create of its own was there before: it is no result of another one. Else two could wait for each other.
  const doubt = context.dry || more.decided || former ? undefined : await resultOfOpenCreate(context, mapping, source);
  if (doubt !== undefined) {
    await hold(context, mapping, from, id, state, { kind: 'review', code: 'OUTCOME_UNKNOWN', reason: doubt });
    return outcome('review', { code: 'OUTCOME_UNKNOWN', reason: doubt });
  }
  if (!target.create) {
    if (!context.dry) await links.leave(from, id);
    await hold(context, mapping, from, id, state, {
      kind: 'unmatched',
      reason: `No record in ${target.name} matches it, and the mapping creates none there.`,
    });
    return outcome('unmatched');
  }

  const converting = convertContext(context, mapping);
  const writes: PropertyWrite[] = [];
  for (const property of mapping.properties) {
    if (!flowsTo(property, target.index)) continue;
    const converted = await convertProperty(mapping, property, source, target.index, converting);
    if (!converted.ok) {
      // What a system could not tell just now is asked again.
      if (converted.error.retry !== 'never' && !context.dry) throw converted.error;
      return refuse(converted.error);
    }
    if (converted.value !== null)
      writes.push({ property: property.name, value: converted.value, fingerprint: converted.fingerprint });
  }
  const sent = Object.fromEntries(writes.map((write) => [write.property, write.fingerprint]));
  try {
    const data = newRecord(mapping, target, writes, id);
    if (context.dry) return created([]);

    const lost = former && (more.lost ?? (await findResult(context, mapping, source, target, former)));
    // Where nothing can be searched, only a key that the system remembers makes it safe to post the same again.
    if (lost === 'unknown' && !(target.entity.create?.idempotency && sameSent(former!.sent, sent))) {
      const reason = `It is not known whether the record was created in ${target.name}, and it cannot be searched for there: a person decides.`;
      await links.intend(from, id, { ...former!, review: true });
      await hold(context, mapping, from, id, state, { kind: 'review', code: 'OUTCOME_UNKNOWN', reason });
      return outcome('review', { code: 'OUTCOME_UNKNOWN', reason });
    }
    if (typeof lost === 'object') {
      await claims.confirm();
      return await link(lost, former);
    }
    const permit: Permit = more.decided
      ? { kind: 'go' }
      : await mayWrite(context, mapping, from, id, 'creates', { seen: seenOf(mapping, source), state });
    if (permit.kind === 'braked') return await holdCreate(context, mapping, from, id, state, permit);
    if (permit.kind === 'discard') return await leave();
    await claims.confirm();
    return await link(await post(data, lost === 'unknown'));
  } catch (cause) {
    const error = asTandemError(cause);
    // Only what another try would meet too ends here; the rest is tried again, the intent telling what may have happened.
    if (error.retry !== 'never' || error.code === 'LINK_TAKEN') throw error;
    return refuse(error);
  }

  /** @param unknown whether the outcome of an earlier try is still not known */
  async function post(data: JsonObject, unknown: boolean): Promise<SystemRecord> {
    // The same content under the same key; other content is another create, for a key stands for one body.
    const key = former && sameSent(former.sent, sent) ? former.key : randomUUID();
    const keys = source.keys.map((one) => one ?? null);
    const intent: Intent = { at: former?.at ?? claims.at, key, sent, keys };
    await context.step?.('before-intent');
    await links.intend(from, id, intent);
    await context.step?.('after-intent');
    try {
      const record = await context
        .client(target.system.name)
        .create(target.entity.name, data, { idempotencyKey: intent.key });
      await context.step?.('after-post');
      return record;
    } catch (cause) {
      const error = asTandemError(cause);
      // The system said no, or never heard of it: nothing was created, there is nothing to look for.
      if (error.code !== 'OUTCOME_UNKNOWN' && !unknown) await links.dropIntent(from, id);
      else if (error.context.id !== undefined) {
        const record = await context.client(target.system.name).read(target.entity.name, error.context.id);
        if (record) return record;
      }
      throw error;
    }
  }

  /** @param begun the intent of an earlier try, whose result the record is */
  async function link(record: SystemRecord, begun?: Intent): Promise<Outcome> {
    const answer = await viewRecord(mapping, target.index, record, context.fingerprinter);
    await claims.add([recordClaim(target.index, record.id)]);
    const views = (from === 0 ? [source, answer] : [answer, source]) as readonly [RecordView, RecordView];
    const ids = [views[0].record.id, views[1].record.id] as const;
    const base: Record<string, PropertyBase> = {};
    for (const [i, { name }] of mapping.properties.entries()) {
      const now = sent[name];
      const then = begun ? begun.sent[name] : now;
      if (now === undefined && then === undefined) continue;
      // What was edited on either side since the create began has not arrived yet: to the base it is a change.
      const own = now === then ? source.fingerprints[i]! : UNKNOWN;
      // So too what was read only after the answer, and differs from what was sent: either the system reformatted it,
      // or somebody edited it in between.
      const edited = (begun || target.entity.create?.answer !== 'record') && answer.fingerprints[i] !== (now ?? EMPTY);
      const its = edited ? (then ?? EMPTY) : answer.fingerprints[i]!;
      base[name] = from === 0 ? [own, its] : [its, own];
    }
    // What the target filled in by itself, and what flows back, has had no first contact yet.
    const rest = merge({
      base,
      modified: [undefined, undefined],
      properties: await propertyStates(mapping, views, base, converting),
    });
    const pending = rest.decisions.some(({ rule, writes }) => writes !== undefined || rule === 'review');
    const states = views.map((view) => recordState(mapping, view).linked) as [string, string];
    // Until the source names its counterpart too, its state is not known: were this process to end now, the next scan goes on.
    const unnamed = needsName(mapping, source, record.id);
    const until: [string, string] = [from === 0 ? '' : states[0], from === 1 ? '' : states[1]];
    await links.index(target.index, [indexEntry(answer)]);
    await context.step?.('before-link');
    await links.commit({
      ids,
      version: '',
      base: marked(mapping, pending ? base : rest.base),
      states: pending ? ['', ''] : unnamed ? until : states,
    });
    await context.step?.('after-link');
    const name = unnamed ? await named(record.id, begun !== undefined) : 'later';
    if (name !== 'later' && !pending) {
      const refused = name === 'refused' ? 'refused' : undefined;
      const now = withUnnamed(
        mapping,
        states,
        from === 0 ? [refused, undefined] : [undefined, refused],
        context.fingerprinter,
      );
      await links.known(from, id, now[from]);
    }
    if (pending) await context.enqueue(mapping.name, from, [id]);
    await wakeWaiters(context, mapping, ids);
    await context.touched(mapping, target.index, record.id);
    return created(ids);
  }

  /** The link stands, whatever becomes of this: what fails now is tried again by a reconcile of its own. */
  async function named(counterpart: string, found: boolean): Promise<'named' | 'refused' | 'later'> {
    try {
      // What was created just now may have its name; for what was only found, the brake has not been asked.
      if (found && (await mayWrite(context, mapping, from, id, undefined)).kind === 'braked')
        throw new TandemError('BRAKE_ON', 'The brake of the mapping is on.', { mapping: mapping.name });
      return (await nameCounterpart(context, mapping, source, counterpart)) ? 'named' : 'refused';
    } catch {
      await context.enqueue(mapping.name, from, [id]);
      return 'later';
    }
  }

  function created(ids: readonly [string, string] | []): Outcome {
    const names = writes.map((write) => write.property);
    return outcome('created', {
      side: target.index,
      writes: target.index === 0 ? [names, []] : [[], names],
      ...(ids.length === 2 ? { ids, changes: changeTo(target.index, source.record.modified) } : {}),
    });
  }

  /** A person decided so when the brake was on. */
  async function leave(): Promise<Outcome> {
    const reason = `A person decided that it gets no counterpart in ${target.name} for now.`;
    await hold(context, mapping, from, id, state, { kind: 'unmatched', reason, kept: true });
    return outcome('unmatched', { reason });
  }

  async function refuse(error: TandemError): Promise<Outcome> {
    await hold(context, mapping, from, id, state, reasonOf(error, converting.missing));
    return heldOutcome(error);
  }
}

/**
 * A record that appeared while the other side's creates were under way may be the result of one of them: it waits until
 * those are settled. One that was seen before they began cannot be. Once a create has ended without an answer, only a
 * record that looks like its result waits for its next try, or one bad create would hold up everybody.
 * @returns why a person must look, if one must
 * @throws TandemError RECORD_LOCKED
 */
async function resultOfOpenCreate(
  context: SyncContext,
  mapping: Mapping,
  source: RecordView,
): Promise<string | undefined> {
  const links = context.links(mapping.name);
  const open = await links.openIntents(otherSide(source.side));
  if (open.length === 0) return undefined;
  const seen = await links.firstSeen(source.side, source.record.id);
  const could = open.filter(({ intent }) => seen === undefined || intent.at <= seen);
  let doubt: string | undefined;
  for (const { id, intent } of could) {
    const late = seen !== undefined && seen - intent.at > LATE;
    const found = likenessOf(mapping, source, id, intent);
    const likeness = late && found === 'like' ? 'other' : found;
    if (!intent.review) {
      const underWay = await links.claimed(recordClaim(otherSide(source.side), id));
      if (!underWay && likeness === 'other') continue;
      throw new TandemError(
        'RECORD_LOCKED',
        'The record may be the result of a create whose outcome is not known yet.',
        {
          retryAfter: underWay ? UNDER_WAY_WAIT : NEXT_TRY_WAIT,
        },
      );
    }
    // A create whose outcome a person must find out: this record is held beside it.
    if (likeness !== 'other')
      doubt ??= `The record may be the result of the create for ${recordKey(otherSide(source.side), id)}, whose outcome is not known: a person decides.`;
  }
  return doubt;
}

/** Whether few records have the same value: not so whom they refer to, the entries of a table, yes and no. */
const isTelling = ({ reference, values, type }: Property): boolean =>
  reference === undefined && values === undefined && type !== 'boolean';

const sameSent = (a: Intent['sent'], b: Intent['sent']): boolean => stableJson(a) === stableJson(b);

/** `same`: as it was sent. `like`: it may have been edited since, or reformatted by the target. */
type Likeness = 'same' | 'like' | 'other';

/**
 * How much a record looks like the result of an unanswered create. Whom it names tells for sure, and so does a match key
 * that was sent. Else it is alike if it still holds all that the mapping requires, or, without a match
 * key, most of what was sent that few records have in common.
 */
function likenessOf(
  mapping: Mapping,
  { side, record, keys, fingerprints: own }: Pick<RecordView, 'side' | 'record' | 'keys' | 'fingerprints'>,
  sourceId: string,
  intent: Intent,
): Likeness {
  const named = mapping.sides[side].correlate?.get(record.data);
  if (named !== undefined && named !== null && named !== '') return String(named) === sourceId ? 'same' : 'other';
  if (intent.keys?.some((key, rule) => key !== null && key === keys[rule])) return 'same';
  const sent = mapping.properties.flatMap((property, i) => {
    const value = intent.sent[property.name];
    return value === undefined ? [] : [{ property, kept: value === own[i] }];
  });
  if (sent.every((one) => one.kept)) return 'same';
  const required = sent.filter(({ property }) => property.required);
  if (required.length > 0 && required.every((one) => one.kept)) return 'like';
  // Match keys were sent, and it has none of them.
  if (intent.keys?.some((key) => key !== null)) return 'other';
  const telling = sent.filter(({ property }) => isTelling(property));
  return telling.filter((one) => one.kept).length * 2 > telling.length ? 'like' : 'other';
}

/**
 * The base of two records that match, where one may be what an unanswered create for the other made: what it still holds
 * as it was sent was not edited there, so an edit of the other one since then is no conflict.
 */
export async function baseOfMatch(
  context: SyncContext,
  mapping: Mapping,
  views: readonly [RecordView, RecordView],
): Promise<Base> {
  const base: Record<string, PropertyBase> = {};
  for (const side of [0, 1] as const) {
    const intent = await context.links(mapping.name).intent(side, views[side].record.id);
    for (const [i, { name }] of mapping.properties.entries()) {
      const sent = intent?.sent[name];
      if (sent === undefined || views[otherSide(side)].fingerprints[i] !== sent) continue;
      base[name] = side === 0 ? [UNKNOWN, sent] : [sent, UNKNOWN];
    }
  }
  return marked(mapping, base);
}

/** The record that an earlier, unanswered create of this one has made, where it can be told. */
export async function lostResult(
  context: SyncContext,
  mapping: Mapping,
  source: RecordView,
): Promise<SystemRecord | undefined> {
  const intent = context.dry ? undefined : await context.links(mapping.name).intent(source.side, source.record.id);
  const found = intent && (await findResult(context, mapping, source, mapping.sides[otherSide(source.side)], intent));
  return found === 'unknown' ? undefined : found;
}

/**
 * Looks for the record that an earlier, unanswered create may have made.
 * @returns the record; undefined when it was surely not made; 'unknown' when the target cannot be searched or several fit
 */
async function findResult(
  context: SyncContext,
  mapping: Mapping,
  source: RecordView,
  target: MappingSide,
  intent: Intent,
): Promise<SystemRecord | undefined | 'unknown'> {
  const links = context.links(mapping.name);
  const client = context.client(target.system.name);
  let searched = false;
  let found: SystemRecord[] = [];
  if (target.correlate) {
    searched = true;
    found = await client.find(target.entity.name, target.correlate.source, source.record.id);
  }
  for (const [rule, { find }] of mapping.match.entries()) {
    const field = find[target.index];
    const text = source.keyTexts[rule];
    if (searched || field === undefined || text === undefined) continue;
    // What was sent had another key: it cannot be found under the present one.
    if (intent.keys && intent.keys[rule] !== source.keys[rule]) continue;
    searched = true;
    const records = await client.find(target.entity.name, field, text);
    const views = await Promise.all(
      records.map((record) => viewRecord(mapping, target.index, record, context.fingerprinter)),
    );
    found = views.filter((view) => view.keys[rule] === source.keys[rule]).map((view) => view.record);
  }
  if (!searched && target.entity.list?.since) return recentTwin(context, mapping, source, target, intent);
  if (!searched) return 'unknown';
  const counterparts = await links.counterparts(
    target.index,
    found.map((record) => record.id),
  );
  const free = found.filter((_, i) => counterparts[i] === null);
  return free.length > 1 ? 'unknown' : free[0];
}

/**
 * The record without a counterpart that appeared in the target since the create began and holds what was sent. One that
 * only looks like it may be it too, edited since: posting again could make a second one, linking it could join what does
 * not belong together.
 */
async function recentTwin(
  context: SyncContext,
  mapping: Mapping,
  source: RecordView,
  target: MappingSide,
  intent: Intent,
): Promise<SystemRecord | undefined | 'unknown'> {
  const links = context.links(mapping.name);
  const others = (await links.openIntents(source.side)).filter(({ id }) => id !== source.record.id);
  const keyed = [intent, ...others.map((one) => one.intent)].some(({ keys }) => keys?.some((key) => key !== null));
  const same: SystemRecord[] = [];
  let like = false;
  const client = context.client(target.system.name);
  const since = new Date(await client.clock.earliest(target.entity.name, intent.at)).toISOString();
  for await (const page of client.list(target.entity.name, { since })) {
    const counterparts = await links.counterparts(
      target.index,
      page.records.map((record) => record.id),
    );
    for (const record of page.records.filter((_, i) => counterparts[i] === null)) {
      const twin = {
        side: target.index,
        record,
        fingerprints: mapping.properties.map((property) =>
          context.fingerprinter.of(property.sides[target.index].path?.get(record.data), property),
        ),
        keys: keyed ? (await viewRecord(mapping, target.index, record, context.fingerprinter)).keys : [],
      };
      const likeness = likenessOf(mapping, twin, source.record.id, intent);
      if (likeness === 'other') continue;
      const seen = await links.firstSeen(target.index, record.id);
      if (seen !== undefined && seen < intent.at) continue;
      if (likeness === 'same') same.push(record);
      // What another unanswered create has sent, just so, is the result of that one.
      else like ||= !others.some((other) => likenessOf(mapping, twin, other.id, other.intent) === 'same');
    }
  }
  if (same.length > 1 || (same.length === 0 && like)) return 'unknown';
  return same[0];
}
