/** One system file: text in, checked and compiled SystemConfig out. */
import { isObject } from '../../json.ts';
import type { Json } from '../../types.ts';
import { checkSecrets, fillEnv, pointer, variablesIn } from '../env.ts';
import { createReport } from '../report.ts';
import type { JsonSchema, Problem, SystemConfig } from '../types.ts';
import { schemaFaults } from '../validate.ts';
import { isFault, parseYaml } from '../yaml.ts';
import { buildSystem } from './build-system.ts';
import type { SystemFile, SystemInput } from './system-file.ts';

export interface Loaded<T> {
  /** Undefined where the file has problems. */
  readonly value: T | undefined;
  /** What the file calls itself, where that is known. */
  readonly name: string | undefined;
  readonly problems: readonly Problem[];
}

export function loadSystem(input: SystemInput): Loaded<SystemConfig> {
  const document = parseYaml(input.text);
  if (isFault(document))
    return { value: undefined, name: undefined, problems: [{ ...document, file: input.file, where: '' }] };
  const report = createReport(input.file, document);
  checkSecrets(document.value, report);
  const { value, filled } = fillEnv(document.value, input.env, report);
  const name = isObject(value) && typeof value.system === 'string' ? value.system : undefined;
  const numbers = numbersFromEnv(input.format, value, filled);
  const missing = new Set(
    report.problems.filter((problem) => problem.code === 'CONFIG_ENV').map((problem) => problem.where),
  );
  for (const fault of schemaFaults(input.format, numbers)) {
    const before = report.problems.length;
    report.add('CONFIG_SCHEMA', fault.path, fault.message, fault.of);
    // What a missing variable leaves behind is no second fault.
    if (missing.has(report.problems[before]!.where)) report.problems.pop();
  }
  if (report.problems.length > 0) return { value: undefined, name, problems: report.problems };
  const credentials = isObject(document.value) ? variablesIn(document.value.auth) : [];
  const system = { ...buildSystem(numbers as unknown as SystemFile, input, report), credentials };
  return { value: report.problems.length === 0 ? system : undefined, name, problems: report.problems };
}

/** A text from the environment becomes a number where the format wants one. */
function numbersFromEnv(format: JsonSchema, value: Json, filled: ReadonlySet<string>): Json {
  if (filled.size === 0) return value;
  const copy = structuredClone(value);
  for (const fault of schemaFaults(format, copy)) {
    if (
      fault.keyword !== 'type' ||
      !filled.has(pointer(fault.path)) ||
      !fault.types.some((type) => type === 'integer' || type === 'number')
    )
      continue;
    const parent = fault.path.slice(0, -1).reduce<Json | undefined>((item, key) => (item as never)?.[key], copy);
    const last = fault.path.at(-1);
    if (parent === undefined || parent === null || last === undefined) continue;
    const text = (parent as unknown as Record<string | number, Json>)[last];
    if (typeof text === 'string' && /^\d+(\.\d+)?$/.test(text.trim()))
      (parent as unknown as Record<string | number, Json>)[last] = Number(text);
  }
  return copy;
}
