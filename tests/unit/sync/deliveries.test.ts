import { afterEach, expect, it } from 'vitest';
import { createDeliveries, type Deliveries } from '../../../engine/runtime/deliveries.ts';

let now = 0;
let deliveries: Deliveries | undefined;
afterEach(() => deliveries?.close());

function start(most?: number): Deliveries {
  now = 0;
  deliveries = createDeliveries(() => now, most);
  return deliveries;
}
const page = (...ids: string[]) =>
  ids.map(
    (id) =>
      ({
        record: { id, data: {}, version: undefined, modified: undefined },
        version: 'v1',
        from: 'list',
        size: 10,
        requestedAt: now,
        revision: 1,
      }) as const,
  );

it('a record of a page is handed over once, to its mapping and side', () => {
  const kept = start();
  kept.put('m', 0, page('1'));
  expect(kept.take('other', 0, '1')).toBeUndefined();
  expect(kept.take('m', 1, '1')).toBeUndefined();
  expect(kept.take('m', 0, '1')).toMatchObject({ record: { id: '1' } });
  expect(kept.take('m', 0, '1')).toBeUndefined();
});

it('the oldest records of pages are dropped where there are too many', () => {
  const kept = start(30);
  kept.put('m', 0, page('1', '2'));
  kept.put('m', 0, page('1', '3', '4'));
  expect(['1', '2', '3', '4'].map((id) => kept.take('m', 0, id)?.record.id)).toEqual(['1', undefined, '3', '4']);
});

it('a record is forgotten after five minutes', () => {
  const kept = start();
  kept.put('m', 0, page('1'));
  now = 300_001;
  kept.put('m', 0, page('2'));
  expect(kept.take('m', 0, '1')).toBeUndefined();
  expect(kept.take('m', 0, '2')).toBeDefined();
});
