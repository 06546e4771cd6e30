// What creates and updates send.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { UpdateConfig } from '../../../engine/config/types.ts';
import { createBody, maskOf, stripReadOnly, updateBody } from '../../../engine/connectors/http/request-body.ts';
import { parsePath } from '../../../engine/expression/path.ts';
import type { JsonObject } from '../../../engine/types.ts';

const path = (source: string) => {
  const parsed = parsePath(source);
  if (parsed === undefined) throw new Error(`no path: ${source}`);
  return parsed;
};
const paths = (...sources: string[]) => sources.map(path);

const schema: JsonObject = {
  type: 'object',
  $defs: { phone: { type: 'object', properties: { number: { type: 'string' }, number_e164: { readOnly: true } } } },
  properties: {
    id: { type: 'string', readOnly: true },
    name: { type: 'string' },
    phone: { $ref: '#/$defs/phone' },
    phones: { type: 'array', items: { allOf: [{ $ref: '#/$defs/phone' }] } },
    address: {
      type: ['object', 'null'],
      properties: { line1: {}, line2: {}, geo: { properties: { lat: {}, hash: { readOnly: true } } } },
    },
    stamps: { readOnly: true, type: 'object' },
  },
};
const data: JsonObject = {
  id: '1',
  name: 'Acme',
  phone: { number: '1', number_e164: '+1' },
  phones: [{ number: '1', number_e164: '+1', field: 'A' }],
  address: { line1: 'a', line2: null, geo: { lat: 1, hash: 'x' } },
  stamps: { at: 1 },
};

/** Without what is empty, all the way up. */
const filled = (value: unknown): unknown => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value ?? undefined;
  const kept = Object.entries(value)
    .map(([name, inner]) => [name, filled(inner)] as const)
    .filter(([, inner]) => inner !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
};

const config = (more: Partial<UpdateConfig>): UpdateConfig => ({
  method: 'PATCH',
  path: '/x/{id}',
  query: {},
  mask: undefined,
  maskStyle: 'comma',
  nested: 'whole',
  version: undefined,
  answer: 'record',
  ...more,
});

test('read-only properties are removed at any depth', () => {
  expect(stripReadOnly(schema, data)).toEqual({
    name: 'Acme',
    phone: { number: '1' },
    phones: [{ number: '1', field: 'A' }],
    address: { line1: 'a', line2: null, geo: { lat: 1 } },
  });
});

test('a create has no read-only and no empty properties', () => {
  expect(createBody(schema, { ...data, extra: null })).toEqual({
    name: 'Acme',
    phone: { number: '1' },
    phones: [{ number: '1', field: 'A' }],
    address: { line1: 'a', geo: { lat: 1 } },
  });
});

describe('an update', () => {
  test('with a mask sends the changed roots whole', () => {
    const changed = paths('address.line2', 'address.line1', 'name', 'stamps.at', 'id');
    expect(updateBody(config({ mask: 'update_mask' }), schema, data, changed)).toEqual({
      address: { line1: 'a', line2: null, geo: { lat: 1 } },
      name: 'Acme',
    });
  });

  test('names the top-level fields of its body in one parameter, or in one parameter each', () => {
    const body = { address: { line1: 'a' }, name: null };
    expect(maskOf(config({ mask: 'm' }), body)).toEqual([['m', 'address,name']]);
    expect(maskOf(config({ mask: 'm', maskStyle: 'repeat' }), body)).toEqual([
      ['m', 'address'],
      ['m', 'name'],
    ]);
    expect(maskOf(config({}), body)).toEqual([]);
    expect(maskOf(config({ mask: 'm', method: 'PUT' }), body)).toEqual([]);
  });

  test('clears a root with null, also where only read-only leftovers are in it', () => {
    const cleared = { id: '1', phone: { number_e164: '+1' }, address: {} };
    const changed = paths('phone.number', 'address.line1', 'name');
    expect(updateBody(config({ mask: 'm' }), schema, cleared, changed)).toEqual({
      phone: null,
      address: null,
      name: null,
    });
  });

  test('that merges sends changed leaves only, arrays whole', () => {
    const changed = paths('address.line2', 'address.geo.lat', "phones[field='A'].number", 'stamps.at');
    expect(updateBody(config({ nested: 'merge' }), schema, data, changed)).toEqual({
      address: { line2: null, geo: { lat: 1 } },
      phones: [{ number: '1', field: 'A' }],
    });
  });

  test('that merges clears leaves whose parent is gone', () => {
    expect(
      updateBody(config({ nested: 'merge' }), schema, {}, paths('address.line1', 'address.geo.lat', 'name')),
    ).toEqual({
      address: { line1: null, geo: { lat: null } },
      name: null,
    });
  });

  test('by PUT sends everything that can be written', () => {
    expect(updateBody(config({ method: 'PUT' }), schema, data, paths('name'))).toEqual(stripReadOnly(schema, data));
  });

  test('of read-only properties sends nothing', () => {
    for (const nested of ['whole', 'merge'] as const) {
      expect(updateBody(config({ nested }), schema, data, paths('id', 'stamps.at'))).toEqual({});
    }
  });

  test('merged into the old record gives the new one, and changes no input', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const leaf = fc.option(fc.oneof(fc.string(), fc.integer(), fc.array(fc.integer(), { maxLength: 2 })));
    const record = fc.dictionary(name, fc.oneof(leaf, fc.dictionary(name, fc.oneof(leaf, fc.dictionary(name, leaf)))));
    const dotted = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('.'));
    fc.assert(
      fc.property(record, fc.array(dotted, { minLength: 1, maxLength: 5 }), (value, sources) => {
        const next = value as JsonObject;
        const before = structuredClone(next);
        const changed = paths(...sources);
        const body = updateBody(config({ nested: 'merge' }), {}, next, changed);
        expect(next).toEqual(before);
        for (const one of changed) {
          expect(filled(one.get(body))).toEqual(filled(one.get(next)));
        }
        expect(Object.keys(body).sort()).toEqual([...new Set(changed.map(({ root }) => root))].sort());
      }),
    );
  });
});
