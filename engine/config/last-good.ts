/** The last good version of what runs: a bad edit of a file leaves the one before it running. */
import type { Env } from './env.ts';
import type { Files } from './files.ts';
import { formatProblem } from './format.ts';
import { compileFiles, type LoadResult } from './load.ts';
import type { Config, Mapping, Problem } from './types.ts';

export interface Running {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** The texts that run. */
  readonly files: Files;
  /** The latest text of each file that had no fault. */
  readonly good: Files;
}

/** In the order in which they build on each other, so that a fault is put down to the file that has it. */
const KINDS = [/^schemas\//, /^mappings\/values\//, /^systems\//, /^mappings\/[^/]+$/];

/** @param fresh the files as they are now; before: what runs, undefined at the first load */
export function settle(fresh: Files, before: Running | undefined, env: Env): Running {
  const used = new Map(fresh);
  const problems: Problem[] = [];
  let result = compileFiles(used, env);
  if (before) {
    for (const kind of KINDS) {
      let replaced = false;
      for (const file of new Set(result.problems.map((problem) => problem.file))) {
        const good = before.good.get(file);
        if (!kind.test(file) || good === undefined || good === used.get(file)) continue;
        problems.push(...result.problems.filter((problem) => problem.file === file));
        used.set(file, good);
        replaced = true;
      }
      if (replaced) result = compileFiles(used, env);
    }
    // A sound edit elsewhere may break a mapping that runs: then that edit waits.
    const broken = brokenMappings(before, fresh, result);
    if (broken.length > 0) {
      problems.push(...result.problems.filter((problem) => broken.some((mapping) => mapping.file === problem.file)));
      restore(broken, before, used);
      result = compileFiles(used, env);
    }
  }
  const good = new Map<string, string>();
  const faulty = new Set(result.problems.map((problem) => problem.file));
  for (const [file, text] of used) {
    const last = faulty.has(file) ? before?.good.get(file) : text;
    if (last !== undefined) good.set(file, last);
  }
  const reported = new Set<string>();
  const all = [...problems, ...result.problems].filter((problem) => {
    const line = formatProblem(problem);
    return reported.has(line) ? false : reported.add(line);
  });
  return { config: result.config, problems: all, files: used, good };
}

/** Mappings that ran, whose files are still there and have faults now. */
function brokenMappings(before: Running, fresh: Files, result: LoadResult): Mapping[] {
  const faulty = new Set(result.problems.map((problem) => problem.file));
  return [...before.config.mappings.values()].filter((mapping) => fresh.has(mapping.file) && faulty.has(mapping.file));
}

/** Puts back what the broken mappings build on: schemas, tables and systems, and the mappings that they refer to. */
function restore(broken: readonly Mapping[], before: Running, used: Map<string, string>): void {
  const [schemas, tables, systems] = KINDS;
  for (const [file, text] of before.good) {
    if (schemas!.test(file) || tables!.test(file) || systems!.test(file)) used.set(file, text);
  }
  for (const file of [...used.keys()]) {
    // A new file may be what stands in the way (a second system of the same name).
    if (systems!.test(file) && !before.good.has(file)) used.delete(file);
  }
  const open = broken.map((mapping) => mapping.name);
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const mapping = before.config.mappings.get(name);
    if (!mapping) continue;
    const text = before.files.get(mapping.file);
    if (text !== undefined) used.set(mapping.file, text);
    open.push(...mapping.parents);
  }
}
