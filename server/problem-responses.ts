/** The problem documents that routes may answer, beside their own answers. */
import { Problem, ref } from '../api/index.ts';

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'The request cannot be understood',
  401: 'A token is needed',
  403: 'The token is not enough, or the request comes from a page of another origin',
  404: 'There is no such thing',
  409: 'The present state does not allow this',
  413: 'The body is too large',
  414: 'The address is too long',
  415: 'The body is of a type that is not read here',
  422: 'What was asked for cannot be done with these values',
  429: 'Too many requests',
  500: 'Tandem itself failed',
  502: 'A system did not answer as it should',
  503: 'Tandem or a system cannot do this now',
};

/** The problems that a route may answer, beside those of every route (see openapi.ts). They are no part of its type. */
export function problems(...statuses: readonly number[]): object {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: PROBLEMS[status], content: { 'application/problem+json': { schema: ref(Problem) } } },
    ]),
  );
}
