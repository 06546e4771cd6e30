/** JSON Schema checks (ajv), with errors in words that say what to write instead. */
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { asTandemError } from '../errors.ts';
import { linearPattern } from '../expression/regex.ts';
import { keepLatest } from '../latest.ts';
import { createAjv, DRAFTS, type Draft, metaValidatorOf, NEWEST } from './ajv.ts';
import { shortHash } from './hash.ts';
import { PREBUILT } from './prebuilt.ts';
import { describeFault, oneOfMissing, type SchemaFault } from './schema-fault.ts';
import type { JsonSchema } from './types.ts';
import type { YamlPath } from './yaml.ts';

const validators = new WeakMap<JsonSchema, ValidateFunction>();
/** Compiling takes most of the time of loading, and the same text says the same. As many as a large configuration has. */
const byText = keepLatest<ValidateFunction>(500);

/** @throws Error where the schema is no JSON Schema */
export function validatorOf(schema: JsonSchema): ValidateFunction {
  let validate = validators.get(schema);
  if (!validate) {
    const text = JSON.stringify(schema);
    validate = byText(text, () => PREBUILT.get(shortHash(text))?.() ?? compile(schema));
    validators.set(schema, validate);
  }
  return validate;
}

/** Without `$schema` a schema is one of the newest draft; undefined: of one that is not read here. */
function draftOf(schema: JsonSchema): Draft | undefined {
  if (schema.$schema === undefined) return NEWEST;
  const bare = (address: string): string => address.replace(/#$/, '').replace(/^https?:/, '');
  return (Object.keys(DRAFTS) as Draft[]).find((draft) => bare(draft) === bare(String(schema.$schema)));
}

/** Compiling what a schema may be costs more than compiling most schemas, so it is done once per draft. */
const metaValidators = new Map<Draft, ValidateFunction>();

function metaValidator(draft: Draft): ValidateFunction {
  let validate = metaValidators.get(draft);
  if (!validate) {
    validate = PREBUILT.get(draft)?.() ?? metaValidatorOf(draft).validate;
    metaValidators.set(draft, validate);
  }
  return validate;
}

const checked = keepLatest<readonly SchemaFault[]>(500);

/** @returns why the schema cannot be used, with the place in it; nothing where it can */
export const faultsOfSchema = (schema: JsonSchema): readonly SchemaFault[] =>
  checked(JSON.stringify(schema), () => checkSchema(schema));

function checkSchema(schema: JsonSchema): SchemaFault[] {
  const fault = (path: YamlPath, message: string): SchemaFault => ({
    path,
    of: 'value',
    message,
    keyword: '',
    types: [],
    missing: [],
  });
  const draft = draftOf(schema);
  if (draft === undefined)
    return [
      fault(['$schema'], `This draft of JSON Schema is not read; write one of ${Object.keys(DRAFTS).join(', ')}.`),
    ];
  const faults = faultsBy(metaValidator(draft), schema);
  // That no alternative fits is said by what is wrong with each.
  const reported = faults.filter(
    ({ keyword, path }) =>
      keyword !== 'anyOf' ||
      !faults.some((other) => other.keyword !== 'anyOf' && path.every((part, i) => other.path[i] === part)),
  );
  if (reported.length > 0) return reported;
  const slow = slowPatterns(schema);
  if (slow.length > 0) return slow.map(({ path, of, message }) => ({ ...fault(path, message), of }));
  try {
    validatorOf(schema);
    return [];
  } catch (error) {
    return [fault([], `Is no usable JSON Schema: ${error instanceof Error ? error.message : String(error)}.`)];
  }
}

/** Keywords that hold schemas by names of the user's. */
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords that hold values, which only look like schemas. */
const VALUES = new Set(['enum', 'const', 'default', 'examples']);

/** Patterns that cannot be tried in linear time, with the place of each. */
function slowPatterns(schema: unknown, path: YamlPath = []): Pick<SchemaFault, 'path' | 'of' | 'message'>[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const tried = (pattern: string, place: YamlPath, of: 'value' | 'key'): ReturnType<typeof slowPatterns> => {
    try {
      linearPattern(pattern);
      return [];
    } catch (error) {
      return [{ path: place, of, message: asTandemError(error).message }];
    }
  };
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const place = [...path, Array.isArray(schema) ? Number(keyword) : keyword];
    if (VALUES.has(keyword)) return [];
    if (keyword === 'pattern' && typeof value === 'string') return tried(value, place, 'value');
    if (!NAMED.has(keyword) || typeof value !== 'object' || value === null) return slowPatterns(value, place);
    return Object.entries(value).flatMap(([name, inner]) => [
      ...(keyword === 'patternProperties' ? tried(name, [...place, name], 'key') : []),
      ...slowPatterns(inner, [...place, name]),
    ]);
  });
}

const compile = (schema: JsonSchema): ValidateFunction => createAjv(draftOf(schema) ?? NEWEST).compile(schema);

/** @returns what is wrong with a value; nothing where it fits */
export const schemaFaults = (schema: JsonSchema, value: unknown): SchemaFault[] => faultsBy(validatorOf(schema), value);

/** Nobody reads more, and they are compared with each other. */
const MOST_FAULTS = 500;

function faultsBy(validate: ValidateFunction, value: unknown): SchemaFault[] {
  if (validate(value)) return [];
  const errors = (validate.errors ?? []).slice(0, MOST_FAULTS);
  // An alternative that failed says why once, in the words of the schema, not once per alternative.
  // The innermost come first.
  const alternatives = errors
    .filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf')
    .sort((a, b) => b.schemaPath.length - a.schemaPath.length);
  const within = (error: ErrorObject, parent: ErrorObject): boolean =>
    error !== parent && error.schemaPath.startsWith(`${parent.schemaPath}/`);
  const faults: SchemaFault[] = [];
  const said = new Set<string>();
  for (const error of errors) {
    // That a condition led to a fault is reported by the fault itself.
    if (error.keyword === 'propertyNames' || error.keyword === 'if') continue;
    const parent = alternatives.find((candidate) => within(error, candidate));
    if (parent && oneOfMissing(parent).length > 0) continue;
    // Deep inside an alternative of the right shape, the inner fault is the useful one.
    if (
      parent &&
      error.instancePath === parent.instancePath &&
      error.keyword !== 'additionalProperties' &&
      error.keyword !== 'required'
    )
      continue;
    if (
      alternatives.includes(error) &&
      oneOfMissing(error).length === 0 &&
      errors.some(
        (inner) =>
          within(inner, error) &&
          (inner.instancePath !== error.instancePath ||
            inner.keyword === 'additionalProperties' ||
            inner.keyword === 'required'),
      )
    ) {
      continue;
    }
    const fault = describeFault(error);
    const key = `${fault.path.join('\u0000')}\u0001${fault.message}`;
    if (!said.has(key)) faults.push(fault);
    said.add(key);
  }
  return faults;
}
