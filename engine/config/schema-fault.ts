/** What ajv reports of a value, in words that say what to write instead. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { MAX_PATTERN_TEXT } from '../expression/limits.ts';
import { nearest } from '../expression/nearest.ts';
import type { JsonSchema } from './types.ts';
import type { YamlPath } from './yaml.ts';

/** One fault, at the value (or key) that it concerns. */
export interface SchemaFault {
  readonly path: YamlPath;
  readonly of: 'value' | 'key';
  readonly message: string;
  readonly keyword: string;
  /** For `type`: the types that are allowed. */
  readonly types: readonly string[];
  /** For `required`: the missing property; several where one of them would do. */
  readonly missing: readonly string[];
}

/** @returns the fault that an error of ajv's reports */
export function describeFault(error: ErrorObject): SchemaFault {
  const path = pointerPath(error.instancePath);
  const parent = (error.parentSchema ?? {}) as Record<string, unknown>;
  const described = typeof parent.description === 'string' ? ` ${parent.description}` : '';
  const { keyword } = error;
  const params = error.params as Record<string, unknown>;
  const limit = LIMITS[keyword];
  const fault = KEYWORDS[keyword]?.({ error, path, parent, params, described });
  const message = limit
    ? `${limit(Number(params.limit))}${keyword.endsWith('Properties') ? described : ''}`
    : `${error.message ?? 'Does not fit'}.`;
  return { path, of: 'value', keyword, types: [], missing: [], message, ...fault };
}

interface Reported {
  readonly error: ErrorObject;
  readonly path: readonly (string | number)[];
  /** The schema that the value does not fit. */
  readonly parent: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, unknown>>;
  /** What the schema says of the value, after a space; '' where it says nothing. */
  readonly described: string;
}

type Description = Partial<SchemaFault> & Pick<SchemaFault, 'message'>;

const KEYWORDS: Readonly<Record<string, (reported: Reported) => Description>> = {
  additionalProperties({ path, parent, params }) {
    const key = String(params.additionalProperty);
    const known = Object.keys((parent.properties as object | undefined) ?? {});
    const hint = nearest(key, known);
    return {
      path: [...path, key],
      of: 'key',
      message: `"${key}" is not known here${hint ? `; did you mean "${hint}"?` : `; known are ${known.join(', ')}.`}`,
    };
  },
  required({ parent, params }) {
    const key = String(params.missingProperty);
    const property = (parent.properties as Record<string, { description?: string }> | undefined)?.[key];
    return {
      of: 'key',
      missing: [key],
      message: `"${key}" is missing${property?.description ? `: ${property.description}` : '.'}`,
    };
  },
  discriminator({ path, parent, params }) {
    const alternatives = (parent.oneOf as { properties?: { kind?: { const?: string } } }[] | undefined) ?? [];
    const kinds = alternatives.flatMap((one) => one.properties?.kind?.const ?? []);
    const given = params.tagValue;
    const hint = typeof given === 'string' ? nearest(given, kinds) : undefined;
    return {
      path: [...path, 'kind'],
      message: `"kind" must be one of ${kinds.join(', ')}${hint ? `; did you mean "${hint}"?` : '.'}`,
    };
  },
  enum: ({ params }) => ({ message: `Must be one of ${list(params.allowedValues as unknown[])}.` }),
  const: ({ params }) => ({ message: `Must be ${text(params.allowedValue)}.` }),
  type({ params }) {
    const types = [params.type].flat().map(String);
    return { types, message: `Must be ${types.map(article).join(' or ')}.` };
  },
  pattern({ error, path, params, described }) {
    const named = error.propertyName === undefined ? path : [...path, error.propertyName];
    if (typeof error.data === 'string' && error.data.length > MAX_PATTERN_TEXT)
      return {
        path: named,
        message: `Has more than ${MAX_PATTERN_TEXT} characters; no pattern is tried on those.`,
      };
    return {
      path: named,
      of: error.propertyName === undefined ? 'value' : 'key',
      message: `Does not have the form that is needed (${String(params.pattern)}).${described}`,
    };
  },
  anyOf: alternatives,
  oneOf: alternatives,
  format: ({ params }) => ({
    message: `Must be ${article(FORMATS[String(params.format)] ?? String(params.format))}.`,
  }),
  durationBetween({ error }) {
    const [least, most] = error.schema as string[];
    return { message: `Must be a duration from ${least} to ${most}.` };
  },
  uniqueItems: () => ({ message: 'Holds the same entry twice.' }),
};

function alternatives({ error, described }: Reported): Description {
  const missing = oneOfMissing(error);
  return missing.length > 0
    ? { keyword: 'required', missing, message: `At least one of ${list(missing)} is needed.` }
    : { message: `Does not have the form that is needed.${described}` };
}

/** The properties of which an `anyOf` wants at least one; none where it is about something else. */
export function oneOfMissing(error: ErrorObject): string[] {
  const alternatives = error.keyword === 'anyOf' ? (error.schema as JsonSchema[]) : [];
  const names = alternatives.map(({ required }) =>
    Array.isArray(required) && required.length === 1 ? required[0] : '',
  );
  return names.every((name) => name !== '') ? names.map(String) : [];
}

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;
const atLeast = (number: number, one: string, many: string): string =>
  number === 1 ? 'May not be empty.' : `Must have at least ${count(number, one, many)}.`;

/** What keywords with a limit ask for. */
const LIMITS: Readonly<Record<string, (limit: number) => string>> = {
  minLength: (limit) => atLeast(limit, 'character', 'characters'),
  maxLength: (limit) => `May have at most ${limit} characters.`,
  minItems: (limit) => atLeast(limit, 'entry', 'entries'),
  maxItems: (limit) => `May have at most ${limit} entries.`,
  minProperties: (limit) => `Must have at least ${count(limit, 'entry', 'entries')}.`,
  maxProperties: (limit) => `May have at most ${limit} entries.`,
  minimum: (limit) => `Must be at least ${limit}.`,
  maximum: (limit) => `May be at most ${limit}.`,
};

const FORMATS: Readonly<Record<string, string>> = {
  email: 'e-mail address',
  'date-time': 'date and time (ISO 8601)',
  date: 'date (YYYY-MM-DD)',
  uri: 'web address',
};
const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'mapping of keys to values',
  array: 'list',
  boolean: 'true or false',
  null: 'null',
  integer: 'whole number',
  number: 'number',
};

function article(word: string): string {
  const plain = WORDS[word] ?? word;
  if (plain === 'text' || plain === 'null' || plain === 'true or false') return plain;
  return `${/^[aeiou]/.test(plain) ? 'an' : 'a'} ${plain}`;
}

const text = (value: unknown): string => (value === null ? 'empty' : String(value));
const list = (values: unknown[]): string =>
  values
    .filter((value) => value !== null)
    .map(text)
    .join(', ');

function pointerPath(pointer: string): (string | number)[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
