/**
 * `tandem validate --live`: what the system files declare, checked against the systems, and records for trying
 * conversions. Nothing is written.
 */
import type { LiveFinding, Use } from '../engine/check/findings.ts';
import { checkEntity, type EntityReport, operationsOf } from '../engine/check/live.ts';
import { createRecorder, type Recorder } from '../engine/check/recorder.ts';
import { checkRowAmounts } from '../engine/check/row-amounts.ts';
import type { Config, EntityConfig, Mapping, SystemConfig } from '../engine/config/types.ts';
import { isFault, parseYaml } from '../engine/config/yaml.ts';
import { asTandemError, TandemError } from '../engine/errors.ts';
import { unkeyed } from '../engine/expression/values.ts';
import { createLinks } from '../engine/links/links.ts';
import { connect } from '../engine/queue/connection.ts';
import { convertContext } from '../engine/sync/context.ts';
import type { ConvertContext } from '../engine/sync/convert.ts';
import { createSystemClient, type SystemClient } from '../engine/systems/client.ts';
import { createTransport } from '../engine/systems/transport.ts';
import type { Environment } from './environment.ts';
import { FAILED, Failure } from './failure.ts';
import { createLogger } from './log.ts';
import type { Output } from './output.ts';
import { plain } from './output.ts';
import { checkRedis, requireRedisUrl } from './redis.ts';
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
  const { config, mappings, entities, sample } = input;
  const url = requireRedisUrl(environment);
  await checkRedis(url, environment.prefix, createLogger('error', process.stderr, true));
  const redis = connect(url, environment.prefix);
  redis.on('error', () => {});
  const { prefix, encryptionKey } = environment;
  const progress = createProgress(
    output,
    entities.reduce((sum, entity) => sum + operationsOf(entity), 0),
  );
  const opened = new Map<string, { client: SystemClient; recorder: Recorder }>();
  const open = (name: string): { client: SystemClient; recorder: Recorder } => {
    const known = opened.get(name);
    if (known) return known;
    const system = config.systems.get(name);
    if (!system) throw new TandemError('NOT_FOUND', `There is no system "${name}".`, { system: name });
    const deps = { redis, prefix, encryptionKey };
    const recorder = createRecorder(createTransport(system, deps), {
      onWait: (ms) => progress.wait(name, ms),
    });
    const made = { client: createSystemClient(system, deps, recorder.transport), recorder };
    opened.set(name, made);
    return made;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...opened.values()].map(({ client }) => client.close()));
    redis.disconnect();
  };
  const all = new Map([...config.mappings, ...mappings.map((mapping) => [mapping.name, mapping] as const)]);
  // Nothing is compared with what is stored: the key of this installation is not needed, and none is made.
  const fingerprinter = unkeyed;
  const world = {
    config: { ...config, mappings: all },
    client: (name: string) => open(name).client,
    links: (name: string) => createLinks(redis, prefix, all.get(name) ?? { name, match: [] }, fingerprinter),
    fingerprinter,
  };
  const context = (mapping: Mapping): ConvertContext => convertContext(world, mapping);
  try {
    const reports = new Map<string, EntityReport>();
    for (const entity of entities) {
      const name = nameOf(entity);
      const { client, recorder } = open(entity.system);
      try {
        const report = await checkEntity({
          client,
          recorder,
          entity,
          uses: usesOf(entity, mappings),
          sample,
          place: placeIn(config.systems.get(entity.system)!, entity, input.textOf),
          onOperation: (operation) => progress.step(`${name}: ${operation}`),
        });
        reports.set(name, report);
      } catch (error) {
        throw unanswered(name, entity.system, error);
      }
    }
    const findings = [...reports.values()].flatMap((report) => report.findings);
    for (const mapping of mappings) {
      for (const side of [0, 1] as const) {
        const report = reports.get(nameOf(mapping.sides[side].entity));
        if (report) findings.push(...(await checkRowAmounts(mapping, side, report, context(mapping))));
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
      context,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  } finally {
    progress.end();
  }
}

/** Paths of the rows and match rules that read or write the entity. */
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
  // Whoever asks once wants to know what went wrong, not that it is tried again later.
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
