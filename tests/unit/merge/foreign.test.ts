import { expect, it } from 'vitest';
import { foreignModified, NEVER, ownWriteOf } from '../../../engine/merge/foreign.ts';

const at = (ms: number): string => new Date(ms).toISOString();
const record = (modified: string | undefined) => ({ record: { id: '1', data: {}, version: undefined, modified } });

it('an edit by somebody else counts from when it was made', () => {
  expect(foreignModified(record(at(5_000)), [])).toBe(at(5_000));
  expect(foreignModified(record(at(5_000)), [{ at: 4_000, before: 1_000 }])).toBe(at(5_000));
});

it('the last edit before our own write counts where that write modified the record last', () => {
  const own = [{ at: 5_000, before: 1_000 }];
  expect(foreignModified(record(at(5_000)), own)).toBe(at(1_000));
  expect(foreignModified(record('1970-01-01T01:00:05+01:00'), own)).toBe(at(1_000));
});

it('a record that only we have written was modified by nobody', () => {
  expect(foreignModified(record(at(5_000)), [{ at: 5_000, before: undefined }])).toBe(NEVER);
});

it('a write through another mapping of the entity is an own write, too', () => {
  const sibling = { at: 7_000, before: 2_000 };
  expect(foreignModified(record(at(7_000)), [{ at: 5_000, before: 1_000 }, sibling])).toBe(at(2_000));
});

it('no modification is known for a record of a system without modification times', () => {
  expect(foreignModified(record(undefined), [{ at: 5_000, before: 1_000 }])).toBeUndefined();
  expect(ownWriteOf(record(at(1)), record(undefined), [])).toBeUndefined();
});

it('two own writes in a row keep the last edit before the first one', () => {
  const first = ownWriteOf(record(at(1_000)), record(at(5_000)), []);
  expect(first).toEqual({ at: 5_000, before: 1_000 });
  expect(ownWriteOf(record(at(5_000)), record(at(6_000)), [first!])).toEqual({ at: 6_000, before: 1_000 });
});

it('a record that we created had no edit before', () => {
  expect(ownWriteOf(undefined, record(at(5_000)), [])).toEqual({ at: 5_000, before: undefined });
});
