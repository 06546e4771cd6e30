/** YAML (and so JSON) text as a bounded plain value, of which every part can be found again by line and column. */
import { randomUUID } from 'node:crypto';
import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  mergeTag,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml';
import type { ErrorCode } from '../errors.ts';
import { keepLatest } from '../latest.ts';
import type { Json } from '../types.ts';
import { explainYaml } from './yaml-error.ts';
import { type Place, placeOf } from './yaml-place.ts';
import { align, findNode, MERGE_KEY, readTree, startOf, type TreeNode } from './yaml-tree.ts';

/** Keys and indexes from the top of the document. */
export type YamlPath = readonly (string | number)[];

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

/**
 * The files of a larger configuration: they are parsed again at each reload, and where one of them has a fault, several times.
 * Of a node some 350 bytes are kept: 10 MB in all, also in a thread that is sent drafts and has 128 MiB.
 */
const documents = keepLatest<{ readonly document: YamlDocument | YamlFault; readonly nodes: number }>(
  30_000,
  ({ nodes }, text) => 1 + nodes + text.length / 100,
);

/** @returns the document, whose value is frozen, or what is wrong with the text */
export const parseYaml = (text: string): YamlDocument | YamlFault => documents(text, () => readYaml(text)).document;

function readYaml(text: string): { readonly document: YamlDocument | YamlFault; readonly nodes: number } {
  const parsed = faultOfText(text) ?? parse(text);
  if ('message' in parsed) return { document: parsed, nodes: 0 };
  return { document: checkedDocument(text, parsed), nodes: parsed.events.length };
}

function checkedDocument(
  text: string,
  parsed: { readonly events: readonly Event[]; readonly value: unknown },
): YamlDocument | YamlFault {
  const root = readTree(text, parsed.events);
  const copied = boundedCopy(parsed.value);
  if ('message' in copied) return faultAt(text, copied.message, findNode(root, copied.path)?.start ?? 0);
  return documentOf(text, root, copied.value);
}

/** For what `parseYaml` returned: true where that is no document, but what is wrong with the text. */
export const isFault = (document: YamlDocument | YamlFault): document is YamlFault => 'message' in document;

const faultAt = (text: string, message: string, at: number, code: ErrorCode = 'CONFIG_YAML'): YamlFault => ({
  code,
  message,
  ...placeOf(text, at),
});

/** What is wrong before it is parsed. */
function faultOfText(text: string): YamlFault | undefined {
  const reason = whyUnreadable(text);
  if (reason !== undefined) return faultAt(text, reason, 0, 'CONFIG_FILE');
  if (text.length > MAX_FILE_CHARACTERS)
    return faultAt(text, `The file is larger than ${MAX_FILE_CHARACTERS / 1024} KiB.`, 0);
  // What reads the file puts this character in the place of bytes that are not UTF-8.
  const damaged = text.indexOf('\uFFFD');
  if (damaged < 0) return undefined;
  return faultAt(text, 'What stands here is not UTF-8. Save the file as UTF-8, and write this again.', damaged);
}

function parse(text: string): { readonly events: readonly Event[]; readonly value: unknown } | YamlFault {
  let events: Event[];
  let values: unknown[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
    keepKeys(events, text);
    values = constructFromEvents(events, { source: text, schema: SCHEMA, maxAliases: MAX_ALIASES });
  } catch (error) {
    if (!(error instanceof YAMLException))
      return faultAt(text, error instanceof Error ? error.message : String(error), 0);
    const position = error.mark?.position ?? 0;
    if (error.reason.includes('duplicated mapping key'))
      return faultAt(text, 'This key is written twice; remove one of the two.', position, 'CONFIG_DUPLICATE');
    const { message, at } = explainYaml(text, error.reason, position);
    return faultAt(text, message, at);
  }
  if (values.length === 0) return faultAt(text, 'The file is empty.', 0);
  if (values.length > 1)
    return faultAt(
      text,
      'A second document begins here. A file holds one: remove this line, or make it a file of its own.',
      secondDocument(text, events),
    );
  return { events, value: values[0] };
}

/** A plain value that is not too large, or what in it cannot be used, and where. */
function boundedCopy(
  parsed: unknown,
): { readonly value: Json } | { readonly message: string; readonly path: YamlPath } {
  let left = MAX_NODES;
  let offence: { message: string; path: YamlPath } | undefined;
  const copy = (value: unknown, path: YamlPath): Json => {
    if (offence) return null;
    if (--left < 0 || path.length > MAX_DEPTH) {
      offence = { message: 'The file holds too much, or an alias refers to itself.', path: [] };
      return null;
    }
    if (Array.isArray(value)) return Object.freeze(value.map((item, i) => copy(item, [...path, i]))) as Json;
    if (typeof value === 'object' && value !== null) {
      const object: { [key: string]: Json } = {};
      for (const [key, item] of Object.entries(value)) {
        if (key === '__proto__') offence = { message: `"${key}" cannot be a key.`, path: [...path, key] };
        else object[key] = copy(item, [...path, key]);
      }
      return Object.freeze(object);
    }
    if (typeof value === 'number' && !Number.isFinite(value))
      offence = { message: 'This number cannot be used.', path };
    return (value ?? null) as Json;
  };
  const value = copy(parsed, []);
  return offence ?? { value };
}

function documentOf(text: string, root: TreeNode | undefined, value: Json): YamlDocument {
  const locate: YamlDocument['locate'] = (path, of = 'value') => {
    for (let length = path.length; length >= 0; length--) {
      const node = findNode(root, path.slice(0, length));
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
      const node = findNode(root, path);
      if (!node) return locate(path);
      return placeOf(text, node.scalar ? align(text, node.scalar, character) : node.start);
    },
    written: (path) => findNode(root, path)?.scalar?.value,
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

/** Where the line stands that ends the first document. */
function secondDocument(text: string, events: readonly Event[]): number {
  const [first] = events;
  const explicit = first?.type === EVENT_ID.DOCUMENT && first.explicitStart;
  const marks = [...text.matchAll(/^---(?=\s|$)/gm)].map((mark) => mark.index);
  return marks[explicit ? 1 : 0] ?? 0;
}
