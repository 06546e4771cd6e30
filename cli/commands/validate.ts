/** `tandem validate`: checks the configuration files, what conversions lose, and whether descriptions are true. */

import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import {
  type Config,
  checkDescription,
  checkRoundTrips,
  type DescriptionFinding,
  type EntityConfig,
  type Finding,
  formatProblem,
  type LiveFinding,
  type LiveRequest,
  type Mapping,
  type NotChecked,
  type Problem,
  type RoundTripOptions,
  type SystemConfig,
  type UncheckedProperty,
} from '../../engine/index.ts';
import type { Live } from '../check-live.ts';
import { action, type CommandContext, declare } from '../command.ts';
import { checkFiles, howToBegin, loadFolder, shownFile } from '../configuration.ts';
import { type ExitStatus, FAILED, OK, USAGE } from '../failure.ts';
import { descriptionLines, findingLines, liveFindingLines, uncheckedLines } from '../format/finding-lines.ts';
import { wholeNumber } from '../format/numbers.ts';
import { plain } from '../format/output.ts';

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
      'Warns where the description of a mapping contradicts its rules. Also sends values of every two-way property to the other side and back, in memory, and warns where they do not come ' +
      'back as they were. Needs neither Redis nor a running Tandem, as it takes the examples in the entity schemas and ' +
      'values of its own.\n\n' +
      '--live asks the systems. It sends each declared list, since, find and read once, and compares what comes back with ' +
      'the files: parameters that are refused or ignored, properties that no record has, amounts, times. It then tries ' +
      'conversions on the records that it read, and follows references. It needs REDIS_URL, for the links and for the ' +
      'limiter that it shares with a running Tandem. It only sends GET.',
    examples: [
      ['validate', 'everything in the configuration folder'],
      ['validate mappings/company-customer.yaml', 'one file'],
      ['validate --no-env --strict', 'without the secrets, and failing on warnings, as in CI'],
      ['validate --live --sample 500', 'the system files and conversions, on the systems as they are now'],
    ],
  })
    .option('--no-env', 'put placeholders in place of environment variables that are not set')
    .option('--strict', 'exit status 1 when there are warnings')
    .option('--records <file>', 'try conversions on these: { "SYSTEM.ENTITY": [records as the system answers them] }')
    .addOption(
      new Option('--live', 'check system files and conversions against the systems').conflicts(['records', 'env']),
    )
    .option('--sample <number>', 'with --live: records per entity, at most', wholeNumber, 100)
    .action(action<Options, [string[]]>(validate));
}

async function validate(context: CommandContext, options: Options, files: string[]): Promise<ExitStatus> {
  const { environment, output } = context;
  const folder = environment.config;
  const some = files.length > 0;
  const loaded = await loadFolder(context, process.env, !options.env);
  const { mappings, systems } = loaded.config;
  const checked = some
    ? await checkFiles(files, loaded, folder, process.env, !options.env)
    : { problems: loaded.problems, mappings: [...mappings.values()], systems: [] };
  const shown = <T extends Problem | Finding | LiveFinding | DescriptionFinding>(reported: T): T =>
    some && files.includes(reported.file) ? reported : { ...reported, file: shownFile(reported.file, folder) };
  const problems = checked.problems.map((problem) => shown(problem));
  const textOf = ({ file }: SystemConfig): Promise<string> | string => loaded.files.get(file) ?? readFile(file, 'utf8');
  const tried = await tryMappings(context, loaded.config, { ...checked, all: !some, textOf }, options);
  const intended = tried.findings.filter((finding) => finding.intended).map(shown);
  const warnings = tried.findings.filter((finding) => !finding.intended).map(shown);
  const descriptions = checked.mappings.flatMap(checkDescription).map(shown);
  const live = tried.live && { ...tried.live, findings: tried.live.findings.map(shown) };
  const none = !some && mappings.size === 0 && problems.length === 0;
  const notes = [...(none ? [NO_MAPPING] : []), ...checked.mappings.flatMap((one) => neverReferredTo(one, mappings))];
  const result: Result = {
    valid: problems.length === 0,
    folder,
    mappings: [...mappings.keys()],
    systems: [...systems.keys()],
    problems,
    warnings,
    descriptions,
    intended,
    notChecked: tried.notChecked,
    ...(tried.unreadable.length > 0 ? { unreadable: tried.unreadable } : {}),
    ...(live ? { live } : {}),
    ...(notes.length > 0 ? { notes } : {}),
  };
  const failures = live?.findings.filter(({ severity }) => severity === 'problem').length ?? 0;
  const doubts =
    warnings.length + descriptions.length + (live?.findings.length ?? 0) - failures + (result.notes?.length ?? 0);
  output.result(result, () => {
    const what = some
      ? count(files.length, 'file')
      : `${count(mappings.size, 'mapping')}, ${count(systems.size, 'system')}`;
    const verdict =
      failures > 0 ? 'valid, but not what the systems do' : doubts > 0 ? 'valid, with warnings' : 'all good';
    return [...resultLines(result), ...(result.valid ? [`${what}: ${verdict}`] : [])].join('\n');
  });
  if (!result.valid) output.note(problemCount(problems, folder));
  if (options.env && problems.some(({ code }) => code === 'CONFIG_ENV'))
    output.note('To check the files without the secrets: tandem validate --no-env');
  if (failures > 0) output.note(`${count(failures, 'disagreement')} with the systems`);
  for (const note of notes) output.note(note === NO_MAPPING ? `${note} ${howToBegin(folder)}` : note);
  if (doubts > 0) output.note(`${count(doubts, 'warning')} in ${folder}`);
  if (!result.valid) return USAGE;
  return failures > 0 || (options.strict && doubts > 0) ? FAILED : OK;
}

/** What is created on demand is never created where no other mapping refers to it. */
function neverReferredTo({ name, file, sides }: Mapping, mappings: ReadonlyMap<string, Mapping>): string[] {
  const side = sides.find(({ create }) => create === 'on-demand');
  const referred = [...mappings.values()].some(({ parents }) => parents.includes(name));
  return !side || referred
    ? []
    : [
        `${file}: nothing is created on ${side.name}: "create" says on-demand, and no other mapping refers to records of "${name}". Add a "reference" to it, or write "missing".`,
      ];
}

/** What `--json` prints. */
interface Result {
  readonly valid: boolean;
  readonly folder: string;
  readonly mappings: readonly string[];
  readonly systems: readonly string[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Finding[];
  readonly descriptions: readonly DescriptionFinding[];
  readonly intended: readonly Finding[];
  readonly notChecked: readonly UncheckedProperty[];
  readonly unreadable?: Live['unreadable'];
  readonly live?: LiveResult;
  readonly notes?: readonly string[];
}

const resultLines = ({ problems, live, warnings, descriptions, unreadable = [], notChecked }: Result): string[] => [
  ...problems.map(formatProblem),
  ...(live ? liveLines(live) : []),
  ...descriptionLines(descriptions),
  ...findingLines(warnings),
  ...unreadable.map(({ entity, count: n, reason }) => `${count(n, 'record')} of ${entity} not tried: ${reason}`),
  ...uncheckedLines(notChecked),
];

function problemCount(problems: readonly Problem[], folder: string): string {
  const secondary = problems.filter((problem) => problem.secondary).length;
  const own = problems.length - secondary;
  const rest = `only ${secondary === 1 ? 'follows' : 'follow'} from faults of other files`;
  if (secondary === 0) return `${count(own, 'problem')} in ${folder}`;
  if (own === 0) return `${count(secondary, 'problem')} in ${folder}, which ${rest}`;
  return `${count(own, 'problem')} in ${folder}, and ${secondary} that ${rest}`;
}

const NO_MAPPING = 'There is no mapping, so nothing would be synchronized.';

interface Checked {
  readonly mappings: readonly Mapping[];
  /** Systems whose files were named. */
  readonly systems: readonly SystemConfig[];
  /** No files were named. */
  readonly all: boolean;
  readonly textOf: (system: SystemConfig) => Promise<string> | string;
}

interface Tried {
  readonly findings: readonly Finding[];
  readonly notChecked: readonly UncheckedProperty[];
  readonly unreadable: Live['unreadable'];
  readonly live?: LiveResult;
}

interface LiveResult {
  readonly requests: readonly LiveRequest[];
  readonly findings: readonly LiveFinding[];
  readonly notChecked: readonly NotChecked[];
}

async function tryMappings(
  { environment, output }: CommandContext,
  config: Config,
  checked: Checked,
  { live, records, sample }: Options,
): Promise<Tried> {
  const all = async (
    optionsFor: (mapping: Mapping) => RoundTripOptions,
  ): Promise<Pick<Tried, 'findings' | 'notChecked'>> => {
    const reports = [];
    for (const mapping of checked.mappings) reports.push(await checkRoundTrips(mapping, optionsFor(mapping)));
    return { findings: reports.flatMap((one) => one.findings), notChecked: reports.flatMap((one) => one.notChecked) };
  };
  if (records === undefined && !live) return { ...(await all(() => ({}))), unreadable: [] };
  // What speaks with Redis and the systems is loaded only where it is needed.
  const { readRecordsFile, recordsOf } = await import('../sampling.ts');
  if (records !== undefined) {
    const samples = await readRecordsFile(records, config);
    return { ...(await all((mapping) => ({ records: recordsOf(mapping, samples) }))), unreadable: [] };
  }
  const { checkLive } = await import('../check-live.ts');
  const systems = new Map([...config.systems, ...checked.systems.map((system) => [system.name, system] as const)]);
  const texts = new Map<string, string>();
  for (const system of systems.values()) texts.set(system.file, await checked.textOf(system));
  const read = await checkLive(environment, output, {
    config: { ...config, systems },
    mappings: checked.mappings,
    entities: entitiesOf(checked, systems),
    textOf: ({ file }) => texts.get(file),
    sample,
  });
  try {
    const tried = await all((mapping) => ({
      records: recordsOf(mapping, read.samples),
      context: read.context(mapping),
      within: LIVE_PATIENCE,
    }));
    const result: LiveResult = {
      requests: read.reports.flatMap((report) => report.requests),
      findings: read.findings,
      notChecked: read.reports.flatMap((report) => report.notChecked),
    };
    return { ...tried, unreadable: read.unreadable, live: result };
  } finally {
    await read.close();
  }
}

/** Those of the files that were named; without any, all of the systems that mappings use. */
function entitiesOf(
  { mappings, systems: named, all }: Checked,
  systems: ReadonlyMap<string, SystemConfig>,
): readonly EntityConfig[] {
  const whole = all
    ? mappings.flatMap(({ sides }) => sides.map(({ system }) => system.name))
    : named.map(({ name }) => name);
  const found = new Map<string, EntityConfig>();
  const add = (system: string, name: string): void => {
    const entity = systems.get(system)?.entities[name];
    if (entity) found.set(`${system}.${name}`, entity);
  };
  for (const { sides, properties } of mappings) {
    for (const { system, entity, index } of sides) {
      add(system.name, entity.name);
      for (const { lookup } of properties.map((property) => property.sides[index]))
        if (lookup) add(system.name, lookup.entity);
    }
  }
  for (const system of whole) for (const name of Object.keys(systems.get(system)?.entities ?? {})) add(system, name);
  return [...found.values()];
}

/** What disagrees, then what was asked and not asked. */
function liveLines({ requests, findings, notChecked }: LiveResult): string[] {
  return [
    ...liveFindingLines(findings),
    ...notChecked.map(({ system, entity, operation, reason }) =>
      plain(`${system}.${entity} ${operation} was not checked: ${reason}.`),
    ),
    `${count(requests.length, 'request')} sent, all of them GET; ${count(findings.length, 'disagreement')} with the files.`,
  ];
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
