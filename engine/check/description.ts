/**
 * Whether an author's `description` contradicts the rules of its mapping: "every company" where `when` excludes some, "is
 * never deleted" where deletes propagate. It understands a few ways of saying so in English, and says nothing of any other.
 */
import type { Mapping, MappingSide } from '../config/types.ts';
import { otherSide } from '../types.ts';
import type { Located } from './findings.ts';

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

const NEGATION = /\b(?:not|never|no|none|neither|nothing|without)\b/i;

const CLAIMS: readonly Claim[] = [
  // Every company ...
  (sentence, { sides }) =>
    sides.flatMap((side) =>
      side.when && quantified(/\b(?:every|each|all|any)\s+/gi, sentence, side, sides)
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
    if (NEGATION.test(sentence)) return [];
    const twoWay = properties.filter(({ direction }) => direction === 'both').length;
    if (/\b(?:two-way|both ways|both directions)\b/i.test(sentence) && twoWay === 0)
      return ['every property flows one way.'];
    return /\bone[- ]way\b/i.test(sentence) && twoWay === properties.length ? ['every property flows both ways.'] : [];
  },
  // ... are created in Keap, ... are never created
  (sentence, { sides }) => {
    if (!/\bcreat(?:e|es|ed|ing)\b/i.test(sentence)) return [];
    const places = sides.filter((side) => namesSystem(side, afterWord(sentence, /\bcreat\w+/i), sides));
    const meant = places.length === 0 ? sides : places;
    if (NEGATION.test(sentence))
      return meant.filter((side) => side.create).map((side) => `"create" names ${side.name}.`);
    return meant.some((side) => side.create)
      ? []
      : [`"create" does not name ${meant.map(({ name }) => name).join(' or ')}.`];
  },
  // ... are deleted too, ... are never deleted
  (sentence, { sides }) => {
    if (!/\bdelet(?:e|es|ed|ing|ions?)\b/i.test(sentence)) return [];
    const propagating = sides.filter(({ deletes }) => deletes === 'propagate');
    if (NEGATION.test(sentence) || /\bkept\b/i.test(sentence))
      return propagating.map(({ name }) => `"deletes: propagate" deletes records of ${name}.`);
    const spreads = /\b(?:too|as well|also|propagat\w*|follow\w*|both sides|on the other side)\b/i.test(sentence);
    return spreads && propagating.length === 0 ? ['"deletes" propagates to neither side.'] : [];
  },
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

/** What may stand between "every" and the noun without choosing among the records. */
const ARTICLES = new Set(['a', 'an', 'the', 'of', 'our', 'single', 'one', 'existing']);
/** What chooses among them after the noun. */
const QUALIFIER =
  /^\s*(?:with|without|that|which|who|whose|where|having|if|of|from|in|marked|tagged|named|above|below)\b/i;
const EXCEPTION = /\b(?:except|unless|only if|apart from|other than|but (?:not|for))\b/i;

/** Whether a sentence says something of all records of a side, without choosing among them. */
function quantified(quantifier: RegExp, sentence: string, side: MappingSide, sides: Mapping['sides']): boolean {
  for (const { index, 0: match } of sentence.matchAll(quantifier)) {
    const rest = sentence.slice(index + match.length);
    const noun = nounOf(rest, side);
    if (!noun || EXCEPTION.test(rest) || QUALIFIER.test(rest.slice(noun.end))) continue;
    const between = wordsOf(rest.slice(0, noun.start));
    const other = sides[otherSide(side.index)];
    // "Every web shop product" is none of Keap's, although Keap has products too.
    const elsewhere = between.some((word) => isOf(other, word) && !isOf(side, word));
    if (!elsewhere && between.every((word) => ARTICLES.has(word) || isOf(side, word))) return true;
  }
  return false;
}

/** The side of which a record is named first. */
function firstNamed(sentence: string, sides: Mapping['sides']): MappingSide | undefined {
  const named = sides.flatMap((side) => {
    const noun = nounOf(sentence, side);
    return noun && !namesSystem(sides[otherSide(side.index)], sentence.slice(0, noun.start), sides)
      ? [{ side, start: noun.start }]
      : [];
  });
  return named.sort((a, b) => a.start - b.start)[0]?.side;
}

/** Where a record of the side is first named, in singular or plural. */
function nounOf(text: string, { entity }: MappingSide): { start: number; end: number } | undefined {
  const nouns = new Set([entity.name, entity.title].map((name) => singular(name.toLowerCase())));
  for (const { index, 0: word } of text.matchAll(/[\p{L}\p{N}_]+/gu))
    if (nouns.has(singular(word.toLowerCase()))) return { start: index, end: index + word.length };
  return undefined;
}

const singular = (noun: string): string => noun.replace(/ies$/, 'y').replace(/(?<!s)s$/, '');

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Whether a word is a part of the system's name: "web shop" of customwebshop. */
const isOf = ({ system, name }: MappingSide, word: string): boolean =>
  word.length > 2 && [system.name, system.title, name].some((one) => one.toLowerCase().includes(word));

const namesSystem = (side: MappingSide, text: string, sides: Mapping['sides']): boolean =>
  wordsOf(text).some((word) => isOf(side, word) && !isOf(sides[otherSide(side.index)], word));

const afterWord = (sentence: string, word: RegExp): string => {
  const found = word.exec(sentence);
  return found ? sentence.slice(found.index + found[0].length) : '';
};
