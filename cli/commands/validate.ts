/** `tandem validate`: checks the configuration files, and tells what a two-way property loses on its way there and back. */
import { type Command, Option } from 'commander';
import { formatProblem } from '../../engine/config/format.ts';
import type { Config, Mapping, Problem } from '../../engine/config/types.ts';
import { checkLaws, type Finding, type LawOptions, type Untried } from '../../engine/sync/laws.ts';
import { action, type CommandContext, declare } from '../command.ts';
import { checkFiles, loadFolder, shownFile } from '../configuration.ts';
import { FAILED, OK, USAGE } from '../failure.ts';
import { findingLines, untriedLines } from '../findings.ts';
import { wholeNumber } from '../numbers.ts';

interface Options {
  readonly env: boolean;
  readonly strict?: boolean;
  readonly records?: string;
  readonly live?: boolean;
  readonly sample: number;
}

/** Milliseconds per mapping: $record and $find wait for their turn at the system. */
const LIVE_PATIENCE = 600_000;

export function validateCommand(program: Command): void {
  declare(program, {
    usage: 'validate [files...]',
    summary: 'check the configuration files, and what conversions lose',
    details:
      'Checks all files of the configuration folder, or only the files named. A file that stands elsewhere is checked ' +
      'as if it stood in the folder. Exit status 2 when something is wrong.\n\n' +
      'Also sends values of every two-way property to the other side and back, in memory, and warns where they do not come ' +
      'back as they were. Needs neither Redis nor a running Tandem, as it takes the examples in the entity schemas and ' +
      'values of its own. --live reads records from the systems instead, and follows references: it needs REDIS_URL, for ' +
      'the links and for the limiter that it shares with a running Tandem. It writes nothing to a system.',
    examples: [
      ['validate', 'everything in the configuration folder'],
      ['validate mappings/company-customer.yaml', 'one file'],
      ['validate --no-env --strict', 'without the secrets, and failing on warnings, as in CI'],
      ['validate --live --sample 500', 'conversions, on records as they are now'],
    ],
  })
    .option('--no-env', 'put placeholders in place of environment variables that are not set')
    .option('--strict', 'exit status 1 when there are warnings')
    .option('--records <file>', 'try conversions on these: { "SYSTEM.ENTITY": [records as the system answers them] }')
    .addOption(new Option('--live', 'try conversions on records read from the systems').conflicts(['records', 'env']))
    .option('--sample <number>', 'with --live: records per entity, at most', wholeNumber, 100)
    .action(
      action<Options, [string[]]>(async (context, options, files) => {
        const { environment, output } = context;
        const folder = environment.config;
        const some = files.length > 0;
        const loaded = await loadFolder(folder, process.env, !options.env);
        const { mappings, systems } = loaded.config;
        const checked = some
          ? await checkFiles(files, loaded, folder, process.env, !options.env)
          : { problems: loaded.problems, mappings: [...mappings.values()] };
        const shown = <T extends Problem | Finding>(told: T): T =>
          some && files.includes(told.file) ? told : { ...told, file: shownFile(told.file, folder) };
        const problems = checked.problems.map(shown);
        const { findings, untried, unreadable } = await tryMappings(context, loaded.config, checked.mappings, options);
        const warnings = findings.filter(({ intended }) => !intended).map(shown);
        const good = problems.length === 0;
        output.result(
          {
            valid: good,
            folder,
            mappings: [...mappings.keys()],
            systems: [...systems.keys()],
            problems,
            warnings,
            intended: findings.filter(({ intended }) => intended).map(shown),
            untried,
            ...(unreadable.length > 0 ? { unreadable } : {}),
          },
          () => {
            const what = some
              ? count(files.length, 'file')
              : `${count(mappings.size, 'mapping')}, ${count(systems.size, 'system')}`;
            const verdict = warnings.length === 0 ? 'all good' : 'valid, with warnings';
            return [
              ...problems.map(formatProblem),
              ...findingLines(warnings),
              ...unreadable.map(
                ({ entity, count: n, reason }) => `${count(n, 'record')} of ${entity} not tried: ${reason}`,
              ),
              ...untriedLines(untried),
              ...(good ? [`${what}: ${verdict}`] : []),
            ].join('\n');
          },
        );
        if (!good) output.note(`${count(problems.length, 'problem')} in ${folder}`);
        if (options.env && problems.some(({ code }) => code === 'CONFIG_ENV'))
          output.note('To check the files without the secrets: tandem validate --no-env');
        if (warnings.length > 0) output.note(`${count(warnings.length, 'warning')} in ${folder}`);
        if (!good) return USAGE;
        return options.strict && warnings.length > 0 ? FAILED : OK;
      }),
    );
}

interface Tried {
  readonly findings: readonly Finding[];
  readonly untried: readonly Untried[];
  readonly unreadable: readonly { readonly entity: string; readonly count: number; readonly reason: string }[];
}

async function tryMappings(
  { environment, output }: CommandContext,
  config: Config,
  mappings: readonly Mapping[],
  { live, records, sample }: Options,
): Promise<Tried> {
  const all = async (optionsFor: (mapping: Mapping) => LawOptions): Promise<Pick<Tried, 'findings' | 'untried'>> => {
    const reports = [];
    for (const mapping of mappings) reports.push(await checkLaws(mapping, optionsFor(mapping)));
    return { findings: reports.flatMap((one) => one.findings), untried: reports.flatMap((one) => one.untried) };
  };
  if (records === undefined && !live) return { ...(await all(() => ({}))), unreadable: [] };
  // What speaks with Redis and the systems is loaded only where it is needed.
  const { readLive, readRecordsFile, recordsOf } = await import('../sampling.ts');
  if (records !== undefined) {
    const samples = await readRecordsFile(records, config);
    return { ...(await all((mapping) => ({ records: recordsOf(mapping, samples) }))), unreadable: [] };
  }
  const read = await readLive(environment, output, config, mappings, sample);
  try {
    const { samples, unreadable } = read;
    const tried = await all((mapping) => ({
      records: recordsOf(mapping, samples),
      context: read.context(mapping),
      within: LIVE_PATIENCE,
    }));
    return { ...tried, unreadable };
  } finally {
    await read.close();
  }
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
