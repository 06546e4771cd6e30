/** Makes the scope of a mapping. Questions that the units of a batch have in common are asked once. */
import { coalesce } from '../coalesce.ts';
import { BRAKE_KINDS, type BrakeKind, allowance as limitOf } from '../config/brake-limits.ts';
import type { Config, Mapping } from '../config/types.ts';
import { mapPair, SIDES } from '../model/pair.ts';
import type { BrakeAnswer, Link, RecordRef } from '../store/types.ts';
import type { SideIndex } from '../types.ts';
import { linkedBefore } from './linked-before.ts';
import { rawHash } from './raw.ts';
import type { MappingScope, Sibling } from './scope.ts';
import { ownWriteIn } from './stored.ts';
import type { SyncContext } from './sync-context.ts';

/** Records of the waiting room that are asked about together, and how long the first one waits for others, in ms. */
const MOST_PARKED = 500;
const LINGER = 20;

/**
 * For one batch, job or request: what it asks about the mapping as a whole, such as allowances, it asks once.
 * @throws TandemError STARTUP_REFUSED where a system cannot be used as it is set up
 */
export function mappingScope(context: SyncContext, mapping: Mapping): MappingScope {
  const { config, owner, claimTtl, job, step, fingerprinter } = context;
  const links = context.links(mapping.name);
  const runSince = once(() => context.runSince(mapping.name));
  const siblingLink = siblingLinks(context);
  const release = releases(context);
  const siblings = mapPair(mapping.sides, (_, side) => siblingsOf(config, mapping, side));

  const readyOf = onceFor((name) => context.links(name).progress.readByAny());

  return {
    config,
    mapping,
    links,
    fingerprinter,
    siblings,
    clients: mapPair(mapping.sides, ({ system }) => context.client(system.name)),
    linksOf: context.links,
    clientOf: context.client,
    markDirty: (name, side, ids) => context.enqueue(name, side, ids),
    notifyWorkers: context.notifyWorkers,
    rawOf: ({ record }) => rawHash(fingerprinter, mapping, record),
    siblingRaw: (sibling, { record }) => rawHash(fingerprinter, sibling, record),
    siblingReady: ({ mapping: { name } }) => readyOf(name),
    async siblingWrites(side, id) {
      if (id === undefined || siblings[side].length === 0) return [];
      const found = await Promise.all(siblings[side].map(async (one) => ({ one, link: await siblingLink(one, id) })));
      return found.flatMap(({ one, link }) => (link ? ownWriteIn(link, one.side) : []));
    },
    releaseIfReady: ({ mapping: name, ...waiters }) => release(name)(waiters),
    firstRead: once(links.progress.firstRead),
    firstSyncAllowed: once(links.progress.firstSyncAllowed),
    ready: once(links.progress.ready),
    answersTo: onceFor(async (brake) => {
      const answers = await Promise.all(BRAKE_KINDS.map((kind) => links.brake.answered(brake, kind)));
      return Object.fromEntries(
        BRAKE_KINDS.flatMap((kind, i): [BrakeKind, BrakeAnswer][] => (answers[i] ? [[kind, answers[i]]] : [])),
      );
    }),
    allowanceOf: onceFor(async (kind) => {
      const { linked, since } = await linkedBefore({ links, runSince }, kind);
      const limit = mapping.brake[kind];
      return { limit: limit ? limitOf(kind, limit, linked) : Infinity, linked, since };
    }),
    owner,
    claimTtl,
    job,
    runSince,
    step,
  };
}

/** Links of records through sibling mappings; those that are asked for at one moment are looked up together. */
function siblingLinks({ links }: SyncContext): (sibling: Sibling, id: string) => Promise<Link | undefined> {
  const lookUps = new Map<string, (id: string) => Promise<Link | undefined>>();
  return ({ mapping: { name }, side }, id) => {
    const key = `${side}/${name}`;
    const lookUp =
      lookUps.get(key) ??
      coalesce<string, Link | undefined>(async (ids) =>
        (await links(name).batches.lookup(side, ids)).map(({ link }) => link),
      );
    lookUps.set(key, lookUp);
    return lookUp(id);
  };
}

/** By mapping, what releases its waiting records: units of a batch that are recorded soon after each other ask together. */
function releases(context: SyncContext): (name: string) => (waiters: RecordRef) => Promise<void> {
  const known = new Map<string, (waiters: RecordRef) => Promise<void>>();
  return (name) => {
    const release =
      known.get(name) ??
      coalesce<RecordRef, void>(
        async (waiters) => {
          await releaseWaiting(context, name, waiters);
          return waiters.map(() => undefined);
        },
        MOST_PARKED,
        LINGER,
      );
    known.set(name, release);
    return release;
  };
}

async function releaseWaiting(
  { links, enqueue }: SyncContext,
  name: string,
  waiters: readonly RecordRef[],
): Promise<void> {
  const { progress, waitingRoom } = links(name);
  if (!(await progress.readByAny())) return;
  for (const side of SIDES) {
    const ids = waiters.flatMap((one) => (one.side === side ? [one.id] : []));
    if (ids.length === 0) continue;
    await enqueue(name, side, ids);
    await waitingRoom.stopWaiting(side, ids);
  }
}

function siblingsOf({ mappings }: Config, { name, sides }: Mapping, side: SideIndex): Sibling[] {
  const { system, entity } = sides[side];
  return [...mappings.values()].flatMap((mapping) =>
    mapping.name === name
      ? []
      : mapping.sides.flatMap((one) =>
          one.system.name === system.name && one.entity.name === entity.name ? [{ mapping, side: one.index }] : [],
        ),
  );
}

/** Asked once for all; an answer that failed is asked for again. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = undefined;
      throw error;
    });
    return answer;
  };
}

function onceFor<K extends string, T>(ask: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const asks = new Map<K, () => Promise<T>>();
  return (key) => {
    const known = asks.get(key) ?? once(() => ask(key));
    asks.set(key, known);
    return known();
  };
}
