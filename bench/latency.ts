// How long a change takes from its webhook to the write in the other system; npm run build first
//
// Changes come at a steady rate, each with a webhook of its own, to a Tandem of one process whose systems answer at once.
// npm run bench latency -- --rates 1,50,500 --seconds 10 --json
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { webhookKeys } from '../engine/index.ts';
import { createLab, quantile, runToEnd, until } from './lab/lab.ts';
import { plainFolder, startPlain } from './lab/plain.ts';
import { startTandem } from './lab/stand-ins.ts';

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '1,50,500' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const rates = values.rates.split(',').map(Number);
const SECONDS = Number(values.seconds);
const RECORDS = 2_000;
const SECRET = 'bench-webhook-secret';

const lab = await createLab();
const folder = await plainFolder();
const sent = new Map<string, number>();
let taken: number[] = [];
const a = await startPlain({ records: RECORDS });
const b = await startPlain({
  records: 0,
  onNote(note) {
    const at = sent.get(note);
    if (at !== undefined) taken.push(performance.now() - at);
    sent.delete(note);
  },
});
try {
  const env = { A_URL: a.url, B_URL: b.url, TANDEM_CONFIG: folder.dir, TANDEM_WEBHOOK_SECRET: SECRET };
  const tandem = await startTandem(lab, env);
  await runToEnd(tandem.url, 'items', { scan: 'full' });
  const key = (await webhookKeys(lab.redis, 'tandem', SECRET))('a');
  const results: { perSecond: number; changes: number; p50: number; p99: number }[] = [];
  let serial = 0;
  for (const perSecond of rates) {
    taken = [];
    const changes = Math.max(10, perSecond * SECONDS);
    const begun = performance.now();
    for (let i = 0; i < changes; i++) {
      const wait = begun + (i * 1_000) / perSecond - performance.now();
      if (wait > 1) await sleep(wait);
      const record = serial++ % RECORDS;
      const note = `note ${serial}`;
      a.edit(record, note);
      sent.set(note, performance.now());
      void fetch(`${tandem.url}/webhooks/a/${key}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: String(record + 1) }),
      }).then((response) => response.arrayBuffer());
    }
    // An edit that a later one of the same record overtook is never written.
    await until(async () => taken.length + 5 >= changes || performance.now() > begun + SECONDS * 5_000);
    results.push({ perSecond, changes: taken.length, p50: quantile(taken, 0.5), p99: quantile(taken, 0.99) });
    sent.clear();
  }
  if (values.json) console.log(JSON.stringify(results));
  else {
    console.log('| changes per second | measured | p50, ms | p99, ms |\n| --- | --- | --- | --- |');
    for (const { perSecond, changes, p50, p99 } of results)
      console.log(`| ${perSecond} | ${changes} | ${p50.toFixed(0)} | ${p99.toFixed(0)} |`);
  }
} finally {
  await lab.close();
  await a.close();
  await b.close();
  await folder.remove();
}
