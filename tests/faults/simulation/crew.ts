/** The worker processes: begun ahead of time, since that takes seconds, and replaced as they are killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../../scripts/bundle.mjs';
import { BUILD } from '../../support/build-folder.ts';
import { OPTIMIZE_LATER } from '../../unit/cli/spawn.ts';
import { type Order, WARM, WORKING, type WorkOrder } from './orders.ts';

const PROGRAM = 'tests/faults/simulation/worker.ts';
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Worker {
  readonly pid: number;
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
  readonly alive: boolean;
  kill(): Promise<void>;
  /** The process stands still, until `resume`; it may be killed meanwhile. */
  stop(): void;
  resume(): void;
}

export interface Crew {
  /** Has a process work; it may have worked before for others. */
  hire(order: WorkOrder): Promise<Worker>;
  /** Ends the work of a process, which waits for the next. */
  dismiss(worker: Worker): Promise<void>;
  close(): Promise<void>;
}

interface Member extends Worker {
  order(order: Order): Promise<void>;
}

/** @param spare how many processes are kept waiting */
// Over 60 lines: a factory. What it returns are short functions that share the processes.
export function createCrew(spare = 1): Crew {
  const waiting: Promise<Member>[] = [];
  const members = new Set<Member>();
  const all = new Set<ChildProcess>();
  let closed = false;
  // Many processes begin and are killed: bundled once, each of them begins in a sixth of the time. A run of tests has built it.
  const shared = process.env[BUILD];
  const folder = shared ?? join(ROOT, '.cache', `simulation-${randomUUID()}`);
  const built = shared === undefined ? bundle([PROGRAM], folder) : Promise.resolve();

  async function start(): Promise<Member> {
    await built;
    const child = spawn(process.execPath, [...OPTIMIZE_LATER, join(folder, PROGRAM.replace('.ts', '.js'))], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    all.add(child);
    let alive = true;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        alive = false;
        all.delete(child);
        resolve();
      });
    });
    // A killed process no longer reads what is written to it.
    child.stdin.on('error', () => {});
    const words: string[] = [];
    let heard: (() => void) | undefined;
    createInterface({ input: child.stdout }).on('line', (line) => {
      words.push(line);
      heard?.();
    });
    const hear = async (word: string): Promise<void> => {
      while (alive && words[0] !== word) {
        if (words.length > 0) throw new Error(`a worker said "${words[0]}" instead of "${word}"`);
        await Promise.race([ended, new Promise<void>((resolve) => (heard = resolve))]);
      }
      words.shift();
    };
    const member: Member = {
      pid: child.pid ?? 0,
      ended,
      get alive() {
        return alive;
      },
      async order(order) {
        child.stdin.write(`${JSON.stringify(order)}\n`);
        await hear(order.do === 'work' ? WORKING : WARM);
      },
      stop: () => void child.kill('SIGSTOP'),
      resume: () => void child.kill('SIGCONT'),
      async kill() {
        child.kill('SIGKILL');
        await ended;
      },
    };
    await hear(WARM);
    members.add(member);
    return member;
  }

  function refill(): void {
    while (!closed && waiting.length < spare) waiting.push(start());
  }
  refill();

  return {
    async hire(order) {
      const member = await (waiting.shift() ?? start());
      refill();
      await member.order(order);
      return member;
    },
    async dismiss(worker) {
      const member = [...members].find((one) => one === worker);
      if (!member?.alive) return;
      await member.order({ do: 'rest' });
      if (member.alive) waiting.push(Promise.resolve(member));
    },
    async close() {
      closed = true;
      for (const child of all) {
        const over = once(child, 'exit');
        child.kill('SIGKILL');
        await over;
      }
      if (shared === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
