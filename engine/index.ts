/**
 * The one door to the engine: all that server, CLI, bench and an embedding program import of it. What is not here is
 * free to change. A process opens the files (`createConfigStore`), Redis (`connect`, `checkSafety`) and the key of its
 * fingerprints (`openFingerprinter`), makes an engine of them (`createEngine`), and has it work (`startWorkers`).
 *
 * Each name is described where it is defined. Durations are in milliseconds, points in time in epoch milliseconds or
 * ISO 8601. What a caller can act on is thrown as a TandemError, with a code of `ERRORS`.
 */

// ---------------------------------------------------------------- the engine, and what all parts share

export { createEngine } from './create-engine.ts';
export type { BrakeEvent, Engine, EngineOptions, FailureEvent, OutcomeEvent, TriggerRequest } from './engine.ts';
export { asTandemError, ERRORS, type ErrorCode, faultOf, RETRIES, TandemError, unquoted } from './errors.ts';
export { type Json, type JsonObject, printJson } from './json.ts';
export type { Logger } from './logger.ts';
export { isLoopback } from './net.ts';
export type { Attributes, Span, Tracing } from './tracing.ts';
export { otherSide, type SideIndex, type SystemRecord } from './types.ts';

// ---------------------------------------------------------------- files: mappings, systems, schemas

export { BRAKE_KINDS, type BrakeKind, type BrakeLimit } from './config/brake-limits.ts';
export { type ConfigStore, createConfigStore } from './config/config-store.ts';
export { CONFLICT_RULES, type ConflictRule, isNamedConflictRule } from './config/conflict.ts';
export { CREATE_RULES, type CreateRule } from './config/create-rule.ts';
export { parseDuration } from './config/duration.ts';
export { type Files, readFiles } from './config/files.ts';
export { formatProblem } from './config/format.ts';
export { shortHash } from './config/hash.ts';
export { compileFiles, type LoadResult, loadConfig, loadMappingText } from './config/load.ts';
export { validateRecord } from './config/record-schema.ts';
export { schemaPlace, schemaTypes } from './config/schema-path.ts';
export type {
  Config,
  EntityConfig,
  JsonSchema,
  Mapping,
  MappingSide,
  MatchRule,
  Problem,
  Property,
  SystemConfig,
  ValueTable,
} from './config/types.ts';
export { isFault, parseYaml } from './config/yaml.ts';

// ---------------------------------------------------------------- expressions and values

export { compileExpression } from './expression/compile.ts';
export { nearest } from './expression/nearest.ts';
export { type PathStep, parsePath, type WritablePath } from './expression/path.ts';
export { canonical, isEmpty, tableKey, unkeyed, type ValueType } from './expression/values.ts';

// ---------------------------------------------------------------- systems

export { callsPause, SYSTEM_STATES } from './connectors/circuit.ts';
export { createSystemClient, type SystemClient } from './connectors/client.ts';
export { limiterState } from './connectors/counted-limits.ts';
export { openHttpConnector } from './connectors/http/http-connector.ts';
export { readPath } from './connectors/http/read-path.ts';
export { tooLarge, toRecord } from './connectors/http/to-record.ts';
export { createTransport } from './connectors/http/transport.ts';
export { verifyWebhook } from './connectors/http/webhooks.ts';

// ---------------------------------------------------------------- for embedding: a connector of one's own (decision 0065)

export {
  type Called,
  type Capabilities,
  type Change,
  CheckpointLost,
  type Connector,
  type ConnectorHost,
  type CreateOptions,
  type Effect,
  type ListOptions,
  type OpenConnector,
  type Operation,
  type Page,
  type SystemCall,
  type Turn,
  type Unidentified,
  type UpdateOptions,
  type WriteOptions,
} from './connectors/connector.ts';
export type { CallInfo } from './connectors/host.ts';
export { networkFailure } from './connectors/network.ts';
export type { Connectors } from './connectors/registry.ts';

// ---------------------------------------------------------------- checks, which write nothing

export { checkDescription, type DescriptionFinding } from './check/description.ts';
export type { LiveFinding, LiveRequest, NotChecked, Use } from './check/findings.ts';
export { checkEntity, type EntityReport, operationsOf } from './check/live.ts';
export { createRecorder, type Recorder } from './check/recorder.ts';
export { checkRowAmounts } from './check/row-amounts.ts';
export {
  checkRoundTrips,
  type Finding,
  ROUND_TRIPS,
  type RoundTripOptions,
  type UncheckedProperty,
} from './sync/round-trips.ts';
export { exampleRecords, examplesOf, ORIGINS, refusal, type SideRecords } from './sync/samples.ts';
export { createThreads } from './threads/pool.ts';
export type { Host } from './threads/protocol.ts';

// ---------------------------------------------------------------- the work on records, and what people decide

export { marked } from './merge/base.ts';
export { type Converted, RULES } from './merge/merge.ts';
export { brakeReason } from './merge/permit.ts';
export { unlinkedState } from './merge/record-state.ts';
export { whyNotRestorable } from './merge/restore.ts';
export {
  COUNTERS,
  type Counts,
  countsBy,
  OUTCOMES,
  type Outcome,
  type OutcomeKind,
} from './model/outcome.ts';
export { parseRecordKey } from './model/record-key.ts';
export { backfill } from './sync/backfill.ts';
export { answerBrake, brakeOn } from './sync/brake-answer.ts';
export type { ConvertContext } from './sync/convert.ts';
export { type ExplainedProperty, explainRecord } from './sync/explain.ts';
export {
  createByHand,
  deleteSurvivor,
  dismiss,
  linkByHand,
  resolveConflict,
  restoreValue,
  unlinkByHand,
} from './sync/manual.ts';
export { mappingScope } from './sync/mapping-scope.ts';
export { RUN_KINDS, type UnidentifiedItems } from './sync/reading.ts';
export { convertContext } from './sync/references.ts';
export { scan } from './sync/scan.ts';
export type { MappingScope } from './sync/scope.ts';
export { viewRecord } from './sync/view.ts';

// ---------------------------------------------------------------- Redis: the connection, queues and workers

export {
  checkSafety,
  connect,
  keyPrefix,
  parseRedisUrl,
  REDIS_URL_FORMS,
  type RedisConnection,
  shownRedisUrl,
} from './queue/connection.ts';
export {
  type QueueReport,
  type QueueStand,
  queueStands,
  REASONS_OF,
  reportQueue,
  reportQueues,
} from './queue/inspect.ts';
export { discardJob, promoteJob, retryJob } from './queue/job-actions.ts';
export { JOB_STATES, LOOKED } from './queue/jobs.ts';
export {
  type ActedOn,
  discardJobs,
  drainQueue,
  pauseQueue,
  promoteJobs,
  resumeQueue,
  retryJobs,
} from './queue/many-jobs.ts';
export { type MarkedRecord, pageOfMarked, queuedForRecord, queuedOf } from './queue/marked-records.ts';
export { type MissingMapping, missingMappings, missingReason, tellMissing, wantsDecision } from './queue/missing.ts';
export { rawQueues } from './queue/named.ts';
export { isConnected, redisAnswers, watchSilence, within } from './queue/patience.ts';
export { DELAY_REASONS, IDLE_REASONS } from './queue/reasons.ts';
export { keepRegistered, webhookKeys } from './queue/registration.ts';
export { retireMapping } from './queue/retire.ts';
export { createRetirements } from './queue/retirements.ts';
export { isScheduled, schedulesOf } from './queue/schedules.ts';
export { jobOf, jobsOf, type SeenJob } from './queue/seen-job.ts';
export { systemStates } from './queue/system-states.ts';
export type { LivingProcess } from './queue/versions.ts';
export { createLiveEvents, type LiveEvent, type LiveEvents } from './runtime/live-events.ts';
export { createQueues, isRecordJob } from './runtime/queues.ts';
export { startWorkers } from './runtime/workers.ts';

// ---------------------------------------------------------------- what is kept in Redis, and copies of it

export { type CopiedMapping, type ExportCounts, exportLines } from './store/copy.ts';
export {
  adoptFingerprints,
  createFingerprinter,
  fingerprintRecord,
  type KeptFingerprinter,
  openFingerprinter,
} from './store/fingerprints.ts';
export { HISTORY_DAYS, HISTORY_ENTRIES } from './store/history.ts';
export { type ImportProblem, importLines } from './store/import-copy.ts';
export type { RecordIssue } from './store/issue-list.ts';
export { createJournal, type Journal, type JournalEntry, type OpenEntry } from './store/journal.ts';
export { type PlanEntry, RUN_STATES, RUN_TRIGGERS, type Run } from './store/runs.ts';
export { createStore, openTransfer } from './store/store.ts';
export { type TurnHolder, takeTurn } from './store/test-turn.ts';
export {
  type BrakeAnswer,
  ISSUE_KINDS,
  ISSUES,
  type Issue,
  type IssueKind,
  type RecordRef,
} from './store/types.ts';
