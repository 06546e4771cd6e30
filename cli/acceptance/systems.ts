/** Both systems by their own APIs, within the limits that they share with the running Tandem; and what a run has made in them. */
import {
  type Config,
  createSystemClient,
  type EntityConfig,
  type Json,
  type JsonObject,
  type RedisConnection,
  type SystemClient,
  type SystemRecord,
  TandemError,
  type WritablePath,
} from '../../engine/index.ts';

export interface TestSystems {
  read(entity: EntityConfig, id: string): Promise<SystemRecord | undefined>;
  /** The record is noted before and after, so that it is found and removed whatever happens. */
  create(entity: EntityConfig, data: JsonObject): Promise<SystemRecord>;
  /** Reads the record, sets these places (null clears), writes it. */
  change(entity: EntityConfig, id: string, values: readonly (readonly [WritablePath, Json])[]): Promise<SystemRecord>;
  delete(entity: EntityConfig, id: string): Promise<void>;
  /** All records of a small entity. */
  all(system: string, entity: string): Promise<readonly SystemRecord[]>;
  /** Records of an entity that were modified since then. */
  since(entity: EntityConfig, time: string): AsyncIterable<SystemRecord>;
  close(): Promise<void>;
}

export function testSystems(
  config: Config,
  deps: { readonly redis: RedisConnection; readonly prefix: string; readonly encryptionKey: string | undefined },
  noteRecord: (entity: EntityConfig, id: string) => Promise<void>,
): TestSystems {
  const clients = new Map<string, SystemClient>();
  const clientOf = (name: string): SystemClient => {
    const known = clients.get(name);
    if (known) return known;
    const system = config.systems.get(name);
    if (!system) throw new TandemError('NOT_FOUND', `There is no system "${name}".`, { system: name });
    const made = createSystemClient(system, deps);
    clients.set(name, made);
    return made;
  };
  const read = (entity: EntityConfig, id: string) => clientOf(entity.system).read(entity.name, id);
  return {
    read,
    async create(entity, data) {
      const record = await clientOf(entity.system).create(entity.name, data);
      await noteRecord(entity, record.id);
      return record;
    },
    async change(entity, id, values) {
      const record = await read(entity, id);
      if (!record)
        throw new TandemError('SYSTEM_NOT_FOUND', `${entity.system} has no record "${id}" of ${entity.name}.`);
      const data = values.reduce((all, [path, value]) => path.set(all, value), record.data);
      return clientOf(entity.system).update(entity.name, id, {
        data,
        changed: values.map(([path]) => path),
        version: record.version,
        before: record.data,
      });
    },
    delete: (entity, id) => clientOf(entity.system).delete(entity.name, id),
    all: (system, entity) => clientOf(system).cached(entity),
    async *since(entity, time) {
      for await (const page of clientOf(entity.system).list(entity.name, { since: time })) yield* page.records;
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}
