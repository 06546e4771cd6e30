/** The files that a report is written to: checked before a test begins, as it takes minutes. */
import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../../engine/index.ts';
import { type Format, formatOfFile } from '../dataflow/formats/formats.ts';
import { dataflowDocument, systemPairs } from '../dataflow/model.ts';
import { asFailure, Failure } from '../failure.ts';
import type { Output } from '../format/output.ts';
import type { AcceptanceReport } from './acceptance-report.ts';
import { junit, renderReport } from './qa-report.ts';

const formatOf = (file: string): Format | 'junit' | undefined => (file.endsWith('.xml') ? 'junit' : formatOfFile(file));

/** @throws Failure where a file could not be written, or its ending names no format */
export async function requireWritable(file: string): Promise<void> {
  if (formatOf(file) === undefined)
    throw new Failure('BAD_REQUEST', `The ending of ${file} names no format.`, 'Take .html, .md, .rst or .xml.');
  const there = await stat(file).catch(() => undefined);
  const folder = dirname(resolve(file));
  try {
    if (there?.isDirectory()) throw new Error('it is a folder');
    await access(there ? file : folder, constants.W_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure(
      'BAD_REQUEST',
      `The report ${file} cannot be written: ${why}. Nothing was tested.`,
      `Name a file in a folder that exists and may be written to; ${folder} is asked for.`,
    );
  }
}

/** @returns whether all could be written; what could not is said */
export async function writeReports(
  files: readonly string[],
  report: AcceptanceReport,
  config: Config,
  output: Output,
): Promise<boolean> {
  const time = new Date();
  const documents = systemPairs(config).map(([from, to]) => dataflowDocument(config, from, to, time));
  let good = true;
  for (const file of files) {
    const format = formatOf(file)!;
    try {
      await writeFile(
        file,
        format === 'junit' ? junit(report) : renderReport(format, report, documents, config.mappings),
      );
    } catch (error) {
      output.note(`The report ${file} could not be written: ${asFailure(error).message}`);
      good = false;
    }
  }
  return good;
}
