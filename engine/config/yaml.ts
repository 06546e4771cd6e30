/** YAML (and so JSON) text as a bounded plain value, of which every part can be found again by line and column. */
import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import type { ErrorCode } from '../errors.ts';
import type { Json } from '../types.ts';

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
}

export interface YamlFault extends Place {
  readonly code: ErrorCode;
  readonly message: string;
}

export const MAX_FILE_CHARACTERS = 1_048_576;
const MAX_NODES = 100_000;
const MAX_DEPTH = 40;
const MAX_ALIASES = 200;

/** @returns the document, or what is wrong with the text */
export function parseYaml(text: string): YamlDocument | YamlFault {
  const fault = (message: string, at: number, code: ErrorCode = 'CONFIG_YAML'): YamlFault => ({
    code,
    message,
    ...placeOf(text, at),
  });
  if (text.length > MAX_FILE_CHARACTERS) return fault(`The file is larger than ${MAX_FILE_CHARACTERS / 1024} KiB.`, 0);
  let events: Event[];
  let values: unknown[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
    values = constructFromEvents(events, { source: text, schema: CORE_SCHEMA, maxAliases: MAX_ALIASES });
  } catch (error) {
    if (!(error instanceof YAMLException)) return fault(error instanceof Error ? error.message : String(error), 0);
    const duplicate = error.reason.includes('duplicated mapping key');
    const message = duplicate
      ? 'This key is written twice; remove one of the two.'
      : `${error.reason.charAt(0).toUpperCase()}${error.reason.slice(1)}.`;
    return fault(message, error.mark?.position ?? 0, duplicate ? 'CONFIG_DUPLICATE' : 'CONFIG_YAML');
  }
  if (values.length === 0) return fault('The file is empty.', 0);
  if (values.length > 1) return fault('The file holds more than one document; remove "---".', 0);
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
  };
}

/** A block scalar begins with its indentation. */
function startOf(text: string, node: TreeNode): number {
  let at = node.start;
  if (node.scalar) while (at < node.scalar.end && isSpace(text[at]!)) at++;
  return at;
}

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
}

function find(root: TreeNode | undefined, path: YamlPath): TreeNode | undefined {
  let node = root;
  for (const part of path) node = node?.children.get(String(part));
  return node;
}

/** Positions of everything in the document, from the parser's events. */
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
      };
    }
    if (event.type === EVENT_ID.SEQUENCE) {
      const node = named(event, { start: event.start, keyStart: undefined, scalar: undefined, children: new Map() });
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
        if (key.scalar) node.children.set(key.scalar.value, keyed);
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
