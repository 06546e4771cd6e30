/**
 * Puts a value that lost back: as if a person typed it into its own side just now, and it wins. What it replaces is kept
 * itself, so that this can be taken back the same way.
 */
import type { Mapping, Property } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { stableJson } from '../expression/values.ts';
import type { KeptLost, Lost } from '../links/links.ts';
import type { PropertyWrite } from '../merge/merge.ts';
import { type Base, type Json, otherSide, type SideIndex } from '../types.ts';
import { linkClaims } from './claims.ts';
import { convertContext, type SyncContext } from './context.ts';
import { convertProperty, flowsTo } from './convert.ts';
import type { Outcome } from './outcome.ts';
import { guarded, lostValue, reconcilePair } from './pair.ts';
import { claimed, conflict, gone, pairOf, patiently, readSide } from './resolve.ts';
import { indexEntry, type RecordView, viewRecord } from './view.ts';
import { schemaError, updateRecord, writable } from './write.ts';

/** Is no fingerprint of anything, so that every value differs from it. */
const UNKNOWN = '?';

/** Why an entry cannot be put back, in plain words; undefined where it can, as far as the mapping tells. */
export function whyNotRestorable(mapping: Mapping, linked: boolean, entry: Lost): string | undefined {
  const place = placeOf(mapping, entry);
  if (entry.cut) return 'The value was too long to be kept whole.';
  if (!linked) return 'The record has no link: there is no record to put it into.';
  if (!place) return `The mapping has no property "${entry.property}" of ${entry.side} any more.`;
  const { property, side } = place;
  if (!property.sides[side].path) return `${property.sides[side].source} cannot be written.`;
  if (property.direction === side && property.drift === 'revert')
    return `The mapping puts back whatever is written there: write the value in ${mapping.sides[otherSide(side)].name}.`;
  return undefined;
}

/**
 * Makes a value of the history the value on both sides again; of a one-way property whose follower lost it, on the
 * follower. Doing it twice changes nothing more. Whether the target takes it is checked before anything is written; where
 * the process ends halfway, the value is an edit like any other, and arrives.
 * @param entry name of the history's entry
 * @returns what the reconcile that carries it over came to
 * @throws TandemError NOT_FOUND, CONFLICT, SYSTEM_NOT_FOUND, RECORD_LOCKED, and why the value cannot be written
 */
export function restoreLost(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  entry: string,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  return patiently(async () => {
    const owner = await links.historyOf(side, id);
    const lost = owner === undefined ? undefined : (await links.history(owner)).find((one) => one.id === entry);
    if (!lost) throw new TandemError('NOT_FOUND', `The history of this record has no entry "${entry}".`, at(id));
    const counterpart = await links.counterpart(side, id);
    const refusal = whyNotRestorable(mapping, counterpart !== undefined, lost);
    if (refusal !== undefined || counterpart === undefined) throw conflict(mapping, refusal ?? 'It has no link.');
    const ids = pairOf(side, id, counterpart);
    return claimed(context, mapping, linkClaims(...ids), async (claims) => {
      if ((await links.counterpart(side, id)) !== counterpart)
        throw conflict(mapping, 'The link changed meanwhile: look at it again.');
      const person: SyncContext['person'] = ({ property }) => property === lost.property;
      return putBack({ ...context, person }, mapping, ids, lost, claims);
    });
  });

  function at(record: string) {
    return { mapping: mapping.name, side: mapping.sides[side].name, id: record };
  }
}

async function putBack(
  context: SyncContext,
  mapping: Mapping,
  ids: readonly [string, string],
  lost: KeptLost,
  claims: Parameters<typeof reconcilePair>[5],
): Promise<Outcome> {
  const links = context.links(mapping.name);
  const { property, side: own } = placeOf(mapping, lost)!;
  const other = otherSide(own);
  const { name } = property;
  const stored = await links.base(ids[0]);
  const far = await view(other);
  // Read last, because it is written first.
  const near = await view(own);
  for (const { side, inScope: takesPart } of [near, far])
    if (!takesPart) throw conflict(mapping, `${mapping.sides[side].name}.when excludes the record.`);

  const i = mapping.properties.indexOf(property);
  const typed = await viewRecord(
    mapping,
    own,
    {
      ...near.record,
      data: property.sides[own].path!.set(near.record.data, lost.value),
    },
    context.fingerprinter,
  );
  const write: PropertyWrite = { property: name, value: lost.value as Json, fingerprint: typed.fingerprints[i]! };
  const changes = near.fingerprints[i] !== write.fingerprint;
  if (changes) assertWritable(near, write);
  if (flowsTo(property, other)) {
    const converted = await convertProperty(mapping, property, typed, other, convertContext(context, mapping));
    if (!converted.ok) throw converted.error;
    assertWritable(far, { property: name, value: converted.value, fingerprint: converted.fingerprint });
    if (changes || far.fingerprints[i] !== converted.fingerprint) await links.keepLost(ids, replaced());
  } else if (changes) {
    await links.keepLost(ids, lostValue(mapping, near, name, 'restored'));
  }

  // Whatever happens from here on, the record is looked at again.
  await context.enqueue(mapping.name, own, [ids[own]]);
  let written = near;
  if (changes) {
    const record = await guarded(context, mapping, near, false);
    await claims.confirm();
    await context.step?.('before-update');
    const result = await updateRecord(context, mapping, mapping.sides[own], record, [write]);
    await context.step?.('after-update');
    written = await viewRecord(mapping, own, result.record, context.fingerprinter);
    await links.index(own, [indexEntry(written)]);
  }
  const outcome = await reconcilePair(
    context,
    decidedFor(mapping, property, own),
    own === 0 ? [written, far] : [far, written],
    { version: stored.version, base: asEdited(stored.base, property, own, far.fingerprints[i]!) },
    other,
    claims,
  );
  if (!changes) return outcome;
  await context.touched(mapping, own, ids[own]);
  const [a, b] = outcome.writes;
  const writes = own === 0 ? ([[...a, name], b] as const) : ([a, [...b, name]] as const);
  return { ...outcome, kind: outcome.kind === 'unchanged' ? 'updated' : outcome.kind, writes };

  async function view(side: SideIndex): Promise<RecordView> {
    const record = await readSide(context, mapping, side, ids[side]);
    if (!record) throw gone(mapping, side, ids[side]);
    return viewRecord(mapping, side, record, context.fingerprinter);
  }

  function assertWritable({ side, record }: RecordView, write: PropertyWrite): void {
    const { faults } = writable(mapping, mapping.sides[side], record, [write]);
    if (faults.length > 0) throw schemaError(mapping.sides[side], faults);
  }

  /** One entry where both sides hold the same; two where one of them has more detail. */
  function replaced(): Lost[] {
    const both = [near, far].flatMap((one) => lostValue(mapping, one, name, 'restored'));
    const [first, second] = both;
    return first && second && stableJson(first.value) === stableJson(second.value) ? [first] : both;
  }
}

function placeOf(
  mapping: Mapping,
  { property: name, side }: Lost,
): { property: Property; side: SideIndex } | undefined {
  const property = mapping.properties.find((candidate) => candidate.name === name);
  const at = mapping.sides.find((candidate) => candidate.name === side);
  return property && at && { property, side: at.index };
}

/** Should the other side have been edited too: the value that a person put back wins. */
const decidedFor = (mapping: Mapping, property: Property, winner: SideIndex): Mapping => ({
  ...mapping,
  properties: mapping.properties.map((one) => (one === property ? { ...one, conflict: winner } : one)),
});

/** The base as if the value had just been typed, also where the side held it already. */
function asEdited(base: Base, property: Property, side: SideIndex, far: string): Base {
  const known = Object.hasOwn(base, property.name) ? base[property.name] : undefined;
  // A follower's value is left alone only while the leader's does not change.
  const theirs = property.direction === side ? far : known?.[otherSide(side)];
  if (theirs === undefined) return base;
  return { ...base, [property.name]: side === 0 ? [UNKNOWN, theirs] : [theirs, UNKNOWN] };
}
