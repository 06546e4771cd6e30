/** `tandem links export` and `import`: a copy of the links outside Redis, and back. Needs no running Tandem. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline as chain, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import {
  adoptFingerprints,
  type CopiedMapping,
  connect,
  createRetirements,
  type ExportCounts,
  exportLines,
  fingerprintRecord,
  formatProblem,
  type ImportProblem,
  importLines,
  openTransfer,
  type RedisConnection,
} from '../../engine/index.ts';
import { action, type CommandContext, declare } from '../command.ts';
import { loadFolder } from '../configuration.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { plain } from '../format/output.ts';
import { createLogger } from '../process/log.ts';
import { checkRedis, requireRedisUrl } from '../process/redis.ts';

/** Lines that were not taken are reported one by one up to here. */
const REPORTED = 50;

export function copyCommands(links: Command): void {
  exportCommand(links);
  importCommand(links);
}

function exportCommand(links: Command): void {
  declare(links, {
    usage: 'export [mapping]',
    summary: 'copy the links of all mappings, or of one, to a file or stdout',
    details:
      'Reads Redis directly (REDIS_URL), so that it works while Tandem is down; it may also run. One line of JSON per ' +
      'link. The copy holds ids and fingerprints, no values of records.',
    examples: [
      ['links export --out links.ndjson', 'a backup; an earlier file is replaced once this one is whole'],
      ['links export | gzip > links.ndjson.gz', 'the same, packed'],
    ],
  })
    .option('--out <file>', 'write to this file')
    .option('--allow-empty', 'write a copy also where there is nothing to copy')
    .action(
      action<{ out?: string; allowEmpty?: boolean }, [string | undefined]>((context, { out, allowEmpty }, mapping) =>
        withMappings(context, mapping, { safe: false, missing: true }, async (mappings, redis, left) => {
          const counts = { links: 0, records: 0 };
          const fingerprints = await fingerprintRecord(redis, context.environment.prefix);
          const copied = exportLines([...mappings.values()], counts, fingerprints);
          const lines = Readable.from(allowEmpty ? copied : unlessEmpty(copied, counts, context.environment.prefix));
          if (out === undefined) await pipeline(lines, process.stdout, { end: false });
          else await toFile(lines, out);
          const words = `${counts.links} links and ${counts.records} decisions about other records copied`;
          if (out === undefined) context.output.note(words);
          else context.output.result({ file: out, ...counts, complete: left.length === 0 }, () => `${words} to ${out}`);
          return left.length === 0 ? OK : FAILED;
        }),
      ),
    );
}

function importCommand(links: Command): void {
  declare(links, {
    usage: 'import [file]',
    summary: 'put links from a copy back into Redis',
    details:
      'Writes to Redis directly (REDIS_URL). What is there already is never changed: a link that differs is reported, and ' +
      'stays. Afterwards both sides are read fully before anything is matched or created. Ends with 1 when a line could ' +
      'not be used; the others are imported all the same, and importing again does no harm.',
    examples: [
      ['links import links.ndjson --dry-run', 'what it would do'],
      ['links import links.ndjson', 'all mappings of the copy'],
      ['links import - < links.ndjson', 'from stdin'],
    ],
  })
    .option('--dry-run', 'tell what would be done, change nothing')
    .action(
      action<{ dryRun?: boolean }, [string | undefined]>((context, { dryRun = false }, file = '-') =>
        withMappings(context, undefined, { safe: true }, async (mappings, redis) => {
          const { environment } = context;
          const problems: ImportProblem[] = [];
          const counts = await importLines(textOf(file), mappings, {
            dry: dryRun,
            async adopt(fingerprints) {
              const counts = await Promise.all([...mappings.values()].map(({ links }) => links.count()));
              const unused = counts.every((count) => count === 0);
              await adoptFingerprints(redis, environment.prefix, environment, fingerprints, { unused, dry: dryRun });
            },
            problem(one) {
              if (problems.push(one) <= REPORTED)
                context.output.note(plain(`line ${one.line}: ${one.code}: ${one.message}`));
              else problems.pop();
            },
          });
          const { imported, records, there, conflicting, bad } = counts;
          const unreported = conflicting + bad - problems.length;
          if (unreported > 0) context.output.note(`... and ${unreported} more lines that were not taken`);
          context.output.result({ dryRun, ...counts, problems }, () =>
            [
              `${imported} links${dryRun ? ' would be' : ''} imported`,
              `${records} decisions about other records`,
              `${there} there already`,
              `${conflicting} conflicting`,
              `${bad} unusable`,
            ].join(', '),
          );
          return conflicting + bad === 0 ? OK : FAILED;
        }),
      ),
    );
}

/** Copies the links of one mapping to a file. */
export const copyLinks = async (context: CommandContext, mapping: string, file: string): Promise<ExportCounts> => {
  const counts = { links: 0, records: 0 };
  await withMappings(context, mapping, { safe: false, missing: true }, async (mappings, redis) => {
    const fingerprints = await fingerprintRecord(redis, context.environment.prefix);
    await toFile(Readable.from(exportLines([...mappings.values()], counts, fingerprints)), file);
    return OK;
  });
  return counts;
};

/** An empty copy looks like a backup, and is none: most likely Redis or the prefix is another one than meant. */
async function* unlessEmpty(
  lines: AsyncIterable<string>,
  counts: Readonly<ExportCounts>,
  prefix: string,
): AsyncGenerator<string, void, undefined> {
  let waiting = '';
  for await (const line of lines) {
    waiting += line;
    if (counts.links + counts.records === 0) continue;
    yield waiting;
    waiting = '';
  }
  if (waiting === '') return;
  throw new Failure(
    'NOT_FOUND',
    `There is nothing to copy: this Redis has no links of these mappings under the prefix "${prefix}".`,
    'Check REDIS_URL and TANDEM_PREFIX. To write an empty copy all the same: --allow-empty',
    FAILED,
  );
}

/**
 * @param options.safe refuse a Redis that evicts keys: nothing is put there, but what is there can be saved
 * @param options.missing also mappings whose file is missing, or cannot be used
 */
async function withMappings(
  { environment, output }: CommandContext,
  only: string | undefined,
  { safe, missing = false }: { safe: boolean; missing?: boolean },
  work: (
    mappings: ReadonlyMap<string, CopiedMapping>,
    redis: RedisConnection,
    left: readonly string[],
  ) => Promise<number>,
): Promise<number> {
  const url = requireRedisUrl(environment);
  // Secrets of systems are not needed to know the mappings.
  const { config, problems } = await loadFolder({ environment, output }, process.env, true);
  for (const problem of problems) output.note(formatProblem(problem));
  const left = [...new Set(problems.map(({ file }) => file))];
  if (left.length > 0) output.note(`Mappings that these problems concern are left out: ${left.join(', ')}`);
  const current = [...config.mappings.values()];
  await checkRedis(url, environment.prefix, createLogger(environment.logLevel, process.stderr, true), { safe });
  const redis = connect(url, environment.prefix);
  try {
    const kept = missing ? await keptWithoutFile(redis, environment.prefix, new Set(config.mappings.keys())) : [];
    const all = [...current.map((mapping) => ({ rules: mapping, sides: mapping.sides })), ...kept];
    const wanted = all.filter(({ rules: { name } }) => only === undefined || name === only);
    if (only !== undefined && wanted.length === 0)
      throw new Failure('NOT_FOUND', `There is no mapping "${only}".`, 'Check its name, or its file: tandem validate.');
    const mappings = new Map(
      wanted.map(({ rules, sides }): [string, CopiedMapping] => [
        rules.name,
        {
          name: rules.name,
          sides: [sides[0].name, sides[1].name],
          // A copy is made and put back without the key: it holds the fingerprints as they are.
          links: openTransfer(redis, environment.prefix, rules),
        },
      ]),
    );
    return await work(mappings, redis, left);
  } finally {
    redis.disconnect();
  }
}

/** Mappings that were in force and have no file that can be used: their links are copied too. */
async function keptWithoutFile(redis: RedisConnection, prefix: string, current: ReadonlySet<string>) {
  const names = (await createRetirements(redis, prefix).known()).filter((name) => !current.has(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const rules = { name, match: [] };
      return { rules, ...(await openTransfer(redis, prefix, rules).kept()) };
    }),
  );
  return found.flatMap(({ rules, sides }) => (sides ? [{ rules, sides }] : []));
}

/** Beside the file first: a copy that was cut short never takes the place of a whole one. */
async function toFile(lines: Readable, file: string): Promise<void> {
  const draft = `${file}.${process.pid}.part`;
  try {
    await pipeline(lines, createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true }));
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw unusable(error, file, 'written');
  }
}

const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b;

/** A copy may be gzipped, as it is when it is kept. */
async function* textOf(file: string): AsyncGenerator<string> {
  try {
    const stream: Readable = file === '-' ? process.stdin : createReadStream(file);
    const bytes = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first = await bytes.next();
    const start = first.done ? Buffer.alloc(0) : first.value;
    async function* whole(): AsyncGenerator<Buffer> {
      yield start;
      yield* { [Symbol.asyncIterator]: () => bytes };
    }
    const raw = Readable.from(whole(), { objectMode: false });
    // What goes wrong on the way shows where the text is read.
    const text: Readable = isGzip(start) ? chain(raw, createGunzip(), () => {}) : raw;
    text.setEncoding('utf8');
    yield* text as AsyncIterable<string>;
  } catch (error) {
    throw unusable(error, file, 'read');
  }
}

function unusable(error: unknown, file: string, what: string): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  return new Failure(
    'BAD_REQUEST',
    `${file} cannot be ${what} (${String(error.code)}).`,
    'Check its name.',
    undefined,
    error,
  );
}
