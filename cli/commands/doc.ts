/** `tandem doc`: writes the documents of the mappings, or compares a document with them. Needs the files alone. */
import { readFile, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type Config, nearest, type SystemConfig } from '../../engine/index.ts';
import { action, declare } from '../command.ts';
import { loadFolder } from '../configuration.ts';
import { checkDocument } from '../dataflow/check.ts';
import type { CheckReport } from '../dataflow/differences.ts';
import { FORMATS, type Format, formatOfFile, parse, render } from '../dataflow/formats/formats.ts';
import { layout } from '../dataflow/layout.ts';
import { type DataflowDocument, dataflowDocument, systemPairs } from '../dataflow/model.ts';
import { type ExitStatus, FAILED, Failure, OK } from '../failure.ts';
import { colors, type Output, plain } from '../format/output.ts';

interface Options {
  readonly format?: Format;
  readonly output?: string;
  readonly wide?: boolean;
  readonly check?: string;
}

export function docCommand(program: Command): void {
  declare(program, {
    usage: 'doc [from] [to]',
    summary: 'write what the mappings do as a document, or check one',
    details:
      'One document per pair of systems, read from one to the other: which records take part, what happens to them, and a table ' +
      'of the properties with their data types. It is made from the rules, so the same files give the same document, but for its ' +
      'time (SOURCE_DATE_EPOCH sets it). Without names: every pair of systems. Needs no Redis and no secrets.\n\n' +
      '--check compares a document with the mappings: one that this command made, in any format, or a table by hand with a ' +
      'column for the properties of either system. Each difference is one line, and the exit status 1; so it is where nothing ' +
      'could be compared. What was not compared is named.',
    examples: [
      ['doc keap customwebshop -o dataflow.html', 'one file, to be read on a screen or on paper'],
      ['doc customwebshop keap --wide', 'the other way, with conversions and rules per property'],
      ['doc --check docs/dataflow.md', 'does the document still say what the mappings do?'],
    ],
  })
    .addOption(new Option('--format <format>', 'md (default), rst or html').choices(FORMATS))
    .option('-o, --output <file>', 'write it into this file, whose ending gives the format')
    .option('--wide', 'also type on the other side, direction, required, conversion, conflict, reference; value tables')
    .addOption(new Option('--check <file>', 'compare this document with the mappings').conflicts(['output', 'wide']))
    .action(
      action<Options, [string | undefined, string | undefined]>(async (context, options, from, to) => {
        const { output } = context;
        const { config, problems } = await loadFolder(context, process.env, true);
        if (problems.length > 0)
          output.note('Some files have problems, and what they hold is left out: see tandem validate.');
        const pairs = pairsOf(config, from, to);
        return options.check === undefined
          ? write(output, config, pairs, options)
          : check(
              output,
              config,
              from === undefined ? [...pairs, ...pairs.map(turned)] : pairs,
              options.check,
              options,
            );
      }),
    );
}

type SystemPair = readonly [SystemConfig, SystemConfig];
const turned = ([from, to]: SystemPair): SystemPair => [to, from];

/** @throws Failure where a name is no system, or where no mapping is between the two */
function pairsOf(config: Config, from: string | undefined, to: string | undefined): SystemPair[] {
  const pairs = systemPairs(config);
  if (from === undefined) {
    if (pairs.length > 0) return pairs;
    throw new Failure('NOT_FOUND', 'There is no valid mapping.', 'See tandem validate.');
  }
  if (to === undefined)
    throw new Failure(
      'BAD_REQUEST',
      `A document goes from one system to another; ${from} alone names one.`,
      `Name two, such as: tandem doc ${pairs[0]?.map(({ name }) => name).join(' ') ?? 'FROM TO'}`,
    );
  const wanted: SystemPair = [systemNamed(config, from), systemNamed(config, to)];
  const key = (pair: SystemPair): string => JSON.stringify(pair.map(({ name }) => name).sort());
  if (pairs.some((pair) => key(pair) === key(wanted))) return [wanted];
  throw new Failure(
    'NOT_FOUND',
    `No valid mapping is between ${wanted[0].name} and ${wanted[1].name}.`,
    `There are mappings between ${pairs.map((pair) => pair.map(({ name }) => name).join(' and ')).join('; ')}.`,
  );
}

/** By its name or its title, in any letter case. */
function systemNamed({ systems }: Config, name: string): SystemConfig {
  const same = (text: string): boolean => text.toLowerCase() === name.toLowerCase();
  const found = [...systems.values()].find((system) => same(system.name) || same(system.title));
  if (found) return found;
  const hint = nearest(name, systems.keys());
  throw new Failure(
    'NOT_FOUND',
    `There is no valid system "${name}".`,
    hint === undefined ? `There are: ${[...systems.keys()].join(', ')}.` : `Did you mean ${hint}?`,
  );
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
function now(): Date {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return epoch !== undefined && /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : new Date();
}

async function write(
  output: Output,
  config: Config,
  pairs: readonly SystemPair[],
  { format, output: file, wide = false }: Options,
): Promise<ExitStatus> {
  const time = now();
  const documents = pairs.map(([from, to]) => dataflowDocument(config, from, to, time));
  const chosen = format ?? (file === undefined ? 'md' : formatOfFile(file));
  if (chosen === undefined)
    throw new Failure(
      'BAD_REQUEST',
      `The ending of ${file} names no format.`,
      `Name one: --format ${FORMATS.join('|')}`,
    );
  const text = output.json
    ? `${JSON.stringify({ documents }, null, 2)}\n`
    : render(
        chosen,
        documents.flatMap((document) => layout(document, { wide })),
      );
  if (file === undefined) {
    process.stdout.write(text);
    return OK;
  }
  try {
    await writeFile(file, text);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Failure('BAD_REQUEST', `${file} cannot be written (${reason}).`, 'Check its name.', undefined, error);
  }
  output.note(`Wrote ${file}.`);
  return OK;
}

async function check(
  output: Output,
  config: Config,
  pairs: readonly SystemPair[],
  file: string,
  { format }: Options,
): Promise<ExitStatus> {
  const chosen = format ?? formatOfFile(file);
  if (chosen === undefined)
    throw new Failure(
      'BAD_REQUEST',
      `The ending of ${file} names no format.`,
      `Name one: --format ${FORMATS.join('|')}`,
    );
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Failure('BAD_REQUEST', `${file} cannot be read (${reason}).`, 'Check its name.', undefined, error);
  }
  const documents: DataflowDocument[] = pairs.map(([from, to]) => dataflowDocument(config, from, to, now()));
  const report = checkDocument(parse(chosen, text), documents);
  const compared = report.compared.rows + report.compared.sentences > 0;
  const differs = report.differences.length > 0;
  const agrees = compared && !differs && report.notChecked.length === 0;
  output.result({ file, agrees, ...report }, () => reportText(file, report, compared));
  return compared && !differs ? OK : FAILED;
}

function reportText(file: string, { differences, compared, notChecked }: CheckReport, any: boolean): string {
  const counts = `${compared.rows} rows, ${compared.types} data types and ${compared.sentences} sentences compared`;
  const verdict =
    differences.length > 0
      ? colors.red(`${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}; ${counts}.`)
      : !any
        ? colors.red('Nothing was compared: no table of it is about the properties of a mapping.')
        : notChecked.length > 0
          ? colors.yellow(`No difference in what could be compared: ${counts}. The rest was not checked, see above.`)
          : colors.green(`Agrees with the mappings: ${counts}.`);
  return [
    ...differences.map(({ line, kind, message }) => plain(`${file}:${line} ${kind.toUpperCase()} ${message}`)),
    ...notChecked.map((reason) => plain(`Not checked: ${reason}`)),
    verdict,
  ].join('\n');
}
