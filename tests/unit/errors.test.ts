/** docs/errors.md is the list of errors, word for word. After a change of the list: `npx vitest run tests/unit/errors.test.ts -u`. */
import { expect, test } from 'vitest';
import { asTandemError, ERRORS } from '../../engine/errors.ts';

const RETRY = {
  later: 'later',
  quota: 'after a wait',
  never: 'no',
  unknown: 'look first',
} as const;

const PAGE = `# The errors

Every error that Tandem tells has one of these codes: problem documents over HTTP (\`code\`, and \`type\`, which leads to
\`GET /errors/CODE\` of the same server), the reasons of records that wait, failed jobs, problems of files, and commands
with \`--json\`. Codes stay; titles and messages may change. The message beside a code says what happened in this case.

*Again* says whether trying again can help. *later*: Tandem does so by itself where the error met a record, with growing
pauses. *after a wait*: likewise, and it counts as no failed attempt. *no*: a person has to correct something first. *look
first*: it is not known whether it was done, and Tandem looks before it writes again. *Status* is the HTTP status under
which the server usually tells it; a refusal by its size may also be 414 (address) or 431 (headers), and a request that
took too long to arrive is 408.

| code | what happened | again | status | what to do |
| --- | --- | --- | --- | --- |
${Object.entries(ERRORS)
  .map(
    ([code, { title, retry, status, remedy }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${title} | ${RETRY[retry]} | ${status} | ${remedy} |`,
  )
  .join('\n')}
`;

test('docs/errors.md tells every code, its title, whether to try again, its status and what to do', async () => {
  await expect(PAGE).toMatchFileSnapshot('../../docs/errors.md');
});

test.each(Object.entries(ERRORS))('%s reads as a sentence and has a status of its kind', (code, entry) => {
  expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
  expect(entry.title).toMatch(/^[A-Z].*[^.]$/);
  expect(entry.remedy).toMatch(/\.$/);
  expect(entry.status).toBeGreaterThanOrEqual(400);
  expect(`${entry.title}${entry.remedy}`).not.toContain('|');
});

test.each([
  [`Unexpected token 'A', "Ann Smith"... is not valid JSON`, 'Unexpected token […]... is not valid JSON'],
  [`Cannot create property 'x' on string 'O'Hara & "Sons"'`, 'Cannot create property […]'],
  [`Cannot read properties of undefined (reading 'name')`, 'Cannot read properties of undefined (reading […])'],
  ['An "Ann', 'An […]'],
  ["It can't be done", "It can't be done"],
  ['Maximum call stack size exceeded', 'Maximum call stack size exceeded'],
])('an unforeseen error is reported without what it quotes: %s', (message, reported) => {
  const cause = new Error(message);
  expect(asTandemError(cause)).toMatchObject({ code: 'INTERNAL', message: reported, context: { cause } });
});

test('an unforeseen error is reported in bounds', () => {
  const begun = performance.now();
  expect(asTandemError(new Error(`${'"'.repeat(500_000)}${'x'.repeat(500_000)}`)).message.length).toBeLessThan(310);
  expect(performance.now() - begun).toBeLessThan(1_000);
});
