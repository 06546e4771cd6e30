// Names of reviews stand in an address as they are, and lead back to their record.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { parseReviewId, reviewActions, reviewId } from '../../../server/review-id.ts';

test('a review id leads back to any record id, and no character of it needs escaping', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (id) => {
      const name = { mapping: 'contact-customer', side: 'keap', id };
      const text = reviewId(name);
      expect(encodeURIComponent(text)).toBe(text);
      expect(parseReviewId(text)).toEqual(name);
    }),
  );
});

test('plain ids are readable', () => {
  expect(reviewId({ mapping: 'a-b', side: 'keap', id: '12' })).toBe('a-b~keap~12');
});

test.each(['', 'a', 'a~b', 'a~b~', '~b~c', 'a~b~c~d', 'a~b~c d'])('"%s" is no review', (text) => {
  expect(() => parseReviewId(text)).toThrow(TandemError);
});

test('the actions of a review depend on why a person is asked', () => {
  expect(reviewActions({}, false)).toEqual(['link', 'create', 'ignore']);
  expect(reviewActions({ code: 'OUTCOME_UNKNOWN' }, false)).toEqual(['link', 'create', 'ignore']);
  expect(reviewActions({ code: 'CONFLICT' }, true)).toEqual(['take', 'ignore']);
  // Which values win is no question where the two are not known to belong together.
  expect(reviewActions({ code: 'RECORD_MERGED' }, true)).toEqual(['ignore']);
  expect(reviewActions({ code: 'ID_REUSED', kind: 'review' }, true)).toEqual(['ignore']);
  // Its counterpart was created already: another create would end in the same review.
  expect(reviewActions({ code: 'ID_REUSED', kind: 'review' }, false)).toEqual(['ignore']);
  // Both records are there: nothing is created or deleted in place of the link.
  expect(reviewActions({ code: 'ID_REUSED', kind: 'orphaned' }, true)).toEqual([]);
  expect(reviewActions({}, true)).toEqual(['create', 'delete', 'ignore']);
});
