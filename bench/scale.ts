// How much faster several workers are against systems that take 50 ms to answer; npm run build first
//
// All records of one side are changed and named by webhooks; 1, 2 and 4 workers bring them over. One call more or less at
// once is what each worker adds: --concurrency is that of the systems, per process.
// npm run bench scale -- --records 1000 --workers 1,2,4 --json
import { parseArgs } from 'node:util';
import { webhookKeys } from '../engine/index.ts';
import { createLab, runToEnd, timed, until } from './lab/lab.ts';
import { plainFolder, startPlain } from './lab/plain.ts';
import { startTandem } from './lab/stand-ins.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000' },
    workers: { type: 'string', default: '1,2,4' },
    latency: { type: 'string', default: '50' },
    concurrency: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
});
const RECORDS = Number(values.records);
const SECRET = 'bench-webhook-secret';

async function measure(workers: number): Promise<number> {
  const lab = await createLab();
  const folder = await plainFolder(Number(values.concurrency));
  const latency = Number(values.latency);
  let arrived = 0;
  const a = await startPlain({ records: RECORDS, latency });
  const b = await startPlain({ records: 0, latency, onNote: () => arrived++ });
  try {
    const env = { A_URL: a.url, B_URL: b.url, TANDEM_CONFIG: folder.dir, TANDEM_WEBHOOK_SECRET: SECRET };
    const tandem = await startTandem(lab, env);
    await runToEnd(tandem.url, 'items', { scan: 'full' });
    for (let i = 1; i < workers; i++) {
      const more = { REDIS_URL: lab.redisUrl, TANDEM_SCHEDULES: 'off', TANDEM_LOG_LEVEL: 'warn', ...env };
      await lab.start(['dist/cli/main.js', 'worker', '--ready-json'], more);
    }
    const key = (await webhookKeys(lab.redis, 'tandem', SECRET))('a');
    for (let i = 0; i < RECORDS; i++) a.edit(i, `edited ${i}`);
    arrived = 0;
    const seconds = await timed(async () => {
      for (let from = 0; from < RECORDS; from += 500)
        await fetch(`${tandem.url}/webhooks/a/${key}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(
            Array.from({ length: Math.min(500, RECORDS - from) }, (_, i) => ({ id: String(from + i + 1) })),
          ),
        });
      await until(async () => arrived >= RECORDS, 20);
    });
    return RECORDS / seconds;
  } finally {
    await lab.close();
    await a.close();
    await b.close();
    await folder.remove();
  }
}

const results: { workers: number; perSecond: number }[] = [];
for (const workers of values.workers.split(',').map(Number))
  results.push({ workers, perSecond: await measure(workers) });
if (values.json) console.log(JSON.stringify(results));
else {
  console.log('| workers | changes per second | times one worker |\n| --- | --- | --- |');
  for (const { workers, perSecond } of results)
    console.log(`| ${workers} | ${perSecond.toFixed(0)} | ${(perSecond / results[0]!.perSecond).toFixed(2)} |`);
}
