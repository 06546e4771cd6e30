/** What comes of a write that a system took, and whose response cannot be read. */
import { describe, expect, it, vi } from 'vitest';
import type { UpdateOptions } from '../../../engine/connectors/connector.ts';
import { TandemError } from '../../../engine/errors.ts';
import { apply } from '../../../engine/sync/apply.ts';
import type { Claims } from '../../../engine/sync/claim-table.ts';
import type { MappingScope } from '../../../engine/sync/scope.ts';
import type { JsonObject } from '../../../engine/types.ts';
import { factsOf, mappingOf, readable, view } from '../merge/situation.ts';

/** A computed value that fails on a record without `part`. */
const expression = {
  evaluate: async ({ part }: JsonObject) => {
    if (part === undefined) throw new TandemError('EXPRESSION_FAILED', 'There is no part.');
    return part;
  },
};
const computed = { source: 'shop', expression };
const plain = mappingOf({ properties: { part: { sides: [computed, computed] as never } } });
for (const { entity } of plain.sides) Object.assign(entity, { schema: {} });
const mapping = { ...plain, match: [] };

async function updated({ response, read }: { response: JsonObject; read: JsonObject | undefined }) {
  const dropWrites = vi.fn(async () => {});
  const client = {
    update: async (_: string, id: string, __: unknown, options: UpdateOptions) => {
      options.guard?.();
      options.taken?.();
      return { id, data: response };
    },
    read: vi.fn(async (_: string, id: string) => read && { id, data: read }),
  };
  const scope = {
    mapping,
    clients: [client, client],
    fingerprinter: { ...readable, of: String },
    links: { batches: { dropWrites } },
  } as unknown as MappingScope;
  const claims = { check: () => {}, names: () => [], owner: 'w' } as unknown as Claims;
  const b = view(1, ['old'], { version: '1' });
  const facts = factsOf({ mapping, records: [view(0, ['new']), b] });
  const action = { do: 'update', side: 1, view: b, writes: [], readFirst: false } as const;
  const { results } = await apply(scope, claims, facts, action);
  expect(dropWrites).not.toHaveBeenCalled();
  return { written: results?.written[1], reads: client.read.mock.calls.length };
}

describe('a write that a system took', () => {
  it('costs no reading where its response shows the record', async () => {
    const { written, reads } = await updated({ response: { part: 'new' }, read: undefined });
    expect(written).toMatchObject({ kind: 'done', view: { raw: ['new'] } });
    expect(reads).toBe(0);
  });

  it('has its record read where its response lacks a part of it', async () => {
    const { written, reads } = await updated({ response: {}, read: { part: 'new' } });
    expect(written).toMatchObject({ kind: 'done', view: { raw: ['new'] } });
    expect(reads).toBe(1);
  });

  it.each([
    ['cannot be read out of it either', {}],
    ['is gone', undefined],
  ])('is looked at again where the record %s', async (_, read) => {
    await expect(updated({ response: {}, read })).rejects.toMatchObject({ code: 'RECORD_CHANGED' });
  });
});
