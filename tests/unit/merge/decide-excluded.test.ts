/** Rows of the decision table for records that are archived: they are there, and nothing is done because of them. */
import { describe, expect, it } from 'vitest';
import type { RecordView } from '../../../engine/sync/view.ts';
import { agreedOn, link, mappingOf, play, view } from './situation.ts';

const archived = (of: RecordView): RecordView => ({ ...of, inScope: false, record: { ...of.record, archived: true } });

describe('an archived record', () => {
  it('pauses its link', () =>
    expect(
      play({ link: link(agreedOn('Ann', 'p1')), records: [view(0, ['Anna', 'p1']), archived(view(1, ['Ann', 'p1']))] }),
    ).toContain('The record is archived in shop: the link is kept, nothing is written.'));

  it('gets no counterpart', () =>
    expect(play({ records: [archived(view(0, ['Ann', 'p1'])), undefined] })).toContain(
      'reason: "The record is archived in crm."',
    ));

  it('is not deleted where its counterpart was deleted: a person decides', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{ deletes: 'propagate' }, { deletes: 'propagate' }] }),
        link: link(agreedOn('Ann', 'p1')),
        records: ['absent', archived(view(1, ['Ann', 'p1']))],
      }),
    ).toContain('The counterpart in crm was deleted, but the record is archived in shop: a person decides.'));
});
