/** The store of one mapping: small stores over one Redis, one idea each. */
import type { Redis } from 'ioredis';
import { type Fingerprinter, unkeyed } from '../expression/values.ts';
import { createBatches } from './batches.ts';
import { type BrakeListener, createBrakeStore } from './brake.ts';
import { createClaims } from './claims.ts';
import { createDependents } from './dependents.ts';
import { createHistory } from './history.ts';
import { createIssues } from './issues.ts';
import { createLinkStore } from './links.ts';
import { createProgress } from './progress.ts';
import { createReader } from './reader.ts';
import { createSeenRecords } from './seen-records.ts';
import { createStates } from './states.ts';
import { createStoreContext, type StoreRules } from './store-context.ts';
import { createTransfer } from './transfer.ts';
import { createUnlinked } from './unlinked.ts';
import { createWaitingRoom } from './waiting-room.ts';

export type Store = ReturnType<typeof createStore>;

/**
 * Opens the store of one mapping. Nothing is asked of Redis before a method is called.
 * @param redis a connection for commands; it stays the caller's
 * @param prefix first part of every Redis key, without a colon at its end
 * @param rules the name of the mapping, and those of its rules that the store needs
 * @param fingerprinter makes what is stored of values: `openFingerprinter`
 * @param onBrake called when this process puts the brake on or takes it off
 * @returns the small stores, by name
 */
export function createStore(
  redis: Redis,
  prefix: string,
  rules: StoreRules,
  fingerprinter: Fingerprinter,
  onBrake?: BrakeListener,
) {
  const context = createStoreContext(redis, prefix, rules, fingerprinter);
  const reader = createReader(context);
  const unlinked = createUnlinked(context, reader);
  const issues = createIssues(context, reader, unlinked);
  return {
    context,
    reader,
    unlinked,
    issues,
    links: createLinkStore(context, reader),
    brake: createBrakeStore(context, onBrake),
    batches: createBatches(context, reader, onBrake),
    claims: createClaims(context),
    dependents: createDependents(context),
    history: createHistory(context, reader),
    seenRecords: createSeenRecords(context, unlinked),
    progress: createProgress(context, unlinked),
    states: createStates(context, issues),
    transfer: createTransfer(context, reader, issues),
    waitingRoom: createWaitingRoom(context),
  };
}

/** What copies of links need: they hold fingerprints as they are, so no key. */
export function openTransfer(redis: Redis, prefix: string, rules: StoreRules) {
  const { transfer, links, progress } = createStore(redis, prefix, rules, unkeyed);
  return { ...transfer, count: links.count, kept: progress.followed };
}
