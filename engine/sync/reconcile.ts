/**
 * Brings one record and its counterpart into agreement, always from their state as it is now: why the record was
 * queued does not matter. Doing it twice, late, or for nothing is harmless.
 */
import type { Mapping } from '../config/types.ts';
import { parseRecordKey } from '../links/keys.ts';
import { otherSide, type SideIndex } from '../types.ts';
import { linkClaims, matchClaim, recordClaim, underClaims } from './claims.ts';
import type { SyncContext } from './context.ts';
import { baseOfMatch, createCounterpart, lostResult } from './create.ts';
import { type HoldReason, hold, wakeWaiters, wakeWatchers } from './hold.ts';
import { findCounterpart } from './match.ts';
import { shareKey } from './named.ts';
import { type Outcome, outcome } from './outcome.ts';
import { reconcileLink, reconcilePair } from './pair.ts';
import { indexEntry, matchPart, type RecordView, recordState, viewRecord } from './view.ts';

/** @throws TandemError whose `retry` tells whether and how to try again; what needs a person is held, not thrown */
export async function reconcile(context: SyncContext, mapping: Mapping, side: SideIndex, id: string): Promise<Outcome> {
  const links = context.links(mapping.name);
  const counterpart = await links.counterpart(side, id);
  if (counterpart !== undefined)
    return reconcileKnown(context, mapping, side === 0 ? [id, counterpart] : [counterpart, id], side);
  return reconcileUnlinked(context, mapping, side, id);
}

function reconcileKnown(
  context: SyncContext,
  mapping: Mapping,
  ids: readonly [string, string],
  named: SideIndex,
): Promise<Outcome> {
  return underClaims(
    context.links(mapping.name),
    context.owner,
    linkClaims(...ids),
    (claims) => reconcileLink(context, mapping, ids, named, claims),
    context.claimTtl,
  );
}

async function reconcileUnlinked(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  return underClaims(
    links,
    context.owner,
    [recordClaim(side, id)],
    async (claims) => {
      const { system, entity } = mapping.sides[side];
      const record = await context.client(system.name).read(entity.name, id);
      if (!record) {
        if (context.dry) return outcome('gone');
        const waiters = await links.waiters(side, id);
        await links.forget(side, id);
        await wakeWatchers(context, mapping, side, id);
        if (waiters.length > 0)
          await hold(context, mapping, side, id, '', { kind: 'gone', reason: 'The record does not exist.' });
        else await links.release([{ side, id }]);
        await links.doubtIntent(side, id);
        return outcome('gone');
      }
      const view = await viewRecord(mapping, side, record, context.fingerprinter);
      const state = recordState(mapping, view).unlinked;
      const [before] = await links.states(side, [id]);
      // The state is recorded last, so that a crash before this is made up for.
      if (!context.dry && (!before || matchPart(before) !== matchPart(state)))
        await wakeWatchers(context, mapping, side, id);
      if (!view.inScope) {
        if (!context.dry) {
          await links.forget(side, id);
          if (view.correlationId !== undefined) await links.index(side, [indexEntry(view)]);
        }
        await hold(context, mapping, side, id, state, {
          kind: 'unmatched',
          reason: `${mapping.sides[side].name}.when excludes the record.`,
        });
        return outcome('excluded');
      }
      if (!(await (context.dry ? links.readyToPlan() : links.ready()))) {
        await links.parkUntilReady(side, [id]);
        return outcome('waiting', {
          reason: 'Both sides must be read fully once before anything is matched or created.',
        });
      }
      // First into the index, then the claims, then the search: of two records that match each other, whoever comes
      // second sees the first.
      await links.index(side, [indexEntry(view)]);
      await claims.add(view.keys.flatMap((key, rule) => (key === undefined ? [] : [matchClaim(rule, key)])));
      const linked = await links.counterpart(side, id);
      if (linked !== undefined) {
        await claims.add([recordClaim(side === 0 ? 1 : 0, linked)]);
        return reconcileLink(context, mapping, side === 0 ? [id, linked] : [linked, id], side, claims);
      }

      // The result of a create whose answer was lost goes before anything that only looks like the record.
      const lost = await lostResult(context, mapping, view);
      if (lost) return createCounterpart(context, mapping, view, claims, { lost });

      const match = await findCounterpart(context, mapping, view);
      if (match.kind === 'one') {
        await claims.add([recordClaim(match.view.side, match.view.record.id)]);
        // One that was only named may not be known yet.
        if (!context.dry) await links.index(match.view.side, [indexEntry(match.view)]);
        const views = side === 0 ? ([view, match.view] as const) : ([match.view, view] as const);
        const result = await reconcilePair(
          context,
          mapping,
          views,
          { version: '', base: await baseOfMatch(context, mapping, views) },
          side,
          claims,
        );
        if (!context.dry) await wakeWaiters(context, mapping, [views[0].record.id, views[1].record.id]);
        return { ...result, kind: 'matched' };
      }
      if (match.kind === 'review') {
        const reason =
          match.reason ??
          (match.candidates.length > 1
            ? `Several records could belong together by the rule "${match.rule}": a person decides.`
            : `One record could belong to it by the rule "${match.rule}", which asks a person to confirm it.`);
        const found = { candidates: match.candidates, rules: links.rules };
        if (!context.dry) await hold(context, mapping, side, id, state, { kind: 'review', reason, ...found });
        return outcome('review', { reason });
      }
      const rivals = context.dry ? [] : await takenCandidates(context, mapping, view);
      if (rivals.length > 0) {
        const reason =
          'The records that it could have belonged to are linked to others by now: it may be one too many, so a person decides whether it gets a counterpart.';
        const found = { candidates: rivals, rules: links.rules };
        await hold(context, mapping, side, id, state, { kind: 'review', reason, ...found });
        return outcome('review', { reason });
      }
      const left = await leftByRules(context, mapping, view);
      if (left) {
        await hold(context, mapping, side, id, state, left);
        return outcome('review', { reason: left.reason });
      }
      return createCounterpart(context, mapping, view, claims);
    },
    context.claimTtl,
  );
}

/**
 * A record that was in review beside others for the same counterpart, which one of the others has got: by the mapping's
 * rules a counterpart of its own would be created, but what was doubtful is not made twice without asking.
 * @returns record keys of former candidates that are linked and still match it
 */
async function takenCandidates(context: SyncContext, mapping: Mapping, view: RecordView): Promise<string[]> {
  const links = context.links(mapping.name);
  const other = otherSide(view.side);
  const held = mapping.sides[other].create ? await links.held(view.side, view.record.id) : undefined;
  if (held?.kind !== 'review' || !held.candidates) return [];
  const { system, entity } = mapping.sides[other];
  const taken: string[] = [];
  for (const candidate of held.candidates) {
    const { side, id } = parseRecordKey(candidate);
    if (side !== other || (await links.counterpart(side, id)) === undefined) continue;
    const record = await context.client(system.name).read(entity.name, id);
    const its = record && (await viewRecord(mapping, other, record, context.fingerprinter));
    if (its?.inScope && shareKey(its, view)) taken.push(candidate);
  }
  return taken;
}

/**
 * A record in review whose candidates are none by other match rules than those that found them: an edit of the rules may
 * be a mistake, and what was doubtful is not made twice without asking.
 * @returns as what it stays in review, where one of the candidates is still there
 */
async function leftByRules(context: SyncContext, mapping: Mapping, view: RecordView): Promise<HoldReason | undefined> {
  const links = context.links(mapping.name);
  const other = mapping.sides[otherSide(view.side)];
  const held = other.create ? await links.held(view.side, view.record.id) : undefined;
  if (held?.kind !== 'review' || !held.candidates) return undefined;
  const sameRules = held.rules === undefined ? held.mapping === mapping.version : held.rules === links.rules;
  if (sameRules) return undefined;
  for (const candidate of held.candidates) {
    const { side, id } = parseRecordKey(candidate);
    if (side !== other.index) continue;
    const record = await context.client(other.system.name).read(other.entity.name, id);
    if (!record || !(await viewRecord(mapping, side, record, context.fingerprinter)).inScope) continue;
    return {
      kind: 'review',
      reason:
        'By the match rules as they were, records could have belonged to it that do not match it any more: a person decides whether it gets a counterpart.',
      candidates: held.candidates,
      // Those that found them: looked at again under the present ones, it stays in review.
      rules: held.rules ?? '',
    };
  }
  return undefined;
}
