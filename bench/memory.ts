// Memory of a worker while it reads few and many records; npm run build first
//
// The records of one side have counterparts already, so that the first sync links all of them, and a full scan after it
// finds nothing to do. Memory must not grow with their number.
// npm run bench memory -- --records 10000,500000 --json
import { parseArgs } from 'node:util';
import { createLab, runToEnd, timed } from './lab/lab.ts';
import { plainFolder, startPlain } from './lab/plain.ts';
import { startTandem } from './lab/stand-ins.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '10000,500000' },
    json: { type: 'boolean', default: false },
  },
});

async function measure(records: number) {
  const lab = await createLab();
  const folder = await plainFolder();
  const a = await startPlain({ records });
  const b = await startPlain({ records });
  try {
    const tandem = await startTandem(lab, { A_URL: a.url, B_URL: b.url, TANDEM_CONFIG: folder.dir });
    const first = await timed(() => runToEnd(tandem.url, 'items', { scan: 'full' }));
    const scan = await timed(() => runToEnd(tandem.url, 'items', { scan: 'full' }));
    const { now, most } = await tandem.memory();
    const redis = Number(/used_memory:(\d+)/.exec(await lab.redis.info('memory'))?.[1]) / 2 ** 20;
    return { records, firstSeconds: first, scanSeconds: scan, mibNow: now, mibMost: most, redisMib: redis };
  } finally {
    await lab.close();
    await a.close();
    await b.close();
    await folder.remove();
  }
}

const results: Awaited<ReturnType<typeof measure>>[] = [];
for (const records of values.records.split(',').map(Number)) results.push(await measure(records));
if (values.json) console.log(JSON.stringify(results));
else {
  console.log(
    '| records per side | first sync, s | quiet full scan, s | worker now, MiB | worker at most, MiB | Redis, MiB |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const { records, firstSeconds, scanSeconds, mibNow, mibMost, redisMib } of results)
    console.log(
      `| ${records} | ${firstSeconds.toFixed(1)} | ${scanSeconds.toFixed(1)} | ${mibNow.toFixed(0)} | ${mibMost.toFixed(0)} | ${redisMib.toFixed(0)} |`,
    );
}
