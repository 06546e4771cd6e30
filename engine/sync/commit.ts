/**
 * Records what became of a unit. The store will do this in one script; until then it is several steps, in an order in which
 * a process may end after any of them.
 */
import { mapPair, SIDES } from '../model/pair.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { LinkState, OpenPatch, RecordKey } from '../store/types.ts';
import type { SideIndex } from '../types.ts';
import type { Commit } from './actions.ts';
import { DOUBT } from './definitions.ts';
import type { Facts } from './facts.ts';
import type { MappingScope } from './scope.ts';
import { formatState, heldOf } from './stored.ts';

/** @returns the revision of the link, where the unit is one */
export async function commit(scope: MappingScope, facts: Facts, what: Commit): Promise<number | undefined> {
  for (const side of SIDES) {
    const entries = what.index[side].map(({ id, keys, correlationId }) => ({ id, keys, names: correlationId }));
    if (entries.length > 0) await scope.links.index(side, entries);
  }
  const revision = await commitResult(scope, facts, what);
  await scope.noteOwnWrites(what.written, what.ownWrites);
  for (const key of what.wake ?? []) await wake(scope, key);
  for (const key of what.wakeAll ?? []) await wakeAll(scope, key);
  for (const { mapping, side, id } of what.mark ?? []) await scope.markDirty(mapping, side, [id]);
  for (const side of SIDES) if (what.written[side] !== undefined) await scope.markSiblings(side, what.written[side]);
  if (what.watch) await scope.links.watch(what.watch, facts.side, facts.id);
  await waitFor(scope, facts, what);
  if (what.blockedBy !== undefined && (await scope.links.brake.on())?.id !== what.blockedBy) {
    // Whoever took the brake off a moment ago may not have seen this record among those that wait.
    const { side, id } = what.result.kind === 'link' ? { side: 0 as const, id: what.result.link.ids[0] } : facts;
    await scope.markDirty(scope.mapping.name, side, [id]);
  }
  return revision;
}

async function commitResult(scope: MappingScope, facts: Facts, what: Commit): Promise<number | undefined> {
  const { links } = scope;
  const { result } = what;
  switch (result.kind) {
    case 'link':
      return commitLink(scope, facts, result.link, what);
    case 'unlinked': {
      const { side, id } = result.record;
      // It is none of the first sync any more, should it ever get a counterpart.
      if (what.noFirstSync && result.index?.keys.length === 0) await links.forget(side, id);
      if (result.index === null) await links.forget(side, id);
      else if (result.index) await links.index(side, [{ ...result.index, names: result.index.correlationId }]);
      if (what.noFirstSync) await links.leave(side, id);
      await patchOpen(scope, what.open, result.state);
      return undefined;
    }
    case 'removed': {
      if (result.ids) {
        await links.unlink(...result.ids);
        for (const side of SIDES) await links.forget(side, result.ids[side]);
      } else if (result.record) {
        const { side, id } = result.record;
        const counterpart = await links.counterpart(side, id);
        if (counterpart !== undefined)
          await links.unlink(...(side === 0 ? ([id, counterpart] as const) : ([counterpart, id] as const)));
        await links.forget(side, id);
        await links.release([{ side, id }]);
      }
      await patchOpen(scope, what.open, '');
      return undefined;
    }
    case 'unlink':
      await links.unlink(...result.ids);
      for (const side of SIDES) {
        const entry = result.index?.[side];
        if (entry) await links.index(side, [{ ...entry, names: entry.correlationId }]);
      }
      return undefined;
    case 'none':
      if (what.park) await links.parkUntilReady(facts.side, [facts.id]);
      await patchOpen(scope, what.open, undefined);
      return undefined;
  }
}

async function commitLink(
  scope: MappingScope,
  { stored }: Facts,
  { ids, revision, base, unconfirmed = [], correlation = [undefined, undefined], lastSynced }: LinkState,
  { open = {}, written }: Commit,
): Promise<number> {
  const { links, job } = scope;
  const key = recordKey(0, ids[0]);
  const patch = open[key] ?? {};
  const doubted = unconfirmed.flatMap((name) => (base[name] ? [[DOUBT + name, base[name]] as const] : []));
  // A new link settles what was open about its records.
  const former = stored.link ? stored.open[key] : undefined;
  const issue = patch.issue === undefined ? former?.issue : (patch.issue ?? undefined);
  await scope.step?.(revision === undefined ? 'before-link' : 'before-base');
  const version = await links.commit({
    ids,
    version: revision === undefined ? '' : String(revision),
    base: { ...base, ...Object.fromEntries(doubted) },
    states: mapPair(lastSynced, (state, side) => formatState(state, correlation[side])),
    held: issue && heldOf(job === undefined ? issue : { ...issue, job }),
  });
  await scope.step?.(revision === undefined ? 'after-link' : 'after-base');
  if (patch.decision) await links.decide([{ side: 0, id: ids[0] }], patch.decision);
  else if (patch.decision === null && former?.decision) await links.undecide(0, ids[0]);
  if (former?.pendingWrites || written.some((id) => id !== undefined)) await links.forgetBegun(ids[0]);
  if (revision === undefined) for (const side of SIDES) await wakeAll(scope, recordKey(side, ids[side]));
  return Number(version);
}

/** @param state of a record without a link; undefined: as it was */
async function patchOpen(scope: MappingScope, open: Commit['open'], state: string | undefined): Promise<void> {
  for (const [key, patch] of Object.entries(open ?? {})) await patchRecord(scope, key, patch, state);
}

async function patchRecord(
  { links, job }: MappingScope,
  key: RecordKey,
  { issue, decision, pendingCreate }: OpenPatch,
  state: string | undefined,
): Promise<void> {
  const { side, id } = parseRecordKey(key);
  const stateNow = state ?? (await links.states(side, [id]))[0] ?? '';
  if (issue?.kind !== 'review') {
    const former = await links.held(side, id);
    if (former?.kind === 'review') await links.unwatch(former.candidates ?? [], side, id);
  }
  if (issue) await links.hold(side, id, stateNow, heldOf(job === undefined ? issue : { ...issue, job }));
  else if (issue === null && state === undefined) await links.handled(side, id, stateNow);
  if (decision) await links.decide([{ side, id }], decision);
  else if (decision === null) await links.undecide(side, id);
  if (pendingCreate) await links.intend(side, id, pendingCreate);
  else if (pendingCreate === null) await links.dropIntent(side, id);
}

/** Registers with the records waited for, and looks again in case one was linked meanwhile. */
async function waitFor(
  scope: MappingScope,
  { side, id, stored }: Facts,
  { waitFor: refs = [], result }: Commit,
): Promise<void> {
  const ids = result.kind === 'link' ? result.link.ids : stored.link?.ids;
  const waiter = `${scope.mapping.name}|${ids ? 0 : side}|${ids ? ids[0] : id}`;
  for (const ref of refs) {
    const links = scope.linksOf(ref.mapping);
    await links.wait(ref.side, ref.id, waiter);
    if ((await links.counterpart(ref.side, ref.id)) !== undefined)
      await wakeWaiters(scope, ref.mapping, ref.side, ref.id);
  }
}

/** Whoever waits for the link of a record is looked at again. */
export const wake = (scope: MappingScope, key: RecordKey): Promise<void> => {
  const { side, id } = parseRecordKey(key);
  return wakeWaiters(scope, scope.mapping.name, side, id);
};

async function wakeWaiters(scope: MappingScope, mapping: string, side: SideIndex, id: string): Promise<void> {
  const links = scope.linksOf(mapping);
  const waiters = await links.waiters(side, id);
  for (const waiter of waiters) {
    const [name, waitingSide, ...rest] = waiter.split('|');
    if (scope.config.mappings.has(name!)) await scope.markDirty(name!, waitingSide === '1' ? 1 : 0, [rest.join('|')]);
  }
  // Only now: a crash before this line wakes them once more, which is harmless.
  await links.dropWaiters(side, id, waiters);
}

/** Those in review because of it are looked at again too: the choice may be another one now, or none. */
async function wakeAll(scope: MappingScope, key: RecordKey): Promise<void> {
  await wake(scope, key);
  const { side, id } = parseRecordKey(key);
  const { links } = scope;
  const watchers = await links.watchers(side, id);
  for (const watcher of watchers) {
    const record = parseRecordKey(watcher);
    await scope.markDirty(scope.mapping.name, record.side, [record.id]);
  }
  await links.dropWatchers(side, id, watchers);
}
