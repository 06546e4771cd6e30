/** Looks for what unconfirmed creates have made. Collects and chooses nothing: that is engine/merge/unconfirmed.ts. */
import { isCorrelatedAsSent, sentKeys } from '../merge/sent-under.ts';
import { couldHaveMade, LATE } from '../merge/unconfirmed.ts';
import { SIDES } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { PendingCreate } from '../store/types.ts';
import { otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import type { FoundRecords, OpenCreate } from './facts.ts';
import type { MappingScope } from './scope.ts';
import { type RecordView, viewRecord } from './view.ts';

/**
 * Records that the unconfirmed create of a source may have made: by the correlation id, else by a match key that was sent,
 * else among those that changed since it began.
 */
export async function findUnconfirmedCreate(
  scope: MappingScope,
  source: RecordView,
  pending: PendingCreate,
): Promise<FoundRecords> {
  const target = otherSide(source.side);
  const { correlate, entity } = scope.mapping.sides[target];
  const client = scope.clients[target];
  if (pending.made !== undefined) {
    const record = await client.read(entity.name, pending.made);
    return searchResult(scope, target, record?.id === pending.made ? await viewAll(scope, target, [record]) : []);
  }
  // Made under another definition, it does not name its source there.
  if (correlate && isCorrelatedAsSent(scope.mapping, target, pending))
    return searchResult(
      scope,
      target,
      await viewAll(scope, target, await client.find(entity.name, correlate.source, source.record.id)),
    );
  const keys = sentKeys(scope.mapping, pending);
  for (const [rule, { find }] of scope.mapping.match.entries()) {
    const [field, text] = [find[target], source.keyTexts[rule]];
    // What was sent had another key, or one by another rule: it cannot be found under the present one.
    const sameKey = !pending.keys || keys[rule] === source.keys[rule];
    if (field === undefined || text === undefined || !sameKey) continue;
    const views = await viewAll(scope, target, await client.find(entity.name, field, text));
    return searchResult(
      scope,
      target,
      views.filter((view) => view.keys[rule] === source.keys[rule]),
    );
  }
  return client.capabilities(entity.name).list?.since
    ? findRecent(scope, source, pending)
    : { by: 'nothing', records: [], others: [] };
}

const viewAll = (scope: MappingScope, side: SideIndex, records: readonly SystemRecord[]): Promise<RecordView[]> =>
  Promise.all(records.map((record) => viewRecord(scope.mapping, side, record, scope.fingerprinter)));

async function searchResult(scope: MappingScope, side: SideIndex, views: readonly RecordView[]): Promise<FoundRecords> {
  const counterparts = await scope.links.reader.counterparts(
    side,
    views.map(({ record }) => record.id),
  );
  const records = views.map((view, i) => ({ view, linked: counterparts[i] !== null, firstSeen: undefined }));
  return { by: 'search', records, others: [] };
}

async function findRecent(scope: MappingScope, source: RecordView, pending: PendingCreate): Promise<FoundRecords> {
  const { links, mapping } = scope;
  const target = otherSide(source.side);
  const open = await links.issues.pendingCreates(source.side);
  const others = open.filter(({ id }) => id !== source.record.id).map(({ id, pending }) => ({ source: id, pending }));
  const found: FoundRecords['records'][number][] = [];
  const { name } = mapping.sides[target].entity;
  const client = scope.clients[target];
  const since = new Date(await client.clock.earliest(name, pending.at)).toISOString();
  for await (const page of client.list(name, { since })) {
    const ids = page.records.map(({ id }) => id);
    const counterparts = await links.reader.counterparts(target, ids);
    for (const record of page.records.filter((_, i) => counterparts[i] === null)) {
      const view = await viewOrValues(scope, target, record);
      found.push({ view, linked: false, firstSeen: await links.unlinked.firstSeen(target, record.id) });
    }
  }
  return { by: 'recent', records: found, others };
}

/** A record on which an expression fails may be the result all the same: what can be written can be compared. */
async function viewOrValues(scope: MappingScope, side: SideIndex, record: SystemRecord): Promise<RecordView> {
  const { mapping } = scope;
  try {
    return await viewRecord(mapping, side, record, scope.fingerprinter);
  } catch {
    const raw = mapping.properties.map((property) => property.sides[side].path?.get(record.data));
    const fingerprints = mapping.properties.map((property, i) => scope.fingerprinter.of(raw[i], property));
    const correlationId = String(mapping.sides[side].correlate?.get(record.data) ?? '') || undefined;
    return {
      side,
      record,
      inScope: true,
      keys: [],
      keyTexts: [],
      correlationId,
      raw,
      fingerprints,
      fingerprinter: scope.fingerprinter,
    };
  }
}

/** Creates on this record's own side that are open and may have made it. */
export async function gatherOpenCreates(
  { links }: MappingScope,
  view: RecordView,
  firstSeen: number,
): Promise<OpenCreate[]> {
  const sources = otherSide(view.side);
  const open = (await links.issues.pendingCreates(sources)).filter(({ pending }) => couldHaveMade(pending, firstSeen));
  return Promise.all(
    open.map(async ({ id, pending }) => ({
      source: id,
      pending,
      underWay: !pending.review && (await links.claims.claimed(recordKey(sources, id))),
    })),
  );
}

/**
 * Drops unconfirmed creates of sources that are gone. Nobody will try them again; so long a record that looks like their
 * result goes to review.
 */
export async function dropCreatesOfGone({ links }: MappingScope, now: number): Promise<void> {
  for (const side of SIDES) {
    const old = (await links.issues.pendingCreates(side)).filter(
      ({ pending }) => pending.review && now - pending.at > LATE,
    );
    const known = await links.batches.lookup(
      side,
      old.map(({ id }) => id),
    );
    for (const [i, { id, pending }] of old.entries()) {
      const { link, unlinked } = known[i]!;
      if (!link && !unlinked) await links.batches.withdraw({ record: recordKey(side, id) }, pending.key);
    }
  }
}
