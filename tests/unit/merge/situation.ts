/**
 * A small mapping, records of it, and a player of `decide`: it answers every question from a situation and carries out
 * every action as systems would, so that a row of the decision table is a situation and all that is asked and done in it.
 *
 * Fingerprints are the values themselves and tokens stand in angle brackets, so that the rows can be read.
 */
import type { EntityConfig, Mapping, MappingSide, Property } from '../../../engine/config/types.ts';
import { capabilitiesOf } from '../../../engine/connectors/http/http-connector.ts';
import type { TandemError } from '../../../engine/errors.ts';
import type { Fingerprinter } from '../../../engine/expression/values.ts';
import { decide } from '../../../engine/merge/decide.ts';
import type { PropertyState } from '../../../engine/merge/merge.ts';
import { mapPair, replaceSide } from '../../../engine/model/pair.ts';
import { recordKey } from '../../../engine/model/record-key.ts';
import type { Brake } from '../../../engine/store/brake.ts';
import type { Link, OpenEntry, PendingCreate, RecentWrite } from '../../../engine/store/types.ts';
import type { Action, Question, Step } from '../../../engine/sync/actions.ts';
import type { Choice, Conversions, Facts, RecordFact, Results, StoredFacts } from '../../../engine/sync/facts.ts';
import type { RecordView } from '../../../engine/sync/view.ts';
import { type Base, otherSide, type Pair, type SideIndex } from '../../../engine/types.ts';
import { described } from './described.ts';

/** Epoch ms of every decision. */
export const NOW = 1_000_000;

export const readable: Fingerprinter = {
  token: (text) => (text === '' ? '' : `<${text}>`),
  of: (raw) => String(raw ?? ''),
};

// ---------------------------------------------------------------- the mapping

interface EntityOptions {
  readonly lag?: number;
  readonly create?: { readonly idempotency?: string; readonly answer?: 'record' | 'id' };
  readonly update?: { readonly version?: string; readonly answer?: 'record' | 'none' } | null;
}

export interface MappingOptions {
  readonly version?: string;
  readonly sides?: Pair<Partial<Omit<MappingSide, 'entity'>> & EntityOptions>;
  /** Properties `name` and `phone`, unless others are named. */
  readonly properties?: Readonly<Record<string, Partial<Property>>>;
  readonly match?: readonly Pick<Mapping['match'][number], 'name' | 'onMatch'>[];
  /** Without a limit, unless one is named. */
  readonly brake?: Partial<Mapping['brake']>;
}

/** Reads may show what was there before a write for so long, in ms. */
export const LAG = 60_000;

export const LIMIT = { count: 10, percent: 10, minimum: 2 };

export function mappingOf({
  version = 'v1',
  sides = [{}, {}],
  properties,
  match,
  brake,
}: MappingOptions = {}): Mapping {
  const side = (index: SideIndex): MappingSide => {
    const { create: post, update, lag = LAG, ...given } = sides[index] as EntityOptions & Partial<MappingSide>;
    const name = ['crm', 'shop'][index]!;
    const entity = {
      system: name,
      name: ['contacts', 'customers'][index]!,
      lag,
      create: { idempotency: undefined, answer: 'record', ...(typeof post === 'object' ? post : {}) },
      update: update === null ? undefined : { version: undefined, answer: 'record', ...update },
    } as unknown as EntityConfig;
    return {
      index,
      name,
      entity,
      create: post === (false as unknown) ? undefined : post === 'on-demand' ? post : 'missing',
      deletes: 'keep',
      correlate: undefined,
      ...given,
    } as MappingSide;
  };
  const all = Object.entries(properties ?? { name: {}, phone: {} });
  return {
    name: 'people',
    version,
    sides: [side(0), side(1)],
    match: match ?? [{ name: 'email', onMatch: 'link' }],
    brake: { deletes: undefined, creates: undefined, clears: undefined, ...brake },
    properties: all.map(([name, more]) => ({
      name,
      definition: `${name}#1`,
      direction: 'both',
      conflict: 'latest',
      drift: 'keep',
      required: false,
      type: 'string',
      sides: [
        { source: name, path: {} },
        { source: name, path: {} },
      ],
      ...more,
    })),
  } as unknown as Mapping;
}

/** The place of the id of the counterpart on a side. */
export const PLACE = { source: 'ref' } as MappingSide['correlate'];

// ---------------------------------------------------------------- records

export interface ViewOptions {
  readonly id?: string;
  readonly inScope?: boolean;
  readonly keys?: readonly (string | undefined)[];
  readonly ref?: string;
  readonly modified?: string | undefined;
  readonly version?: string;
}

const IDS: Pair<string> = ['a', 'b'];

/** A record `0/a` or `1/b` of these values, in the order of the properties. */
export function view(side: SideIndex, values: readonly string[], options: ViewOptions = {}): RecordView {
  const { id = IDS[side], inScope = true, keys = ['ann@x'], ref, version } = options;
  return {
    side,
    record: { id, modified: options.modified, version, data: {} },
    inScope,
    keys,
    keyTexts: keys,
    correlationId: ref,
    raw: values,
    fingerprints: values,
    fingerprinter: readable,
  };
}

/** As it would be read under this state of its values. */
export const state = (...values: readonly string[]): string =>
  `<${['name', 'phone'].map((name, i) => `${name}=${values[i]}\n${name}#1`).join('\n')}>`;

export function link(base: Base, more: Partial<Link> = {}): Link {
  return {
    ids: IDS,
    revision: 3,
    created: 0,
    base,
    unconfirmed: [],
    correlation: [undefined, undefined],
    ownWriteAt: [0, 0],
    foreignAt: [0, 0],
    lastSynced: ['', ''],
    raw: ['', ''],
    ...more,
  };
}

/** Both sides held these when they last agreed. */
export const agreedOn = (...values: readonly string[]): Base =>
  Object.fromEntries(['name', 'phone'].map((name, i) => [name, [values[i]!, values[i]!, `${name}#1`] as const]));

/** Two records with these values, converted as they are; `lossy` maps a value that becomes another one on the other side. */
export function conversionsOf(
  mapping: Mapping,
  views: Pair<RecordView>,
  toward: Readonly<Record<string, PropertyState['toward']>> = {},
): Conversions {
  const made = (value: string) => ({ ok: true as const, value: value === '' ? null : value, fingerprint: value });
  const flows = ({ direction }: Property, target: SideIndex): boolean => direction === 'both' || direction === target;
  return {
    refs: [],
    properties: mapping.properties.map((property, i) => {
      const { name, direction, conflict, drift } = property;
      const own = [views[0].fingerprints[i]!, views[1].fingerprints[i]!] as const;
      const usual = ([0, 1] as const).map((target) =>
        flows(property, target) ? made(own[otherSide(target)]) : undefined,
      ) as [PropertyState['toward'][0], PropertyState['toward'][1]];
      return { name, direction, conflict, drift, own, toward: toward[name] ?? usual };
    }),
  };
}

// ---------------------------------------------------------------- situations

export type Given = RecordView | Extract<RecordFact, { kind: 'other' }> | 'absent' | TandemError | undefined;

export interface Situation {
  readonly mapping?: Mapping;
  /** The record that is looked at: `0/a` unless another one is named. */
  readonly look?: readonly [SideIndex, string];
  readonly link?: Link;
  /** Both records of the link are to be looked at. */
  readonly both?: boolean;
  /** What is read, by side; a record that is not named must not be asked for. */
  readonly records?: Pair<Given>;
  /** Facts of records that a page has delivered. */
  readonly delivered?: Pair<RecordFact | undefined>;
  /** What is open about the unit. */
  readonly open?: OpenEntry;
  readonly stored?: Partial<StoredFacts>;
  readonly recent?: readonly RecentWrite[];
  readonly choice?: Choice;
  /** Answers to questions other than those for records. */
  readonly answers?: Partial<Omit<Facts, 'absentTwice'>>;
  /** Whether a record that is looked for a second time is still absent. It is, where nothing is named. */
  readonly absent?: (id: string) => boolean;
  /** By match rule. */
  readonly rules?: Facts['rules'];
  /** Toward both sides, by property. */
  readonly toward?: Readonly<Record<string, PropertyState['toward']>>;
  /** What effects come to where that is not what was asked for. */
  readonly effects?: {
    /** The brake goes on by the write, so that nothing is begun. */
    readonly brake?: Brake;
    /** Values that the target answers. */
    readonly written?: Pair<readonly string[] | Results['written'][0]>;
    /** What the target makes of these values, and answers. */
    readonly writing?: (side: SideIndex, values: readonly string[]) => readonly string[];
    readonly created?: Results['created'];
    readonly notDeleted?: Results['notDeleted'];
    readonly correlated?: Results['correlated'];
    readonly restored?: { readonly view: RecordView };
    /** What is stored once a link was ended within the unit. */
    readonly after?: Partial<StoredFacts>;
  };
}

/** Nothing is known of the other record. */
export const PARTNER = {
  link: undefined,
  pendingCreate: undefined,
  pendingWrites: undefined,
  failedJob: undefined,
  ownWrites: [],
};

const none = { candidates: [], rivals: [], doubtful: [] };
const nobody = { partners: [], namedIsLinked: false, rivals: [], matched: [] };

export function factsOf(given: Situation): Facts {
  const mapping = given.mapping ?? mappingOf();
  const [side, id] = given.look ?? [0, 'a'];
  const key = given.link ? `0/${given.link.ids[0]}` : `${side}/${id}`;
  return {
    mapping,
    capabilities: mapPair(mapping.sides, ({ entity }) => capabilitiesOf(entity)),
    side,
    id,
    both: given.both,
    key: 'key-1',
    fingerprinter: readable,
    stored: {
      link: given.link,
      unlinked: undefined,
      open: given.open ? { [key]: given.open } : {},
      recent: given.recent ?? [],
      brake: undefined,
      answered: {},
      ready: true,
      firstRead: undefined,
      firstSyncAllowed: false,
      lastEnd: 0,
      rules: 'rules-1',
      ownWrites: [[], []],
      now: NOW,
      takenAt: 0,
      ...given.stored,
    },
    choice: given.choice,
    records: given.delivered ?? [undefined, undefined],
    rules: [],
    results: { locked: [], written: [undefined, undefined], correlated: [undefined, undefined] },
  };
}

/** What the situation answers to a question. */
export function answer(given: Situation, facts: Facts, question: Question): Partial<Facts> {
  const { mapping } = facts;
  const answers: Partial<Facts> = {
    waitedFor: false,
    correlation: nobody,
    searched: nobody,
    namedExists: false,
    openCreates: [],
    matching: [],
    candidatesExist: false,
    partner: PARTNER,
    allowance: { limit: 10, linked: 100, since: undefined },
    successors: [],
    winnersCounterpart: null,
    ...given.answers,
  };
  switch (question.ask) {
    case 'record':
      return { records: replaceSide(facts.records, question.side, read(given, facts, question)) };
    case 'rule': {
      const rules = [...facts.rules];
      rules[question.rule] = given.rules?.[question.rule] ?? none;
      return { rules };
    }
    case 'absent-twice': {
      const absent = given.absent?.(question.id) ?? true;
      return { absentTwice: { ...facts.absentTwice, [recordKey(question.side, question.id)]: absent } };
    }
    case 'conversions':
      return { conversions: answers.conversions ?? conversionsOf(mapping, question.views, given.toward) };
    case 'new-record':
      return { newRecord: answers.newRecord ?? newRecordOf(mapping, question.view) };
    default:
      return { [FACT[question.ask]]: answers[FACT[question.ask]] };
  }
}

const FACT = {
  waiters: 'waitedFor',
  correlation: 'correlation',
  'search-correlation': 'searched',
  'named-record': 'namedExists',
  'unconfirmed-create': 'found',
  'open-creates': 'openCreates',
  'matching-candidates': 'matching',
  'candidates-exist': 'candidatesExist',
  partner: 'partner',
  allowance: 'allowance',
  counterpart: 'winnersCounterpart',
  successors: 'successors',
  'restored-value': 'restored',
} as const satisfies Record<string, keyof Facts>;

function read(given: Situation, facts: Facts, { side, id }: Extract<Question, { ask: 'record' }>): RecordFact {
  const found = given.records?.[side];
  if (found === undefined) throw new Error(`The record ${side}/${id} is not part of the situation.`);
  if (found === 'absent') return { kind: 'absent' };
  if ('kind' in found) return found;
  if (!('side' in found)) return { kind: 'unreadable', error: found };
  const order = facts.records.filter((fact) => fact !== undefined).length;
  return { kind: 'present', view: found, from: 'read', askedFor: id, order };
}

function newRecordOf({ properties }: Mapping, source: RecordView): NonNullable<Facts['newRecord']> {
  const writes = properties.flatMap(({ name }, i) => {
    const value = source.fingerprints[i]!;
    return value === '' ? [] : [{ property: name, value, fingerprint: value }];
  });
  return { ok: true, writes, data: Object.fromEntries(writes.map(({ property, value }) => [property, value])) };
}

/** @returns what an action comes to, where all goes as the situation states */
// Over 60 lines: one case per kind of action, each a few lines.
export function carryOut({ effects = {} }: Situation, facts: Facts, action: Action): Partial<Facts> {
  const { results, mapping } = facts;
  const learned = (more: Partial<Results>): Partial<Facts> => ({ results: { ...results, ...more } });
  switch (action.do) {
    case 'lock': {
      const own = action.entry?.side === facts.side && action.entry.entry.id === facts.id;
      return learned({ locked: [...results.locked, ...action.claims], ...(own ? { indexed: true } : {}) });
    }
    case 'begin':
      if (effects.brake && action.consume) return { stored: { ...facts.stored, brake: effects.brake } };
      return learned({ begun: { key: action.create?.pending.key }, ...(action.shown ? { shownNoted: true } : {}) });
    case 'keep-overwritten':
      return learned({ overwrittenKept: true });
    case 'update': {
      const given = effects.written?.[action.side];
      const properties = action.writes.map(({ property }) => property);
      const values = mapping.properties.map(({ name }, i) => {
        const written = action.writes.find(({ property }) => property === name);
        return written ? written.fingerprint : action.view.fingerprints[i]!;
      });
      const made = Array.isArray(given)
        ? (given as readonly string[])
        : (effects.writing?.(action.side, values) ?? values);
      const answered = { ...action.view, raw: made, fingerprints: made };
      const done = { kind: 'done', view: answered, properties } as const;
      return learned({
        written: replaceSide(results.written, action.side, given && 'kind' in given ? given : done),
      });
    }
    case 'create': {
      const values = mapping.properties.map(({ name }) => String(action.data[name] ?? ''));
      const created = { kind: 'created', view: view(action.side, values, { id: 'new' }) } as const;
      return learned({ created: effects.created ?? created });
    }
    case 'note-not-found':
      return learned({ notFoundNoted: true });
    case 'withdraw-create':
      return learned({ withdrawn: true });
    case 'delete':
      return learned(effects.notDeleted ? { notDeleted: effects.notDeleted } : { deleted: true });
    case 'correlate': {
      const done = { view: { ...action.view, correlationId: action.counterpart } };
      const correlated = effects.correlated?.[action.side] ?? done;
      return learned({ correlated: replaceSide(results.correlated, action.side, correlated) });
    }
    case 'restore': {
      const { side, write } = action;
      const made = effects.restored?.view;
      const before = action.view.fingerprints[mapping.properties.findIndex(({ name }) => name === write?.property)]!;
      const wrote = write && { property: write.property, side, before, sent: write.fingerprint, at: facts.stored.now };
      const restored = made ? { view: made, ...(wrote ? { wrote } : {}) } : {};
      const fact = (shown: RecordView): RecordFact => ({
        kind: 'present',
        view: shown,
        from: 'response',
        askedFor: shown.record.id,
        order: 9,
      });
      return {
        ...learned({ restored }),
        ...(made ? { records: replaceSide(facts.records, side, fact(made)) } : {}),
      };
    }
    case 'commit': {
      const stored = { ...facts.stored, link: undefined, open: {}, ...effects.after };
      const { result } = action.commit;
      if (result.kind === 'removed') return { stored };
      if (result.kind !== 'unlink') return learned({ committed: 7 });
      const { ids } = result;
      const own = facts.stored.link?.ids[0] === ids[0];
      return {
        ...learned({ ended: [...(results.ended ?? []), ids] }),
        stored: own ? { ...facts.stored, link: undefined } : facts.stored,
      };
    }
  }
}

export const isEnd = (step: Step): boolean =>
  step.kind === 'end' ||
  step.kind === 'fail' ||
  (step.kind === 'act' && step.action.do === 'commit' && step.action.last);

/** @returns every step up to the end */
export function steps(given: Situation, stops = isEnd): readonly { readonly step: Step; readonly facts: Facts }[] {
  const all: { step: Step; facts: Facts }[] = [];
  let facts = factsOf(given);
  for (let i = 0; i < 50; i++) {
    const step = decide(facts);
    all.push({ step, facts });
    if (stops(step)) return all;
    if (step.kind === 'ask') facts = { ...facts, ...answer(given, facts, step.question) };
    else if (step.kind === 'act') facts = { ...facts, ...carryOut(given, facts, step.action) };
  }
  throw new Error(`It does not end: ${described(all.at(-1)!.step)}`);
}

/** A row of the table: everything that is asked and done, line by line. */
export const play = (given: Situation, stops = isEnd): string =>
  `\n${described(steps(given, stops).map(({ step }) => step))}\n`;

export const pendingCreate = (sent: PendingCreate['sent'], more: Partial<PendingCreate> = {}): PendingCreate => ({
  at: NOW - 10,
  key: 'key-0',
  sent,
  ...more,
});
