/** Runs seeds of the fuzz. See HELP; docs/security.md tells what it is for. */
import { parseArgs } from 'node:util';
import { startRedis } from '../../scripts/redis.mjs';
import { closeAll } from '../support/closing.ts';
import { fuzz } from './fuzz/run.ts';

const HELP = `Usage: npm run fuzz -- [--seeds N] [--from S] [--requests R]

Each seed is a list of requests made from the OpenAPI document of a running Tandem: good and hostile values, bodies, headers
and addresses, as they go over the wire. None may be answered with 500, end the process, or fill its memory.

  --seeds N      how many (5)
  --from S       the first of them (1)
  --requests R   of each (2000)

Ends with 0 when all was well, 1 when not: each fault is printed, and the same seed finds it again.`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    from: { type: 'string', default: '1' },
    requests: { type: 'string', default: '2000' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) process.stdout.write(`${HELP}\n`);
else {
  const redis = await startRedis({});
  process.env.REDIS_URL = redis.url;
  try {
    const total = { requests: 0, faults: 0 };
    for (let seed = Number(values.from); seed < Number(values.from) + Number(values.seeds); seed++) {
      const report = await fuzz(seed, Number(values.requests)).finally(closeAll);
      const statuses = Object.entries(report.statuses).map(([status, count]) => `${status}: ${count}`);
      process.stdout.write(
        `seed ${seed}: ${report.requests} requests, ${report.faults.length} faults, longest gap ${report.gap} ms, memory ${report.memory[0]} -> ${report.memory[1]} MB (${statuses.join(', ')})\n`,
      );
      for (const fault of report.faults) process.stdout.write(`  ${fault}\n`);
      total.requests += report.requests;
      total.faults += report.faults.length;
    }
    process.stdout.write(`${total.requests} requests, ${total.faults} faults\n`);
    if (total.faults > 0) process.exitCode = 1;
  } finally {
    await redis.stop();
  }
}
