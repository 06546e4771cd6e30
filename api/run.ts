/** Runs: how the work of each trigger stands, and what a plan would do; and the triggers, which begin runs. */

import Type from 'typebox';
import { COUNTERS, type Counts, RUN_KINDS, RUN_STATES, RUN_TRIGGERS } from '../engine/index.ts';
import { PlanEntry, RecordRef } from './outcome.ts';
import {
  byName,
  count,
  defaulted,
  described,
  flag,
  id,
  list,
  nullable,
  object,
  oneOf,
  optional,
  page,
  paging,
  ref,
  type Static,
  text,
  time,
  wordOf,
} from './schema.ts';

/** As the list of counters says. */
const counts = Type.Unsafe<Counts<Readonly<Record<string, number>>>>(
  object(
    Object.fromEntries(
      Object.entries(COUNTERS).map(([name, { perSide, words }]) => [
        name,
        described(words, perSide ? byName(count) : count),
      ]),
    ),
  ),
);

const fields = {
  id: text,
  mapping: described('"*" for a run of every mapping', text),
  scan: oneOf([...RUN_KINDS, 'record']),
  plan: described('It only tells what would be done', flag),
  trigger: wordOf(RUN_TRIGGERS),
  state: oneOf(RUN_STATES),
  createdAt: time,
  startedAt: optional(time),
  finishedAt: optional(time),
  progress: object({
    read: described('Records read; of a backfill, links looked at, on the first side', byName(count)),
    work: described('Records that need work', count),
    done: count,
    retried: described('Records whose rejected write a full scan tries once more: no work', count),
  }),
  counts,
  reason: optional(described('Why it failed, or what it warns of', text)),
  unidentified: optional(
    described(
      'Per side: items of its list without a usable id, which name no record and are left out; where the first of them stand, from 1',
      byName(object({ count, first: list(object({ page: count, position: count, reason: text })) })),
    ),
  ),
  children: optional(described('Ids of the runs of the single mappings', list(text))),
  changes: optional(
    described(
      'Of a backfill: names of the properties that changed since the last one',
      object({ added: list(text), changed: list(text), removed: list(text) }),
    ),
  ),
};

const SingleRun = object(fields, { $id: 'Run' });
const runs = optional(described('Of a group: the runs of the single mappings', list(ref(SingleRun))));

/** `runs`: of a group, where one run was asked for. */
export { SingleRun as Run };
export type Run = Static<typeof SingleRun> & { readonly runs?: readonly Static<typeof SingleRun>[] | undefined };

export const RunDetail = object(
  {
    ...fields,
    runs,
    entries: optional(described('Of a plan, where asked for: what would be done', list(ref(PlanEntry)))),
  },
  { $id: 'RunDetail' },
);
export type RunDetail = Static<typeof RunDetail>;

export const RunPage = object({ runs: list(ref(SingleRun)), ...page });
export const RunsQuery = object({
  ...paging,
  mapping: optional(described('Only those of this mapping; "*": of every mapping', text)),
});
export const RunParams = object({ id: text });

/** Entries that `?plan=1` shows beside the run. */
export const PLAN_SHOWN = 100;
export const RunQuery = object({
  plan: defaulted(oneOf(['0', '1', 'false', 'true'], `Of a plan, also its first ${PLAN_SHOWN} entries`), '0'),
});

export const PlanPage = object({
  run: text,
  entries: list(ref(PlanEntry)),
  ...page,
  total: described('Entries so far', count),
});
export type PlanPage = Static<typeof PlanPage>;
export const PlanQuery = object(paging);

// ---------------------------------------------------------------- triggers

const scan = optional(
  oneOf(
    RUN_KINDS,
    'Default: changes. backfill: bring properties that were added, removed or defined otherwise to all links; systems are asked for those records only',
  ),
);
const plan = optional(described('Only tell what would be done; nothing is written to either system', flag));

const allowCreates = optional(
  described(
    'The first sync may create as much as there is, see `brake.firstSync`; not with a plan or one record',
    flag,
  ),
);

export const TriggerParams = object({ mapping: text });
export const TriggerBody = nullable(
  object({ scan, record: optional(object({ side: RecordRef.properties.side, id })), plan, allowCreates }),
);
export const TriggerAllBody = nullable(object({ scan, plan, allowCreates }));

/** The response to a trigger: the run. */
export const Triggered = object(
  {
    ...fields,
    runs,
    started: described('False: a run that does the same was under way already, and is this one', flag),
  },
  { $id: 'Triggered' },
);
export type Triggered = Static<typeof Triggered>;
