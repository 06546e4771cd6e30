/** Errors as problem documents (RFC 9457): one handler for all of them; what is not a known error tells nothing of itself. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import type { Problem } from '../api/index.ts';
import { ERRORS, type ErrorCode, TandemError } from '../engine/index.ts';

/** Where in the request (`body.scan`, `query.limit`), and what is wrong. */
type RequestFault = NonNullable<Problem['errors']>[number];

/** An error of the HTTP surface whose status or faults the list of errors cannot know. */
export class HttpProblem extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly more: {
    readonly errors?: readonly RequestFault[];
    readonly title?: string;
    readonly remedy?: string;
    readonly retryAfter?: number;
  };

  constructor(code: ErrorCode, status: number, detail: string, more: HttpProblem['more'] = {}) {
    super(detail);
    this.code = code;
    this.status = status;
    this.more = more;
  }
}

export const PROBLEM_TYPE = 'application/problem+json';

/** @param requestId given where only the log knows more */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof HttpProblem) {
    const { errors, title, remedy } = error.more;
    return problem(error.code, error.message, {
      status: error.status,
      ...(errors ? { errors } : {}),
      ...(title ? { title } : {}),
      ...(remedy ? { remedy } : {}),
    });
  }
  if (error instanceof TandemError && error.code !== 'INTERNAL')
    return problem(error.code, error.message, namesOf(error));
  const { statusCode, validation, validationContext, code } = error as Partial<FastifyError>;
  if (validation) {
    const errors = validation.map((fault) => requestFault(fault, validationContext ?? 'request'));
    return problem('BAD_REQUEST', errors.map(({ path, message }) => `${path} ${message}`).join('; '), { errors });
  }
  if (code === 'FST_ERR_HANDLER_TIMEOUT')
    return problem('TIMEOUT', 'The answer took too long; what was asked for may still be done.');
  const refused = statusCode === undefined ? undefined : REFUSALS[statusCode];
  if (refused) return problem(refused.code, refused.detail, { status: statusCode as number });
  if (typeof statusCode === 'number' && statusCode > 400 && statusCode < 500)
    return problem('BAD_REQUEST', REFUSED, { status: statusCode });
  return problem('INTERNAL', `Tandem failed on this request. The log has it under request ${requestId}.`);
}

const REFUSED = 'The request cannot be understood.';

/** Refusals of the HTTP layer itself, before any route is asked. */
export const REFUSALS: Readonly<Record<number, { readonly code: ErrorCode; readonly detail: string }>> = {
  400: { code: 'BAD_REQUEST', detail: 'The body is not valid JSON, or the address is malformed.' },
  404: { code: 'NOT_FOUND', detail: 'There is nothing at this address.' },
  408: { code: 'TIMEOUT', detail: 'The request took too long to arrive, and nothing was done.' },
  413: { code: 'TOO_LARGE', detail: 'The body is larger than this address takes.' },
  414: { code: 'TOO_LARGE', detail: 'The address is too long.' },
  415: {
    code: 'UNSUPPORTED_TYPE',
    detail: 'The body is of a type that this address does not take: send Content-Type application/json.',
  },
  431: { code: 'TOO_LARGE', detail: 'The headers of the request are too long.' },
};

/** A request that is no HTTP, or whose head does not fit, is answered before there is a request at all. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  if (socket.writable) {
    const refused = REFUSALS[status];
    const detail = status === 400 ? 'The request is no valid HTTP.' : (refused?.detail ?? REFUSED);
    const body = JSON.stringify(problem(refused?.code ?? 'BAD_REQUEST', detail, { status }));
    socket.write(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
        `Content-Type: ${PROBLEM_TYPE}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        'X-Content-Type-Options: nosniff',
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  }
  socket.destroy(error);
}

/** `Expect` with anything but 100-continue, which Node itself answers: it would refuse this one without a word. */
export function refuseExpectation(_: IncomingMessage, response: ServerResponse): void {
  const detail = 'Nothing but "Expect: 100-continue" is understood.';
  const body = JSON.stringify(problem('BAD_REQUEST', detail, { status: 417 }));
  const headers = { 'content-type': PROBLEM_TYPE, 'content-length': Buffer.byteLength(body) };
  response.writeHead(417, { ...headers, 'x-content-type-options': 'nosniff', connection: 'close' }).end(body);
}

function problem(code: ErrorCode, detail: string, more: Partial<Problem> = {}): Problem {
  const { title, status, remedy } = ERRORS[code];
  return { type: `/errors/${code}`, title, status, detail, code, remedy, ...more };
}

function namesOf({ context }: TandemError): Partial<Problem> {
  const names: Record<string, string> = {};
  for (const name of ['mapping', 'system', 'entity', 'property', 'side', 'id'] as const) {
    const value = context[name];
    if (value !== undefined) names[name] = value;
  }
  return names;
}

/** One fault that ajv found in a request, in words that say what to send instead. */
function requestFault(fault: FastifySchemaValidationError, part: string): RequestFault {
  const at = fault.instancePath.replace(/^\//, '').replace(/\//g, '.');
  const where = part === 'querystring' ? 'query' : part;
  const path = at === '' ? where : `${where}.${at}`;
  const params = fault.params as Record<string, unknown>;
  switch (fault.keyword) {
    case 'additionalProperties':
      return { path: `${path}.${String(params.additionalProperty)}`, message: 'is not known here' };
    case 'required':
      return { path: `${path}.${String(params.missingProperty)}`, message: 'is missing' };
    default:
      return { path, message: NEEDS[fault.keyword]?.(params) ?? 'does not have the form that is needed' };
  }
}

/** What a value has to be, by the keyword of its schema that it does not fit. */
const NEEDS: Readonly<Record<string, (params: Readonly<Record<string, unknown>>) => string>> = {
  enum: ({ allowedValues }) =>
    `must be one of ${(allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`,
  type: ({ type }) =>
    `must be ${[type]
      .flat()
      .map((name) => TYPES[String(name)] ?? String(name))
      .join(' or ')}`,
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `may be at most ${limit}`,
  minLength: ({ limit }) => (limit === 1 ? 'may not be empty' : `must have at least ${limit} characters`),
  maxLength: ({ limit }) => `may have at most ${limit} characters`,
  minItems: ({ limit }) => `must have at least ${limit} ${limit === 1 ? 'entry' : 'entries'}`,
  maxItems: ({ limit }) => `may have at most ${limit} entries`,
  minProperties: ({ limit }) => `must have at least ${limit} ${limit === 1 ? 'member' : 'members'}`,
  pattern: ({ pattern }) => `does not have the form that is needed (${pattern})`,
  format: ({ format }) => (format === 'date-time' ? 'must be a date and time (ISO 8601)' : `must be a ${format}`),
};

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'an object',
  array: 'a list',
  boolean: 'true or false',
  null: 'null',
  integer: 'a whole number',
  number: 'a number',
};

/**
 * Answers an error; the one place where errors of requests are logged.
 * @param also further members, for a client that looks for them
 */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  also: (problem: Problem) => object = () => ({}),
): void {
  const answer = problemOf(error, request.id);
  if (answer.code === 'INTERNAL') request.log.error({ err: error, route: request.routeOptions?.url }, 'request failed');
  const retryAfter =
    error instanceof TandemError
      ? error.context.retryAfter
      : error instanceof HttpProblem
        ? error.more.retryAfter
        : undefined;
  if (retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(retryAfter / 1000)));
  // Not serialized by the schema of the route: a problem is a problem wherever it happens.
  reply
    .code(answer.status)
    .type(PROBLEM_TYPE)
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ ...answer, ...also(answer) });
}

/** @param methodsAt the methods that an address takes; none where there is nothing */
export const notFound =
  (methodsAt: (path: string) => readonly string[]) =>
  (request: FastifyRequest, reply: FastifyReply): void => {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = methodsAt(path);
    // An address of many, such as those of the board's own files, may lead to nothing.
    if (methods.length === 0 || methods.includes(request.method)) {
      const words = `There is nothing at ${request.method} ${path}. GET /docs lists what there is.`;
      sendProblem(new TandemError('NOT_FOUND', words), request, reply);
    } else {
      reply.header('allow', methods.join(', '));
      const words = `${path} takes ${methods.join(', ')}, and not ${request.method}.`;
      sendProblem(new TandemError('METHOD_NOT_ALLOWED', words), request, reply);
    }
  };
