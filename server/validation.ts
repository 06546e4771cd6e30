/** Checks requests against the schemas of their routes: addresses and queries are text and are converted, bodies must be what they should be. */
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import { compileWhenUsed } from './compile-when-used.ts';

const common = {
  allErrors: true,
  useDefaults: true,
  removeAdditional: false,
  strict: false,
  allowUnionTypes: true,
} as const;

const texts = new Ajv({ ...common, coerceTypes: true });
addFormats.default(texts, ['date-time']);
const bodies = new Ajv({ ...common, coerceTypes: false });
type Part = 'body' | 'text';

/** @throws Error where the schema cannot be compiled */
export const compileValidator = (part: Part, schema: object): ValidateFunction =>
  (part === 'body' ? bodies : texts).compile(schema);

const compiled = {
  text: compileWhenUsed((schema) => compileValidator('text', schema)),
  body: compileWhenUsed((schema) => compileValidator('body', schema)),
};

export const requestValidator: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  const validator = compiled[httpPart === 'body' ? 'body' : 'text'](schema);
  return (value: unknown) => {
    const validate = validator();
    return validate(value) || { error: validate.errors as FastifySchemaValidationError[] };
  };
};
