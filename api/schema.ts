/**
 * What the schemas of this folder are made of. Each yields JSON Schema, which routes validate, serialise and document by,
 * and the type of the same shape (`Static`), which server and command line take. Optional members may also be undefined:
 * they are left out of the JSON.
 */
import Type, { type Static, type TOptional, type TProperties, type TSchema, type TUnsafe } from 'typebox';

export type { Static, TSchema };

export const text = Type.String();
export const count = Type.Integer({ minimum: 0 });
export const flag = Type.Boolean();
export const time = Type.String({ description: 'ISO 8601, UTC' });
/** Any JSON value. */
export const anything = Type.Unknown();
/** Any JSON object. */
export const anyObject = Type.Unsafe<Readonly<Record<string, unknown>>>({ type: 'object', additionalProperties: true });
/** An id in a request. */
export const id = Type.String({ minLength: 1, maxLength: 500 });

/** An object with exactly these properties. @param more `$id` where OpenAPI lists it under that name */
export const object = <P extends TProperties>(properties: P, more: { $id?: string; description?: string } = {}) =>
  Type.Object(properties, { additionalProperties: false, ...more });

/** Of `object`: a member that may be absent. */
export const optional = <T extends TSchema>(schema: T): TOptional<TUnsafe<Static<T> | undefined>> =>
  Type.Optional(Type.Unsafe<Static<T> | undefined>(schema));

/** Of a request: a member that may be absent, and that routes then find with its default. */
export const defaulted = <T extends TSchema>(schema: T, value: Static<T>): TUnsafe<Static<T>> =>
  Type.Optional(Type.Unsafe<Static<T>>({ ...schema, default: value })) as never;

export const described = <T extends TSchema>(description: string, schema: T): TUnsafe<Static<T>> =>
  Type.Unsafe<Static<T>>({ ...schema, description });

export const list = <T extends TSchema>(items: T): TUnsafe<readonly Static<T>[]> =>
  Type.Unsafe<readonly Static<T>[]>(Type.Array(items));

/** A value per name, such as that of a side. */
export const byName = <T extends TSchema>(value: T): TUnsafe<Readonly<Record<string, Static<T>>>> =>
  Type.Unsafe<Readonly<Record<string, Static<T>>>>({ type: 'object', additionalProperties: value });

/** One of these words. */
export const oneOf = <const W extends string>(words: readonly W[], description?: string): TUnsafe<W> =>
  Type.Unsafe<W>({ type: 'string', enum: words, ...(description === undefined ? {} : { description }) });

/** One of the words of a table, which describes each. */
export const wordOf = <W extends string>(table: Readonly<Record<W, string>>, about = ''): TUnsafe<W> =>
  oneOf(Object.keys(table) as W[], `${about === '' ? '' : `${about} `}${sentences(table)}`);

/** `name: words; name: words` */
export const sentences = (table: Readonly<Record<string, string>>): string =>
  Object.entries(table)
    .map(([name, words]) => `${name}: ${words}`)
    .join('; ');

/** By its name, so that the OpenAPI document holds each schema once. */
export const ref = <T extends TSchema>(schema: T): TUnsafe<Static<T>> =>
  Type.Unsafe<Static<T>>({ $ref: `${(schema as { readonly $id?: string }).$id}#` });

/** A body that may be absent. */
export const nullable = <T extends TSchema>(schema: T): TUnsafe<Static<T> | null | undefined> =>
  Type.Unsafe<Static<T> | null | undefined>({ ...schema, type: ['object', 'null'] });

/** A response without a body. */
export const nothing = (description: string) => Type.Unsafe<undefined>({ type: 'null', description });

// ---------------------------------------------------------------- lists, a page at a time

const offset = Type.Integer({ minimum: 0, maximum: 1_000_000_000, description: 'How many to leave out first' });
const limit = Type.Integer({ minimum: 1, maximum: 500, description: 'How many at most' });

/** What a request for a page holds. */
export const paging = { offset: defaulted(offset, 0), limit: defaulted(limit, 50) };
/** Of lists that are as long as the configuration: one page holds all of almost any. */
export const widePaging = { ...paging, limit: defaulted(limit, 500) };
/** Of pages that are put together in memory: they may not begin anywhere. */
export const shallowPaging = { ...paging, offset: defaulted(Type.Integer({ ...offset, maximum: 100_000 }), 0) };
/** What the response holds beside its entries. */
export const page = { total: count, offset: count, limit: count };
