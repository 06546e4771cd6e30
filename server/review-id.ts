/** Names of reviews: `MAPPING~SIDE~ID`, and `MAPPING~brake`, made of characters that stand in an address as they are, whatever the record's id holds. */

import type { ReviewAction } from '../api/index.ts';
import { TandemError } from '../engine/index.ts';
import type { FlatIssue } from './issue-pages.ts';

export interface ReviewName {
  readonly mapping: string;
  /** Name of the side. */
  readonly side: string;
  readonly id: string;
}

/** What can be done about a review. */
export function reviewActions(
  { code, kind }: Partial<Pick<FlatIssue, 'code' | 'kind'>>,
  linked: boolean,
): ReviewAction[] {
  if (kind === 'orphaned') return code === 'ID_REUSED' ? [] : ['create', 'delete'];
  if (kind === 'unmatched') return ['link', 'create'];
  // Its counterpart was created: that is linked once the link that has its id ends.
  if (code === 'ID_REUSED') return ['ignore'];
  if (!linked) return ['link', 'create', 'ignore'];
  if (code === undefined) return ['create', 'delete', 'ignore'];
  return code === 'CONFLICT' ? ['take', 'ignore'] : ['ignore'];
}

/** An id with other characters is given in base64url, behind a second tilde. */
export function reviewId({ mapping, side, id }: ReviewName): string {
  return `${mapping}~${side}~${/^[A-Za-z0-9_.-]+$/.test(id) ? id : `~${Buffer.from(id).toString('base64url')}`}`;
}

export const brakeReviewId = (mapping: string): string => `${mapping}~brake`;

/** @returns the mapping whose brake a review is about; undefined for a review of a record */
export const parseBrakeReviewId = (text: string): string | undefined => /^([^~]+)~brake$/.exec(text)?.[1];

/** @throws TandemError NOT_FOUND */
export function parseReviewId(text: string): ReviewName {
  const [, mapping, side, encoded, plain] =
    /^([^~]+)~([^~]+)~(?:~([A-Za-z0-9_-]+)|([A-Za-z0-9_.-]+))$/.exec(text) ?? [];
  if (mapping === undefined || side === undefined) throw new TandemError('NOT_FOUND', `There is no review "${text}".`);
  return { mapping, side, id: plain ?? Buffer.from(encoded ?? '', 'base64url').toString('utf8') };
}
