/**
 * How evaluations share the event loop. JSONata awaits at each node, but only itself: an evaluation that takes a second
 * would let nothing else go on for a second. So after a few milliseconds of evaluating, whichever evaluations, each one that
 * goes on waits, and one of them goes on per turn of the event loop.
 */
import { setImmediate } from 'node:timers';
import { TandemError } from '../errors.ts';
import { MAX_MILLISECONDS, SLICE_MILLISECONDS } from './limits.ts';

/** The running account of one evaluation. */
export interface Budget {
  /** Milliseconds of computing that were counted. */
  used: number;
  /** When it began or went on, by `performance.now()`. */
  since: number;
  /** Calls of `$link`, `$record` and `$find`. */
  calls: number;
  /** Elements of ranges. */
  ranged: number;
}

/** When evaluating began in this turn of the event loop. */
let began = Number.POSITIVE_INFINITY;
/** What the process had computed when that was last asked for, which costs a call of the system. */
let cpu: NodeJS.CpuUsage = { user: 0, system: 0 };
let asked = Number.NEGATIVE_INFINITY;
/** Of a turn that begins with something new, it may have been asked for so many ms before. */
const CPU_AGE = 50;
const waiting: (() => void)[] = [];

export function openBudget(): Budget {
  const now = performance.now();
  if (began === Number.POSITIVE_INFINITY) open(now, CPU_AGE);
  return { used: 0, since: now, calls: 0, ranged: 0 };
}

/**
 * Called after each step of an evaluation.
 * @returns undefined to go on; else what to await before
 * @throws TandemError EXPRESSION_LIMIT after a second of computing
 */
export function pause(budget: Budget): Promise<void> | undefined {
  const now = performance.now();
  const ran = now - began;
  if (ran >= 0 && ran <= SLICE_MILLISECONDS) return undefined;
  if (began === Number.POSITIVE_INFINITY) {
    // It goes on after a wait for something else.
    open(now, CPU_AGE);
    budget.since = now;
    return undefined;
  }
  // A process that was stopped, or whose processor was busy with others, did not compute meanwhile.
  // Where that was asked for before the turn began, a little more may be counted than was computed.
  const { user, system } = process.cpuUsage(cpu);
  budget.used += Math.min(now - Math.max(began, budget.since), (user + system) / 1_000);
  budget.since = now;
  if (budget.used > MAX_MILLISECONDS)
    throw new TandemError('EXPRESSION_LIMIT', `It used more than ${MAX_MILLISECONDS} ms; it may never end.`);
  return new Promise((resolve) => {
    waiting.push(() => {
      budget.since = performance.now();
      resolve();
    });
  });
}

function open(now: number, cpuAge = 0): void {
  began = now;
  const age = now - asked;
  if (age < 0 || age >= cpuAge) {
    cpu = process.cpuUsage();
    asked = now;
  }
  setImmediate(next);
}

function next(): void {
  began = Number.POSITIVE_INFINITY;
  const resume = waiting.shift();
  if (!resume) return;
  open(performance.now());
  resume();
}
