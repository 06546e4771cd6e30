// Asking before what cannot be taken back.
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { confirm } from '../../../cli/confirm.ts';

function terminal(answer: string | undefined, isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  let shown = '';
  output.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  if (answer === undefined) input.end();
  else input.write(`${answer}\n`);
  return { input, output, shown: () => shown };
}

const ask = (at: ReturnType<typeof terminal>, json = false) => confirm('Discard 5 jobs', '--yes', { json }, at);

it.each([
  ['y', true],
  ['YES ', true],
  ['n', false],
  ['', false],
  ['yesterday', false],
  [undefined, false],
])('the question takes the input %j for %j', async (answer, wanted) => {
  const at = terminal(answer);
  expect(await ask(at)).toBe(wanted);
  expect(at.shown()).toContain('Discard 5 jobs? [y/N]');
});

it('the question is an error in a pipe or with --json, and its remedy is the option', async () => {
  const refused = { code: 'BAD_REQUEST', status: 2, remedy: 'Say so: --yes' };
  await expect(ask(terminal('y', false))).rejects.toMatchObject(refused);
  await expect(ask(terminal('y'), true)).rejects.toMatchObject(refused);
});
