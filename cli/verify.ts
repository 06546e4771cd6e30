/** What `tandem qa` verifies: do the properties of linked records agree in the systems as they are now? */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExplainedProperty, Explanation, Link } from '../api/index.ts';
import { asFailure } from './failure.ts';
import { explain } from './format/explanation.ts';
import { listLinks } from './format/link-lines.ts';
import type { Client } from './http-client.ts';

/** `kept`: they agree, in the form that one of the systems keeps it in, or as the mapping lets a follower differ. */
export type Agreement = 'agree' | 'kept' | 'differ';

export interface PropertyCheck {
  readonly property: string;
  readonly sources: Readonly<Record<string, string>>;
  readonly type: string;
  readonly agree: number;
  readonly kept: number;
  readonly differ: number;
  /** Some of the records that differ: ids by side. */
  readonly examples: readonly Link['ids'][];
}

export interface MappingCheck {
  readonly mapping: string;
  readonly links: number;
  /** Linked records that were looked at, those that could not be read included. */
  readonly checked: number;
  /** Of these: no longer there, or left out by `when`; nothing to compare. */
  readonly apart: number;
  /** Could not be read. */
  readonly errors: readonly { readonly ids: Link['ids']; readonly code: string; readonly message: string }[];
  readonly properties: readonly PropertyCheck[];
}

/** Read at once; each takes two calls to the systems, and other work wants its share of their quota. */
const AT_ONCE = 4;
/** An edit that is just being carried over is no difference: what differs is looked at again after this long, in ms. */
const AGAIN = 2_000;
const EXAMPLES = 5;

/** @param sample how many links to look at, at most */
export async function checkMapping(
  client: Client,
  mapping: { readonly name: string; readonly links: number },
  sample: number,
  progress: (checked: number, of: number) => void,
): Promise<MappingCheck> {
  const { links } = await listLinks(client, mapping.name, sample);
  const properties = new Map<
    string,
    { first: ExplainedProperty; counts: Record<Agreement, number>; examples: Link['ids'][] }
  >();
  const errors: { ids: Link['ids']; code: string; message: string }[] = [];
  let apart = 0;
  let checked = 0;
  await eachOf(links, AT_ONCE, async ({ ids }) => {
    try {
      const explanation = await settled(client, mapping.name, ids);
      if (!comparable(explanation)) apart++;
      else for (const property of explanation.properties) count(property, ids);
    } catch (error) {
      const { code, message } = asFailure(error);
      errors.push({ ids, code, message });
    }
    progress(++checked, links.length);
  });

  function count(property: ExplainedProperty, ids: Link['ids']): void {
    const known = properties.get(property.property) ?? {
      first: property,
      counts: { agree: 0, kept: 0, differ: 0 },
      examples: [],
    };
    const agreement = agreementOf(property);
    known.counts[agreement]++;
    if (agreement === 'differ' && known.examples.length < EXAMPLES) known.examples.push(ids);
    properties.set(property.property, known);
  }

  return {
    mapping: mapping.name,
    links: mapping.links,
    checked,
    apart,
    errors,
    properties: [...properties.values()].map(({ first, counts, examples }) => ({
      property: first.property,
      sources: Object.fromEntries(Object.entries(first.sides).map(([side, { source }]) => [side, source])),
      type: first.type,
      ...counts,
      examples,
    })),
  };
}

/** Linked records that could be compared. */
export const compared = ({ checked, apart, errors }: MappingCheck): number => checked - apart - errors.length;

export const passed = ({ errors, properties }: MappingCheck): boolean =>
  errors.length === 0 && properties.every((property) => property.differ === 0);

async function settled(client: Client, mapping: string, ids: Link['ids']): Promise<Explanation> {
  const [[side, id] = ['', '']] = Object.entries(ids);
  const explanation = await whenThereIsQuota(() => explain(client, mapping, side, id));
  if (!comparable(explanation) || explanation.properties.every((property) => agreementOf(property) !== 'differ'))
    return explanation;
  await sleep(AGAIN);
  return whenThereIsQuota(() => explain(client, mapping, side, id));
}

/** Used up quota is no result: it is waited for, as long as that takes less than this, in ms. */
const QUOTA_PATIENCE = 15 * 60_000;
const QUOTA_AGAIN = 5_000;

async function whenThereIsQuota<T>(work: () => Promise<T>): Promise<T> {
  const until = performance.now() + QUOTA_PATIENCE;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const { code } = asFailure(error);
      if (!['SYSTEM_THROTTLED', 'RATE_LIMITED'].includes(code) || performance.now() > until) throw error;
      await sleep(QUOTA_AGAIN);
    }
  }
}

const comparable = ({ linked, sides }: Explanation): boolean =>
  linked && Object.values(sides).every((side) => side.exists !== false && side.inScope !== false);

export function agreementOf({ decision, direction, sides }: ExplainedProperty): Agreement {
  const quiet =
    decision !== undefined && decision.writes === undefined && ['in-step', 'agreed', 'drift'].includes(decision.rule);
  if (!quiet) return 'differ';
  if (Object.values(sides).every((side) => isEmpty(side.value))) return 'agree';
  const targets = (direction === 'both' ? Object.values(sides) : [sides[direction]]).filter(
    (side) => side?.wouldBecome,
  );
  if (targets.length === 0) return 'agree';
  // Equal fingerprints prove little where the value cannot even be converted any more.
  if (targets.every((side) => side?.wouldBecome?.fault)) return 'differ';
  return targets.some((side) => !side?.wouldBecome?.fault && same(side?.wouldBecome?.value, side?.value))
    ? 'agree'
    : 'kept';
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '';

function same(a: unknown, b: unknown): boolean {
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  return typeof a === 'object' || typeof b === 'object'
    ? JSON.stringify(a) === JSON.stringify(b)
    : String(a) === String(b);
}

async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
