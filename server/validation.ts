/** Checks requests against the schemas of their routes: addresses and queries are text and are converted, bodies must be what they should be. */
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifySchemaCompiler } from 'fastify';

const common = {
  allErrors: true,
  useDefaults: true,
  removeAdditional: false,
  strict: false,
  allowUnionTypes: true,
} as const;

export function requestValidator(): FastifySchemaCompiler<object> {
  const texts = new Ajv({ ...common, coerceTypes: true });
  addFormats.default(texts, ['date-time']);
  const bodies = new Ajv({ ...common, coerceTypes: false });
  return ({ schema, httpPart }) => (httpPart === 'body' ? bodies : texts).compile(schema);
}
