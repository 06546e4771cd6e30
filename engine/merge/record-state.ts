/** The state of a record as one short text: what a scan compares to know whether the record needs a look. Pure. */
import type { Mapping } from '../config/types.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { CorrelationNote, Link, UnlinkedIndex } from '../store/types.ts';
import type { RecordView } from '../sync/view.ts';

type Seen = Pick<RecordView, 'inScope' | 'fingerprints' | 'fingerprinter'>;

/** Why a record is not in scope, as the beginning of a sentence. */
export const whyExcluded = ({ sides }: Mapping, { side, record }: Pick<RecordView, 'side' | 'record'>): string =>
  record.archived ? `The record is archived in ${sides[side].name}` : `${sides[side].name}.when excludes the record`;

/** The constant state of a record that `when` excludes: edits of it make no work. */
export const outOfScope = ({ token }: Fingerprinter): string => token('out');

/** `decide` asks for the state of a record at each step of a unit; the fingerprints of a view never change. */
const linkedStates = new WeakMap<
  Seen['fingerprints'],
  { readonly mapping: Mapping; readonly by: Fingerprinter; readonly state: string }
>();

/** The state of a record with a link. Under another definition of a property the same values are another state. */
export function linkedState(mapping: Mapping, { inScope, fingerprints, fingerprinter }: Seen): string {
  if (!inScope) return outOfScope(fingerprinter);
  const known = linkedStates.get(fingerprints);
  if (known?.mapping === mapping && known.by === fingerprinter) return known.state;
  const values = mapping.properties.map(({ name, definition }, i) => `${name}=${fingerprints[i]}\n${definition}`);
  const state = fingerprinter.token(values.join('\n'));
  linkedStates.set(fingerprints, { mapping, by: fingerprinter, state });
  return state;
}

/** The state of a record without a link: its match keys and the counterpart that it names count too. */
export function unlinkedState(mapping: Mapping, view: Seen & Pick<RecordView, 'keys' | 'correlationId'>): string {
  const { inScope, keys, correlationId, fingerprinter } = view;
  if (!inScope) return outOfScope(fingerprinter);
  const matched = [...keys.map((key) => key ?? ''), ...(correlationId === undefined ? [] : [correlationId])];
  return `${linkedState(mapping, view)}.${fingerprinter.token(matched.join('\n'))}`;
}

/** What of an unlinked state decides which records match this one. */
export const matchPart = (state: string): string => state.slice(state.indexOf('.') + 1);

/** The state of a record that cannot be read or mapped, as long as it fails in the same way. */
export const unreadableState = ({ token }: Fingerprinter, message: string): string => token(`error.${message}`);

/**
 * The state to store for a record of a link. While its correlation id is still to be written, another version of the
 * mapping is another state: it may be written then.
 */
export function stateToStore(mapping: Mapping, view: Seen, note: CorrelationNote | undefined): string {
  const state = linkedState(mapping, view);
  return note === undefined ? state : view.fingerprinter.token(`${mapping.version}\n${state}`);
}

/** Whether a record of a link is as it was when the link was last brought into agreement. */
export function isSynced(
  mapping: Mapping,
  { lastSynced, correlation }: Pick<Link, 'lastSynced' | 'correlation'>,
  view: Seen & Pick<RecordView, 'side'>,
): boolean {
  return lastSynced[view.side] === stateToStore(mapping, view, correlation[view.side]);
}

/** What the match index holds of a record. One that is out of scope is nobody's candidate, but is found by whom it names. */
export const indexEntry = ({ record, inScope, keys, correlationId }: RecordView): UnlinkedIndex => ({
  id: record.id,
  keys: inScope ? keys : [],
  correlationId,
});
