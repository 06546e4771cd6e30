/** What the parts of `Runs` share: the connection, and the names of keys. */
import type { Redis } from 'ioredis';
import { recordKey } from '../../model/record-key.ts';
import { defineRunScripts } from './run-scripts.ts';
import type { RunRequest } from './types.ts';

/** Stands for the mapping of a group run. */
export const GROUP = '*';

export type RunContext = ReturnType<typeof createRunContext>;

export function createRunContext(connection: Redis, prefix: string) {
  const base = `${prefix}:{runs}:`;
  return {
    redis: defineRunScripts(connection),
    prefix,
    base,
    index: `${base}index`,
    runKey: (id: string): string => `${base}${id}`,
    activeKey: (mapping: string): string => `${base}active:${mapping}`,
    retryingKey: (mapping: string): string => `${base}retrying:${mapping}`,
    againKey: (mapping: string): string => `${base}again:${mapping}`,
    currentKey: ({ mapping, scan, plan, record }: RunRequest): string =>
      `${base}current:${mapping}:${scan}:${plan}${record ? `:${recordKey(record.side, record.id)}` : ''}`,
  };
}

export const now = (): string => new Date().toISOString();
