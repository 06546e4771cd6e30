/**
 * Whether an author's `description` contradicts the rules of its mapping: "every company" where `when` excludes some, "is
 * never deleted" where deletes propagate. It understands a few ways of saying so in English, and says nothing of any other.
 */
import type { Mapping, MappingSide } from '../config/types.ts';
import type { Located } from './findings.ts';
import { deletion, firstNamed, NEGATION, namesSystem, onlyWay, sideOf, speaksOfAll } from './wording.ts';

/** A sentence of a `description` that contradicts the rules of its mapping. It stands where the description begins. */
export interface DescriptionFinding extends Located {
  readonly kind: 'description';
  readonly mapping: string;
  /** The sentence. */
  readonly quote: string;
  /** What the rules say. */
  readonly message: string;
  readonly remedy: string;
}

const REMEDY = 'Correct the description, or the rule.';

/**
 * Reads the mapping alone.
 * @returns a finding for each contradiction; nothing for a sentence that it does not understand
 */
export function checkDescription(mapping: Mapping): DescriptionFinding[] {
  return mapping.description
    .replace(/\s+/g, ' ')
    .split(/(?<=[.!?;])\s+/)
    .flatMap((sentence) =>
      CLAIMS.flatMap((claim) => claim(sentence.trim(), mapping)).map((message) => ({
        kind: 'description' as const,
        mapping: mapping.name,
        file: mapping.file,
        ...mapping.descriptionAt,
        quote: sentence.trim(),
        message,
        remedy: REMEDY,
      })),
    );
}

/** @returns what the rules say, for each contradiction */
type Claim = (sentence: string, mapping: Mapping) => string[];

const CLAIMS: readonly Claim[] = [
  // Every company ...
  (sentence, { sides }) =>
    sides.flatMap((side) =>
      side.when && speaksOfAll(sentence, side, sides)
        ? [`"when" leaves records of ${side.name} out: ${side.when.source}`]
        : [],
    ),
  // Only active companies ...
  (sentence, { sides }) =>
    sides.flatMap((side) =>
      !side.when && /^only\b/i.test(sentence) && side.index === firstNamed(sentence, sides)?.index
        ? [`without "when", every record of ${side.name} takes part.`]
        : [],
    ),
  // ... in both directions, ... one way
  (sentence, { properties }) => {
    const both = /\b(?:two-way|both ways|both directions)\b/i.test(sentence);
    if (NEGATION.test(sentence) || !(both || /\bone[- ]way\b/i.test(sentence))) return [];
    if (properties.length === 0) return ['there are no properties, so no value flows.'];
    const twoWay = properties.filter(({ direction }) => direction === 'both').length;
    if (both) return twoWay === 0 ? ['every property flows one way.'] : [];
    return twoWay === properties.length ? ['every property flows both ways.'] : [];
  },
  // Companies flow from Keap to the shop only
  (sentence, { sides, properties }) => {
    const way = onlyWay(sentence, sides);
    const back = way ? properties.filter(({ direction }) => direction !== way.to.index).length : 0;
    return way && back > 0 ? [`${back} of ${properties.length} properties flow to ${way.from.name}.`] : [];
  },
  created,
  // Every product is created in the shop
  (sentence, { sides }) =>
    sides.flatMap((side) =>
      side.create === 'on-demand' && allCreated(sentence, side, sides)
        ? [`"create" of ${side.name} is on-demand: only what a record refers to is created.`]
        : [],
    ),
  deleted,
  // Keap wins, the newer value wins
  (sentence, { sides, conflict }) => {
    const winning = /\b(?:wins?|prevails?|is the master|leads|is the source of truth)\b/i.exec(sentence);
    if (!winning || NEGATION.test(sentence)) return [];
    const before = sentence.slice(0, winning.index);
    const rule = typeof conflict === 'string' ? conflict : sides[conflict].name;
    const winner = sides.find((side) => namesSystem(side, before, sides));
    if (winner) return rule === winner.name ? [] : [`"conflict" is ${rule}.`];
    return /\b(?:latest|later|newer|newest|last)\b/i.test(before) && conflict !== 'latest'
      ? [`"conflict" is ${rule}.`]
      : [];
  },
];

const CREATION = /\bcreat(?:e|es|ed|ing)\b/i;
/** Under which nothing, or not all, is created. */
const CONDITION =
  /\b(?:once|when|whenever|if|as soon as|after|until|unless|before|only|on demand|needed|with|without|that|which|who|whose|where|having)\b/i;

/** The sides that a sentence says records are created on; all where it names none. */
function createdOn(sentence: string, sides: Mapping['sides']): readonly MappingSide[] {
  const after = sentence.slice(CREATION.exec(sentence)!.index);
  const places = sides.filter((side) => namesSystem(side, after, sides));
  return places.length === 0 ? sides : places;
}

/** ... are created in Keap, ... are never created */
function created(sentence: string, { sides }: Mapping): string[] {
  if (!CREATION.test(sentence)) return [];
  const meant = createdOn(sentence, sides);
  if (NEGATION.test(sentence))
    return CONDITION.test(sentence)
      ? []
      : meant.filter((side) => side.create).map((side) => `"create" names ${side.name}.`);
  return meant.some((side) => side.create)
    ? []
    : [`"create" does not name ${meant.map(({ name }) => name).join(' or ')}.`];
}

/** Whether every record of the other side is said to be created on this one. */
function allCreated(sentence: string, side: MappingSide, sides: Mapping['sides']): boolean {
  const said = sentence
    .replace(/\s+without an? (?:counterpart|link)\b/i, '')
    .replace(/\b(every|each|all) (?:missing|new)\b/i, '$1');
  if (!CREATION.test(said) || NEGATION.test(said) || CONDITION.test(said) || !createdOn(said, sides).includes(side))
    return false;
  const before = said.slice(0, CREATION.exec(said)!.index);
  return sides.some((one) => speaksOfAll(before, one, sides));
}

/** Deleting a company deletes the customer, ... are deleted too, ... are never deleted */
function deleted(sentence: string, { sides }: Mapping): string[] {
  if (!/\b(?:delet(?:e|es|ed|ing|ions?)|remov(?:e|es|ed|ing|als?))\b/i.test(sentence)) return [];
  const propagating = sides.filter(({ deletes }) => deletes === 'propagate');
  const says = (all: readonly MappingSide[]): string[] =>
    all.map(({ name }) => `"deletes: propagate" deletes records of ${name}.`);
  const follow = deletion(sentence, sides);
  if (follow) {
    const { on, deletes } = follow;
    if (deletes === undefined) return [];
    if (!deletes) return says(propagating.filter((side) => on === undefined || side === on));
    if (on) return on.deletes === 'propagate' ? [] : [`"deletes" of ${on.name} is ${on.deletes}.`];
    return propagating.length === 0 ? ['"deletes" propagates to neither side.'] : [];
  }
  if (!/\bdelet/i.test(sentence)) return [];
  if (/\bkept\b/i.test(sentence)) return says(propagating);
  if (NEGATION.test(sentence) || /\bwithout delet/i.test(sentence)) {
    const named = sideOf(sentence, sides);
    return says(propagating.filter((side) => named === undefined || side === named));
  }
  const spreads = /\b(?:too|as well|also|propagat\w*|follow\w*|both sides|on the other side)\b/i.test(sentence);
  return spreads && propagating.length === 0 ? ['"deletes" propagates to neither side.'] : [];
}
