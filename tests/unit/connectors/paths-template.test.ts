// Reading by path, and filling templates.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPath } from '../../../engine/connectors/http/read-path.ts';
import { fillJson, fillPath, fillQuery } from '../../../engine/connectors/http/template.ts';
import { anyText } from '../../support/any-text.ts';

describe('readPath', () => {
  const record = {
    a: { b: 1 },
    list: [
      { field: 'EMAIL1', email: 'x' },
      { field: 'EMAIL2', email: 'y' },
    ],
    items: [{ id: 1 }],
  };

  test.each([
    ['a.b', 1],
    ["list[field='EMAIL2'].email", 'y'],
    ["list[field='NONE'].email", undefined],
    ['a.c.d', undefined],
    ['constructor', undefined],
  ])('%s', (path, value) => {
    if (path === 'constructor') expect(() => readPath(record, path)).toThrow();
    else expect(readPath(record, path)).toEqual(value);
  });

  test('a list of one stays a list, and the empty path is the whole', () => {
    expect(readPath(record, 'items')).toEqual([{ id: 1 }]);
    expect(readPath([1], '')).toEqual([1]);
    expect(readPath('text', 'a')).toBeUndefined();
  });
});

describe('templates', () => {
  test('any id comes back from the path it was put in, and names nothing else', () => {
    fc.assert(
      fc.property(anyText({ minLength: 1 }), (id) => {
        fc.pre(id !== '.' && id !== '..');
        const path = fillPath('/v2/companies/{id}/x', { id });
        const url = new URL(`http://host${path}`);
        const parts = url.pathname.split('/');
        expect(parts).toHaveLength(5);
        expect(decodeURIComponent(parts[3] ?? '')).toBe(id);
        expect(url.search).toBe('');
      }),
    );
  });

  test.each(['', '.', '..', '\ud800'])('the id %j is refused', (id) => {
    expect(() => fillPath('/companies/{id}', { id })).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  test('any value is encoded once in a query, and stays within its parameter', () => {
    fc.assert(
      fc.property(anyText(), (value) => {
        const query = fillQuery({ filter: 'email=={value}', size: '5' }, { value });
        const read = new URL(`http://host/?${query.toString()}`).searchParams;
        expect(read.get('filter')).toBe(`email==${value}`);
        expect([...read.keys()]).toEqual(['filter', 'size']);
      }),
    );
  });

  test('a value is not filled in again, and unknown names stay', () => {
    expect(fillQuery({ q: '{value} {other} $1' }, { value: '{value} $&' }).get('q')).toBe('{value} $& {other} $1');
    expect(fillJson({ a: ['{event}', { b: '{url}' }], n: 1 }, { event: 'x', url: 'u' })).toEqual({
      a: ['x', { b: 'u' }],
      n: 1,
    });
  });
});
