/** `tandem queue`: what waits in the queues and why, and what a person does about many jobs at once. */
import { type Command, Option } from 'commander';
import { WHYS } from '../../engine/queue/reasons.ts';
import { JOB_STATES } from '../../server/queue-counts.ts';
import { type Client, path, query } from '../client.ts';
import { errorCode } from '../codes.ts';
import { action, declare } from '../command.ts';
import { FAILED, OK } from '../failure.ts';
import { wholeNumber } from '../numbers.ts';
import { plain } from '../output.ts';
import { type Queue, queueTable, reasonsOfQueues } from '../queues.ts';
import { textTable } from '../tables.ts';

interface Filter {
  readonly code?: string;
  readonly why?: string;
  readonly job?: string;
}

interface Job {
  readonly id: string;
  readonly state: string;
  readonly data: { readonly mapping: string; readonly side?: string; readonly id?: string; readonly scan?: string };
  readonly attempts: number;
  readonly attemptsAllowed: number;
  readonly reason?: string;
  readonly code?: string;
  readonly why?: string;
  readonly created: string;
  readonly until?: string;
}

/** A mapping's name stands for its queue. */
const queueName = (name: string): string =>
  name === 'scan' || name.startsWith('reconcile-') ? name : `reconcile-${name}`;

const why = (): Option => new Option('--why <why>', 'only delayed ones that wait for this').choices(WHYS);

export function queueCommand(program: Command): void {
  const queue = program
    .command('queue')
    .summary('look into the queues, and act on many jobs at once')
    .description(
      'A queue is "scan", or a mapping (the records that need work). Asks the Tandem that runs at TANDEM_URL. Records that ' +
        'failed or wait are listed by tandem records, whether their jobs are kept or not.',
    );

  declare(queue, {
    usage: 'list',
    summary: 'how many jobs stand where, how old is the oldest, how fast they go, why some are delayed or failed',
    examples: [['queue list', 'all queues']],
  }).action(
    action(async ({ client, output }) => {
      const found = await client.get<{ queues: Queue[] }>('/queues?reasons=true');
      output.result(found, () => [queueTable(found.queues), ...reasonsOfQueues(found.queues)].join('\n'));
      return OK;
    }),
  );

  declare(queue, {
    usage: 'jobs <queue>',
    summary: 'the jobs of a queue in one state, a page at a time',
    examples: [
      ['queue jobs company-customer', 'those that failed, the latest first'],
      ['queue jobs company-customer --state delayed --why quota', 'those that wait for quota'],
    ],
  })
    .addOption(new Option('--state <state>', 'state of the jobs').choices(JOB_STATES).default('failed'))
    .option('--code <code>', 'only those with this code', errorCode)
    .addOption(why())
    .option('--limit <n>', 'how many at most', wholeNumber, 50)
    .option('--offset <n>', 'how many to leave out first', wholeNumber)
    .action(
      action<Filter & { state: string; limit: number; offset?: number }, [string]>(
        async ({ client, output }, { state, code, why, limit, offset = 0 }, name) => {
          const most = Math.min(limit, 500);
          const found = await client.get<{ jobs: Job[]; total: number }>(
            `${path('queues', queueName(name), 'jobs')}${query({ state, code, why, limit: most, offset })}`,
          );
          output.result(found, () => {
            if (found.jobs.length === 0) return `No ${state} job like that.`;
            const rows = found.jobs.map((job) => [
              job.id,
              what(job),
              job.created,
              `${job.attempts} of ${job.attemptsAllowed}`,
              words(job),
            ]);
            const left = found.total - offset - found.jobs.length;
            const more = left > 0 ? `\n... and ${left} more: --offset ${offset + found.jobs.length}` : '';
            return `${textTable(['job', 'of', 'queued', 'tries', 'why'], rows)}${more}`;
          });
          return OK;
        },
      ),
    );

  declare(queue, {
    usage: 'retry <queue>',
    summary: 'try failed jobs again, all or those with one code',
    examples: [
      ['queue retry company-customer --code SYSTEM_REJECTED', 'those that the other system rejected'],
      ['queue retry scan', 'scans that failed'],
    ],
  })
    .option('--code <code>', 'only those with this code', errorCode)
    .option('--job <id>', 'only this one')
    .action(acting('retry', 'retried', 'tried again'));

  declare(queue, {
    usage: 'promote <queue>',
    summary: 'do delayed jobs now, not when their time comes',
    details: 'What waits for quota may have to go on waiting. Scheduled scans stay where they are.',
    examples: [['queue promote company-customer --why retry', 'those that wait for their next try']],
  })
    .option('--code <code>', 'only those with this code', errorCode)
    .addOption(why())
    .option('--job <id>', 'only this one')
    .action(acting('promote', 'promoted', 'promoted'));

  declare(queue, {
    usage: 'discard <queue>',
    summary: 'discard jobs of one state; runs no longer wait for them',
    details:
      'What they were for is found again by the next full scan, if it still needs work. Not what is under way, nor ' +
      'scheduled scans. A record that failed goes on being listed by tandem records.',
    examples: [
      ['queue discard company-customer --state failed --code SYSTEM_REJECTED', 'failed jobs with this code'],
      ['queue discard company-customer --job 17', 'one job'],
    ],
  })
    .addOption(
      new Option('--state <state>', 'state of the jobs').choices(['waiting', 'delayed', 'failed']).default('failed'),
    )
    .option('--code <code>', 'only those with this code', errorCode)
    .addOption(why())
    .option('--job <id>', 'only this one')
    .action(acting('discard', 'discarded', 'discarded'));

  declare(queue, {
    usage: 'drain <queue>',
    summary: 'discard everything that waits or is delayed in a queue',
    details: 'As discard does. To keep new jobs from being done meanwhile, pause the queue first.',
    examples: [['queue drain company-customer', 'all that waits for this mapping']],
  }).action(acting('drain', 'discarded', 'discarded'));

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
        const { queues } = await client.get<{ queues: Queue[] }>('/queues');
        const names = one === undefined ? queues.map((queue) => queue.name) : [queueName(one)];
        const after: Queue[] = [];
        for (const each of names) after.push(await client.post<Queue>(path('queues', each, name)));
        output.result({ queues: after }, () => queueTable(after));
        return OK;
      }),
    );
  }
}

const what = ({ data }: Job): string =>
  data.scan === undefined ? `${data.mapping} ${data.side} ${data.id}` : `${data.mapping} ${data.scan} scan`;

const words = ({ code, why, reason = '', until }: Job): string =>
  plain(
    `${[code, why].filter(Boolean).join(', ')}${code || why ? ': ' : ''}${reason}${until === undefined ? '' : ` Again at ${until}.`}`,
  );

type Doing = 'retry' | 'promote' | 'discard' | 'drain';

function acting(doing: Doing, field: string, done: string) {
  return action<Filter & { state?: string }, [string]>(async ({ client, output }, { job, code, why, state }, name) => {
    const queue = queueName(name);
    const touched =
      job === undefined
        ? await all(client, queue, doing, field, { code, why, state })
        : await one(client, queue, doing, job);
    output.result({ queue, [field]: touched }, () => `${queue}: ${touched} ${touched === 1 ? 'job' : 'jobs'} ${done}.`);
    // Asked for by its code, and none is there: that is most likely a code misspelt.
    return touched === 0 && (code !== undefined || why !== undefined) ? FAILED : OK;
  });
}

async function one(client: Client, queue: string, doing: Doing, job: string): Promise<number> {
  if (doing === 'discard') await client.delete(path('queues', queue, 'jobs', job));
  else await client.post(path('queues', queue, 'jobs', job, doing));
  return 1;
}

/** A request touches a part of them: the next one goes on where it ended. */
async function all(client: Client, queue: string, doing: Doing, field: string, body: object): Promise<number> {
  let touched = 0;
  for (let next: number | undefined = 0; next !== undefined; ) {
    const answer: Readonly<Record<string, number | undefined>> = await client.post(path('queues', queue, doing), {
      ...body,
      ...(doing === 'drain' ? {} : { offset: next }),
    });
    touched += answer[field] ?? 0;
    next = answer.next;
  }
  return touched;
}
