/** Records on which `tandem validate` tries conversions: from a file, or read from the systems as they are now. Nothing is written. */
import { readFile } from 'node:fs/promises';
import type { Config, EntityConfig, Mapping } from '../engine/config/types.ts';
import { asTandemError, TandemError } from '../engine/errors.ts';
import { createLinks } from '../engine/links/links.ts';
import { connect } from '../engine/queue/connection.ts';
import { convertContext } from '../engine/sync/context.ts';
import type { ConvertContext } from '../engine/sync/convert.ts';
import { exampleRecords, type SideRecords } from '../engine/sync/samples.ts';
import { createSystemClient, type SystemClient } from '../engine/systems/client.ts';
import { toRecord } from '../engine/systems/record.ts';
import type { SystemRecord } from '../engine/types.ts';
import type { Environment } from './environment.ts';
import { FAILED, Failure } from './failure.ts';
import { createLogger } from './log.ts';
import type { Output } from './output.ts';
import { checkRedis, openFingerprints, requireRedisUrl } from './redis.ts';

/** `SYSTEM.ENTITY` -> its records. */
export type Samples = ReadonlyMap<string, readonly SystemRecord[]>;

const nameOf = ({ system, name }: EntityConfig): string => `${system}.${name}`;

/** The records of both sides; of an entity without any, the examples in its schema. */
export function recordsOf(mapping: Mapping, samples: Samples): SideRecords {
  const examples = exampleRecords(mapping);
  const of = (side: 0 | 1): readonly SystemRecord[] =>
    samples.get(nameOf(mapping.sides[side].entity)) ?? examples[side];
  return [of(0), of(1)];
}

/**
 * A file `{ "SYSTEM.ENTITY": [records as the system answers them] }`.
 * @throws Failure
 */
export async function readRecordsFile(file: string, config: Config): Promise<Samples> {
  const wrong = (message: string, cause?: unknown): Failure =>
    new Failure(
      'BAD_REQUEST',
      `${file} ${message}`,
      'Write { "SYSTEM.ENTITY": [records as the system answers them] }.',
      undefined,
      cause,
    );
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const missing = error instanceof Error && 'code' in error;
    throw wrong(missing ? `cannot be read (${String(error.code)}).` : 'is no JSON.', error);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw wrong('holds no object.');
  const samples = new Map<string, SystemRecord[]>();
  for (const [key, list] of Object.entries(content)) {
    const [system = '', entityName = ''] = key.split('.', 2);
    const entities = config.systems.get(system)?.entities ?? {};
    const entity = Object.hasOwn(entities, entityName) ? entities[entityName] : undefined;
    if (!entity) {
      const known = [...config.systems.values()].flatMap((one) => Object.values(one.entities).map(nameOf));
      throw wrong(`speaks of "${key}", which no system file declares; there are ${known.join(', ')}.`);
    }
    if (!Array.isArray(list)) throw wrong(`holds no list of records under "${key}".`);
    const records: SystemRecord[] = [];
    for (const [i, item] of list.entries()) {
      try {
        const id = typeof item === 'object' && item !== null && !(entity.id in item) ? { [entity.id]: `${i}` } : {};
        records.push(await toRecord(entity, typeof item === 'object' && item !== null ? { ...id, ...item } : item));
      } catch (error) {
        throw wrong(`: record ${i + 1} of ${key} cannot be used: ${asTandemError(error).message}`, error);
      }
    }
    samples.set(key, records);
  }
  return samples;
}

export interface Live {
  readonly samples: Samples;
  /** Records that could not be read as one, by `SYSTEM.ENTITY`: how many, and why the first. */
  readonly unreadable: readonly { readonly entity: string; readonly count: number; readonly reason: string }[];
  /** Follows lookups in the systems, and references through the links. */
  context(mapping: Mapping): ConvertContext;
  close(): Promise<void>;
}

/**
 * The first records of every entity that a mapping speaks of. Calls pass the limiter that all Tandems of this Redis
 * share, so what runs beside keeps its quota.
 * @throws Failure where Redis or a system does not answer
 */
export async function readLive(
  environment: Environment,
  output: Output,
  config: Config,
  mappings: readonly Mapping[],
  sample: number,
): Promise<Live> {
  const url = requireRedisUrl(environment);
  await checkRedis(url, environment.prefix, createLogger('error', process.stderr, true));
  const fingerprinter = await openFingerprints(url, environment);
  const redis = connect(url, environment.prefix);
  redis.on('error', () => {});
  const { prefix, encryptionKey } = environment;
  const clients = new Map<string, SystemClient>();
  const client = (name: string): SystemClient => {
    const known = clients.get(name);
    if (known) return known;
    const system = config.systems.get(name);
    if (!system) throw new TandemError('NOT_FOUND', `There is no system "${name}".`, { system: name });
    const made = readOnly(createSystemClient(system, { redis, prefix, encryptionKey }));
    clients.set(name, made);
    return made;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...clients.values()].map((one) => one.close()));
    redis.disconnect();
  };
  const all = new Map([...config.mappings, ...mappings.map((mapping) => [mapping.name, mapping] as const)]);
  const context = {
    config: { ...config, mappings: all },
    client,
    links: (name: string) => createLinks(redis, prefix, all.get(name) ?? { name, match: [] }, fingerprinter),
    fingerprinter,
  };
  try {
    const samples = new Map<string, readonly SystemRecord[]>();
    const unreadable: { entity: string; count: number; reason: string }[] = [];
    for (const { entity } of mappings.flatMap((mapping) => mapping.sides)) {
      const name = nameOf(entity);
      if (samples.has(name)) continue;
      if (output.tty) process.stderr.write(`\r\u001b[Kreading ${name}`);
      const { records, failed } = await firstRecords(client(entity.system), entity, sample);
      samples.set(name, records);
      if (failed[0]) unreadable.push({ entity: name, count: failed.length, reason: failed[0].message });
    }
    return { samples, unreadable, context: (mapping) => convertContext(context, mapping), close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    if (output.tty) process.stderr.write('\r\u001b[K');
  }
}

async function firstRecords(
  client: SystemClient,
  entity: EntityConfig,
  sample: number,
): Promise<{ records: readonly SystemRecord[]; failed: readonly TandemError[] }> {
  const records: SystemRecord[] = [];
  const failed: TandemError[] = [];
  try {
    for await (const page of client.list(entity.name)) {
      records.push(...page.records);
      failed.push(...page.failed.map(({ error }) => error));
      if (records.length >= sample) break;
    }
  } catch (error) {
    const told = asTandemError(error);
    // Whoever asks once wants to know what went wrong, not that it is tried again later.
    const { code, message } = told.code === 'SYSTEM_DOWN' && told.cause ? asTandemError(told.cause) : told;
    throw new Failure(
      code,
      `${nameOf(entity)} could not be read: ${message}`,
      `Check the address and the secrets of "${entity.system}" in its system file, and that it runs.`,
      FAILED,
      error,
    );
  }
  return { records: records.slice(0, sample), failed };
}

/** What only looks must not be able to write, whatever comes. */
function readOnly(client: SystemClient): SystemClient {
  const refuse = async (): Promise<never> => {
    throw new TandemError('INTERNAL', 'Nothing is written here.');
  };
  return { ...client, create: refuse, update: refuse, delete: refuse };
}
