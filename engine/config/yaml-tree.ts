/** Where everything in a YAML document stands, from the parser's events. */
import { EVENT_ID, type Event, getScalarValue } from 'js-yaml';

export const MERGE_KEY = '<<';

interface Scalar {
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

export interface TreeNode {
  start: number;
  keyStart: number | undefined;
  readonly scalar: Scalar | undefined;
  readonly children: Map<string, TreeNode>;
  readonly list?: true;
}

/** @param path keys and indexes from the top of the document */
export function findNode(root: TreeNode | undefined, path: readonly (string | number)[]): TreeNode | undefined {
  let node = root;
  for (const part of path) node = node?.children.get(String(part));
  return node;
}

/** Positions of everything in the document. */
export function readTree(text: string, events: readonly Event[]): TreeNode | undefined {
  const reading: Reading = { text, events, anchors: new Map(), at: 0 };
  while (events[reading.at] && events[reading.at]!.type === EVENT_ID.DOCUMENT) reading.at++;
  return readNode(reading);
}

interface Reading {
  readonly text: string;
  readonly events: readonly Event[];
  readonly anchors: Map<string, TreeNode>;
  /** Position in the events. */
  at: number;
}

type EventOf<Id extends Event['type']> = Extract<Event, { type: Id }>;

function readNode(reading: Reading): TreeNode | undefined {
  const event = reading.events[reading.at++];
  switch (event?.type) {
    case EVENT_ID.SCALAR:
      return readScalar(reading, event);
    case EVENT_ID.ALIAS:
      return readAlias(reading, event);
    case EVENT_ID.SEQUENCE:
      return readSequence(reading, event);
    case EVENT_ID.MAPPING:
      return readMapping(reading, event);
    default:
      return undefined;
  }
}

function readScalar(reading: Reading, event: EventOf<typeof EVENT_ID.SCALAR>): TreeNode {
  const empty = event.valueStart < 0;
  const scalar = empty
    ? undefined
    : { start: event.valueStart, end: event.valueEnd, value: getScalarValue(reading.text, event) };
  return named(reading, event, {
    start: empty ? 0 : event.valueStart,
    keyStart: undefined,
    scalar,
    children: new Map(),
  });
}

function readAlias({ text, anchors }: Reading, event: EventOf<typeof EVENT_ID.ALIAS>): TreeNode {
  const target = anchors.get(text.slice(event.anchorStart, event.anchorEnd));
  return {
    start: event.anchorStart,
    keyStart: undefined,
    scalar: target?.scalar,
    children: target?.children ?? new Map(),
    ...(target?.list ? { list: true } : {}),
  };
}

function readSequence(reading: Reading, event: EventOf<typeof EVENT_ID.SEQUENCE>): TreeNode {
  const node = named(reading, event, {
    start: event.start,
    keyStart: undefined,
    scalar: undefined,
    children: new Map(),
    list: true,
  });
  for (let i = 0; !atEnd(reading); i++) {
    const child = readNode(reading);
    if (child) node.children.set(String(i), child);
  }
  reading.at++;
  return node;
}

function readMapping(reading: Reading, event: EventOf<typeof EVENT_ID.MAPPING>): TreeNode {
  const node = named(reading, event, {
    start: event.start,
    keyStart: undefined,
    scalar: undefined,
    children: new Map(),
  });
  while (!atEnd(reading)) {
    const key = readNode(reading);
    const value = readNode(reading);
    if (!key || !value) break;
    const keyed = { ...value, keyStart: key.start };
    if (value.scalar === undefined && value.children.size === 0 && value.start === 0) keyed.start = key.start;
    if (key.scalar && isMerge(reading.text, key.scalar)) {
      // What is merged stands where it was written first; what the mapping says itself comes before it.
      const sources = value.list ? value.children.values() : [value];
      for (const source of sources)
        for (const [name, child] of source.children) if (!node.children.has(name)) node.children.set(name, child);
    } else if (key.scalar) node.children.set(key.scalar.value, keyed);
  }
  reading.at++;
  return node;
}

/** Of the collection that is being read. */
const atEnd = ({ events, at }: Reading): boolean => !events[at] || events[at].type === EVENT_ID.POP;

/** An alias may refer to it. */
function named(
  { text, anchors }: Reading,
  event: { anchorStart: number; anchorEnd: number },
  node: TreeNode,
): TreeNode {
  if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), node);
  return node;
}

/** Only as it stands: in quotes it is a key like others. */
const isMerge = (text: string, { start, end }: Scalar): boolean =>
  text.slice(start, end) === MERGE_KEY && !/["']/.test(text[start - 1] ?? '');

/** A block scalar begins with its indentation. */
export function startOf(text: string, node: TreeNode): number {
  let at = node.start;
  if (node.scalar) while (at < node.scalar.end && isSpace(text[at]!)) at++;
  return at;
}

/** Finds a character of a scalar's value in its source: folded lines differ in white space only. */
export function align(text: string, scalar: Scalar, character: number): number {
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
