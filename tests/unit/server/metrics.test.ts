/** docs/metrics.md tells every metric with its labels and what it means. After a change: `npx vitest run tests/unit/server/metrics.test.ts -u`. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Engine } from '../../../engine/engine.ts';
import { gauges } from '../../../server/gauges.ts';
import { createMetrics } from '../../../server/metrics.ts';

const page = new URL('../../../docs/metrics.md', import.meta.url);

interface Described {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

async function described(): Promise<{ process: Described[]; redis: Described[] }> {
  const metrics = createMetrics();
  const { registry } = metrics;
  const { ofRedis } = gauges(metrics, { config: { problems: () => [] } } as unknown as Engine, '0.0.0-test');
  const ours = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith('tandem_'));
  const all = ours.map(({ name, type, help }) => ({
    name,
    type: String(type),
    help,
    labelNames: (registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames,
  }));
  const shared = new Set(ofRedis);
  return { process: all.filter(({ name }) => !shared.has(name)), redis: all.filter(({ name }) => shared.has(name)) };
}

const table = (metrics: readonly Described[]): string =>
  [
    '| metric | type | labels | what it tells |',
    '| --- | --- | --- | --- |',
    ...metrics.map(
      ({ name, type, labelNames, help }) =>
        `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
    ),
  ].join('\n');

test('docs/metrics.md lists every metric, its labels and its meaning', async () => {
  const { process, redis } = await described();
  const text = await readFile(page, 'utf8');
  const reported = text
    .replace(
      /(<!-- metrics of a process -->\n)[\s\S]*?(<!-- \/metrics -->)/,
      (_, a, b) => `${a}${table(process)}\n${b}`,
    )
    .replace(/(<!-- metrics of Redis -->\n)[\s\S]*?(<!-- \/metrics -->)/, (_, a, b) => `${a}${table(redis)}\n${b}`);
  await expect(reported).toMatchFileSnapshot('../../../docs/metrics.md');
  expect(process.length).toBeGreaterThan(10);
  expect(redis.length).toBeGreaterThan(10);
});

test('no metric has a label for records, runs or jobs', async () => {
  const { process, redis } = await described();
  const labels = new Set([...process, ...redis].flatMap(({ labelNames }) => labelNames));
  expect([...labels].sort()).toEqual([
    'code',
    'kind',
    'limit',
    'mapping',
    'operation',
    'queue',
    'result',
    'role',
    'scan',
    'side',
    'state',
    'status',
    'system',
    'version',
    'work',
  ]);
});
