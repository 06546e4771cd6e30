/** `tandem mapping`: what is kept of a mapping, and how it ends. */
import type { Command } from 'commander';
import type { MappingPage, MissingMapping, Retirement } from '../../api/index.ts';
import { action, type CommandContext, declare } from '../command.ts';
import { confirm } from '../confirm.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { plain } from '../format/output.ts';
import { path } from '../http-client.ts';
import { copyLinks } from './links-copy.ts';

interface RetireOptions {
  readonly yes?: boolean;
  /** File of the copy. */
  readonly out?: string;
  /** False: no copy is kept. */
  readonly copy: boolean;
}

export function mappingCommand(program: Command): void {
  const mapping = program
    .command('mapping')
    .summary('retire a mapping')
    .description('What is kept of a mapping. Asks the Tandem that runs at TANDEM_URL.');

  declare(mapping, {
    usage: 'retire <mapping>',
    summary: 'delete what is kept of a mapping whose file is missing',
    details:
      'Shows what it deletes (links, queue, schedules, issues, history), and asks. Keeps a copy of the links first, which it ' +
      'reads from Redis directly (REDIS_URL). Changes no record of any system. It may be cut short and run again. To keep ' +
      'the mapping, restore its file instead: its work then goes on.',
    examples: [
      ['mapping retire company-customer', 'asks, keeps a copy in this folder, and deletes'],
      ['mapping retire company-customer --yes --out links.ndjson', 'the same in a script'],
    ],
  })
    .option('--yes', 'do not ask')
    .option('--out <file>', 'file of the copy of its links; by default MAPPING-links-TIME.ndjson in this folder')
    .option('--no-copy', 'keep no copy of its links')
    .action(action<RetireOptions, [string]>(retire));
}

async function retire(context: CommandContext, { yes, out, copy }: RetireOptions, name: string): Promise<number> {
  const { client, output } = context;
  const missing = await find(context, name);
  const kept = missing.links > 0 && copy ? (out ?? `${name}-links-${stamp(new Date())}.ndjson`) : undefined;
  output.note(plain(`${name}: ${contents(missing)}`));
  const what = `Delete all of this${kept === undefined ? '' : `, after a copy of the links to ${kept}`}`;
  if (!yes && !(await confirm(what, '--yes', output))) {
    output.note('Nothing was deleted.');
    return FAILED;
  }
  if (kept !== undefined) await keepCopy(context, missing, kept);
  let answer: Retirement;
  do answer = await client.post<Retirement>(`${path('mappings', name)}/retire`, { links: missing.links });
  while (!answer.done);
  const undo = kept === undefined ? answer.undo : answer.undo.replace('FILE', kept);
  const result = { ...answer, undo, deleted: missing, ...(kept === undefined ? {} : { copy: kept }) };
  output.result(result, () => plain(`${name} is retired. ${answer.follows}\n${undo}`));
  return OK;
}

/** @throws Failure where there is nothing to retire */
async function find({ client }: CommandContext, name: string): Promise<MissingMapping> {
  const { mappings, missing } = await client.get<MappingPage>('/mappings');
  const found = missing.find((one) => one.name === name);
  if (found) return found;
  if (mappings.some((one) => one.name === name))
    throw new Failure(
      'CONFLICT',
      `The mapping "${name}" has a file: nothing was deleted.`,
      'Remove its file first. Its links are then paused, and this command deletes them.',
    );
  const known = missing.map((one) => one.name).join(', ');
  throw new Failure(
    'NOT_FOUND',
    `There is no mapping "${name}" whose file is missing.`,
    known === '' ? 'No file of a mapping is missing.' : `Files are missing of: ${known}.`,
  );
}

const contents = ({ links, records, queued, schedules }: MissingMapping): string =>
  [
    `${links} links`,
    `${records} records with an issue, a decision or a write that was begun`,
    `${queued} records and jobs in its queue`,
    `${schedules.length} schedules`,
    'and the history of its values',
  ].join(', ');

/** Nothing is deleted unless the copy holds as many links as will be deleted. */
async function keepCopy(context: CommandContext, { name, links }: MissingMapping, file: string): Promise<void> {
  if (context.environment.redisUrl === undefined)
    throw new Failure(
      'BAD_REQUEST',
      'REDIS_URL is not set, so that no copy of the links can be kept. Nothing was deleted.',
      `Take the copy where Redis can be reached (tandem links export ${name} --out FILE), then add --no-copy.`,
    );
  const counts = await copyLinks(context, name, file);
  if (counts.links !== links)
    throw new Failure(
      'CONFLICT',
      `The copy holds ${counts.links} links, not ${links}: nothing was deleted.`,
      'Check that REDIS_URL and TANDEM_PREFIX are those of the Tandem at TANDEM_URL, and that nothing works on it.',
    );
  context.output.note(plain(`${links} links copied to ${file}`));
}

const stamp = (now: Date): string =>
  now
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');
