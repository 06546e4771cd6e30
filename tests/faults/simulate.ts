/** Runs many seeds of the simulation. See HELP; docs/testing.md tells what it checks. */
import { parseArgs } from 'node:util';
import { createCrew } from './simulation/crew.ts';
import { startDurableRedis } from './simulation/durable-redis.ts';
import { type Hostility, hostilities } from './simulation/hostile.ts';
import { type Report, runSchedule } from './simulation/run.ts';
import { type Feature, features, makeSchedule } from './simulation/schedule.ts';

const HELP = `Usage: npm run simulate -- [--seeds N] [--from S] [--jobs K] [--windows W] [--steps T] [--without LIST] [--hostile [--only LIST]] [--verbose]

Each seed is a random schedule of edits, creates and deletes in both stand-ins, of faults, and of killed processes,
played against the real engine and a real Redis; then every promise is checked. One line per seed.

  --seeds N     how many (10)
  --from S      the first of them (1)
  --jobs K      how many at a time (1); each takes two workers and a Redis of its own
  --windows W   how often all is let come to rest and checked (3)
  --steps T     steps before each of these (18)
  --without LIST  leave out some of ${features.join(', ')}
  --hostile     systems do otherwise than they answer (see sandbox/README.md), and nothing else goes wrong
  --only LIST   only some of ${hostilities.join(', ')}
  --verbose     each step as it is done

Ends with 0 when every promise held, 1 when one was broken (its line tells how to run that seed again), 2 for a wrong
option, 130 when it was interrupted.`;

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly windows: number;
  readonly steps: number;
  readonly without: readonly Feature[];
  readonly hostile: readonly Hostility[];
  readonly verbose: boolean;
}

function read(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '10' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      windows: { type: 'string', default: '3' },
      steps: { type: 'string', default: '18' },
      without: { type: 'string', default: '' },
      hostile: { type: 'boolean', default: false },
      only: { type: 'string', default: hostilities.join(',') },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const number = (name: 'seeds' | 'from' | 'jobs' | 'windows' | 'steps'): number => {
    if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new Error(`--${name} takes a whole number from 1 on.`);
    return Number(values[name]);
  };
  return {
    seeds: number('seeds'),
    from: number('from'),
    jobs: number('jobs'),
    windows: number('windows'),
    steps: number('steps'),
    without: someOf(features, 'without', values.without),
    hostile: values.hostile ? someOf(hostilities, 'only', values.only) : [],
    verbose: values.verbose,
  };
}

function someOf<T extends string>(all: readonly T[], option: string, list: string): T[] {
  const names = list.split(',').filter((name) => name !== '');
  return names.map((name) => {
    const found = all.find((one) => one === name);
    if (found === undefined) throw new Error(`--${option} takes some of ${all.join(', ')}, with commas between them.`);
    return found;
  });
}

/** @returns the exit status */
// Over 60 lines: one run over all seeds. Its functions share the sums that are reported at its end.
async function simulate(options: Options): Promise<number> {
  const { seeds, from, jobs, windows, steps, without, hostile, verbose } = options;
  const shape = `--windows ${windows} --steps ${steps}${without.length > 0 ? ` --without ${without.join(',')}` : ''}${hostile.length > 0 ? ` --hostile --only ${hostile.join(',')}` : ''}`;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const broken: number[] = [];
  const totals = {
    things: 0,
    faults: 0,
    kills: 0,
    skipped: 0,
    writes: 0,
    edits: 0,
    oddities: 0,
    issues: 0,
    brakes: 0,
    doubts: 0,
    overtaken: 0,
  };
  const begun = performance.now();
  let next = from;
  let held = 0;

  function tell({ seed, ...report }: Report): void {
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += report[key];
    const overtaken = report.overtaken > 0 ? `, ${report.overtaken} overtaken` : '';
    const brakes = report.brakes > 0 ? `, ${report.brakes} brakes answered` : '';
    const doubted = report.doubts > 0 ? `, ${report.doubts} lost creates found by people` : '';
    const odd =
      hostile.length > 0 ? `, ${report.edits} edits, ${report.oddities} odd deeds, ${report.issues} issues` : '';
    const counts = `${report.things} things, ${report.writes} writes, ${report.faults} faults, ${report.kills} kills, ${report.skipped} skipped${odd}${brakes}${doubted}${overtaken}`;
    const done = `${held + broken.length + 1}/${seeds}`;
    const verdict = report.broken.length === 0 ? 'held' : 'BROKEN';
    console.log(`seed ${seed}: ${verdict} (${counts}, ${(report.ms / 1000).toFixed(1)} s) ${done}`);
    for (const line of report.broken) console.log(`  ${line}`);
    if (report.broken.length === 0) {
      held++;
      return;
    }
    broken.push(seed);
    console.log(`  again: npm run simulate -- --seeds 1 --from ${seed} ${shape} --verbose`);
  }

  /** Takes one seed after the other until there are no more. */
  async function lane(): Promise<void> {
    const redis = await startDurableRedis();
    const crew = createCrew(1);
    try {
      while (next < from + seeds && !stop.signal.aborted) {
        const seed = next++;
        const report = await runSchedule(makeSchedule(seed, { windows, steps, without, hostile }), {
          crew,
          redis,
          signal: stop.signal,
          tell: verbose ? (line) => console.log(jobs > 1 ? `${seed} ${line}` : line) : undefined,
        });
        if (!stop.signal.aborted) tell(report);
      }
    } finally {
      await crew.close();
      await redis.close();
    }
  }

  const lanes = await Promise.allSettled(Array.from({ length: Math.min(jobs, seeds) }, lane));
  for (const one of lanes) if (one.status === 'rejected' && !stop.signal.aborted) throw one.reason;
  const seconds = (performance.now() - begun) / 1000;
  const list = broken.length > 0 ? ` (${broken.join(', ')})` : '';
  const { things, writes, faults, kills: killed, edits, oddities, issues, brakes, doubts, overtaken } = totals;
  console.log(
    `${held + broken.length} seeds in ${seconds.toFixed(0)} s: ${held} held, ${broken.length} broken${list}; ` +
      `${things} things, ${edits} edits, ${writes} writes, ${oddities} odd deeds, ${issues} issues, ${faults} faults, ${killed} kills, ${brakes} brakes answered, ${doubts} lost creates found by people, ${overtaken} edits overtaken by Keap`,
  );
  // Steps that were begun may still wait for something.
  if (stop.signal.aborted) process.exit(130);
  return broken.length > 0 ? 1 : 0;
}

try {
  const options = read();
  if (options) process.exitCode = await simulate(options);
  else console.log(HELP);
} catch (error) {
  const wrong = error instanceof Error && (/^--/.test(error.message) || 'code' in error);
  console.error(wrong ? `${(error as Error).message}\n\n${HELP}` : error);
  process.exitCode = wrong ? 2 : 1;
}
