/** Queues of a running Tandem as people read them. */
import type { Queue } from '../../api/index.ts';
import { colors, plain } from './output.ts';
import { textTable } from './terminal-table.ts';
import { ago } from './times.ts';

export const queueTable = (queues: readonly Queue[]): string =>
  textTable(
    ['queue', 'waiting', 'active', 'delayed', 'failed', 'oldest', 'per second', 'empty in', ''],
    queues.map(({ name, counts, oldestWaiting, perSecond, etaMs, paused }) => [
      name,
      counts.waiting,
      counts.active,
      counts.delayed,
      counts.failed,
      oldestWaiting === undefined ? '' : ago(oldestWaiting),
      perSecond === 0 ? '' : perSecond < 0.05 ? '< 0.1' : perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0),
      etaMs === undefined || etaMs === 0 ? '' : ago(etaMs),
      paused ? 'paused' : '',
    ]),
  );

/** Why jobs are delayed or failed, a line each; scheduled scans are no news. */
export const reasonsOfQueues = (queues: readonly Queue[]): string[] =>
  queues.flatMap(({ name, reasons = [] }) =>
    reasons
      .filter(({ reason }) => reason !== 'scheduled')
      .map(({ state, reason, code, count, detail, since }) => {
        const words = [code, state !== 'failed' && reason !== code ? reason : undefined].filter(Boolean).join(', ');
        const paint = state === 'failed' ? colors.red : colors.yellow;
        const age = ago(Math.max(0, Date.now() - Date.parse(since)));
        return `  ${name}: ${paint(`${count} ${state}`)}${plain(`${words === '' ? '' : ` (${words})`}: ${detail} The first for ${age}.`).replace(/([^.]) The first/, '$1. The first')}`;
      }),
  );
