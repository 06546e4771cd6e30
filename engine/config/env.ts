/** `${NAME}` and `${NAME:-default}` in the texts of system files; secrets stand nowhere else. */
import { isObject } from '../json.ts';
import type { Json } from '../types.ts';
import type { Report } from './report.ts';
import type { YamlPath } from './yaml.ts';

export type Env = Readonly<Record<string, string | undefined>>;

const VARIABLE = /\$\{([^}]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const WHOLE_SECRET = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

/** Where system files hold secrets. */
const SECRETS: readonly (readonly string[])[] = [
  ['auth', 'value'],
  ['auth', 'token'],
  ['auth', 'password'],
  ['auth', 'clientSecret'],
  ['auth', 'refreshToken'],
  ['webhooks', 'signature', 'secret'],
];
const SECRET_HEADER = /authorization|cookie|secret|token|api-?key/i;

/** Of the environment only what system files name. */
export function namedVariables(files: ReadonlyMap<string, string>, env: Env): Env {
  const named: Record<string, string | undefined> = {};
  for (const [file, text] of files) {
    if (!file.startsWith('systems/')) continue;
    for (const [, inside = ''] of text.matchAll(VARIABLE)) {
      const [name = ''] = inside.split(':-');
      if (NAME.test(name)) named[name] = env[name];
    }
  }
  return named;
}

/** The names of the variables in a value, in the order in which they stand there. */
export function variablesIn(value: unknown): string[] {
  const found = [...JSON.stringify(value ?? null).matchAll(VARIABLE)].map(([, inside = '']) => inside.split(':-')[0]!);
  return [...new Set(found)];
}

/** Reports secrets that are written in the file. Never repeats them. */
export function checkSecrets(value: Json, report: Report): void {
  for (const path of SECRETS) {
    const text = valueAt(value, path);
    if (text === undefined || text === null) continue;
    if (typeof text !== 'string' || !WHOLE_SECRET.test(text)) {
      report.add(
        'CONFIG_SECRET',
        path,
        `A secret may not stand in a file, nor have a default. Set an environment variable and write only its name: \${NAME}.`,
      );
    }
  }
  const headers = valueAt(value, ['headers']);
  if (typeof headers === 'object' && headers !== null && !Array.isArray(headers)) {
    for (const [name, text] of Object.entries(headers)) {
      if (SECRET_HEADER.test(name) && (typeof text !== 'string' || !text.includes('${'))) {
        report.add(
          'CONFIG_SECRET',
          ['headers', name],
          `The header ${name} looks like a secret. Set an environment variable and write its name: \${NAME}.`,
        );
      }
    }
  }
  const baseUrl = valueAt(value, ['baseUrl']);
  if (typeof baseUrl === 'string' && /^https?:\/\/[^/$]*@/.test(baseUrl)) {
    report.add(
      'CONFIG_SECRET',
      ['baseUrl'],
      'An address with a user or password holds a secret. Use auth: { kind: basic, … } with environment variables.',
    );
  }
}

/**
 * Fills in environment variables; missing ones are reported.
 *
 * @returns the value, and which texts came from the environment (by JSON pointer)
 */
export function fillEnv(value: Json, env: Env, report: Report): { value: Json; filled: ReadonlySet<string> } {
  const filled = new Set<string>();
  const fill = (item: Json, path: YamlPath): Json => {
    if (typeof item === 'string') {
      if (!item.includes('${')) return item;
      filled.add(pointer(path));
      return item.replace(VARIABLE, (_, inside: string) => {
        const at = inside.indexOf(':-');
        const name = at < 0 ? inside : inside.slice(0, at);
        if (!NAME.test(name)) {
          report.add(
            'CONFIG_ENV',
            path,
            `"\${${name}}" names no environment variable; write \${NAME} or \${NAME:-default}.`,
          );
          return '';
        }
        const found = env[name];
        if (found !== undefined && found !== '') return found;
        if (at >= 0) return inside.slice(at + 2);
        report.add('CONFIG_ENV', path, `The environment variable ${name} is not set.`);
        return '';
      });
    }
    if (Array.isArray(item)) return item.map((element, i) => fill(element, [...path, i]));
    if (isObject(item)) {
      return Object.fromEntries(Object.entries(item).map(([key, element]) => [key, fill(element, [...path, key])]));
    }
    return item;
  };
  return { value: fill(value, []), filled };
}

/** RFC 6901. */
export const pointer = (path: YamlPath): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let item: Json | undefined = value;
  for (const key of path) {
    if (!isObject(item)) return undefined;
    item = item[key];
  }
  return item;
}
