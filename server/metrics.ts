/** Metrics for Prometheus that are counted: what the engine's callbacks tell. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineOptions } from '../engine/index.ts';

export type OnCall = NonNullable<EngineOptions['onCall']>;
export type OnOutcome = NonNullable<EngineOptions['onOutcome']>;
export type OnFailure = NonNullable<EngineOptions['onFailure']>;

export interface Metrics {
  readonly registry: Registry;
  /** Wire these three into `createEngine`. */
  readonly onCall: OnCall;
  readonly onOutcome: OnOutcome;
  readonly onFailure: OnFailure;
  /** A webhook was answered. @param system of those declared, else undefined; records how many it had looked at */
  onWebhook(system: string | undefined, status: number, records: number): void;
}

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** From a webhook that arrives at once to a record that waited for a person since yesterday. */
const PROPAGATION_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600, 14_400, 86_400];

/** Every metric is documented in docs/metrics.md. Labels name what the configuration declares, never records. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // What `nodejs_active_handles` and the like tell by type already, under names that Prometheus takes for counters.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  const counters = createCounters(registry);
  return {
    registry,
    onCall({ system, operation, status, ms, error, quotaLeft }) {
      // The limits of this side let nothing out: no call was made, and none failed.
      if (status === undefined && error === 'SYSTEM_THROTTLED') return;
      counters.calls.inc({ system, operation, status: status === undefined ? 'none' : String(status) });
      counters.callTime.observe({ system, operation }, ms / 1000);
      if (quotaLeft !== undefined) counters.quotaReported.set({ system }, quotaLeft);
    },
    onOutcome({ mapping, sides, outcome, ms, arrived }) {
      const { kind, side } = outcome;
      counters.outcomes.inc({ mapping, kind });
      counters.outcomeTime.observe({ mapping }, ms / 1000);
      if (kind === 'failed')
        counters.failures.inc({ mapping, work: 'reconcile', code: outcome.code ?? '', result: 'failed' });
      if (outcome.conflicts) counters.conflicts.inc({ mapping }, outcome.conflicts.length);
      for (const target of [0, 1] as const) {
        const operation =
          (kind === 'created' || kind === 'deleted') && side === target
            ? kind
            : outcome.writes[target].length > 0
              ? 'updated'
              : undefined;
        if (operation) counters.writes.inc({ mapping, side: sides[target], operation });
        const since = arrived[target];
        if (since !== undefined) counters.propagation.observe({ mapping, side: sides[target] }, since / 1000);
      }
    },
    onFailure({ mapping, work, code, result }) {
      counters.failures.inc({ mapping, work, code, result });
    },
    onWebhook(system = 'unknown', status, records) {
      counters.webhooks.inc({ system, status: String(status) });
      if (records > 0) counters.named.inc({ system }, records);
    },
  };
}

function createCounters(registry: Registry) {
  const registers = [registry];
  const counter = <T extends string>(name: string, help: string, ...labelNames: T[]): Counter<T> =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, buckets: number[], ...labelNames: T[]) =>
    new Histogram({ name, help, buckets, labelNames, registers });
  return {
    calls: counter(
      'tandem_calls_total',
      'Calls to systems, by their HTTP status ("none": no answer came).',
      ...(['system', 'operation', 'status'] as const),
    ),
    callTime: histogram(
      'tandem_call_seconds',
      'How long calls to systems took, waiting for quota included.',
      SECONDS,
      ...(['system', 'operation'] as const),
    ),
    outcomes: counter(
      'tandem_outcomes_total',
      'Records worked on, by what that came to.',
      ...(['mapping', 'kind'] as const),
    ),
    outcomeTime: histogram('tandem_reconcile_seconds', 'How long that work took.', SECONDS, 'mapping'),
    writes: counter(
      'tandem_writes_total',
      'Records created, updated and deleted in the systems, by the side on which.',
      ...(['mapping', 'side', 'operation'] as const),
    ),
    propagation: histogram(
      'tandem_propagation_seconds',
      'From a change of a record to its arrival on the other side, which the label names: since the source says that it was modified, or since its event came where it says nothing.',
      PROPAGATION_SECONDS,
      ...(['mapping', 'side'] as const),
    ),
    conflicts: counter('tandem_conflicts_total', 'Properties that a conflict rule decided.', 'mapping'),
    failures: counter(
      'tandem_failures_total',
      'Tries that came to nothing, by error code and by what becomes of the work: postponed (it waits for quota or for another worker), retried, failed (for good).',
      ...(['mapping', 'work', 'code', 'result'] as const),
    ),
    webhooks: counter('tandem_webhooks_total', 'Webhooks, by HTTP status.', ...(['system', 'status'] as const)),
    named: counter('tandem_webhook_records_total', 'Records queued because a webhook named them.', 'system'),
    quotaReported: new Gauge({
      name: 'tandem_quota_reported_remaining',
      help: 'Calls that a system said are left, in its latest answer that this process read.',
      labelNames: ['system'] as const,
      registers,
    }),
  };
}
