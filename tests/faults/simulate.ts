/**
 * Runs many seeds of the simulation: node --import tsx tests/faults/simulate.ts --seeds N --from S [--windows W] [--steps K] [--no-kills] [--verbose]
 * One line per seed; ends with 1 if a promise was broken, and tells how to run that seed again.
 */
import { parseArgs } from 'node:util';
import { createCrew } from './simulation/crew.ts';
import { startDurableRedis } from './simulation/durable-redis.ts';
import { runSchedule } from './simulation/run.ts';
import { makeSchedule } from './simulation/schedule.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    windows: { type: 'string', default: '3' },
    steps: { type: 'string', default: '18' },
    'no-kills': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const [seeds, from] = [Number(values.seeds), Number(values.from)];
const options = { windows: Number(values.windows), steps: Number(values.steps), kills: !values['no-kills'] };
const again = `--windows ${values.windows} --steps ${values.steps}${values['no-kills'] ? ' --no-kills' : ''}`;

const redis = await startDurableRedis();
const crew = createCrew(1);
const bad: number[] = [];
const totals = { things: 0, faults: 0, kills: 0, skipped: 0, writes: 0, overtaken: 0 };
const begun = performance.now();
try {
  for (let seed = from; seed < from + seeds; seed++) {
    const report = await runSchedule(makeSchedule(seed, options), {
      crew,
      redis,
      tell: values.verbose ? (line) => console.log(line) : undefined,
    });
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += report[key];
    const counts = `${report.things} things, ${report.writes} writes, ${report.faults} faults, ${report.kills} kills, ${report.skipped} skipped${report.overtaken > 0 ? `, ${report.overtaken} overtaken` : ''}`;
    console.log(
      `seed ${seed}: ${report.broken.length === 0 ? 'held' : 'BROKEN'} (${counts}, ${(report.ms / 1000).toFixed(1)} s)`,
    );
    for (const line of report.broken) console.log(`  ${line}`);
    if (report.broken.length > 0) {
      bad.push(seed);
      console.log(`  again: node --import tsx tests/faults/simulate.ts --from ${seed} --seeds 1 ${again} --verbose`);
    }
  }
} finally {
  await crew.close();
  await redis.close();
}
console.log(
  `${seeds} seeds in ${((performance.now() - begun) / 1000).toFixed(0)} s: ${seeds - bad.length} held, ${bad.length} broken${bad.length > 0 ? ` (${bad.join(', ')})` : ''}; ${JSON.stringify(totals)}`,
);
process.exitCode = bad.length > 0 ? 1 : 0;
