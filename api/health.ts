/** Health: is this process up, and can it do its work; and the processes that are alive. */
import { SYSTEM_STATES } from '../engine/index.ts';
import {
  byName,
  count,
  described,
  flag,
  list,
  object,
  oneOf,
  optional,
  page,
  type Static,
  text,
  time,
  widePaging,
  wordOf,
} from './schema.ts';

export const Live = object({ status: oneOf(['up']) });

export const Health = object({
  status: oneOf(['ready', 'degraded', 'down']),
  stopping: optional(described('The process was told to stop and finishes what is under way', flag)),
  version: text,
  workers: described('Whether this process works itself', flag),
  redis: object({
    state: oneOf(
      ['up', 'unsafe', 'down'],
      'unsafe: links can be lost, because it evicts keys, persistence is off, or it could not save lately; then the metric tandem_redis_warnings is not 0',
    ),
    policy: optional(described('maxmemory-policy', text)),
    persistence: optional(oneOf(['on', 'off'])),
    warnings: described('Why it is not up or not safe, or what could be better, in words', list(text)),
  }),
  config: object({
    version: text,
    mappings: count,
    problems: described('FILE:LINE:COLUMN CODE WHERE: MESSAGE', list(text)),
  }),
  queues: byName(object({ paused: flag, waiting: count, active: count, delayed: count, failed: count })),
  brakes: described('Mappings whose brake is on', list(text)),
  missing: described(
    'Mappings with links whose file is missing: their work is paused until the file is restored or the mapping is retired',
    list(object({ mapping: text, links: count })),
  ),
  warnings: described('What somebody may want to look at, though all works, in words', list(text)),
  notes: described('What else keeps it from being ready, in words', list(text)),
  systems: byName(
    object({
      state: wordOf(SYSTEM_STATES, 'As the processes that work have seen it.'),
      at: optional(described('When it was last called', time)),
      since: optional(described('Since when calls or writes wait', time)),
      next: optional(described('When it is tried next', time)),
      reason: optional(described('Why they wait, and what to check', text)),
    }),
  ),
});
export type Health = Static<typeof Health>;

export const Process = object({
  id: text,
  host: text,
  pid: count,
  server: flag,
  workers: flag,
  since: time,
  config: described('Version of its whole configuration', text),
  mappings: described('Version of each mapping that it has, by name', byName(text)),
  yielded: described('Mappings that it leaves to others: it has another version than the one in force', list(text)),
});
export type Process = Static<typeof Process>;

export const ProcessesQuery = object(widePaging);
export const ProcessPage = object({
  processes: list(Process),
  inForce: described('By mapping', byName(object({ version: text, since: time }))),
  ...page,
});
export type ProcessPage = Static<typeof ProcessPage>;
