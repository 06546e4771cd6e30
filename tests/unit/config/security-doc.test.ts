// The page on security names for each threat a test that there is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
const rows = [...page.matchAll(/^\| (.+?) \| `(tests\/\S+\.test\.ts)`: (.+) \|$/gm)];

it('the page about security has a row for each threat', () => {
  expect(rows.length).toBeGreaterThan(30);
});

it.each(rows.map(([, threat = '', file = '', title = '']) => [threat, file, title] as const))(
  '%s: %s has the test that is named',
  (_, file, title) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    // As a text of the source, where an apostrophe may be escaped.
    expect(source.replaceAll("\\'", "'").includes(`'${title}`) || source.includes(`\`${title}`)).toBe(true);
  },
);
