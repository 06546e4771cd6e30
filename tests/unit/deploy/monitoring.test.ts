// The dashboard and the alerts ask only for metrics and labels that there are, in PromQL that can be read; and every alert
// has its section in docs/operations.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import type { Engine } from '../../../engine/engine.ts';
import { gauges } from '../../../server/gauges.ts';
import { createMetrics } from '../../../server/metrics.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is how Grafana names its variables
const CHOSEN = '${datasource}';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { uid: string };
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly { expr: string; datasource: { uid: string } }[];
}
const dashboard = JSON.parse(read('deploy/grafana/tandem.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { list: readonly { name: string; type: string; definition?: string }[] };
};

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { severity: string };
  readonly annotations: { summary: string; runbook_url: string };
}
const { groups } = load(read('deploy/prometheus/alerts.yaml')) as { groups: { name: string; rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

/** Names of the series that a scrape has, with their labels. */
function series(): Map<string, ReadonlySet<string>> {
  const metrics = createMetrics();
  gauges(metrics, { config: { problems: () => [] } } as unknown as Engine, '0.0.0-test');
  const found = new Map<string, ReadonlySet<string>>([['up', new Set()]]);
  for (const metric of metrics.registry.getMetricsAsArray() as unknown as {
    name: string;
    type?: string;
    labelNames: string[];
    buckets?: unknown;
  }[]) {
    const labels = new Set([...metric.labelNames, ...(metric.buckets ? ['le'] : [])]);
    for (const end of metric.buckets ? ['_bucket', '_sum', '_count'] : ['']) found.set(metric.name + end, labels);
  }
  return found;
}

/** What is wrong with an expression. */
function faults(expression: string): string[] {
  // Grafana fills these in.
  const text = expression.replaceAll('$__rate_interval', '5m');
  const known = series();
  const found: string[] = [];
  const names = new Set<string>();
  const labels = new Set<string>();
  parser.parse(text).iterate({
    enter({ name, from, to, type }) {
      const word = text.slice(from, to);
      if (type.isError) found.push(`cannot be read at ${from}: ${text}`);
      if (name === 'Identifier') names.add(word);
      if (name === 'LabelName') labels.add(word);
    },
  });
  if (names.size === 0) found.push(`asks for nothing: ${text}`);
  for (const name of names) if (!known.has(name)) found.push(`there is no metric ${name}`);
  const there = new Set(['job', 'instance', ...[...names].flatMap((name) => [...(known.get(name) ?? [])])]);
  for (const label of labels) if (!there.has(label)) found.push(`${[...names]} has no label ${label}`);
  return found;
}

test('the check of expressions finds a wrong label, a wrong metric and wrong syntax', () => {
  expect(faults('sum by (mapping) (rate(tandem_outcomes_total[5m]))')).toEqual([]);
  expect(faults('sum by (queue) (rate(tandem_outcomes_total[5m]))')).toHaveLength(1);
  expect(faults('sum(rate(tandem_outcome_total[5m]))')).toHaveLength(1);
  expect(faults('sum(rate(tandem_outcomes_total[5m])')).not.toEqual([]);
});

test('the dashboard queries only metrics that exist, from a data source that can be chosen', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  expect(panels.length).toBeGreaterThan(15);
  for (const { title, description, targets = [], datasource } of panels) {
    expect(targets.length, title).toBeGreaterThan(0);
    expect(description, title).toBeTruthy();
    for (const { uid } of [datasource!, ...targets.map((target) => target.datasource)]) expect(uid).toBe(CHOSEN);
    for (const { expr } of targets) expect(faults(expr), title).toEqual([]);
  }
  expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['mapping', 'query'],
  ]);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  // Side by side, never over each other.
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
});

test('every alert can be read, asks for what there is, and says in a sentence what is wrong', () => {
  expect(alerts.length).toBeGreaterThan(10);
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  for (const { alert, expr, labels, annotations } of alerts) {
    expect(faults(expr), alert).toEqual([]);
    expect(['critical', 'warning'], alert).toContain(labels.severity);
    expect(annotations.summary, alert).toMatch(/^\S.*\.$/);
    // A label in a sentence is one that is left by the expression.
    for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g))
      expect(expr, alert).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`));
  }
});

test('every alert has a case in which it fires and one in which it stays silent, of series that there are', () => {
  const { tests } = load(read('deploy/prometheus/alerts.test.yaml')) as {
    tests: {
      name: string;
      input_series?: { series: string }[];
      alert_rule_test: { alertname: string; exp_alerts: unknown[] }[];
    }[];
  };
  const cases = tests.flatMap((one) => one.alert_rule_test);
  for (const fires of [true, false])
    expect(
      new Set(cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname)),
    ).toEqual(new Set(alerts.map(({ alert }) => alert)));
  for (const { name, input_series = [] } of tests)
    for (const one of input_series) expect(faults(one.series), name).toEqual([]);
});

test('only counters are named like counters', () => {
  const metrics = createMetrics();
  gauges(metrics, { config: { problems: () => [] } } as unknown as Engine, '0.0.0-test');
  for (const { name, type } of metrics.registry.getMetricsAsArray() as unknown as { name: string; type: string }[])
    expect(/_(total|sum|count|bucket)$/.test(name), name).toBe(type === 'counter');
});

test('gauges over Redis, which every process tells, are never added up over processes', () => {
  const metrics = createMetrics();
  const { ofRedis } = gauges(metrics, { config: { problems: () => [] } } as unknown as Engine, '0.0.0-test');
  const expressions = [
    ...alerts.map(({ expr }) => expr),
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ];
  for (const expression of expressions)
    for (const name of ofRedis)
      expect(expression).not.toMatch(new RegExp(`(sum|avg|count)[^(]*(\\([^()]*\\))? *\\(${name}\\b`));
});

test('docs/operations.md says what to do at every alert, and at no other', () => {
  const page = read('docs/operations.md');
  const section = page.slice(page.indexOf('\n## Alerts'));
  const reported = [...section.matchAll(/^### (Tandem\w+)$/gm)].map((match) => match[1]);
  expect(reported).toEqual(alerts.map(({ alert }) => alert));
  for (const { alert, annotations } of alerts)
    expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
});
