/** Mappings: those in force, drafts checked, what one record would become, and the end of a mapping. */
import Type from 'typebox';
import { CONFLICT_RULES, CREATE_RULES, ISSUE_KINDS, type IssueKind, ORIGINS, ROUND_TRIPS } from '../engine/index.ts';
import { Fault } from './problem.ts';
import { BrakeOn, consequence } from './review.ts';
import {
  anyObject,
  anything,
  byName,
  count,
  described,
  flag,
  id,
  list,
  object,
  oneOf,
  optional,
  page,
  ref,
  type Static,
  text,
  widePaging,
  wordOf,
} from './schema.ts';

export const ConfigProblem = object(
  { code: text, file: text, line: count, column: count, where: text, message: text, secondary: optional(flag) },
  { $id: 'ConfigProblem', description: 'Something wrong in a file' },
);
export type ConfigProblem = Static<typeof ConfigProblem>;

const found = object({ found: count, of: count });
export const ConfigWarning = object(
  {
    kind: oneOf(['lossy', 'refused']),
    roundTrip: oneOf(ROUND_TRIPS),
    mapping: text,
    property: text,
    file: text,
    line: count,
    column: count,
    from: described('The side that the value comes from', text),
    to: text,
    records: described('Of how many records in the schema examples this is true', found),
    values: described('Of how many other sample values', found),
    example: object({
      origin: oneOf(ORIGINS),
      value: anything,
      there: optional(described('What it becomes; absent where that is nothing', anything)),
      back: optional(described('What comes back; absent where that is nothing', anything)),
    }),
    code: optional(text),
    message: text,
    remedy: text,
  },
  { $id: 'ConfigWarning', description: 'A two-way property that loses information, or a value that it cannot convert' },
);

// ---------------------------------------------------------------- as loaded

const issueCounts = Type.Unsafe<Readonly<Record<IssueKind, number>>>(
  object(Object.fromEntries(ISSUE_KINDS.map((kind) => [kind, count]))),
);

const summary = {
  name: text,
  description: text,
  file: text,
  version: text,
  sides: list(object({ name: text, system: text, entity: text })),
  ready: described('Both sides were read fully once; before that nothing is matched or created', flag),
  links: count,
  issues: described('Records with an issue, by its kind', issueCounts),
  brake: optional(described('The brake is on: nothing of this mapping is written', BrakeOn)),
  problems: described('Faults of its file as it is now; an older version runs meanwhile', list(ref(ConfigProblem))),
};

export const MappingSummary = object(summary);
export type MappingSummary = Static<typeof MappingSummary>;

const namedRules = Object.keys(CONFLICT_RULES).map((name) => `"${name}"`);
const conflict = described(`${namedRules.join(', ')}, or the side that wins`, text);
const ms = described('Milliseconds', Type.Integer());
const brakeLimit = object({ count, percent: Type.Number(), minimum: count });

const MappingProperty = object({
  name: text,
  sources: described('Path or expression on each side', byName(text)),
  type: text,
  scale: optional(count),
  required: flag,
  direction: described('"both", or the side that it flows to', text),
  conflict,
  drift: text,
  convert: optional(described('Expression toward each side', byName(text))),
  values: optional(described('Name of the value table', text)),
  reference: optional(object({ mapping: text, fallback: optional(byName(text)) })),
  lookup: optional(byName(text)),
  lossy: described('That a value may come back from the other side as another is meant', flag),
  line: count,
});

export const MappingDetail = object({
  ...summary,
  sides: list(
    object({
      name: text,
      system: text,
      entity: text,
      when: optional(text),
      create: optional(wordOf(CREATE_RULES, 'Missing counterparts that are created there; absent: none.')),
      deletes: text,
      correlate: optional(text),
    }),
  ),
  match: list(object({ name: text, keys: byName(text), onMatch: text })),
  conflict,
  schedule: object({ changes: optional(ms), webhooks: optional(ms), full: optional(ms) }),
  limits: described(
    'Of its brake, by kind; a kind that is off is absent',
    object({
      deletes: optional(brakeLimit),
      creates: optional(brakeLimit),
      clears: optional(brakeLimit),
      firstSync: optional(count),
    }),
  ),
  parents: list(text),
  depth: count,
  properties: list(MappingProperty),
});

export const MissingMapping = object({
  name: text,
  reason: described('What is wrong, and what to do', text),
  links: described('Links that are paused', count),
  records: described('Records with an issue, a decision or a write that was begun', count),
  queued: described('Records and jobs that wait', count),
  schedules: list(oneOf(['changes', 'full'])),
  retiring: described('Its retirement was begun and is not finished', flag),
});
export type MissingMapping = Static<typeof MissingMapping>;

export const MappingParams = object({ name: text });
export const MappingsQuery = object(widePaging);
export const MappingPage = object({
  version: text,
  mappings: list(MappingSummary),
  ...page,
  problems: list(ref(ConfigProblem)),
  missing: described('Mappings that were in force, and whose file is missing', list(MissingMapping)),
});
export type MappingPage = Static<typeof MappingPage>;

export const RetireBody = object({
  links: described('How many links it has, as GET /mappings shows: the confirmation', count),
});
export const Retirement = object({ mapping: text, done: flag, ...consequence });
export type Retirement = Static<typeof Retirement>;

// ---------------------------------------------------------------- drafts

export const DraftBody = object({
  yaml: text,
  file: optional(
    described(
      'Name to show in the problems; a draft takes the place of the file of the same name',
      Type.String({ pattern: '^mappings/[A-Za-z0-9_.-]+\\.ya?ml$' }),
    ),
  ),
});
export const DraftReport = object({
  valid: flag,
  mapping: optional(text),
  problems: list(ref(ConfigProblem)),
  warnings: described(
    'Conversions that lose information, tried on the examples of the schemas and on made-up values',
    list(ref(ConfigWarning)),
  ),
  notChecked: list(object({ mapping: text, property: text, reason: text })),
});

export const PreviewBody = object({
  side: text,
  id: optional(described('A record to read from the system of that side', id)),
  record: optional(described('Or a record as that system would return it', anyObject)),
});
const valueAt = object({ source: text, value: optional(anything) });
export const Preview = object({
  mapping: text,
  from: text,
  to: text,
  inScope: described('False: `when` leaves the record out', flag),
  counterpart: optional(described('Id of its counterpart, where it is linked', text)),
  matchKeys: list(object({ rule: text, key: optional(text) })),
  properties: list(object({ property: text, flows: flag, from: valueAt, to: valueAt, fault: optional(ref(Fault)) })),
  record: optional(described('What would be sent to create the counterpart', anyObject)),
  faults: list(ref(Fault)),
});
