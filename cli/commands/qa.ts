/** `tandem qa`: verifies the document of `tandem doc` against the systems as they are now, or (`--write`) on records that it makes. */

import { type Command, Option } from 'commander';
import type { MappingPage, MappingSummary } from '../../api/index.ts';
import type { Config, Mapping } from '../../engine/index.ts';
import { acceptance } from '../acceptance/acceptance.ts';
import { type AcceptanceReport, exitStatus } from '../acceptance/acceptance-report.ts';
import { requireYes } from '../acceptance/consent.ts';
import { requireWritable, writeReports } from '../acceptance/report-files.ts';
import { type Check, countsOf } from '../acceptance/verdicts.ts';
import { action, type CommandContext, declare } from '../command.ts';
import { loadFolder } from '../configuration.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { wholeNumber } from '../format/numbers.ts';
import { colors, type Output, plain } from '../format/output.ts';
import { textTable } from '../format/terminal-table.ts';
import { checkMapping, compared, type MappingCheck, passed } from '../verify.ts';

export function qaCommand(program: Command): void {
  declare(program, {
    usage: 'qa [mappings...]',
    summary: 'check linked records in both systems, property by property',
    details:
      'Reads a sample of the linked records of each mapping from both systems, through the Tandem that runs at TANDEM_URL, ' +
      'and tells per property how many agree. "kept" counts those that agree in a form that a system keeps in its own way ' +
      '(trimmed, rounded), or differ as the mapping allows. Writes nothing. Ends with 1 when something differs, and when nothing could be compared.\n\n' +
      '--write runs the document as an acceptance test: it makes records of its own in both systems, changes them and looks for ' +
      'each change on the other side, row by row and rule by rule, and removes them. Their texts begin with --prefix. It needs the files, the ' +
      'secrets and REDIS_URL, and a Tandem that runs on the same files. What it left when it was ended by force is removed at the next start.',
    examples: [
      ['qa', 'a sample of every mapping'],
      ['qa company-customer --sample 1000', 'more of one'],
      ['qa --write --report qa.html --report qa.xml', 'test every row and rule, with reports for people and for CI'],
    ],
  })
    .option('--sample <number>', 'linked records per mapping, at most', wholeNumber, 50)
    .option('--write', 'make records, change them, and see whether each change arrives; then remove them')
    .option('--prefix <text>', 'with --write: what their texts begin with', 'tandem-qa-')
    .option('--keep', 'with --write: leave them; the next test removes them')
    .option('--yes', 'with --write: also in systems that do not run on this machine')
    .option('--limit <seconds>', 'with --write: how long a change may take to arrive', wholeNumber, 20)
    .addOption(
      new Option('--report <file>', 'with --write: .html, .md, .rst or .xml (JUnit); several times').argParser(
        (file: string, files: string[] = []) => [...files, file],
      ),
    )
    .action(
      action<Options, [string[]]>((context, options, names) =>
        options.write ? write(context, options, names) : compare(context, options.sample, names),
      ),
    );
}

interface Options {
  readonly sample: number;
  readonly write?: boolean;
  readonly prefix: string;
  readonly keep?: boolean;
  readonly yes?: boolean;
  readonly limit: number;
  readonly report?: readonly string[];
}

/** Compares linked records as they are. */
async function compare({ client, output }: CommandContext, sample: number, names: readonly string[]): Promise<number> {
  const { mappings } = await client.get<MappingPage>('/mappings');
  const unknown = names.find((name) => !mappings.some((mapping) => mapping.name === name));
  if (unknown !== undefined) {
    throw new Failure(
      'NOT_FOUND',
      `There is no mapping "${unknown}".`,
      `There are: ${mappings.map((mapping) => mapping.name).join(', ')}.`,
    );
  }
  const wanted = names.length === 0 ? mappings : mappings.filter((mapping) => names.includes(mapping.name));
  const checks: MappingCheck[] = [];
  for (const mapping of wanted) {
    const check = await checkMapping(client, mapping, sample, (checked, of) => {
      if (output.tty) process.stderr.write(`\r\u001b[K${mapping.name}: ${checked} of ${of}`);
    });
    if (output.tty) process.stderr.write('\r\u001b[K');
    checks.push(check);
    output.line(checkText(check, mapping));
  }
  const count = checks.reduce((sum, check) => sum + compared(check), 0);
  // A check that looked at nothing has found nothing out: the caller must learn of that.
  const good = count > 0 && checks.every(passed);
  if (output.json) output.result({ passed: good, compared: count, checks }, () => '');
  else output.line(verdict(good, count, checks));
  return good ? OK : FAILED;
}

async function write(context: CommandContext, options: Options, names: readonly string[]): Promise<number> {
  const { output } = context;
  const { prefix, keep = false, limit, yes = false, report: files = [] } = options;
  if (!/^[A-Za-z][A-Za-z0-9-]{2,30}$/.test(prefix))
    throw new Failure('BAD_REQUEST', `"${prefix}" is no prefix.`, 'Take 3 to 31 letters, digits and hyphens.');
  for (const file of files) await requireWritable(file);
  const { config, problems } = await loadFolder(context, process.env, false);
  if (problems.length > 0)
    throw new Failure(
      'CONFIG_FILE',
      `${problems.length} problems keep some of the files from being tested.`,
      'See tandem validate.',
    );
  const mappings = wantedMappings(config, names);
  requireYes(mappings, yes);
  const report = await untilStopped(output, (signal) =>
    acceptance(context, config, mappings, { prefix, keep, limit: limit * 1_000 }, signal),
  );
  output.result({ ...report, counts: countsOf(report.checks) }, () => writeText(report));
  const written = await writeReports(files, report, config, output);
  return exitStatus(report) || (written ? OK : FAILED);
}

/** Parents first: their records are referred to. */
function wantedMappings({ mappings }: Config, names: readonly string[]): readonly Mapping[] {
  const all = [...mappings.values()].sort((a, b) => a.depth - b.depth || (a.name < b.name ? -1 : 1));
  const missing = names.find((name) => !mappings.has(name));
  if (missing !== undefined)
    throw new Failure(
      'NOT_FOUND',
      `There is no valid mapping "${missing}".`,
      `There are: ${all.map(({ name }) => name).join(', ')}.`,
    );
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

/** Does work that Ctrl-C ends in order; a second one ends the process. */
async function untilStopped<T>(output: Output, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (): void => {
    // The next test removes what is left.
    if (stop.signal.aborted) process.exit(130);
    output.note('Stopping; the records of this test are removed first. Once more stops at once.');
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  try {
    return await work(stop.signal);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

/** What could not be tested, one line per reason. */
function untestable(checks: readonly Check[]): string[] {
  const reasons = new Map<string, Set<string>>();
  for (const { mapping, property, what, verdict, reason = '' } of checks) {
    if (verdict !== 'not testable') continue;
    const key = `${what}: ${reason}`;
    reasons.set(key, (reasons.get(key) ?? new Set()).add(property === undefined ? mapping : `${mapping} ${property}`));
  }
  return [...reasons].map(([reason, names]) => plain(`not testable: ${reason} (${[...names].join(', ')})`));
}

function writeText(report: AcceptanceReport): string {
  const { checks, removed, left, took, stopped } = report;
  const counts = countsOf(checks);
  const lineOf = ({ mapping, property, what, from, to, reason }: Check): string =>
    plain(
      `${mapping}${property === undefined ? '' : ` ${property}`}: ${what}, ${from} to ${to}${reason ? `: ${reason}` : ''}`,
    );
  const failed = checks.filter(({ verdict }) => verdict === 'failed');
  const rows = new Set(
    checks.flatMap(({ mapping, property }) => (property === undefined ? [] : [`${mapping} ${property}`])),
  );
  return [
    ...failed.map((check) => colors.red(`FAILED ${lineOf(check)}`)),
    ...untestable(checks),
    `${rows.size} rows: ${counts.passed} checks passed, ${counts.failed} failed, ${counts['not testable']} not testable, in ${Math.round(took / 1_000)} s${stopped ? ' (stopped before the end)' : ''}`,
    `${removed} records removed, ${left.length} left behind`,
    ...left.map((record) => colors.red(plain(`left behind: ${record}`))),
  ].join('\n');
}

function verdict(good: boolean, count: number, checks: readonly MappingCheck[]): string {
  if (good) return colors.green('All that was checked agrees.');
  if (checks.some(({ properties }) => properties.some(({ differ }) => differ > 0)))
    return colors.red('Something differs: tandem explain MAPPING SIDE ID tells why.');
  if (count > 0)
    return colors.red('What was checked agrees, but some records could not be read, so they were not checked.');
  if (checks.some(({ errors }) => errors.length > 0)) return colors.red('Nothing was compared: it could not be read.');
  return colors.red('Nothing was compared: there are no linked records to compare. tandem sync --full links them.');
}

function checkText(
  { mapping, checked, links, apart, errors, properties }: MappingCheck,
  { issues }: MappingSummary,
): string {
  const lines = [
    colors.bold(mapping),
    `${checked - errors.length} of ${links} linked records checked${apart > 0 ? `; ${apart} of them no longer take part on both sides` : ''}`,
    ...(errors.length > 0 ? [`not checked, as they could not be read: ${errors.length}`] : []),
  ];
  const waiting = (['failed', 'review', 'waiting', 'blocked'] as const)
    .filter((kind) => issues[kind] > 0)
    .map((kind) => `${issues[kind]} ${kind}`);
  if (waiting.length > 0) lines.push(`records that wait: ${waiting.join(', ')}`);
  const [first] = properties;
  if (first) {
    const sides = Object.keys(first.sources);
    lines.push(
      textTable(
        [...sides, 'type', 'agree', 'kept', 'differ', ''],
        properties.map(({ sources, type, agree, kept, differ, examples }) => [
          ...sides.map((side) => sources[side] ?? ''),
          type,
          agree,
          kept,
          differ,
          examples
            .map((ids) =>
              Object.entries(ids)
                .map(([side, id]) => `${side} ${id}`)
                .join(' = '),
            )
            .join(', '),
        ]),
      ),
    );
  }
  for (const { ids, code, message } of errors.slice(0, 5))
    lines.push(colors.red(plain(`${Object.values(ids).join(' = ')}: ${code} ${message}`)));
  if (errors.length > 5) lines.push(`... and ${errors.length - 5} more that could not be read`);
  return `${lines.join('\n')}\n`;
}
