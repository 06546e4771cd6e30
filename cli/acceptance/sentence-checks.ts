/** Which checks a sentence of the document is about. */
import { type Mapping, otherSide, type Property, type SideIndex } from '../../engine/index.ts';
import type { DataflowSection, DataflowSentence } from '../dataflow/model.ts';
import { NEW } from './scope-check.ts';
import type { Check } from './verdicts.ts';

type Kind = DataflowSentence['kind'];
type Pick = (n: number, known: Known) => (check: Check) => boolean;

interface Known {
  readonly mapping: Mapping;
  /** In the order of the document. */
  readonly sides: readonly [SideIndex, SideIndex];
  readonly name: (side: SideIndex) => string;
}

/** @returns per sentence, in the order of the section */
export function sentenceChecks(
  { sentences, from }: DataflowSection,
  mapping: Mapping,
  checks: readonly Check[],
): (readonly Check[])[] {
  const first: SideIndex = mapping.sides[0].name === from.side ? 0 : 1;
  const known: Known = { mapping, sides: [first, otherSide(first)], name: (side) => mapping.sides[side].name };
  const counts = new Map<Kind, number>();
  return sentences.map(({ kind }) => {
    const n = counts.get(kind) ?? 0;
    counts.set(kind, n + 1);
    return checks.filter(PICKS[kind](n, known));
  });
}

const WRITTEN: readonly Check['what'][] = ['set', 'changed', 'cleared', 'entries', 'refused'];

const isFrom = (n: number, { sides, name }: Known) => {
  const side = sides[n];
  return ({ from }: Check): boolean => side !== undefined && from === name(side);
};
const among =
  (properties: readonly Property[], whats: readonly Check['what'][]) =>
  ({ property, what }: Check): boolean =>
    whats.includes(what) && properties.some(({ name }) => name === property);
const only =
  (...whats: readonly Check['what'][]) =>
  ({ what }: Check): boolean =>
    whats.includes(what);

/** By the order in which cli/dataflow/sentences.ts says them: `n` counts the sentences of one kind. */
const PICKS: Readonly<Record<Kind, Pick>> = {
  scope: (n, known) => (check) =>
    n === 2
      ? check.what === 'scope' && check.rule !== NEW
      : isFrom(n, known)(check) &&
        check.what === (known.mapping.sides[known.sides[n === 0 ? 0 : 1]].when ? 'scope' : 'created'),
  create: (n, known) => (check) =>
    n === 2 ? check.what === 'first sync' : check.what === 'created' && isFrom(n, known)(check),
  match:
    (n, { mapping }) =>
    (check) =>
      only('matched', 'review')(check) && (mapping.match.length === 0 || check.rule === `match ${n + 1}`),
  linked: (_, { mapping }) =>
    among(
      mapping.properties.filter(({ direction }) => direction === 'both'),
      WRITTEN,
    ),
  'one-way': (n, known) => among(oneWayGroups(known)[n] ?? [], ['set', 'changed', 'one-way']),
  required: () => only('required'),
  reference: (n, { mapping }) =>
    among(mapping.properties.filter(({ reference }) => reference).slice(n, n + 1), ['set', 'changed', 'reference']),
  conflict: (n, known) => {
    const rules = conflictRules(known);
    return (check) => check.what === 'conflict' && (n >= rules.length || check.rule === rules[n]);
  },
  delete: (n, known) => (check) => check.what === 'deleted' && isFrom(n, known)(check),
  correlation: (n, { mapping, sides, name }) => {
    const side = sides.filter((one) => mapping.sides[one].correlate)[n];
    return (check) => check.what === 'correlated' && side !== undefined && check.rule === name(side);
  },
  schedule: () => only('schedule'),
  brake: () => only('brake'),
};

/** Rows by the sentence that says where they flow, and what becomes of an edit there. */
function oneWayGroups({ mapping, sides }: Known): Property[][] {
  const groups = sides.flatMap((from) =>
    (['keep', 'revert'] as const).map((drift) =>
      mapping.properties.filter((one) => one.direction === otherSide(from) && one.drift === drift),
    ),
  );
  return groups.filter(({ length }) => length > 0);
}

/** That of the mapping, then others of its two-way rows. */
function conflictRules({ mapping, name }: Known): string[] {
  const own = mapping.properties.flatMap(({ direction, conflict }) => (direction === 'both' ? [conflict] : []));
  return [...new Set([mapping.conflict, ...own])].map(
    (rule) => `conflict: ${typeof rule === 'string' ? rule : name(rule)}`,
  );
}
