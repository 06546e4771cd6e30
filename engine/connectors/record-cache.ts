/** Small lists that are kept in memory: all records of an entity, for its `cache` time. */
import type { SystemConfig } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { SystemRecord } from '../types.ts';
import type { Connector } from './connector.ts';

/** Records of an entity that is kept in memory. */
const CACHED_RECORDS = 10_000;

/** @returns all records of an entity; who asks while they are read waits for the same reading */
export function createRecordCache(
  config: SystemConfig,
  connector: Connector,
  now: () => number,
): (entity: string) => Promise<readonly SystemRecord[]> {
  const kept = new Map<string, { until: number; records: Promise<readonly SystemRecord[]> }>();
  return async (name) => {
    const known = kept.get(name);
    if (known !== undefined && known.until > now()) return await known.records;
    const entry = { until: Number.POSITIVE_INFINITY, records: readAll(config, connector, name) };
    kept.set(name, entry);
    try {
      const records = await entry.records;
      // Nothing at all is more likely a slip than the truth, and no reason to ask less.
      entry.until = records.length === 0 ? 0 : now() + (config.entities[name]?.cache ?? 0);
      return records;
    } catch (error) {
      kept.delete(name);
      throw error;
    }
  };
}

async function readAll(config: SystemConfig, connector: Connector, name: string): Promise<readonly SystemRecord[]> {
  const records: SystemRecord[] = [];
  for await (const page of connector.list(name)) {
    records.push(...page.records);
    if (records.length <= CACHED_RECORDS) continue;
    const words = `${config.name} has more than ${CACHED_RECORDS} records of ${name}, which are too many to look up in`;
    throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: config.name, entity: name });
  }
  return records;
}
