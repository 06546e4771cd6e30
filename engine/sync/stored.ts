/** What Redis knows of one unit. A batch asks for many units at once instead and hands each its own. */
import { BRAKE_KINDS, type BrakeKind } from '../config/brake.ts';
import type { BrakeAnswer } from '../links/brake.ts';
import type { Held } from '../links/links.ts';
import { flip, mapPair } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { CorrelationNote, Issue, Link, OpenEntry } from '../store/types.ts';
import type { Base, Pair, SideIndex } from '../types.ts';
import { DOUBT } from './definitions.ts';
import type { PartnerFacts, StoredFacts, Unit } from './facts.ts';
import type { MappingScope } from './scope.ts';

type Record = Pick<Unit, 'side' | 'id'>;

/**
 * @param now epoch ms on Redis' clock
 * @param ready whether both sides count as read fully; for a plan it is enough that a plan has read them
 */
export async function gatherStored(
  scope: MappingScope,
  { side, id }: Record,
  { now, ready }: { readonly now: number; readonly ready: () => Promise<boolean> },
): Promise<StoredFacts> {
  const { links } = scope;
  const counterpart = await links.counterpart(side, id);
  const ids = counterpart === undefined ? undefined : flip(side, [id, counterpart]);
  const [link, unlinked, open, brake, isReady, firstRead] = await Promise.all([
    ids && gatherLink(scope, ids),
    ids ? undefined : gatherUnlinked(scope, side, id),
    ids ? gatherOpen(scope, 0, ids[0]) : gatherOpen(scope, side, id),
    links.brake.on(),
    ready(),
    links.firstRead(),
  ]);
  const { issue } = open;
  const key = ids ? recordKey(0, ids[0]) : recordKey(side, id);
  return {
    link,
    unlinked,
    open: { [key]: open },
    recent: [],
    brake,
    answered: issue?.brake === undefined ? {} : await answersTo(scope, issue.brake),
    ready: isReady,
    firstRead,
    rules: links.rules,
    ownWrites: await scope.ownWrites(ids ?? flip(side, [id, undefined])),
    now,
  };
}

async function answersTo({ links }: MappingScope, brake: string): Promise<StoredFacts['answered']> {
  const answers = await Promise.all(BRAKE_KINDS.map((kind) => links.brake.answered(brake, kind)));
  const given = BRAKE_KINDS.flatMap((kind, i): [BrakeKind, BrakeAnswer][] => (answers[i] ? [[kind, answers[i]]] : []));
  return Object.fromEntries(given);
}

async function gatherLink({ links }: MappingScope, ids: Pair<string>): Promise<Link> {
  const [stored, [first], [second]] = await Promise.all([
    links.base(ids[0]),
    links.states(0, [ids[0]]),
    links.states(1, [ids[1]]),
  ]);
  const states = mapPair([first, second], (state) => parseState(state ?? ''));
  const entries = Object.entries(stored.base);
  return {
    ids,
    revision: Number(stored.version),
    created: 0,
    base: Object.fromEntries(entries.filter(([name]) => !name.startsWith(DOUBT))) as Base,
    unconfirmed: entries.flatMap(([name]) => (name.startsWith(DOUBT) ? [name.slice(DOUBT.length)] : [])),
    correlation: mapPair(states, ({ note }) => note),
    ownWriteAt: [0, 0],
    lastSynced: mapPair(states, ({ state }) => state),
    raw: ['', ''],
  };
}

/** The note on what is still to be done about a correlation id stands in front of the state. */
export function parseState(stored: string): { note: CorrelationNote | undefined; state: string } {
  const found = /^(new|open|refused)\.(.*)$/s.exec(stored);
  return found ? { note: found[1] as CorrelationNote, state: found[2]! } : { note: undefined, state: stored };
}

export const formatState = (state: string, note: CorrelationNote | undefined): string =>
  note === undefined ? state : `${note}.${state}`;

async function gatherUnlinked({ links }: MappingScope, side: SideIndex, id: string): Promise<StoredFacts['unlinked']> {
  const [firstSeen, [state]] = await Promise.all([links.firstSeen(side, id), links.states(side, [id])]);
  if (firstSeen === undefined && state === null) return undefined;
  return { firstSeen: firstSeen ?? Infinity, state: state ?? undefined, matchKeys: [], correlationId: '', raw: '' };
}

/** What is open about a record without a link, or under the record on side 0 about its link. */
async function gatherOpen({ links }: MappingScope, side: SideIndex, id: string): Promise<OpenEntry> {
  const [held, decision, pendingCreate, pendingWrites] = await Promise.all([
    links.held(side, id),
    links.decided(side, id),
    links.intent(side, id),
    side === 0 ? links.pendingWrites(id) : undefined,
  ]);
  return {
    ...(held ? { issue: issueOf(held) } : {}),
    ...(decision ? { decision } : {}),
    ...(pendingCreate ? { pendingCreate } : {}),
    ...(pendingWrites ? { pendingWrites } : {}),
  };
}

/** As it is stored until the store has the new kinds. */
export const issueOf = (held: Held): Issue => ({
  ...held,
  kind: held.code === 'BRAKE_ON' ? 'blocked' : held.kind === 'gone' ? 'orphaned' : held.kind,
});

export const heldOf = ({ kind, ...issue }: Issue): Held => ({
  ...issue,
  kind: kind === 'blocked' ? 'waiting' : kind === 'orphaned' ? 'gone' : kind,
});

/** What is known of a record that is about to be linked. */
export async function gatherPartner(scope: MappingScope, { side, id }: Record): Promise<PartnerFacts> {
  const counterpart = await scope.links.counterpart(side, id);
  const ids = counterpart === undefined ? undefined : flip(side, [id, counterpart]);
  const [link, { pendingCreate, pendingWrites }] = await Promise.all([
    ids && gatherLink(scope, ids),
    gatherOpen(scope, side, id),
  ]);
  return { link, pendingCreate, pendingWrites };
}
