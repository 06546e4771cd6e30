// What the Dockerfile copies is all that is built and all that runs: laid out as in its stages, the build checks files and starts.
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { closeAll, later } from '../../support/closing.ts';
import { redisUrl } from '../../support/redis.ts';
import { cleanEnv, ROOT, SECRETS } from '../../unit/cli/spawn.ts';
import { ownPrefix } from './support.ts';

afterEach(closeAll);

const run = promisify(execFile);

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-image-'));
  later(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Builds from what the first stage of the Dockerfile copies. @returns the folder `/app` */
async function buildStage(stage: string): Promise<string> {
  const app = await emptyFolder();
  await symlink(join(ROOT, 'node_modules'), join(app, 'node_modules'));
  for (const [, names] of stage.matchAll(/^COPY (.+) \S+$/gm))
    for (const name of names!.split(' ')) await cp(join(ROOT, name), join(app, name), { recursive: true });
  await run('npm', ['run', '--silent', 'build'], { cwd: app });
  return app;
}

/** The last stage of the Dockerfile as a folder: `/app` and `/config`. */
async function layOut(): Promise<string> {
  const root = await emptyFolder();
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const [first, last] = dockerfile.split(/^FROM .*/m).slice(1) as [string, string];
  const build = await buildStage(first);
  expect(last).toContain('WORKDIR /app');
  for (const [, built, from, to] of last.matchAll(/^COPY (--from=build )?(\S+) (\S+)$/gm)) {
    const name = built ? from!.replace('/app/', '') : from!;
    const target = to!.startsWith('/') ? join(root, to!) : join(root, 'app', to === './' ? name : to!);
    await mkdir(dirname(target), { recursive: true });
    if (name === 'node_modules') await symlink(join(ROOT, name), target);
    else if (built) await cp(join(build, name), target, { recursive: true });
    else await cp(join(ROOT, name), target, { recursive: true });
  }
  return root;
}

it('the container image holds all files that Tandem needs to validate, start and check a draft', async () => {
  const root = await layOut();
  const main = join(root, 'app/dist/cli/main.js');
  const env = cleanEnv({
    ...SECRETS,
    NODE_ENV: 'production',
    TANDEM_CONFIG: join(root, 'config'),
    TANDEM_PORT: '0',
    TANDEM_SCHEDULES: 'off',
    TANDEM_PREFIX: ownPrefix(),
    REDIS_URL: redisUrl(),
  });
  const { stdout } = await run(process.execPath, [main, 'validate', '--no-env'], { cwd: join(root, 'app'), env });
  expect(stdout).toContain('4 mappings, 2 systems: all good');

  const child = spawn(process.execPath, [main, 'start', '--ready-json'], { cwd: join(root, 'app'), env });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  later(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  child.stderr.resume();
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, mappings } = JSON.parse(line) as { url: string; mappings: string[] };
    expect(mappings).toHaveLength(4);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    // In a thread of its own, which is started from the build too.
    const draft = await fetch(`${url}/mappings/validate`, {
      method: 'POST',
      headers: { 'content-type': 'text/yaml' },
      body: await readFile(join(ROOT, 'mappings/company-customer.yaml'), 'utf8'),
    });
    expect(await draft.json()).toMatchObject({ valid: true, mapping: 'company-customer' });
    break;
  }
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}, 180_000);
