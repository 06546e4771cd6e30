/** Why a record is as it is: both values now, what changed since the base, what a reconcile would decide, what it waits for. */
import type { Mapping, Property } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { Held, Intent, KeptLost } from '../links/links.ts';
import { type Converted, merge, type PropertyDecision } from '../merge/merge.ts';
import { type Base, otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import { convertContext, type SyncContext } from './context.ts';
import { convertProperty, flowsTo, propertyStates } from './convert.ts';
import { findCounterpart, type Match } from './match.ts';
import { type RecordView, viewRecord } from './view.ts';

export interface ExplainedSide {
  readonly id: string | undefined;
  /** False: the system has no such record. undefined: there is no id to ask for. */
  readonly exists: boolean | undefined;
  readonly takesPart: boolean | undefined;
  /** ISO 8601, as the system states it. */
  readonly modified: string | undefined;
}

export interface ExplainedProperty {
  readonly property: Property;
  readonly values: readonly [unknown, unknown];
  /** Whether the last agreement is known, and which side differs from it. */
  readonly base: boolean;
  readonly changed: readonly [boolean | undefined, boolean | undefined];
  /** What each side would hold if it were written from the other. */
  readonly toward: readonly [Converted | undefined, Converted | undefined];
  /** What a merge would decide; undefined while there is no pair to merge. */
  readonly decision: PropertyDecision | undefined;
}

export interface Explanation {
  readonly sides: readonly [ExplainedSide, ExplainedSide];
  readonly linked: boolean;
  /** Both sides were read fully once; before that nothing is matched or created. */
  readonly ready: boolean;
  readonly properties: readonly ExplainedProperty[];
  /** How a record without a link would find its counterpart. */
  readonly match: Match | undefined;
  readonly held: Held | undefined;
  /** A create was begun and is not known to have ended. */
  readonly intent: Intent | undefined;
  readonly lost: readonly KeptLost[];
}

/**
 * @param context made with `dry`; both systems are read
 * @throws TandemError SYSTEM_NOT_FOUND for a record that neither exists nor is linked
 */
export async function explainRecord(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
): Promise<Explanation> {
  const links = context.links(mapping.name);
  const counterpart = await links.counterpart(side, id);
  const ids: [string | undefined, string | undefined] = side === 0 ? [id, counterpart] : [counterpart, id];
  const read = async (of: SideIndex): Promise<SystemRecord | undefined> => {
    const { system, entity } = mapping.sides[of];
    const one = ids[of];
    return one === undefined ? undefined : context.client(system.name).read(entity.name, one);
  };
  const records = await Promise.all([read(0), read(1)]);
  if (!records[side] && counterpart === undefined && !(await links.held(side, id))) {
    const { name, entity } = mapping.sides[side];
    throw new TandemError('SYSTEM_NOT_FOUND', `${name} has no record "${id}" of ${entity.name}.`, {
      mapping: mapping.name,
      side: name,
      id,
    });
  }
  const view = async (of: SideIndex): Promise<RecordView | undefined> =>
    records[of] ? viewRecord(mapping, of, records[of], context.fingerprinter) : undefined;
  const views = [await view(0), await view(1)] as const;
  const linked = counterpart !== undefined;
  const ready = await links.ready();
  const own = views[side];
  return {
    sides: [describe(ids[0], views[0]), describe(ids[1], views[1])],
    linked,
    ready,
    properties: await properties(context, mapping, views, ids[0]),
    match: !linked && ready && own?.inScope ? await findCounterpart(context, mapping, own) : undefined,
    // What is held of a link is held under the name of its first record.
    held: (linked ? await links.held(0, ids[0]!) : undefined) ?? (await links.held(side, id)),
    intent: await links.intent(side, id),
    lost: ids[0] === undefined ? [] : await links.history(ids[0]),
  };
}

const describe = (id: string | undefined, view: RecordView | undefined): ExplainedSide => ({
  id,
  exists: id === undefined ? undefined : view !== undefined,
  takesPart: view?.inScope,
  modified: view?.record.modified,
});

async function properties(
  context: SyncContext,
  mapping: Mapping,
  views: readonly [RecordView | undefined, RecordView | undefined],
  id: string | undefined,
): Promise<ExplainedProperty[]> {
  const converting = convertContext(context, mapping);
  const base: Base = id === undefined ? {} : (await context.links(mapping.name).base(id)).base;
  const [a, b] = views;
  const states = a && b ? await propertyStates(mapping, [a, b], base, converting) : undefined;
  const decided =
    a && b && states
      ? merge({ base, modified: [a.record.modified, b.record.modified], properties: states })
      : undefined;
  const explained: ExplainedProperty[] = [];
  for (const [i, property] of mapping.properties.entries()) {
    const known = Object.hasOwn(base, property.name) ? base[property.name] : undefined;
    const changed = (side: SideIndex): boolean | undefined => {
      const view = views[side];
      // Under another definition the value may be read otherwise: then its edits cannot be told.
      const readable = states?.[i]?.redefined?.readable[side] ?? true;
      return view && known && readable ? view.fingerprints[i] !== known[side] : undefined;
    };
    const toward = async (target: SideIndex): Promise<Converted | undefined> => {
      const source = views[otherSide(target)];
      return source && flowsTo(property, target)
        ? convertProperty(mapping, property, source, target, converting)
        : undefined;
    };
    explained.push({
      property,
      values: [a?.raw[i], b?.raw[i]],
      base: known !== undefined,
      changed: [changed(0), changed(1)],
      // The merge has no need to convert what is in step; who looks has.
      toward: [states?.[i]?.toward[0] ?? (await toward(0)), states?.[i]?.toward[1] ?? (await toward(1))],
      decision: decided?.decisions[i],
    });
  }
  return explained;
}
