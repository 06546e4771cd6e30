// Following a run that does not end, in a real Tandem: why, how long, and what becomes of the run.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { followRuns } from '../../../cli/follow.ts';
import { createClient } from '../../../cli/http-client.ts';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { ARGUMENTS, cleanEnv, ROOT } from '../../unit/cli/spawn.ts';
import { type Answer, API, person, world } from '../server/support.ts';

afterEach(closeAll);

test('the command line reports a run that no worker takes, and may stop following while the run goes on', async () => {
  const made = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  const url = await listen(made.app);
  const env = { TANDEM_URL: url, TANDEM_API_TOKEN: API };
  const state = async (id: string) => (await made.call('GET', `/runs/${id}`)).body.state;

  // A check that compared nothing has not passed.
  const qa = await tandem(['qa'], env);
  expect(qa).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/0 of 0 .*\n[\s\S]*Nothing was compared: there are no linked/),
  });

  const begun = await tandem(['sync', 'people', '--full', '--no-wait', '--json'], env);
  expect(begun.status, begun.stderr).toBe(0);
  const { id } = JSON.parse(begun.stdout).runs[0] as { id: string };
  expect(await state(id)).toBe('queued');

  const [reported, late] = await Promise.all([
    tandem(['sync', 'people', '--full', '--no-wait'], env),
    tandem(['sync', 'people', '--full', '--timeout', '1', '--json'], env),
  ]);
  // The same run, for it is under way.
  expect(reported).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(`^people: run ${id}\n.*GET /runs/${id} `),
  });
  expect(late).toMatchObject({ status: 1, stderr: expect.stringMatching(/^people: .*\nTIMEOUT: .* after 1 s/) });
  expect(JSON.parse(late.stdout).error).toMatchObject({ code: 'TIMEOUT', remedy: expect.stringContaining(id) });

  const notes: string[] = [];
  const output = { json: true, tty: false, line() {}, note: (text: string) => void notes.push(text), result() {} };
  const client = createClient({ url, readToken: undefined, apiToken: API });
  const followed = followRuns(client, [id], output, { still: 1 });
  await until(async () => notes.length > 1);
  expect(notes).toEqual([expect.stringMatching(/^No worker is alive/), expect.stringMatching(/^Ctrl-C ends this/)]);

  const child = spawn(process.execPath, [...ARGUMENTS, 'sync', 'people', '--full'], { cwd: ROOT, env: cleanEnv(env) });
  const ended = new Promise<Answer>((resolve) => child.on('close', (...how) => resolve(how)));
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => said.push(line));
  await until(async () => said.includes('people: queued'));
  child.kill('SIGINT');
  // As a shell expects of what Ctrl-C ended: 130.
  expect(await ended).toEqual([null, 'SIGINT']);
  expect(said.at(-1)).toMatch(`The run goes on in Tandem: GET /runs/${id} `);

  expect(await state(id)).toBe('queued');
  await made.work();
  expect(await followed).toMatchObject([{ state: 'done' }]);
  const [good, json] = await Promise.all([tandem(['qa'], env), tandem(['qa', '--json'], env)]);
  expect(good).toMatchObject({ status: 0, stdout: expect.stringContaining('All that was checked agrees.') });
  expect(JSON.parse(json.stdout)).toMatchObject({ passed: true, compared: 1 });
}, 120_000);
