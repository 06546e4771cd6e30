/** Writes responses by the schemas of their routes. */
import fastJsonStringify, { type Schema } from 'fast-json-stringify';
import type { FastifySerializerCompiler } from 'fastify';
import { SHARED } from '../api/index.ts';
import { compileWhenUsed } from './compile-when-used.ts';

const shared = Object.fromEntries(SHARED.map((schema) => [(schema as { $id?: string }).$id, schema as Schema]));

/** @throws Error where the schema cannot be compiled */
export const compileSerializer = (schema: object) => fastJsonStringify(schema as Schema, { schema: shared });

const compiled = compileWhenUsed(compileSerializer);

export const responseSerializer: FastifySerializerCompiler<object> = ({ schema }) => {
  const serializer = compiled(schema);
  return (payload) => serializer()(payload as object);
};
