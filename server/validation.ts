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

const validators = {
  text: new Ajv({ ...common, coerceTypes: true }),
  body: new Ajv({ ...common, coerceTypes: false }),
};
addFormats.default(validators.text, ['date-time']);

/** @throws Error where the schema cannot be compiled */
export const compileValidator = (part: keyof typeof validators, schema: object): ValidateFunction =>
  validators[part].compile(schema);

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
