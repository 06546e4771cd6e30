/** Queues of a running Tandem as people read them. */
import { colors, plain } from './output.ts';
import { textTable } from './tables.ts';
import { ago } from './times.ts';

export interface QueueReason {
  readonly state: 'waiting' | 'delayed' | 'failed';
  readonly why?: string;
  readonly code?: string;
  readonly reason: string;
  readonly todo?: string;
  readonly count: number;
  readonly since: string;
}

export interface Queue {
  readonly name: string;
  readonly paused: boolean;
  readonly counts: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed' | 'completed', number>>;
  readonly oldestWaiting?: number;
  readonly perSecond: number;
  readonly emptyIn?: number;
  readonly marked?: number;
  readonly reasons?: readonly QueueReason[];
}

export const queueTable = (queues: readonly Queue[]): string =>
  textTable(
    ['queue', 'waiting', 'active', 'delayed', 'failed', 'oldest', 'per second', 'empty in', ''],
    queues.map(({ name, counts, oldestWaiting, perSecond, emptyIn, paused }) => [
      name,
      counts.waiting,
      counts.active,
      counts.delayed,
      counts.failed,
      oldestWaiting === undefined ? '' : ago(oldestWaiting),
      perSecond === 0 ? '' : perSecond < 0.05 ? '< 0.1' : perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0),
      emptyIn === undefined || emptyIn === 0 ? '' : ago(emptyIn),
      paused ? 'paused' : '',
    ]),
  );

/** Why jobs are delayed or failed, a line each; scheduled scans are no news. */
export const reasonsOfQueues = (queues: readonly Queue[]): string[] =>
  queues.flatMap(({ name, reasons = [] }) =>
    reasons
      .filter(({ why }) => why !== 'scheduled')
      .map(({ state, why, code, count, reason, since }) => {
        const words = [code, state !== 'failed' && why !== code ? why : undefined].filter(Boolean).join(', ');
        const paint = state === 'failed' ? colors.red : colors.yellow;
        const age = ago(Math.max(0, Date.now() - Date.parse(since)));
        return `  ${name}: ${paint(`${count} ${state}`)}${plain(`${words === '' ? '' : ` (${words})`}: ${reason} The first for ${age}.`).replace(/([^.]) The first/, '$1. The first')}`;
      }),
  );
