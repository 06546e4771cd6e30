/** Collects the problems of one file, each with its place. */
import type { ErrorCode, TandemError } from '../errors.ts';
import { errorPosition } from '../expression/compile.ts';
import type { Problem } from './types.ts';
import type { YamlDocument, YamlPath } from './yaml.ts';
import type { Place } from './yaml-place.ts';

export interface Report {
  readonly file: string;
  readonly problems: Problem[];
  /** Adds a problem at a value, or at its key. */
  add(code: ErrorCode, path: YamlPath, message: string, of?: 'value' | 'key'): void;
  /** Adds what is wrong only because another file has faults. */
  addSecondary(path: YamlPath, message: string, of?: 'value' | 'key'): void;
  /** Adds what an expression or path failed to compile with, at the very character where that is known. */
  addError(path: YamlPath, error: TandemError): void;
  /** Where a value begins. */
  placeOf(path: YamlPath): Place;
  /** A scalar as it is written, see YamlDocument. */
  written(path: YamlPath): string | undefined;
}

export function createReport(file: string, document: YamlDocument): Report {
  const problems: Problem[] = [];
  const problem = (code: ErrorCode, path: YamlPath, message: string, of: 'value' | 'key' = 'value'): Problem => ({
    code,
    file,
    ...document.locate(path, of),
    where: wherePath(path),
    message,
  });
  return {
    file,
    problems,
    placeOf: (path) => document.locate(path),
    written: (path) => document.written(path),
    add: (code, path, message, of) => {
      problems.push(problem(code, path, message, of));
    },
    addSecondary: (path, message, of) => {
      problems.push({ ...problem('CONFIG_REFERENCE', path, message, of), secondary: true });
    },
    addError: (path, error) => {
      const position = errorPosition(error);
      const place = position === undefined ? document.locate(path) : document.locateWithin(path, position);
      problems.push({ code: error.code, file, ...place, where: wherePath(path), message: error.message });
    },
  };
}

/** `properties[3].values`; empty for the whole file. */
export function wherePath(path: YamlPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}

/** What is wrong with a mention of a mapping that cannot be used itself. */
export const faultyMapping = (mapping: string): string =>
  `The mapping "${mapping}" has faults of its own; correct those first.`;
