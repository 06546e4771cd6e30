/** Errors: the problem document (RFC 9457) that every refusal is, and the list of errors. */
import { ERRORS, type ErrorCode, RETRIES } from '../engine/index.ts';
import {
  count,
  described,
  list,
  object,
  oneOf,
  optional,
  page,
  paging,
  ref,
  type Static,
  text,
  wordOf,
} from './schema.ts';

export const errorCode = oneOf(Object.keys(ERRORS) as ErrorCode[]);
const remedy = described('What can be done about it', text);

export const Problem = object(
  {
    type: described('Where the error is explained: /errors/CODE', text),
    title: text,
    status: count,
    detail: text,
    code: errorCode,
    remedy,
    errors: optional(
      described(
        'Each fault of the request, where there are several',
        list(object({ path: described('Such as body.scan or query.limit', text), message: text })),
      ),
    ),
    // What it concerns, where that is known; never a value of a record.
    mapping: optional(text),
    system: optional(text),
    entity: optional(text),
    property: optional(text),
    side: optional(text),
    id: optional(text),
  },
  { $id: 'Problem', description: 'RFC 9457' },
);
export type Problem = Static<typeof Problem>;

export const ErrorEntry = object(
  {
    type: text,
    code: errorCode,
    title: text,
    retry: wordOf(RETRIES, 'When it is tried again, or can be.'),
    status: described('The usual HTTP status', count),
    remedy,
  },
  { $id: 'ErrorEntry' },
);
export type ErrorEntry = Static<typeof ErrorEntry>;

export const ErrorsQuery = object(paging);
export const ErrorPage = object({ errors: list(ref(ErrorEntry)), ...page });
export const ErrorParams = object({ code: described('The code of a problem document', text) });

/** Why a value cannot be converted or written. */
export const Fault = object({ code: errorCode, message: text, property: optional(text) }, { $id: 'Fault' });
export type Fault = Static<typeof Fault>;
