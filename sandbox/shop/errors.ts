// How the shop says no: a message, and for bad fields (422) a list of them.

export interface FieldProblem {
  field: string;
  message: string;
}

export class ShopError extends Error {
  readonly status: number;
  readonly errors: FieldProblem[] | undefined;

  constructor(status: number, message: string, errors?: FieldProblem[]) {
    super(message);
    this.status = status;
    this.errors = errors;
  }

  get body(): unknown {
    return { message: this.message, ...(this.errors && { errors: this.errors }) };
  }
}
