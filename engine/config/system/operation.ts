/** One request that a system file describes: its path, its query, and the places in them to fill in. */
import type { Report } from '../report.ts';
import type { OperationConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { OperationFile } from './system-file.ts';

export function buildOperation(
  operation: OperationFile,
  method: string,
  needed: readonly string[],
  allowed: readonly string[],
  report: Report,
  path: YamlPath,
): OperationConfig {
  const query = texts(operation.query ?? {});
  for (const name of needed) {
    if (!operation.path.includes(`{${name}}`) && !Object.values(query).some((text) => text.includes(`{${name}}`))) {
      report.add('CONFIG_SCHEMA', [...path, 'path'], `The path must hold {${name}}.`);
    }
  }
  checkTemplates({ path: operation.path }, allowed, report, path);
  checkTemplates(query, allowed, report, [...path, 'query']);
  return { method: operation.method ?? method, path: operation.path, query };
}

/** `{name}` is a place to fill in; a misspelt one would be sent as it stands. */
export function checkTemplates(
  values: Readonly<Record<string, string>>,
  allowed: readonly string[],
  report: Report,
  path: YamlPath,
): void {
  for (const [key, text] of Object.entries(values)) {
    for (const match of text.matchAll(/\{([A-Za-z_]+)\}/g)) {
      if (allowed.includes(match[1]!)) continue;
      const known =
        allowed.length > 0
          ? `; known here: ${allowed.map((name) => `{${name}}`).join(', ')}.`
          : '; nothing is filled in here.';
      report.add('CONFIG_SCHEMA', [...path, key], `{${match[1]}} is not known${known}`);
    }
  }
}

export const texts = (values: Readonly<Record<string, string | number | boolean>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
