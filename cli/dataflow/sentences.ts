/** What a mapping does, in sentences that are made from its rules: each says one thing that can be tested. */
import jsonata from 'jsonata';
import {
  BRAKE_KINDS,
  type BrakeKind,
  type BrakeLimit,
  CONFLICT_RULES,
  type Config,
  type ConflictRule,
  type EntityConfig,
  type Mapping,
  type MappingSide,
  type MatchRule,
  otherSide,
  type SideIndex,
  schemaPlace,
  schemaTypes,
} from '../../engine/index.ts';
import { code, flat, listed, type Text, text } from './blocks.ts';
import { conditionOf, conditionWords, type KindOf, pathOf } from './condition.ts';
import { fieldTitle, placeTitle, recordTitle, withArticle } from './names.ts';

export type SentenceKind =
  | 'scope'
  | 'create'
  | 'match'
  | 'linked'
  | 'one-way'
  | 'required'
  | 'reference'
  | 'conflict'
  | 'delete'
  | 'correlation'
  | 'schedule'
  | 'brake';

export interface Sentence {
  readonly kind: SentenceKind;
  readonly parts: Text;
}

/** @param first the side that the document begins with */
export function sentences(config: Config, mapping: Mapping, first: SideIndex): Sentence[] {
  const about: About = {
    config,
    mapping,
    sides: [mapping.sides[first], mapping.sides[otherSide(first)]],
    record: (side) => recordTitle(mapping, side),
    system: ({ system }) => flat(system.title),
  };
  const made: readonly (readonly [SentenceKind, readonly Text[]])[] = [
    ['scope', scope(about)],
    ['create', creation(about)],
    ['match', matching(about)],
    ['linked', [linked(about)]],
    ['one-way', oneWay(about)],
    ['required', required(about)],
    ['reference', references(about)],
    ['conflict', conflicts(about)],
    ['delete', deletes(about)],
    ['correlation', correlation(about)],
    ['schedule', schedule(about)],
    ['brake', brake(about)],
  ];
  return made.flatMap(([kind, texts]) => texts.map((parts) => ({ kind, parts })));
}

interface About {
  readonly config: Config;
  readonly mapping: Mapping;
  /** In the order of the document. */
  readonly sides: readonly [MappingSide, MappingSide];
  readonly record: (side: MappingSide) => string;
  readonly system: (side: MappingSide) => string;
}

const other = ({ mapping }: About, side: MappingSide): MappingSide => mapping.sides[otherSide(side.index)];

// ---------------------------------------------------------------- which records

function scope(about: About): Text[] {
  const said = about.sides.map((side) => {
    const { when, entity } = side;
    if (!when) return text`Every ${about.record(side)} takes part.`;
    const start = `${withArticle(about.record(side), true)} takes part if`;
    const condition = conditionOf(when.source, kindsOf(entity));
    return condition
      ? text`${start} ${conditionWords(condition, (path) => fieldTitle(entity, path))}.`
      : text`${start} this expression is true: ${code(when.source)}`;
  });
  return about.sides.some(({ when }) => when)
    ? [
        ...said,
        text`A linked record that no longer takes part keeps its link and its last state; it is not synchronized meanwhile.`,
      ]
    : said;
}

const kindsOf =
  ({ schema }: EntityConfig): KindOf =>
  ({ steps }) => {
    const place = schemaPlace(schema, steps);
    const types = place.found ? schemaTypes(place.schema) : [];
    if (types.length === 0 || types.includes('array') || types.includes('object')) return 'other';
    return types.every((type) => type === 'boolean') ? 'boolean' : 'scalar';
  };

function creation(about: About): Text[] {
  const { sides, record, system } = about;
  const said = sides.map((from) => {
    const to = other(about, from);
    if (!to.create) return text`No ${record(to)} is created for ${withArticle(record(from))} without a counterpart.`;
    if (to.create === 'on-demand') return onDemand(about, from, to);
    const beside = to.create === 'always' ? ', also beside records there that no rule compares with it' : '';
    return text`${withArticle(record(from), true)} without a counterpart is created in ${system(to)} as ${withArticle(flat(to.entity.title))}${beside}.`;
  });
  return sides.some(({ create }) => create)
    ? [...said, text`Nothing is created before all records of both sides were read once.`]
    : said;
}

function onDemand({ mapping, config, record, system }: About, from: MappingSide, to: MappingSide): Text {
  const referring = [...config.mappings.values()].flatMap((one) =>
    refersTo(one, mapping)
      ? one.sides.flatMap((side) => (side.system === from.system ? [withArticle(recordTitle(one, side))] : []))
      : [],
  );
  return text`${withArticle(record(from), true)} without a counterpart is created in ${system(to)} as ${withArticle(flat(to.entity.title))} once ${listed([...new Set(referring)].sort(), 'or')} that is synchronized refers to it; it stays when the last one no longer does.`;
}

/** A mapping is none of its own parents, even if its records refer to each other. */
const refersTo = (one: Mapping, { name }: Mapping): boolean =>
  one.parents.includes(name) ||
  (one.name === name &&
    one.properties.some(
      ({ reference, convert }) =>
        reference?.mapping === name ||
        [...convert, ...(reference?.fallback ?? [])].some((made) => made && linksTo(made.source, name)),
    ));

const linksTo = (expression: string, mapping: string): boolean =>
  [`$link("${mapping}"`, `$link('${mapping}'`].some((call) => expression.includes(call));

function matching(about: About): Text[] {
  const { match } = about.mapping;
  if (match.length === 0)
    return [text`Records that exist on both sides already are never matched by what they contain.`];
  return match.map((rule, i) => {
    const outcome =
      rule.onMatch === 'review'
        ? 'every candidate goes to a person for review'
        : 'one candidate is linked, several go to a person for review';
    const position = match.length === 1 ? 'Match' : `Match ${i + 1}`;
    return text`${position}: ${matchWords(about, rule)}; ${outcome}.`;
  });
}

/** Both keys; what both of them do to their value is said once. */
function matchWords(about: About, rule: MatchRule): Text {
  const keys = about.sides.map((side) => {
    const found = readKey(rule.keys[side.index].source);
    const words: Text = found
      ? [`${fieldTitle(side.entity, found.path)} of the ${about.record(side)}`]
      : text`${code(rule.keys[side.index].source)} of the ${about.record(side)}`;
    return { words, changes: found?.changes ?? [] };
  });
  const [a, b] = [keys[0]!, keys[1]!];
  const same = a.changes.join() === b.changes.join();
  const changed = ({ words, changes }: typeof a): Text =>
    same || changes.length === 0 ? words : text`${words} ${changes.map((change) => CHANGED[change]).join(' ')}`;
  const alike = same ? a.changes.map((change) => ALIKE[change]).join('') : '';
  return text`${changed(a)} equals ${changed(b)}${alike}`;
}

const CHANGED: Readonly<Record<string, string>> = {
  lowercase: 'in small letters',
  uppercase: 'in capital letters',
  trim: 'without outer spaces',
  string: 'as text',
};
const ALIKE: Readonly<Record<string, string>> = {
  lowercase: ', whatever the letter case',
  uppercase: ', whatever the letter case',
  trim: ', whatever the spaces around',
  string: '',
};

/** A path within functions of CHANGED. */
function readKey(source: string): { path: NonNullable<ReturnType<typeof pathOf>>; changes: string[] } | undefined {
  type Node = NonNullable<Parameters<typeof pathOf>[0]>;
  const changes: string[] = [];
  let node = jsonata(source).ast() as unknown as Node;
  while (node.type === 'function' && Object.hasOwn(CHANGED, String(node.procedure?.value)) && node.arguments?.[0]) {
    if (node.arguments.length !== 1) return undefined;
    changes.push(String(node.procedure?.value));
    node = node.arguments[0];
  }
  const path = pathOf(node);
  return path && { path, changes };
}

// ---------------------------------------------------------------- once linked

const flowing = ({ mapping }: About, direction: 'both' | SideIndex) =>
  mapping.properties.filter((property) => property.direction === direction);

function linked(about: About): Text {
  const [from, to] = about.sides;
  if (about.mapping.properties.length === 0)
    return text`The records are only linked, so that references to them can be translated: no property of them is written.`;
  if (flowing(about, 'both').length === 0)
    return text`Once linked, values flow one way only, as the next sentences say.`;
  const whole = flowing(about, 'both').length === about.mapping.properties.length;
  const which = whole ? 'any property below' : 'any property below that does not flow one way';
  return text`Once linked, ${withArticle(about.record(from))} and ${withArticle(about.record(to))} are kept in step: an edit of ${which} arrives on the other side, wherever it is made.`;
}

function oneWay(about: About): Text[] {
  return about.sides.flatMap((from) => {
    const to = other(about, from);
    return (['keep', 'revert'] as const).flatMap((drift) => {
      const rows = flowing(about, to.index).filter((property) => property.drift === drift);
      if (rows.length === 0) return [];
      const titles = listed(rows.map((property) => placeTitle(about.mapping, property, from.index)));
      const [verb, where] = [rows.length === 1 ? 'flows' : 'flow', about.system(to)];
      const edit =
        drift === 'revert'
          ? `an edit in ${where} is put back`
          : `an edit in ${where} stays until the value in ${about.system(from)} changes`;
      return [text`${titles} ${verb} from ${about.system(from)} to ${where} only; ${edit}.`];
    });
  });
}

function required({ mapping, sides: [from, to] }: About): Text[] {
  const rows = mapping.properties.filter((property) => property.required);
  return rows.length === 0
    ? []
    : [
        text`A record without ${listed(
          rows.map((property) => {
            const [a, b] = [placeTitle(mapping, property, from.index), placeTitle(mapping, property, to.index)];
            return a === b ? a : `${a} (${b})`;
          }),
          'or',
        )} is not written to the other side; it waits.`,
      ];
}

function references({ mapping, sides: [from, to] }: About): Text[] {
  return mapping.properties.flatMap((property) => {
    const { reference } = property;
    if (!reference) return [];
    const titles = `${placeTitle(mapping, property, from.index)} and ${placeTitle(mapping, property, to.index)}`;
    const fallback = reference.fallback.some((one) => one) ? ' or the row gives another value' : '';
    return [
      text`${titles} refer to records that the mapping ${code(reference.mapping)} links: a record waits until the one that it refers to is linked${fallback}.`,
    ];
  });
}

function conflicts(about: About): Text[] {
  const { mapping, system } = about;
  const winner = (rule: ConflictRule): string =>
    typeof rule === 'number' ? `the value of ${system(mapping.sides[rule])} wins` : CONFLICT_RULES[rule].sentence;
  const twoWay = flowing(about, 'both');
  if (twoWay.length === 0) return [];
  const exceptions = new Map<ConflictRule, string[]>();
  for (const property of twoWay) {
    if (property.conflict === mapping.conflict) continue;
    const titles = exceptions.get(property.conflict) ?? [];
    exceptions.set(property.conflict, [...titles, placeTitle(mapping, property, about.sides[0].index)]);
  }
  return [
    text`If both sides changed the same property since they last agreed, ${winner(mapping.conflict)}.`,
    ...[...exceptions].map(([rule, titles]) => text`For ${listed(titles)}, ${winner(rule)}.`),
    text`A value that loses is kept, and can be put back.`,
  ];
}

function deletes(about: About): Text[] {
  return about.sides.map((from) => {
    const to = other(about, from);
    const start = `If ${withArticle(about.record(from))} is deleted,`;
    const its = `its ${about.record(to)}`;
    if (to.deletes === 'propagate')
      return text`${start} ${its} is deleted as well; if that one was edited meanwhile, is not in step or does not take part, a person decides.`;
    return to.deletes === 'review'
      ? text`${start} a person decides what becomes of ${its}.`
      : text`${start} ${its} is kept.`;
  });
}

function correlation(about: About): Text[] {
  return about.sides.flatMap((side) => {
    const { correlate } = side;
    if (!correlate) return [];
    const field = fieldTitle(side.entity, correlate);
    return [
      text`Where one of the two is created, or a person links them, ${field} of the ${about.record(side)} gets the id of its ${about.record(other(about, side))}.`,
    ];
  });
}

// ---------------------------------------------------------------- when, and how much

function schedule({ mapping }: About): Text[] {
  const { changes, webhooks, full } = mapping.schedule;
  const rarely =
    changes === undefined || webhooks === changes
      ? ''
      : webhooks === undefined
        ? '; not while the webhooks of both systems are registered'
        : `; ${every(webhooks)} while the webhooks of both systems are registered`;
  return [
    changes === undefined
      ? text`Changes are not looked for by a schedule.`
      : text`Changes are looked for ${every(changes)}${rarely}.`,
    full === undefined ? text`All records are read on demand only.` : text`All records are read ${every(full)}.`,
  ];
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
  ['millisecond', 1],
] as const;

/** `every 10 minutes`, `every day`: in the largest unit that it is a whole number of. */
function every(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms % one === 0 && ms >= one) ?? UNITS[4];
  return ms === size ? `every ${unit}` : `every ${ms / size} ${unit}s`;
}

const LIMITED: Readonly<Record<BrakeKind, string>> = {
  deletes: 'delete',
  creates: 'create (the first sync aside)',
  clears: 'empty a value in',
};

function brake({ mapping }: About): Text[] {
  // See allowance() in engine/config/brake-limits.ts.
  const lost = mapping.sides.some((side) => side.deletes === 'propagate');
  const few = (kind: BrakeKind): string =>
    kind === 'deletes' && lost ? ', or three or more that are half of them,' : '';
  const { firstSync } = mapping.brake;
  const first = firstSync === undefined ? 'as many records as there are' : `${firstSync} records`;
  const allowed = firstSync === undefined ? '' : ' before a person allows more';
  const kinds = BRAKE_KINDS.map((kind) => {
    const limit = mapping.brake[kind];
    return limit
      ? text`A run that would ${LIMITED[kind]} ${limitWords(limit)}${few(kind)} stops writing until a person decides.`
      : text`No limit holds for the number of records that one run may ${LIMITED[kind]}.`;
  });
  return [...kinds, text`The first sync may create ${first}${allowed}.`];
}

const limitWords = ({ count, percent, minimum }: BrakeLimit): string =>
  `more than ${count} records or ${percent} % of the linked ones (a share counts from ${minimum + 1} records on)`;
