/** Records on which `tandem validate` tries conversions: from a file, or those that were read from the systems. */
import { readFile } from 'node:fs/promises';
import {
  asTandemError,
  type Config,
  type EntityConfig,
  exampleRecords,
  type Mapping,
  type SideRecords,
  type SystemRecord,
  toRecord,
} from '../engine/index.ts';
import { Failure } from './failure.ts';

/** `SYSTEM.ENTITY` -> its records. */
export type Samples = ReadonlyMap<string, readonly SystemRecord[]>;

export const nameOf = ({ system, name }: EntityConfig): string => `${system}.${name}`;

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
