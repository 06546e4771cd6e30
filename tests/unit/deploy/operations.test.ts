// What docs/operations.md and docs/metrics.md tell to type exists: commands and their options, scripts, routes, files, places.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { VARIABLES } from '../../../cli/process/environment.ts';
import { createProgram } from '../../../cli/program.ts';
import { ERRORS } from '../../../engine/errors.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const routes = new Set(
  readdirSync(join(ROOT, 'server/routes')).flatMap((file) =>
    [...read(`server/routes/${file}`).matchAll(/app\.(get|post|delete)(?:<[^(]*>)?\(\s*'([^']+)'/g)].map(
      ([, method, path]) => `${method!.toUpperCase()} ${path!.replace(/:\w+/g, '*')}`,
    ),
  ),
);

/** As GitHub makes them of headings. */
const anchors = (page: string): string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  );

const program = await createProgram();

/** What is wrong with a call of the command line. */
function wrongCall(line: string): string | undefined {
  let command: Command = program;
  const words = line.split(/\s+/).slice(1);
  while (words.length > 0 && command.commands.length > 0) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (!next) return `no command ${words[0]} in: ${line}`;
    command = next;
    words.shift();
  }
  if (command.commands.length > 0) return `which ${command.name()}? ${line}`;
  // A dash alone is the name of stdin.
  const isOption = (word: string): boolean => /^-./.test(word);
  const known = [...program.options, ...command.options].flatMap(({ long, short }) => [long, short]);
  for (const word of words) if (isOption(word) && !known.includes(word)) return `no option ${word} in: ${line}`;
  const [needed, given] = [
    command.registeredArguments.filter(({ required }) => required).length,
    words.filter((word) => !isOption(word)).length,
  ];
  return given < needed ? `an argument is missing in: ${line}` : undefined;
}

describe.each(['docs/operations.md', 'docs/metrics.md'])('%s', (file) => {
  const page = read(file);
  const lines = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, text]) =>
    text!
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '')),
  );
  const inline = [...page.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`]+)`/g)].map(([, text]) =>
    text!.replace(/\s+/g, ' '),
  );

  it('names commands and options that there are', () => {
    const calls = [...lines, ...inline]
      .filter((text) => /^tandem [a-z]/.test(text))
      .map((text) => text.split(/ [|<>] /)[0]!);
    if (file.includes('operations')) expect(calls.length).toBeGreaterThan(20);
    expect(calls.flatMap((call) => wrongCall(call) ?? [])).toEqual([]);
    expect(wrongCall('tandem records --no-such')).toBeDefined();
    expect(wrongCall('tandem queue stop')).toBeDefined();
    expect(wrongCall('tandem explain company-customer')).toBeDefined();
  });

  it('begins every command line with a known program', () => {
    for (const line of lines)
      expect(line).toMatch(/^(tandem|export|curl|journalctl|docker compose|kubectl|redis-cli) /);
  });

  it('asks for routes that there are', () => {
    const asked = [
      ...inline.filter((text) => /^(GET|POST|DELETE) \//.test(text)),
      ...lines.filter((line) => line.startsWith('curl')).map((line) => `GET ${/\$TANDEM(\/\S*)/.exec(line)?.[1]}`),
    ].map((text) => text.split('?')[0]!);
    for (const route of asked) expect(routes, route).toContain(route.replace(/:\w+/g, '*'));
  });

  it('names scripts, variables, error codes and files that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, script] of page.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(script);
    const variables = VARIABLES.map(({ name }) => name);
    for (const [name] of page.matchAll(/\bTANDEM_[A-Z_]+\b/g)) expect(variables).toContain(name);
    for (const [, code] of page.matchAll(/`((?:SYSTEM|VALUE|CONFIG|CLAIM|LINK)_[A-Z_]+)`/g))
      expect(Object.keys(ERRORS)).toContain(code);
    // Of files with secrets there is an example, which people copy.
    for (const [path] of page.matchAll(/\b(?:deploy|bench|scripts)\/[\w./-]+\.\w+/g))
      expect(existsSync(join(ROOT, path)) || existsSync(join(ROOT, `${path}.example`)), path).toBe(true);
  });

  it('leads to pages and places that there are', () => {
    const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => to!);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const [path, anchor] = link.split('#');
      const target = path === '' ? join(ROOT, file) : resolve(dirname(join(ROOT, file)), path!);
      expect(existsSync(target), link).toBe(true);
      if (anchor !== undefined) expect(anchors(readFileSync(target, 'utf8')), link).toContain(anchor);
    }
  });
});
