/**
 * Traces over OpenTelemetry, where an OTLP endpoint is configured: from the request or schedule that queued work, through
 * its jobs, to the calls to systems. Its packages are loaded only then. Requests from outside begin traces of their own,
 * and systems learn nothing of them.
 */
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { Attributes, Logger, Span, Tracing } from '../../engine/index.ts';
import type { Env } from './environment.ts';

export interface RunningTracing {
  readonly tracing: Tracing;
  /** Sends what is left, within the exporter's own timeout. */
  close(): Promise<void>;
}

/** The variables are those of OpenTelemetry, which its packages read themselves. */
export function tracingConfigured(env: Env): boolean {
  const given = (name: string): boolean => (env[name]?.trim() ?? '') !== '';
  return (
    (given('OTEL_EXPORTER_OTLP_ENDPOINT') || given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')) &&
    env.OTEL_SDK_DISABLED !== 'true' &&
    env.OTEL_TRACES_EXPORTER !== 'none'
  );
}

/** Logs once when traces cannot be sent, and once when that is over. What could not be sent is dropped; nothing else waits for it. */
function watched(exporter: OTLPTraceExporter, logger: Logger): OTLPTraceExporter {
  let failing = false;
  return Object.assign(Object.create(exporter), {
    export(...[spans, done]: Parameters<typeof exporter.export>) {
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed && !failing) logger.warn({ reason: result.error?.message ?? '' }, 'traces cannot be delivered');
        if (!failed && failing) logger.info({}, 'traces are delivered again');
        failing = failed;
        done(result);
      });
    },
  });
}

/** @param redact what each text passes through: a path may be declared with a secret in it */
export async function startTracing(
  version: string,
  logger: Logger,
  redact: (text: string) => string,
): Promise<RunningTracing> {
  const [api, { BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, resources, { BullMQOtel }] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('bullmq-otel'),
    ]);
  const { context, SpanKind, SpanStatusCode, trace } = api;
  const batches = new BatchSpanProcessor(watched(new OTLPTraceExporter(), logger));
  const provider = new NodeTracerProvider({
    resource: resources
      .resourceFromAttributes({ 'service.name': 'tandem', 'service.version': version })
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [
      {
        onStart: (span, parent) => batches.onStart(span, parent),
        // BullMQ's own housekeeping: looking for jobs, extending locks. Nothing of ours is below it.
        onEnd: (span) => span.kind !== SpanKind.INTERNAL && batches.onEnd(span),
        forceFlush: () => batches.forceFlush(),
        shutdown: () => batches.shutdown(),
      },
    ],
  });
  provider.register();
  const tracer = trace.getTracer('tandem', version);
  const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

  const redacted = (attributes: Attributes): Record<string, string | number> => {
    const given: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(attributes))
      if (value !== undefined) given[name] = typeof value === 'string' ? redact(value) : value;
    return given;
  };

  const tracing: Tracing = {
    jobs: new BullMQOtel({ tracerName: 'bullmq' }),
    begin(kind, name, attributes): Span {
      const span = tracer.startSpan(redact(name), { kind: kinds[kind], attributes: redacted(attributes) });
      const below = trace.setSpan(context.active(), span);
      return {
        run: (work) => context.with(below, work),
        end(more, error) {
          span.setAttributes(redacted(error === undefined ? more : { ...more, 'error.type': error }));
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    note: (attributes) => void trace.getActiveSpan()?.setAttributes(redacted(attributes)),
    id: () => trace.getActiveSpan()?.spanContext().traceId,
  };
  return { tracing, close: () => provider.shutdown() };
}
