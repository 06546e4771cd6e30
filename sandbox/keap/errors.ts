// Keap's ways of saying no: the error bodies of v2 and of v1, and those of the gateway before both.

import { FieldError, NotImplemented } from './fields.ts';

export class KeapError extends Error {
  readonly status: number;
  readonly body: unknown;

  private constructor(status: number, message: string, body: unknown) {
    super(message);
    this.status = status;
    this.body = body;
  }

  /** v2: `code` is a number, as described. */
  static api(status: number, message: string, domain: string, resource: string): KeapError {
    return new KeapError(status, message, {
      code: status,
      message,
      status: names[status] ?? 'INTERNAL',
      details: [{ domain, resource }],
    });
  }

  /** v1, which hooks are in. */
  static v1(status: number, message: string): KeapError {
    return new KeapError(status, message, { message });
  }

  static gateway(status: number, faultstring: string, errorcode: string): KeapError {
    return new KeapError(status, faultstring, { fault: { faultstring, detail: { errorcode } } });
  }

  /** No description has it. Observed: its `code` is a text, unlike that of the API. */
  static quota(): KeapError {
    return new KeapError(429, 'Quota Exceeded', {
      code: '429',
      message: 'Quota Exceeded',
      status: 'Request Throttled',
      details: null,
    });
  }
}

const names: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'CONFLICT',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
};

export function badRequest(domain: string, resource: string, message: string): KeapError {
  return KeapError.api(400, message, domain, resource);
}

export function notFound(domain: string, id: string): KeapError {
  return KeapError.api(404, `No ${domain} with id ${id}.`, domain, id);
}

/** Does the work; answers what it refuses with 400, and what the stand-in does not have with 501. */
export function refusing<T>(domain: string, resource: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FieldError) throw badRequest(domain, resource, error.message);
    if (error instanceof NotImplemented) throw KeapError.api(501, error.message, domain, resource);
    throw error;
  }
}
