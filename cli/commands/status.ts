/** `tandem status`: how a running Tandem stands. */
import type { Command } from 'commander';
import type { Health, MappingPage, MappingSummary, ProcessPage, QueuePage } from '../../api/index.ts';
import { action, declare } from '../command.ts';
import { FAILED, OK } from '../failure.ts';
import { systemNotes } from '../format/health-lines.ts';
import { colors, plain } from '../format/output.ts';
import { queueTable, reasonsOfQueues } from '../format/queue-lines.ts';
import { textTable } from '../format/terminal-table.ts';

/** Kinds of issues, in the order of how much they ask for somebody. */
const KINDS = ['failed', 'review', 'waiting', 'blocked', 'paused', 'unmatched', 'orphaned'] as const;

export function statusCommand(program: Command): void {
  declare(program, {
    usage: 'status',
    summary: 'tell how a running Tandem stands: health, mappings, queues',
    details: 'Asks the Tandem that runs at TANDEM_URL. Ends with 1 when it cannot work.',
    examples: [
      ['status', 'health, mappings and queues'],
      ['status --json', 'the same for programs'],
    ],
  }).action(
    action(async ({ client, output }) => {
      const health = await client.get<Health>('/health/ready', [503]);
      // Without Redis there is nothing to tell of what is kept in it.
      const down = health.status === 'down';
      const { mappings } = down ? { mappings: [] } : await client.get<MappingPage>('/mappings');
      const { queues } = down ? { queues: [] } : await client.get<QueuePage>('/queues?reasons=true');
      const { processes } = down ? { processes: [] } : await client.get<ProcessPage>('/processes');
      output.result({ url: client.url, health, mappings, queues, processes }, () => {
        const parts = [headline(client.url, health), ...notes(health, mappings)];
        if (mappings.length > 0) parts.push('', mappingTable(mappings));
        if (queues.length > 0) parts.push('', queueTable(queues), ...reasonsOfQueues(queues));
        if (processes.length > 0) parts.push('', processTable(processes));
        return parts.join('\n');
      });
      return down ? FAILED : OK;
    }),
  );
}

function headline(url: string, { status, version, workers, redis }: Health): string {
  const paint = status === 'ready' ? colors.green : status === 'degraded' ? colors.yellow : colors.red;
  return `Tandem ${version} at ${url}: ${paint(status)} (Redis ${redis.state}; ${workers ? 'server and workers' : 'server only'})`;
}

function notes(health: Health, mappings: readonly MappingSummary[]): string[] {
  const { redis, config, warnings = [], notes: others = [] } = health;
  return [
    ...mappings.flatMap(({ brake }) => (brake ? [brake.reason] : [])),
    ...redis.warnings,
    ...config.problems,
    ...others,
    ...warnings,
    ...systemNotes(health),
  ].map((note) => `  ${colors.yellow('!')} ${plain(note)}`);
}

const mappingTable = (mappings: readonly MappingSummary[]): string =>
  textTable(
    ['mapping', 'links', ...KINDS, ''],
    mappings.map(({ name, links, issues, ready, brake }) => [
      name,
      links,
      ...KINDS.map((kind) => issues[kind]),
      brake ? 'brake on' : ready ? '' : 'not read fully yet',
    ]),
  );

const processTable = (processes: ProcessPage['processes']): string =>
  textTable(
    ['process', 'pid', 'does', 'since', 'configuration', ''],
    processes.map(({ host, pid, server, workers, since, config, yielded }) => [
      host,
      pid,
      [...(server ? ['server'] : []), ...(workers ? ['workers'] : [])].join(', '),
      since,
      config,
      yielded.length > 0 ? `leaves to others, whose version is in force: ${yielded.join(', ')}` : '',
    ]),
  );
