// A function over 60 lines states why: part of `npm run lint`. Ends with 1 where one does not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['api', 'bench', 'cli', 'engine', 'sandbox', 'scripts', 'server', 'tests'];
const CODE = /(?<!\.d)\.m?[jt]s$/;
const MOST = 60;
const REASON = /^\/\/ Over 60 lines: \S/;
/** Calls whose callback holds tests or is one: each step of it can be read alone. */
const TEST = /^(describe|it|test)\b/;

/**
 * @param files `path` from the root and `text`
 * @returns functions that are too long and do not state why: path, line, name and length
 */
export function findLongFunctions(files) {
  const found = [];
  for (const { path, text } of files) {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line + 1;
    const isTest = ({ parent }) =>
      path.endsWith('.test.ts') && ts.isCallExpression(parent) && TEST.test(parent.expression.getText(source));
    const visit = (node) => {
      if (ts.isFunctionLike(node) && node.body !== undefined) {
        const line = lineOf(node.getStart(source));
        const lines = lineOf(node.end) - line + 1;
        if (lines > MOST && !isTest(node) && !statesReason(node, source))
          found.push({ path, line, name: nameOf(node, source), lines });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

/** Whether a comment above the function, or above what it is a part of up to its statement, gives a reason. */
function statesReason(node, { text }) {
  for (let part = node; part.parent !== undefined; part = part.parent) {
    const comments = ts.getLeadingCommentRanges(text, part.getFullStart()) ?? [];
    const isReason = ({ pos, end }) =>
      REASON.test(text.slice(pos, end)) && !/\n\s*\n/.test(text.slice(end, part.getStart()));
    if (comments.some(isReason)) return true;
    // A function that is the whole value of another one shares its reason.
    const { parent } = part;
    if (ts.isStatement(part) || ts.isClassElement(part) || (ts.isFunctionLike(parent) && parent.body !== part))
      return false;
  }
  return false;
}

function nameOf(node, source) {
  for (let part = node; part !== undefined; part = part.parent) {
    if (part.name !== undefined) return part.name.getText(source);
    if (ts.isStatement(part)) break;
  }
  return 'a function without a name';
}

function* codeFiles() {
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true })) {
      const path = `${folder}/${name.replaceAll('\\', '/')}`;
      if (CODE.test(path)) yield { path, text: readFileSync(join(ROOT, path), 'utf8') };
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findLongFunctions(codeFiles());
  for (const { path, line, name, lines } of found)
    console.error(`${path}:${line} ${name}: ${lines} lines. Split it, or say why above it: // Over 60 lines: …`);
  console.log(`Functions over ${MOST} lines without a reason: ${found.length}.`);
  if (found.length > 0) process.exitCode = 1;
}
