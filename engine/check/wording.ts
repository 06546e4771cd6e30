/** What sentences of a description speak of: the records and systems of a mapping, in a few English phrases. */
import type { Mapping, MappingSide } from '../config/types.ts';
import { otherSide } from '../types.ts';

type Sides = Mapping['sides'];

export const NEGATION = /\b(?:not|never|no|none|neither|nothing|cannot)\b|n['’]t\b/i;
/** What leaves records out. */
const EXCEPTION = /\b(?:except|unless|only if|apart from|other than|but (?:not|for))\b/i;

// ---------------------------------------------------------------- all records

const QUANTIFIER = /\b(?:every|each|all|any)\s+/gi;
/** What may stand between "every" and the noun without choosing among the records. */
const ARTICLES = new Set(['a', 'an', 'the', 'of', 'our', 'its', 'their', 'single', 'one', 'existing', 's']);
/** What chooses among them after the noun. */
const QUALIFIER =
  /^\s*(?:with|without|that|which|who|whose|where|having|if|of|from|in|marked|tagged|named|above|below)\b/i;

/** What may follow the name of a system; another word could be one of its parts, as in "from the Keap archive". */
const VERB =
  /^(?:is|are|has|have|gets?|takes?|becomes?|flows?|goes?|will|must|can|should|needs?|arrives?|appears?|exists?)\b/i;

/** Whether a sentence says something of all records of a side, without choosing among them. */
export function speaksOfAll(sentence: string, side: MappingSide, sides: Sides): boolean {
  const other = sides[otherSide(side.index)];
  for (const { index, 0: match } of sentence.matchAll(QUANTIFIER)) {
    const rest = sentence.slice(index + match.length);
    const noun = nounOf(rest, side);
    if (!noun || EXCEPTION.test(rest) || QUALIFIER.test(afterSystem(rest.slice(noun.end), side, other))) continue;
    const between = wordsOf(rest.slice(0, noun.start));
    // "Every web shop product" is none of Keap's, although Keap has products too.
    const elsewhere = between.some((word) => isOf(other, word) && !isOf(side, word));
    if (!elsewhere && between.every((word) => ARTICLES.has(word) || isOf(side, word))) return true;
  }
  return false;
}

/** "... in Keap" chooses nothing among the companies of Keap: what stands after it. */
function afterSystem(text: string, side: MappingSide, other: MappingSide): string {
  const start = /^\s*(?:in|of|from)\s+(?:(?:the|our)\s+)?/i.exec(text)?.[0];
  if (start === undefined) return text;
  const named = /^(?:[\p{L}\p{N}]+\s*)+/u.exec(text.slice(start.length))?.[0].match(/[\p{L}\p{N}]+\s*/gu) ?? [];
  const own = (word: string): boolean => isOf(side, word) && !isOf(other, word);
  const end = named.findIndex((word) => !own(word.trim().toLowerCase()));
  const system = named.slice(0, end === -1 ? undefined : end).join('');
  const rest = text.slice(start.length + system.length);
  return system !== '' && (/^(?:\P{L}|$)/u.test(rest) || VERB.test(rest) || QUALIFIER.test(rest)) ? rest : text;
}

// ---------------------------------------------------------------- one way

const WAY =
  /^(.+?)\s+(?:flows?|go(?:es)?|moves?|(?:is|are|gets?)\s+(?:written|sent|copied|synced|synchroni[sz]ed|transferred|carried|passed))\s+from\s+(.+?)\s+to\s+(.+)$/i;
/** Subjects beside records that leave nothing out; of a single property a way may be true. */
const EVERYTHING = new Set(['value', 'data', 'record', 'everything', 'it', 'they', 'change', 'edit', 'update']);

/** "Companies flow from Keap to the shop only", "... only from Keap to the shop", "... from Keap to the shop, never back". */
export function onlyWay(sentence: string, sides: Sides): { from: MappingSide; to: MappingSide } | undefined {
  const said = sentence.replace(/[.!;]+$/, '');
  const plain = said
    .replace(/,?\s+(?:and\s+|but\s+)?(?:not|never)\s+(?:back|the other way)(?: round| around)?$/i, '')
    .replace(/\s+only$/i, '')
    .replace(/(?<=\S)\s+only(?=\s.*\bfrom\b)/i, '');
  const [, subject = '', start = '', end = ''] = WAY.exec(plain) ?? [];
  if (plain === said || EXCEPTION.test(said)) return undefined;
  const words = wordsOf(subject);
  const last = singular(words.pop() ?? '');
  const whole = EVERYTHING.has(last) || sides.some((side) => nounOf(last, side));
  const known = (word: string): boolean =>
    ARTICLES.has(word) || /^(?:every|each|all|any)$/.test(word) || sides.some((side) => isOf(side, word));
  const [from, to] = [sideOf(start, sides), sideOf(end, sides)];
  return whole && words.every(known) && from && to && from !== to ? { from, to } : undefined;
}

// ---------------------------------------------------------------- deletions

/** In each: what is deleted first, and what becomes of what then. */
const DELETIONS: readonly RegExp[] = [
  /^(?:deleting|removing|(?:the|a) (?:deletion|removal) of)\s+(?<first>.+?)\s+(?:also\s+|always\s+)?(?<fate>never (?:deletes|removes)|does(?: not|n['’]t) (?:delete|remove)|deletes|removes|keeps)\s+(?<then>.+)$/i,
  /^(?:an?\s+|the\s+|every\s+|each\s+)?(?:deleted|removed)\s+(?<first>.+?)\s+(?:also\s+)?(?<fate>never (?:deletes|removes)|deletes|removes)\s+(?<then>.+)$/i,
  /^(?:if|when|once|whenever)\s+(?<first>.+?\s(?:is|are|gets?)\s+(?:deleted|removed)[^,]*),\s*(?:then\s+)?(?<then>.+?)\s+(?<fate>(?:is|are|gets?)\s+(?:(?:not|never)\s+)?(?:also\s+)?(?:deleted|removed|kept)|(?:is|are)n['’]t (?:deleted|removed)|stays?|remains?)\b(?<more>.*)$/i,
  /^(?<then>.+?)\s+(?<fate>(?:is|are|gets?)\s+(?:(?:not|never)\s+)?(?:also\s+)?(?:deleted|removed|kept)|(?:is|are)n['’]t (?:deleted|removed)|stays?|remains?)(?<more>.*?)\s+(?:if|when|once|whenever)\s+(?<first>.+?\s(?:is|are|gets?)\s+(?:deleted|removed).*)$/i,
  /^(?<then>.+?)\s+(?<fate>(?:is|are|gets?)\s+(?:(?:not|never)\s+)?(?:deleted|removed))\s+(?:together\s+)?(?<first>with\s+(?:its|their|the|an?)\s+.+)$/i,
];

export interface Deletion {
  /** The side that is spoken of; undefined where that is open. */
  readonly on: MappingSide | undefined;
  /** Whether records are deleted there, when their counterpart is; undefined where the sentence is not understood. */
  readonly deletes: boolean | undefined;
}

/**
 * "Deleting a company deletes the customer", "If a company is deleted, its customer is kept".
 * @returns undefined where a sentence does not say what a deletion does
 */
export function deletion(sentence: string, sides: Sides): Deletion | undefined {
  const said = sentence.replace(/[.!;]+$/, '');
  const { first, then, fate = '', more = '' } = DELETIONS.map((one) => one.exec(said)?.groups).find((one) => one) ?? {};
  if (first === undefined || then === undefined) return undefined;
  const what = `${then} ${more}`;
  const [cause, effect] = [sideOf(first, sides), sideOf(what, sides)];
  const understood = speaksOfRecord(first, sides) && speaksOfRecord(what, sides) && (!cause || cause !== effect);
  const deletes = /delete|remove/i.test(fate) && !NEGATION.test(fate) && !NEGATION.test(then);
  return understood && !EXCEPTION.test(said)
    ? { on: effect ?? (cause && sides[otherSide(cause.index)]), deletes }
    : { on: undefined, deletes: undefined };
}

/** What may stand beside a record without choosing among the records or naming a part of one. */
const BESIDE = new Set(
  'in of from on at the other side as well too also there with is are gets get deleted removed both systems'.split(' '),
);

/** "the customer in the shop" and "nothing in the shop", but not "the customer's phone" or "a customer without orders". */
function speaksOfRecord(text: string, sides: Sides): boolean {
  const words = wordsOf(text);
  const at = words.findIndex(
    (word) => /^(?:nothing|counterpart|record)s?$/.test(word) || sides.some((side) => nounOf(word, side)),
  );
  const isSystem = (word: string): boolean => sides.some((side) => isOf(side, word));
  const before = (word: string): boolean =>
    /^(?:no|every|each|all|any|with)$/.test(word) || ARTICLES.has(word) || isSystem(word);
  return (
    at >= 0 &&
    words.slice(0, at).every(before) &&
    words.slice(at + 1).every((word) => BESIDE.has(word) || isSystem(word))
  );
}

// ---------------------------------------------------------------- records and systems

/** The one side that a text speaks of: that of the system that it names, else of the record; undefined where that is open. */
export function sideOf(text: string, sides: Sides): MappingSide | undefined {
  const only = (found: readonly MappingSide[]): MappingSide | undefined => (found.length === 1 ? found[0] : undefined);
  const bySystem = sides.filter((side) => namesSystem(side, text, sides));
  return bySystem.length > 0 ? only(bySystem) : only(sides.filter((side) => nounOf(text, side)));
}

/** The side of which a record is named first. */
export function firstNamed(sentence: string, sides: Sides): MappingSide | undefined {
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

export const namesSystem = (side: MappingSide, text: string, sides: Sides): boolean =>
  wordsOf(text).some((word) => isOf(side, word) && !isOf(sides[otherSide(side.index)], word));
