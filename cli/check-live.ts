/**
 * `tandem validate --live`: what the system files declare, checked against the systems, and records for trying
 * conversions. Nothing is written.
 */
import {
  asTandemError,
  type Config,
  type ConvertContext,
  checkEntity,
  checkRowAmounts,
  connect,
  convertContext,
  createRecorder,
  createStore,
  createSystemClient,
  createTransport,
  type EntityConfig,
  type EntityReport,
  isFault,
  type LiveFinding,
  type Mapping,
  openHttpConnector,
  operationsOf,
  parseYaml,
  type Recorder,
  type SystemClient,
  type SystemConfig,
  TandemError,
  type Use,
  unkeyed,
} from '../engine/index.ts';
import { FAILED, Failure } from './failure.ts';
import type { Output } from './format/output.ts';
import { plain } from './format/output.ts';
import type { Environment } from './process/environment.ts';
import { createLogger } from './process/log.ts';
import { checkRedis, requireRedisUrl } from './process/redis.ts';
import { nameOf, type Samples } from './sampling.ts';

export interface LiveInput {
  readonly config: Config;
  /** Those that are checked; conversions of no others are tried. */
  readonly mappings: readonly Mapping[];
  readonly entities: readonly EntityConfig[];
  /** Text of a system file. */
  readonly textOf: (system: SystemConfig) => string | undefined;
  /** Records per entity, at most. */
  readonly sample: number;
}

export interface Live {
  readonly reports: readonly EntityReport[];
  readonly findings: readonly LiveFinding[];
  readonly samples: Samples;
  /** Records that could not be read as one, by `SYSTEM.ENTITY`: how many, and why the first. */
  readonly unreadable: readonly { readonly entity: string; readonly count: number; readonly reason: string }[];
  /** Follows lookups in the systems, and references through the links. */
  context(mapping: Mapping): ConvertContext;
  close(): Promise<void>;
}

/**
 * Calls pass the limiter that all Tandems of this Redis share, so what runs beside keeps its quota.
 * @throws Failure where Redis or a system does not answer
 */
export async function checkLive(environment: Environment, output: Output, input: LiveInput): Promise<Live> {
  const { mappings, entities } = input;
  const operations = entities.reduce((sum, entity) => sum + operationsOf(entity), 0);
  const progress = createProgress(output, operations);
  const world = await openWorld(environment, input, progress.wait);
  try {
    const reports = new Map<string, EntityReport>();
    for (const entity of entities) reports.set(nameOf(entity), await checkOne(world, entity, input, progress.step));
    const findings = [...reports.values()].flatMap((report) => report.findings);
    for (const mapping of mappings) {
      for (const side of [0, 1] as const) {
        const report = reports.get(nameOf(mapping.sides[side].entity));
        if (report) findings.push(...(await checkRowAmounts(mapping, side, report, world.context(mapping))));
      }
    }
    const read = [...reports].filter(([, report]) => report.records.length > 0);
    return {
      reports: [...reports.values()],
      findings,
      samples: new Map(read.map(([name, { records }]) => [name, records])),
      unreadable: [...reports].flatMap(([entity, { failed }]) =>
        failed[0] ? [{ entity, count: failed.length, reason: failed[0].message }] : [],
      ),
      context: world.context,
      close: world.close,
    };
  } catch (error) {
    await world.close();
    throw error;
  } finally {
    progress.end();
  }
}

interface ReadWorld extends Pick<Live, 'context' | 'close'> {
  /** Of a system: a client that can only read, and what it is answered. */
  open(system: string): { readonly client: SystemClient; readonly recorder: Recorder };
}

/** The systems and the links, to be read only. */
async function openWorld(
  environment: Environment,
  { config, mappings }: LiveInput,
  onWait: (system: string, ms: number) => void,
): Promise<ReadWorld> {
  const url = requireRedisUrl(environment);
  const { prefix, encryptionKey } = environment;
  await checkRedis(url, prefix, createLogger('error', process.stderr, true));
  const redis = connect(url, prefix);
  redis.on('error', () => {});
  const opened = new Map<string, ReturnType<ReadWorld['open']>>();
  const open: ReadWorld['open'] = (name) => {
    const known = opened.get(name);
    if (known) return known;
    const system = config.systems.get(name);
    if (!system) throw new TandemError('NOT_FOUND', `There is no system "${name}".`, { system: name });
    const deps = { redis, prefix, encryptionKey, checkRefusals: false };
    let recorder!: Recorder;
    const client = createSystemClient(system, deps, (declared, host) => {
      recorder = createRecorder(createTransport(declared, host), { onWait: (ms) => onWait(name, ms) });
      return openHttpConnector(declared, host, recorder.transport);
    });
    const made = { client, recorder };
    opened.set(name, made);
    return made;
  };
  const all = new Map([...config.mappings, ...mappings.map((mapping) => [mapping.name, mapping] as const)]);
  const world = {
    config: { ...config, mappings: all },
    clientOf: (name: string) => open(name).client,
    linksOf: (name: string) => createStore(redis, prefix, all.get(name) ?? { name, match: [] }, unkeyed),
    // Nothing is compared with what is stored: the key of this installation is not needed, and none is made.
    fingerprinter: unkeyed,
  };
  return {
    open,
    context: (mapping) => convertContext({ ...world, mapping }),
    async close() {
      await Promise.all([...opened.values()].map(({ client }) => client.close()));
      redis.disconnect();
    },
  };
}

async function checkOne(
  world: ReadWorld,
  entity: EntityConfig,
  { config, mappings, sample, textOf }: LiveInput,
  onOperation: (what: string) => void,
): Promise<EntityReport> {
  const name = nameOf(entity);
  try {
    return await checkEntity({
      ...world.open(entity.system),
      entity,
      uses: usesOf(entity, mappings),
      sample,
      place: placeIn(config.systems.get(entity.system)!, entity, textOf),
      onOperation: (operation) => onOperation(`${name}: ${operation}`),
    });
  } catch (error) {
    throw unanswered(name, entity.system, error);
  }
}

/** Paths of the rows that read or write the entity. */
function usesOf(entity: EntityConfig, mappings: readonly Mapping[]): Use[] {
  return mappings.flatMap(({ file, sides, properties }) =>
    sides
      .filter((side) => side.entity.system === entity.system && side.entity.name === entity.name)
      .flatMap((side) =>
        properties.flatMap((property) => {
          const { path } = property.sides[side.index];
          return path ? [{ path, file, line: property.line, column: property.column }] : [];
        }),
      ),
  );
}

function placeIn(system: SystemConfig, entity: EntityConfig, textOf: LiveInput['textOf']) {
  const document = parseYaml(textOf(system) ?? '');
  return (path: readonly (string | number)[]) => ({
    file: system.file,
    ...(isFault(document) ? { line: 1, column: 1 } : document.locate(['entities', entity.name, ...path])),
  });
}

function unanswered(name: string, system: string, error: unknown): Failure {
  const known = asTandemError(error);
  // A command asks once: its user wants to know what went wrong, not that it is tried again later.
  const { code, message } = known.code === 'SYSTEM_DOWN' && known.cause ? asTandemError(known.cause) : known;
  return new Failure(
    code,
    `${name} could not be read: ${message}`,
    `Check the address and the secrets of "${system}" in its system file, and that it runs.`,
    FAILED,
    error,
  );
}

interface Progress {
  step(what: string): void;
  wait(system: string, ms: number): void;
  end(): void;
}

/** One line on a terminal that is written over; in a pipe, a line per operation; with --json nothing. */
function createProgress(output: Output, total: number): Progress {
  let done = 0;
  const show = (text: string): void => {
    if (output.tty) process.stderr.write(`\r\u001b[K${plain(text)}`);
    else if (!output.json) output.note(plain(text));
  };
  let last = '';
  return {
    step(what) {
      done++;
      last = `[${done}/${total}] ${what}`;
      show(last);
    },
    wait(system, ms) {
      show(`${last}: ${system} gives no more requests for ${Math.ceil(ms / 1000)} s`);
    },
    end() {
      if (output.tty) process.stderr.write('\r\u001b[K');
    },
  };
}
