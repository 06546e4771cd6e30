/** YAML (and so JSON) text as a bounded plain value, of which every part can be found again by line and column. */
import { randomUUID } from 'node:crypto';
import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  mergeTag,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml';
import type { ErrorCode } from '../errors.ts';
import type { Json } from '../types.ts';
import { explainYaml } from './yaml-error.ts';

/** Keys and indexes from the top of the document. */
export type YamlPath = readonly (string | number)[];

/** Counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlDocument {
  readonly value: Json;
  /** Where the value at the path stands, or the nearest part above it that the text has; with `key`, where its key stands. */
  locate(path: YamlPath, of?: 'value' | 'key'): Place;
  /** Where a character (from 0) of the text at the path stands. */
  locateWithin(path: YamlPath, character: number): Place;
  /** The text of a scalar as it is written: `0123`, where the value is 123; undefined where the path leads to none. */
  written(path: YamlPath): string | undefined;
}

export interface YamlFault extends Place {
  readonly code: ErrorCode;
  readonly message: string;
}

export const MAX_FILE_CHARACTERS = 1_048_576;
const MAX_NODES = 100_000;
const MAX_DEPTH = 40;
const MAX_ALIASES = 200;
const SCHEMA = CORE_SCHEMA.withTags(mergeTag);

/** No file can begin like this, as nobody knows it. */
const UNREADABLE = `\u0000${randomUUID()} `;

/** A text that stands for a file which has none that could be read. @param reason a sentence */
export const unreadable = (reason: string): string => `${UNREADABLE}${reason}`;

/** Why a file cannot be read; undefined for the text of one that can. */
export const whyUnreadable = (text: string): string | undefined =>
  text.startsWith(UNREADABLE) ? text.slice(UNREADABLE.length) : undefined;

// Over 60 lines: one text on its way to a document. Each step needs what the last one found, and most of them may end with a fault.
/** @returns the document, or what is wrong with the text */
export function parseYaml(text: string): YamlDocument | YamlFault {
  const fault = (message: string, at: number, code: ErrorCode = 'CONFIG_YAML'): YamlFault => ({
    code,
    message,
    ...placeOf(text, at),
  });
  const reason = whyUnreadable(text);
  if (reason !== undefined) return fault(reason, 0, 'CONFIG_FILE');
  if (text.length > MAX_FILE_CHARACTERS) return fault(`The file is larger than ${MAX_FILE_CHARACTERS / 1024} KiB.`, 0);
  // What reads the file puts this character in the place of bytes that are not UTF-8.
  const damaged = text.indexOf('\uFFFD');
  if (damaged >= 0)
    return fault('What stands here is not UTF-8. Save the file as UTF-8, and write this again.', damaged);
  let events: Event[];
  let values: unknown[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
    keepKeys(events, text);
    values = constructFromEvents(events, { source: text, schema: SCHEMA, maxAliases: MAX_ALIASES });
  } catch (error) {
    if (!(error instanceof YAMLException)) return fault(error instanceof Error ? error.message : String(error), 0);
    const position = error.mark?.position ?? 0;
    if (error.reason.includes('duplicated mapping key'))
      return fault('This key is written twice; remove one of the two.', position, 'CONFIG_DUPLICATE');
    const { message, at } = explainYaml(text, error.reason, position);
    return fault(message, at);
  }
  if (values.length === 0) return fault('The file is empty.', 0);
  if (values.length > 1)
    return fault(
      'A second document begins here. A file holds one: remove this line, or make it a file of its own.',
      secondDocument(text, events),
    );
  const root = readTree(text, events);
  let left = MAX_NODES;
  let offence: { message: string; path: YamlPath } | undefined;
  const copy = (value: unknown, path: YamlPath): Json => {
    if (offence) return null;
    if (--left < 0 || path.length > MAX_DEPTH) {
      offence = { message: 'The file holds too much, or an alias refers to itself.', path: [] };
      return null;
    }
    if (Array.isArray(value)) return value.map((item, i) => copy(item, [...path, i]));
    if (typeof value === 'object' && value !== null) {
      const object: { [key: string]: Json } = {};
      for (const [key, item] of Object.entries(value)) {
        if (key === '__proto__') offence = { message: `"${key}" cannot be a key.`, path: [...path, key] };
        else object[key] = copy(item, [...path, key]);
      }
      return object;
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      offence = { message: 'This number cannot be used.', path };
    return (value ?? null) as Json;
  };
  const value = copy(values[0], []);
  if (offence) return fault(offence.message, find(root, offence.path)?.start ?? 0);
  const locate: YamlDocument['locate'] = (path, of = 'value') => {
    for (let length = path.length; length >= 0; length--) {
      const node = find(root, path.slice(0, length));
      if (!node) continue;
      // What stands above the missing part is found by its key.
      const byKey = of === 'key' || length < path.length;
      return placeOf(text, (byKey ? node.keyStart : undefined) ?? startOf(text, node));
    }
    return placeOf(text, 0);
  };
  return {
    value,
    locate,
    locateWithin(path, character) {
      const node = find(root, path);
      if (!node) return locate(path);
      return placeOf(text, node.scalar ? align(text, node.scalar, character) : node.start);
    },
    written: (path) => find(root, path)?.scalar?.value,
  };
}

/**
 * A key counts as it is written: `0123`, `1e3` and `1.10` are texts, although YAML reads the same as a value as a number.
 * Text that YAML would read otherwise than as it stands is what quotes are for, so such keys are taken as quoted.
 */
function keepKeys(events: readonly Event[], text: string): void {
  /** Per open collection: whether it is a mapping, and the number of nodes met in it so far. */
  const open: { mapping: boolean; nodes: number }[] = [];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) {
      open.pop();
      continue;
    }
    const within = open.at(-1);
    const isKey = within?.mapping === true && within.nodes++ % 2 === 0;
    if (event.type !== EVENT_ID.SCALAR) {
      if (event.type !== EVENT_ID.ALIAS) open.push({ mapping: event.type === EVENT_ID.MAPPING, nodes: 0 });
    } else if (
      isKey &&
      event.fast &&
      event.tagStart < 0 &&
      text.slice(event.valueStart, event.valueEnd) !== MERGE_KEY
    ) {
      event.style = SCALAR_STYLE.SINGLE_QUOTED;
    }
  }
}

const MERGE_KEY = '<<';

/** Where the line stands that ends the first document. */
function secondDocument(text: string, events: readonly Event[]): number {
  const [first] = events;
  const explicit = first?.type === EVENT_ID.DOCUMENT && first.explicitStart;
  const marks = [...text.matchAll(/^---(?=\s|$)/gm)].map((mark) => mark.index);
  return marks[explicit ? 1 : 0] ?? 0;
}

/** A block scalar begins with its indentation. */
function startOf(text: string, node: TreeNode): number {
  let at = node.start;
  if (node.scalar) while (at < node.scalar.end && isSpace(text[at]!)) at++;
  return at;
}

/** For what `parseYaml` returned: true where that is no document, but what is wrong with the text. */
export const isFault = (document: YamlDocument | YamlFault): document is YamlFault => 'message' in document;

interface Scalar {
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

interface TreeNode {
  start: number;
  keyStart: number | undefined;
  readonly scalar: Scalar | undefined;
  readonly children: Map<string, TreeNode>;
  readonly list?: true;
}

function find(root: TreeNode | undefined, path: YamlPath): TreeNode | undefined {
  let node = root;
  for (const part of path) node = node?.children.get(String(part));
  return node;
}

/** Positions of everything in the document, from the parser's events. */
// Over 60 lines: one case per kind of event. They share the position in the events and the anchors.
function readTree(text: string, events: readonly Event[]): TreeNode | undefined {
  const anchors = new Map<string, TreeNode>();
  let at = 0;
  const read = (): TreeNode | undefined => {
    const event = events[at++];
    if (!event) return undefined;
    if (event.type === EVENT_ID.SCALAR) {
      const empty = event.valueStart < 0;
      const scalar = empty
        ? undefined
        : { start: event.valueStart, end: event.valueEnd, value: getScalarValue(text, event) };
      return named(event, { start: empty ? 0 : event.valueStart, keyStart: undefined, scalar, children: new Map() });
    }
    if (event.type === EVENT_ID.ALIAS) {
      const target = anchors.get(text.slice(event.anchorStart, event.anchorEnd));
      return {
        start: event.anchorStart,
        keyStart: undefined,
        scalar: target?.scalar,
        children: target?.children ?? new Map(),
        ...(target?.list ? { list: true } : {}),
      };
    }
    if (event.type === EVENT_ID.SEQUENCE) {
      const node = named(event, {
        start: event.start,
        keyStart: undefined,
        scalar: undefined,
        children: new Map(),
        list: true,
      });
      for (let i = 0; events[at] && events[at]!.type !== EVENT_ID.POP; i++) {
        const child = read();
        if (child) node.children.set(String(i), child);
      }
      at++;
      return node;
    }
    if (event.type === EVENT_ID.MAPPING) {
      const node = named(event, { start: event.start, keyStart: undefined, scalar: undefined, children: new Map() });
      while (events[at] && events[at]!.type !== EVENT_ID.POP) {
        const key = read();
        const value = read();
        if (!key || !value) break;
        const keyed = { ...value, keyStart: key.start };
        if (value.scalar === undefined && value.children.size === 0 && value.start === 0) keyed.start = key.start;
        if (key.scalar && isMerge(text, key.scalar)) {
          // What is merged stands where it was written first; what the mapping says itself comes before it.
          const sources = value.list ? value.children.values() : [value];
          for (const source of sources)
            for (const [name, child] of source.children) if (!node.children.has(name)) node.children.set(name, child);
        } else if (key.scalar) node.children.set(key.scalar.value, keyed);
      }
      at++;
      return node;
    }
    return undefined;
  };
  const named = (event: { anchorStart: number; anchorEnd: number }, node: TreeNode): TreeNode => {
    if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), node);
    return node;
  };
  while (events[at] && events[at]!.type === EVENT_ID.DOCUMENT) at++;
  return read();
}

/** Only as it stands: in quotes it is a key like others. */
const isMerge = (text: string, { start, end }: Scalar): boolean =>
  text.slice(start, end) === MERGE_KEY && !/["']/.test(text[start - 1] ?? '');

/** Finds a character of a scalar's value in its source: folded lines differ in white space only. */
function align(text: string, scalar: Scalar, character: number): number {
  let source = scalar.start;
  for (let i = 0; source < scalar.end; ) {
    const wanted = scalar.value[i];
    const there = text[source];
    if (wanted !== undefined && wanted === there) {
      if (i === character) return source;
      i++;
      source++;
    } else if (wanted !== undefined && isSpace(wanted) && (there === undefined || isSpace(there))) {
      if (i === character) return source;
      i++;
      while (source < scalar.end && isSpace(text[source]!) && text[source] !== scalar.value[i]) source++;
    } else if (there !== undefined && (isSpace(there) || (source === scalar.start && !/[\w$]/.test(there)))) {
      source++;
    } else if (wanted === undefined) {
      break;
    } else {
      return scalar.start;
    }
  }
  return character >= scalar.value.length ? Math.max(scalar.start, scalar.end - 1) : scalar.start;
}

const isSpace = (char: string): boolean => char === ' ' || char === '\n' || char === '\r' || char === '\t';

/** Where the lines of the text begin; kept for the one text at hand, whose problems may be very many. */
let lines: { readonly text: string; readonly starts: readonly number[] } = { text: '', starts: [0] };

function startsOf(text: string): readonly number[] {
  if (lines.text !== text) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    lines = { text, starts };
  }
  return lines.starts;
}

function placeOf(text: string, offset: number): Place {
  const starts = startsOf(text);
  const at = Math.min(Math.max(0, offset), text.length);
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: at - starts[low]! + 1 };
}
