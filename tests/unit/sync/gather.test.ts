/** Which records of pages are used without being read again. */
import { expect, it, vi } from 'vitest';
import type { TakenUnit } from '../../../engine/store/types.ts';
import type { Unit } from '../../../engine/sync/facts.ts';
import { gather } from '../../../engine/sync/gather.ts';
import type { MappingScope } from '../../../engine/sync/scope.ts';
import { factsOf, mappingOf, view } from '../merge/situation.ts';

/** The record is gone; a page that was requested at this revision still shows it, and a link ended last at the other one. */
async function looked(
  requested: number | undefined,
  lastEnd: number,
  version = 'v1',
  handled: { page?: string; now?: string } = {},
): Promise<{ kind: unknown; reads: number }> {
  const read = vi.fn(async () => undefined);
  const seen = view(0, ['Ann', 'p1']);
  const { id } = seen.record;
  const known = {
    record: seen.record,
    version,
    view: seen,
    from: 'list',
    requestedAt: performance.now(),
    revision: requested,
    handled: handled.page,
  } as const;
  const rawOf = () => 'as the page shows it';
  const scope = { mapping: mappingOf(), clients: [{ read }, { read }], rawOf } as unknown as MappingScope;
  const unit = { side: 0, id, known: () => known } as unknown as Unit;
  const unlinked = handled.now === undefined ? undefined : ({ raw: handled.now } as TakenUnit['unlinked']);
  const facts = factsOf({ records: [seen, undefined], stored: { lastEnd, unlinked } });
  const { records } = await gather(scope, facts, unit, { ask: 'record', side: 0, id });
  return { kind: records?.[0]?.kind, reads: read.mock.calls.length };
}

it('a record of a page that was requested before a link ended is read: it may be the one that was deleted then', async () => {
  expect(await looked(4, 5)).toEqual({ kind: 'absent', reads: 1 });
});

it('a record that a sibling mapping delivered is read once a link has ended: nobody knows which of the two was first', async () => {
  expect(await looked(undefined, 5)).toEqual({ kind: 'absent', reads: 1 });
});

it.each([
  ['requested after the last link ended', 5, 5],
  ['of a mapping of which no link has ended', 0, 0],
  ['delivered by a sibling mapping, where no link has ended', undefined, 0],
])('a record without a link is used as its page shows it: %s', async (_, requested, lastEnd) => {
  expect(await looked(requested, lastEnd)).toEqual({ kind: 'present', reads: 0 });
});

it('a record that a page has shown under another version of the mapping is read: its values may be those of other properties', async () => {
  expect(await looked(5, 0, 'v0')).toEqual({ kind: 'absent', reads: 1 });
});

it('a record of a page is read where another worker has handled a later reading since', async () => {
  const later = { page: 'before', now: 'later' };
  expect(await looked(5, 5, 'v1', later)).toEqual({ kind: 'absent', reads: 1 });
  expect(await looked(5, 5, 'v1', { page: '', now: 'later' })).toEqual({ kind: 'absent', reads: 1 });
});

it.each([
  ['nobody has handled it since', { page: 'before', now: 'before' }],
  ['nobody has ever handled it', { page: '' }],
  ['just this reading was handled since', { page: '', now: 'as the page shows it' }],
  ['it was delivered by a sibling mapping, which does not know', { now: 'before' }],
])('a record without a link is used as its page shows it where %s', async (_, handled) => {
  expect(await looked(5, 5, 'v1', handled)).toEqual({ kind: 'present', reads: 0 });
});
