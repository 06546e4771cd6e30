/** Links: which records belong together. */
import Type from 'typebox';
import { OverwrittenValue } from './history.ts';
import { Issue } from './issue.ts';
import { byName, defaulted, described, flag, id, list, object, optional, ref, type Static, text } from './schema.ts';

/** The id of the record on each side, by the side's name. */
const ids = byName(text);

export const Link = object({
  ids,
  version: optional(described('Number of the commit that recorded its last agreement: it only grows', text)),
  issue: optional(ref(Issue)),
  lost: optional(described('Values that lost a conflict, the newest first', list(ref(OverwrittenValue)))),
});
export type Link = Static<typeof Link>;

export const LinksParams = object({ mapping: text });
export const LinksQuery = object({
  side: optional(text),
  id: optional(id),
  cursor: defaulted(
    // Redis takes 64 bits; a cursor that it gives is below twice the number of links.
    Type.String({ pattern: '^\\d{1,19}$', description: 'What the page before gave as "next"' }),
    '0',
  ),
  limit: defaulted(
    Type.Integer({
      minimum: 1,
      maximum: 500,
      description: 'About how many; a page may hold more, or none, until "next" is absent',
    }),
    100,
  ),
});
export const LinkPage = object({
  links: list(Link),
  next: optional(described('Cursor of the next page', text)),
});
export type LinkPage = Static<typeof LinkPage>;

export const MakeLinkBody = object({ ids: described('The id of the record on each side', byName(id)) });
export const MadeLink = object({ ids, created: flag });
export type MadeLink = Static<typeof MadeLink>;

export const BreakLinkQuery = object({ side: text, id });
export const BrokenLink = object({ ids });
export type BrokenLink = Static<typeof BrokenLink>;
