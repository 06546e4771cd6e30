// The command line as a whole: help, version, wrong use, errors without stacks, exit status.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VARIABLES } from '../../../cli/process/environment.ts';
import { createProgram } from '../../../cli/program.ts';
import { tandem } from './in-process.ts';
import { ROOT, tandem as tandemProcess } from './spawn.ts';

describe('help', () => {
  it('gives every command a summary, examples that begin with its name, and --json', async () => {
    const program = await createProgram();
    const commands = program.commands.flatMap((command) =>
      command.commands.length > 0 ? command.commands : [command],
    );
    for (const command of commands) {
      const name = command.parent === program ? command.name() : `${command.parent?.name()} ${command.name()}`;
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(command.summary(), name).not.toBe('');
      expect(help, name).toContain(`Examples:\n  $ tandem ${name}`);
      expect(help, name).toContain('--json');
    }
  });

  it('lists the variables and the exit status', async () => {
    const { status, stdout } = await tandem(['--help']);
    expect(status).toBe(0);
    for (const { name } of VARIABLES) expect(stdout).toContain(name);
    expect(stdout).toContain('Exit status: 0');
  });

  it('says that a .env file is loaded and that variables that are set keep their values', async () => {
    const { stdout } = await tandem(['--help']);
    expect(stdout).toContain('A .env file in the current folder is loaded; variables that are set keep their values.');
    expect(stdout).not.toContain('--env-file');
  });

  it('tells the version', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(await tandemProcess(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('wrong use', () => {
  it('ends with 2 and a guess of what was meant', async () => {
    const command = await tandemProcess(['validat']);
    expect(command).toMatchObject({ status: 2, stdout: '' });
    expect(command.stderr).toContain('Did you mean validate?');
    const option = await tandem(['validate', '--jsn']);
    expect(option).toMatchObject({ status: 2, stdout: '' });
    expect(option.stderr).toContain('Did you mean --json?');
  });

  it('leads to the help of the very command, and is JSON where that was asked for', async () => {
    const [option, group, json] = await Promise.all([
      tandem(['queue', 'discard', 'people', '--nope']),
      tandem(['queue', 'nope']),
      tandem(['queue', 'discard', 'people', '--all', '--code', 'SYSTEM_AUTH', '--json']),
    ]);
    expect(option.stderr).toMatch(/^BAD_REQUEST: .*--nope'\n[\s\S]*\nSee tandem queue discard --help\.\n$/);
    expect(group.stderr).toMatch(/\nSee tandem queue --help\.\n$/);
    expect(json.status).toBe(2);
    expect(JSON.parse(json.stdout)).toEqual({
      error: {
        code: 'BAD_REQUEST',
        message: expect.stringMatching(/--all.*--code/),
        remedy: 'See tandem queue discard --help.',
      },
    });
  });

  it('is refused where queue discard names no jobs', async () => {
    const [all, waiting, drain] = await Promise.all([
      tandem(['queue', 'discard', 'people']),
      tandem(['queue', 'discard', 'people', '--state', 'waiting', '--json']),
      tandem(['queue', 'discard', '--help']),
    ]);
    expect(all).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^BAD_REQUEST: Say which of the failed jobs of people .*--all\.\n/),
    });
    expect(waiting.status).toBe(2);
    expect(JSON.parse(waiting.stdout)).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    expect(drain.stdout).toMatch(/default: "failed"/);
  });

  it('is refused by the name of a variable that cannot be used, whichever command it is', async () => {
    const { status, stderr } = await tandem(['doc'], { TANDEM_PORT: 'eighty' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^CONFIG_ENV: TANDEM_PORT must be a whole number from 0 to 65535\.\n/);
  });
});

describe('start', () => {
  it('says how to get a Redis where none is named', async () => {
    const { status, stderr } = await tandemProcess(['start']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^STARTUP_REFUSED: REDIS_URL is not set/);
    expect(stderr).toContain('npm run demo');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('the server does not start on a public address without a token', async () => {
    const { status, stderr } = await tandemProcess(['server'], {
      REDIS_URL: 'redis://127.0.0.1:1',
      TANDEM_HOST: '0.0.0.0',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('TANDEM_API_TOKEN');
  });

  it('shows stacks on request only', async () => {
    const { stderr } = await tandemProcess(['start'], { TANDEM_DEBUG: '1' });
    expect(stderr).toMatch(/^\s+at /m);
  });
});

it('docs/cli.md has every command', async () => {
  const page = await readFile(join(ROOT, 'docs', 'cli.md'), 'utf8');
  const { commands } = await createProgram();
  for (const command of commands) expect(page).toMatch(new RegExp(`^\\| .*\`${command.name()}\\b`, 'm'));
});
