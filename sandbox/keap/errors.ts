// Keap's two ways of saying no: the API's own error body, and the body of the gateway before it.

export class KeapError extends Error {
  readonly status: number;
  readonly body: unknown;

  private constructor(status: number, message: string, body: unknown) {
    super(message);
    this.status = status;
    this.body = body;
  }

  static api(status: number, message: string, domain: string, resource: string): KeapError {
    return new KeapError(status, message, {
      code: String(status),
      message,
      status: names[status] ?? 'INTERNAL',
      details: [{ domain, resource }],
    });
  }

  static gateway(status: number, faultstring: string, errorcode: string): KeapError {
    return new KeapError(status, faultstring, { fault: { faultstring, detail: { errorcode } } });
  }

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
  409: 'CONFLICT',
  500: 'INTERNAL',
};

export function badRequest(domain: string, resource: string, message: string): KeapError {
  return KeapError.api(400, message, domain, resource);
}

export function notFound(domain: string, id: string): KeapError {
  return KeapError.api(404, `No ${domain} with id ${id}.`, domain, id);
}
