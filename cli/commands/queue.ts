/** `tandem queue`: what waits in the queues and why, and what a person does about many jobs at once. */
import { type Command, Option } from 'commander';
import type { BulkAction, BulkResponse, Job, JobPage, MarkedPage, Queue, QueuePage } from '../../api/index.ts';
import { BULK } from '../../api/index.ts';
import { DELAY_REASONS, JOB_STATES } from '../../engine/index.ts';
import { parseErrorCode } from '../codes.ts';
import { action, declare } from '../command.ts';
import { confirm } from '../confirm.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { wholeNumber } from '../format/numbers.ts';
import { type Output, plain } from '../format/output.ts';
import { queueTable, reasonsOfQueues } from '../format/queue-lines.ts';
import { textTable } from '../format/terminal-table.ts';
import { type Client, path, query } from '../http-client.ts';

interface Filter {
  readonly code?: string;
  readonly reason?: string;
  readonly job?: string;
}

/** Options that choose jobs, the same for every command that has them. */
const CHOICES = {
  code: () => new Option('--code <code>', 'only those with this code').argParser(parseErrorCode),
  reason: () =>
    new Option('--reason <reason>', 'only delayed ones that wait for this').choices(Object.keys(DELAY_REASONS)),
  job: () => new Option('--job <id>', 'only this one'),
} as const;

function choosing(command: Command, ...names: readonly (keyof Filter)[]): Command {
  for (const name of names) command.addOption(CHOICES[name]());
  return command;
}

export function queueCommand(program: Command): void {
  const queue = program
    .command('queue')
    .summary('look into the queues, and act on many jobs at once')
    .description(
      'A queue is "scan", or a mapping (the records that need work). Asks the Tandem that runs at TANDEM_URL. Records that ' +
        'failed or wait are listed by tandem records, whether their jobs are kept or not.',
    );

  listCommand(queue);
  jobsCommand(queue);
  recordsCommand(queue);
  retryCommand(queue);
  promoteCommand(queue);
  discardCommand(queue);
  drainCommand(queue);
  pauseCommands(queue);
}

function listCommand(queue: Command): void {
  declare(queue, {
    usage: 'list',
    summary: 'how many jobs stand where, how old is the oldest, how fast they go, why some are delayed or failed',
    examples: [['queue list', 'all queues']],
  }).action(
    action(async ({ client, output }) => {
      const found = await client.get<QueuePage>('/queues?reasons=true');
      output.result(found, () => [queueTable(found.queues), ...reasonsOfQueues(found.queues)].join('\n'));
      return OK;
    }),
  );
}

function jobsCommand(queue: Command): void {
  const jobs = declare(queue, {
    usage: 'jobs <queue>',
    summary: 'the jobs of a queue in one state, a page at a time: those that failed, unless --state says otherwise',
    details: 'Of jobs that wait it tells why nobody takes them, where that is so.',
    examples: [
      ['queue jobs company-customer', 'those that failed, the latest first'],
      ['queue jobs company-customer --state delayed --reason quota', 'those that wait for quota'],
    ],
  }).addOption(new Option('--state <state>', 'state of the jobs').choices(JOB_STATES).default('failed'));
  choosing(jobs, 'code', 'reason')
    .option('--limit <n>', 'how many at most', wholeNumber, 50)
    .option('--offset <n>', 'how many to leave out first', wholeNumber)
    .action(
      action<Filter & { state: string; limit: number; offset?: number }, [string]>(
        async ({ client, output }, { state, code, reason, limit, offset = 0 }, name) => {
          const most = Math.min(limit, 500);
          const found = await client.get<JobPage>(
            `${path('queues', name, 'jobs')}${query({ state, code, reason, limit: most, offset })}`,
          );
          output.result(found, () => {
            if (found.jobs.length === 0) return `No ${state} job like that.`;
            const rows = found.jobs.map((job) => [job.id, what(job), job.createdAt, tries(job), words(job)]);
            const left = found.total - offset - found.jobs.length;
            const more = left > 0 ? `\n... and ${left} more: --offset ${offset + found.jobs.length}` : '';
            return `${textTable(['job', 'of', 'queued', 'tries', 'why'], rows)}${more}`;
          });
          return OK;
        },
      ),
    );
}

function recordsCommand(queue: Command): void {
  declare(queue, {
    usage: 'records <queue>',
    summary: 'the records of a mapping that wait to be looked at, a page at a time, the longest due first',
    details: 'Those that are being worked on are among them. Why nobody takes those that are due: tandem queue list.',
    examples: [['queue records company-customer', 'the first of them']],
  })
    .option('--limit <n>', 'how many at most', wholeNumber, 50)
    .option('--offset <n>', 'how many to leave out first', wholeNumber)
    .action(
      action<{ limit: number; offset?: number }, [string]>(async ({ client, output }, { limit, offset = 0 }, name) => {
        const page = query({ limit: Math.min(limit, 500), offset });
        const found = await client.get<MarkedPage>(`${path('queues', name, 'records')}${page}`);
        output.result(found, () => {
          if (found.records.length === 0) return 'No record waits.';
          const rows = found.records.map(({ mapping, side, id, due }) => [`${mapping} ${side} ${id}`, due]);
          const left = found.total - offset - found.records.length;
          const more = left > 0 ? `\n... and ${left} more: --offset ${offset + found.records.length}` : '';
          return `${textTable(['record', 'due'], rows)}${more}`;
        });
        return OK;
      }),
    );
}

function retryCommand(queue: Command): void {
  const retry = declare(queue, {
    usage: 'retry <queue>',
    summary: 'try failed jobs again, all or those with one code',
    examples: [
      ['queue retry company-customer --code SYSTEM_REJECTED', 'those that the other system rejected'],
      ['queue retry scan', 'scans that failed'],
    ],
  });
  choosing(retry, 'code', 'job').action(acting('retry', 'tried again'));
}

function promoteCommand(queue: Command): void {
  const promote = declare(queue, {
    usage: 'promote <queue>',
    summary: 'do delayed jobs now, not when their time comes',
    details: 'What waits for quota may have to go on waiting. Scheduled scans stay where they are.',
    examples: [['queue promote company-customer --reason retry', 'those that wait for their next try']],
  });
  choosing(promote, 'code', 'reason', 'job').action(acting('promote', 'promoted'));
}

function discardCommand(queue: Command): void {
  const discard = declare(queue, {
    usage: 'discard <queue>',
    summary: 'discard jobs of one state, those that failed unless --state says otherwise; runs no longer wait for them',
    details:
      'Say which: --code, --reason, --job, or --all. What they were for is found again by the next full scan, if it still needs work. Not what is under way, nor ' +
      'scheduled scans. A record that failed goes on being listed by tandem records.',
    examples: [
      ['queue discard company-customer --state failed --code SYSTEM_REJECTED', 'failed jobs with this code'],
      ['queue discard company-customer --job 17', 'one job'],
      ['queue discard company-customer --state delayed --all', 'all that are delayed'],
    ],
  }).addOption(
    new Option('--state <state>', 'state of the jobs').choices(['waiting', 'delayed', 'failed']).default('failed'),
  );
  choosing(discard, 'code', 'reason', 'job')
    .addOption(new Option('--all', 'all of this state').conflicts(['code', 'reason', 'job']))
    .action(acting('discard', 'discarded'));
}

function drainCommand(queue: Command): void {
  declare(queue, {
    usage: 'drain <queue>',
    summary: 'discard everything that waits or is delayed in a queue',
    details:
      'As discard does, after asking; where nobody can be asked, it takes --yes. To keep new jobs from being done meanwhile, ' +
      'pause the queue first.',
    examples: [
      ['queue drain company-customer', 'all that waits for this mapping'],
      ['queue drain company-customer --yes', 'the same in a script'],
    ],
  })
    .option('--yes', 'do not ask')
    .action(acting('drain', 'discarded'));
}

function pauseCommands(queue: Command): void {
  for (const [name, summary] of [
    ['pause', 'let nothing new begin, in any process, until it is resumed'],
    ['resume', 'go on'],
  ] as const) {
    declare(queue, {
      usage: `${name} [queue]`,
      summary,
      examples: [
        [`queue ${name} company-customer`, 'one queue'],
        [`queue ${name}`, 'all queues'],
      ],
    }).action(
      action<object, [string | undefined]>(async ({ client, output }, _options, one) => {
        const { queues } = await client.get<QueuePage>('/queues');
        const names = one === undefined ? queues.map((queue) => queue.name) : [one];
        const after: Queue[] = [];
        for (const each of names) after.push(await client.post<Queue>(path('queues', each, name)));
        output.result({ queues: after }, () => queueTable(after));
        return OK;
      }),
    );
  }
}

const what = ({ data }: Job): string =>
  data.scan !== undefined
    ? `${data.mapping} ${data.scan} scan`
    : data.id === undefined
      ? `${data.mapping} batch`
      : `${data.mapping} ${data.side} ${data.id}`;

/** One that failed before its last try was given up: trying again would not help. */
const tries = ({ state, attempts, attemptsAllowed }: Job): string =>
  state === 'failed' && attempts < attemptsAllowed ? `${attempts}, given up` : `${attempts} of ${attemptsAllowed}`;

const words = ({ code, reason, detail = '', until }: Job): string =>
  plain(
    `${[code, reason].filter(Boolean).join(', ')}${code || reason ? ': ' : ''}${detail}${until === undefined ? '' : ` Again at ${until}.`}`,
  );

interface Choice extends Filter {
  readonly state?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

function acting(doing: BulkAction, words: string) {
  const { done } = BULK[doing];
  return action<Choice, [string]>(async ({ client, output }, choice, queue) => {
    const { job, code, reason, state } = choice;
    if (doing === 'discard') requireChoice(choice, queue);
    if (doing === 'drain' && !choice.yes && !(await confirmDrain(client, output, queue))) {
      output.note('Nothing was discarded.');
      return FAILED;
    }
    const touched =
      job === undefined
        ? await all(client, queue, doing, { code, reason, state })
        : await one(client, queue, doing, job);
    output.result({ queue, [done]: touched }, () => `${queue}: ${jobs(touched)} ${words}.`);
    // Asked for by its code, and none is there: that is most likely a code misspelt.
    return touched === 0 && (code !== undefined || reason !== undefined) ? FAILED : OK;
  });
}

const jobs = (count: number): string => `${count} ${count === 1 ? 'job' : 'jobs'}`;

/** All failed jobs of a queue would be easily discarded by who means to look at what there is. */
function requireChoice({ job, code, reason, all, state = 'failed' }: Choice, queue: string): void {
  if (all || job !== undefined || code !== undefined || reason !== undefined) return;
  throw new Failure(
    'BAD_REQUEST',
    `Say which of the ${state} jobs of ${queue} to discard: --code, --reason, --job, or --all.`,
    `tandem queue jobs ${queue} --state ${state} lists them.`,
  );
}

async function confirmDrain(client: Client, output: Output, queue: string): Promise<boolean> {
  const { name, counts } = await client.get<Queue>(path('queues', queue));
  return confirm(`Discard ${counts.waiting} waiting and ${counts.delayed} delayed jobs of ${name}`, '--yes', output);
}

async function one(client: Client, queue: string, doing: BulkAction, job: string): Promise<number> {
  if (doing === 'discard') await client.delete(path('queues', queue, 'jobs', job));
  else await client.post(path('queues', queue, 'jobs', job, doing));
  return 1;
}

/** A request touches a part of them: the next one goes on where it ended. */
async function all(client: Client, queue: string, doing: BulkAction, body: object): Promise<number> {
  let touched = 0;
  for (let next: number | undefined = 0; next !== undefined; ) {
    const response: BulkResponse = await client.post<BulkResponse>(path('queues', queue, doing), {
      ...body,
      ...(doing === 'drain' ? {} : { offset: next }),
    });
    touched += (response as Readonly<Record<string, number | undefined>>)[BULK[doing].done] ?? 0;
    next = response.next;
  }
  return touched;
}
