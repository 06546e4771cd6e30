// Errors as problem documents: known ones tell what to do, others tell nothing.
import { expect, test } from 'vitest';
import { ERRORS, type ErrorCode, TandemError } from '../../../engine/errors.ts';
import { HttpProblem, problemOf } from '../../../server/problems.ts';

test.each(Object.keys(ERRORS).filter((code) => code !== 'INTERNAL') as ErrorCode[])(
  '%s is shown with its status, title and remedy',
  (code) => {
    const { title, status, remedy } = ERRORS[code];
    expect(problemOf(new TandemError(code, 'What happened.'), 'r')).toEqual({
      type: `/errors/${code}`,
      title,
      status,
      detail: 'What happened.',
      code,
      remedy,
    });
  },
);

test('a problem shows the names of what it concerns, but not its cause', () => {
  const problem = problemOf(
    new TandemError('SYSTEM_REJECTED', 'No.', {
      mapping: 'm',
      system: 's',
      side: 'a',
      id: '1',
      property: 'p',
      status: 422,
      cause: new Error('body of the answer'),
    }),
    'r',
  );
  expect(problem).toMatchObject({ mapping: 'm', system: 's', side: 'a', id: '1', property: 'p', status: 422 });
  expect(JSON.stringify(problem)).not.toContain('body of the answer');
});

test.each([
  new Error('internals'),
  new TandemError('INTERNAL', 'internals'),
  'internals',
  undefined,
  { statusCode: 500, message: 'internals' },
  { statusCode: 200 },
])('an unknown error shows only where the log has it: %s', (error) => {
  const problem = problemOf(error ?? {}, 'request-1');
  expect(problem).toMatchObject({ code: 'INTERNAL', status: 500, detail: expect.stringContaining('request-1') });
  expect(JSON.stringify(problem)).not.toContain('internals');
});

test('refusals of the HTTP layer keep their status', () => {
  expect(problemOf({ statusCode: 413, message: 'x' }, 'r')).toMatchObject({ status: 413, code: 'TOO_LARGE' });
  expect(problemOf({ statusCode: 415, message: 'x' }, 'r')).toMatchObject({ status: 415, code: 'UNSUPPORTED_TYPE' });
  expect(problemOf({ statusCode: 418, message: 'x' }, 'r')).toMatchObject({ status: 418, code: 'BAD_REQUEST' });
  expect(problemOf(new HttpProblem('UNAVAILABLE', 503, 'Wait.'), 'r')).toMatchObject({
    status: 503,
    code: 'UNAVAILABLE',
    detail: 'Wait.',
  });
});

test.each<[string, Record<string, unknown>, string]>([
  ['type', { type: 'integer' }, 'must be a whole number'],
  ['type', { type: ['object', 'null'] }, 'must be an object or null'],
  ['enum', { allowedValues: ['a', 'b'] }, 'must be one of "a", "b"'],
  ['minimum', { limit: 1 }, 'must be at least 1'],
  ['minLength', { limit: 1 }, 'may not be empty'],
  ['format', { format: 'date-time' }, 'must be a date and time (ISO 8601)'],
  ['a keyword that nobody thought of', {}, 'does not have the form that is needed'],
])('a request that does not fit %s shows what to send: %o', (keyword, params, message) => {
  const fault = { keyword, params, instancePath: '/list/0', schemaPath: '', message: 'must NOT be so' };
  expect(problemOf({ validation: [fault], validationContext: 'querystring' }, 'r')).toMatchObject({
    code: 'BAD_REQUEST',
    detail: `query.list.0 ${message}`,
    errors: [{ path: 'query.list.0', message }],
  });
});
