// The process: one line when ready, state kept in a file, a clean end.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { program, ROOT } from '../cli/spawn.ts';
import { caller } from './support.ts';

async function start(...args: string[]): Promise<{ child: ChildProcess; shopUrl: string; keapUrl: string }> {
  const child = spawn(process.execPath, [...program('sandbox/main.ts'), '--size', 'small', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, 'line')) as [string];
  const ready = JSON.parse(line);
  expect(ready).toEqual({ ready: true, keap: { url: expect.any(String) }, shop: { url: expect.any(String) } });
  return { child, shopUrl: ready.shop.url, keapUrl: ready.keap.url };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  expect(await ended).toEqual([0, null]);
}

it('the sandbox process starts again with the data that it had', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
  const data = ['--data', join(folder, 'state.json')];
  try {
    const first = await start(...data);
    const call = caller(first.shopUrl, { authorization: 'Bearer sandbox-shop-token' });
    const { body } = await call('POST', '/customers', { company: 'Kept' });
    await stop(first.child, 'SIGTERM');
    const second = await start(...data);
    const again = caller(second.shopUrl, { authorization: 'Bearer sandbox-shop-token' });
    expect((await again('GET', `/customers/${body.id}`)).body).toEqual(body);
    await stop(second.child, 'SIGINT');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
