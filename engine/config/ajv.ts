/** How ajv is set up for schemas and for Tandem's own files, at run time as well as for code that the build generates. */
import { createRequire } from 'node:module';
import { _, Ajv, type CodeKeywordDefinition } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { areUnique, isDurationBetween, linearPattern } from './keywords.ts';
import type { JsonSchema } from './types.ts';

// Formats are added by ajv-formats, a CommonJS package whose function is its default export's default.
const addFormats = formats.default;

const DRAFT_06 = createRequire(import.meta.url)('ajv/dist/refs/json-schema-draft-06.json') as JsonSchema;

/** The drafts of JSON Schema that are read, newest first, by the address that a schema names in `$schema`. */
export const DRAFTS = {
  'https://json-schema.org/draft/2020-12/schema': Ajv2020,
  'https://json-schema.org/draft/2019-09/schema': Ajv2019,
  'http://json-schema.org/draft-07/schema': Ajv,
  'http://json-schema.org/draft-06/schema': Ajv,
} as const;
export type Draft = keyof typeof DRAFTS;
export const NEWEST: Draft = 'https://json-schema.org/draft/2020-12/schema';

const OPTIONS = {
  allErrors: true,
  strict: false,
  discriminator: true,
  verbose: true,
  logger: false,
  allowUnionTypes: true,
  // Not RegExp, which backtracks for minutes over some patterns and texts. `code` names it in generated code, in this folder.
  // Not optimized: to compile a schema would take two fifths longer, and few values are checked by each.
  code: {
    optimize: false,
    regExp: Object.assign(linearPattern.bind(null), { code: 'require("./keywords.ts").linearPattern' }),
  },
} as const;

/** @param source the text of validators is kept, to be written to files */
const optionsOf = (source: boolean) => ({ ...OPTIONS, code: { ...OPTIONS.code, source } });

/** @returns an ajv for schemas of a draft, for one schema: two files may carry the same `$id` */
export function createAjv(draft: Draft, source = false): Ajv {
  const ajv = new DRAFTS[draft]({ ...optionsOf(source), validateSchema: false });
  addFormats(ajv);
  // Of all formats only this one takes the square of a text's length.
  const url = formats.default.get('url') as RegExp;
  ajv.addFormat('url', { type: 'string', validate: (text: string) => text.length <= LONGEST_URL && url.test(text) });
  // ajv compares every entry with every other.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword(UNIQUE_ITEMS);
  ajv.addKeyword(DURATION_BETWEEN);
  return ajv;
}

const LONGEST_URL = 2_000;

const UNIQUE_ITEMS: CodeKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  error: { message: 'must have unique items' },
  code(context) {
    if (context.schema !== true) return;
    const check = context.gen.scopeValue('func', { ref: areUnique, code: _`require("./keywords.ts").areUnique` });
    context.fail(_`!${check}(${context.data})`);
  },
};

/** Of the formats of Tandem's own files: the shortest and the longest duration that makes sense in a place. */
const DURATION_BETWEEN: CodeKeywordDefinition = {
  keyword: 'durationBetween',
  type: 'string',
  schemaType: 'array',
  code(context) {
    const check = context.gen.scopeValue('func', {
      ref: isDurationBetween,
      code: _`require("./keywords.ts").isDurationBetween`,
    });
    context.fail(_`!${check}(${context.schemaValue}, ${context.data})`);
  },
};

/** Compiles what a schema of a draft may be. @returns its validator, and the ajv that it is of */
export function metaValidatorOf(
  draft: Draft,
  source = false,
): { readonly ajv: Ajv; readonly validate: ValidateFunction } {
  const ajv = new DRAFTS[draft](optionsOf(source));
  if (draft.includes('draft-06')) ajv.addMetaSchema(DRAFT_06);
  return { ajv, validate: ajv.getSchema(draft)! };
}
