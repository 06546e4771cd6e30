/** A schema of a route is compiled once per text, and not before it is used. */
import { expect, test, vi } from 'vitest';
import { compileWhenUsed } from '../../../server/compile-when-used.ts';
import { responseSerializer } from '../../../server/serialization.ts';
import { requestValidator } from '../../../server/validation.ts';

const route = { method: 'GET', url: '/' };
/** No schema: there is no such type. */
const BROKEN = { type: 'nonsense' };

test('a schema is compiled when it is first used, and once per text', () => {
  const compile = vi.fn((schema: object) => ({ of: schema }));
  const compiled = compileWhenUsed(compile);
  const [first, same, other] = [{ type: 'string' }, { type: 'string' }, { type: 'number' }].map(compiled);
  expect(compile).not.toHaveBeenCalled();

  const made = first!();
  expect(made).toEqual({ of: { type: 'string' } });
  expect(first!()).toBe(made);
  expect(same!()).toBe(made);
  expect(compile).toHaveBeenCalledTimes(1);

  expect(other!()).toEqual({ of: { type: 'number' } });
  expect(compile).toHaveBeenCalledTimes(2);
});

test('a schema that cannot be compiled fails at each use, not before', () => {
  const compile = vi.fn((): never => {
    throw new Error('No schema.');
  });
  const broken = compileWhenUsed(compile)(BROKEN);
  expect(compile).not.toHaveBeenCalled();
  for (const times of [1, 2]) {
    expect(broken).toThrow('No schema.');
    expect(compile).toHaveBeenCalledTimes(times);
  }
});

test('what validates requests and what writes responses say so of a schema that cannot be compiled', () => {
  for (const httpPart of ['body', 'querystring']) {
    const validate = requestValidator({ schema: BROKEN, ...route, httpPart });
    expect(() => validate({})).toThrow(/schema is invalid/);
  }
  const serialize = responseSerializer({ schema: { $ref: 'Nowhere#' }, ...route, httpStatus: '200' });
  expect(() => serialize({})).toThrow(/Nowhere/);
});
