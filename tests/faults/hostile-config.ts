// Systems as the stand-in of sandbox/hostile has them, and mappings between them, as files.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** @param auth what its file says */
export const systemFile = (name: string, url: string, auth = '{ kind: none }'): string => `system: ${name}
description: A system.
baseUrl: ${url}
timeout: 20s
auth: ${auth}
entities:
  things:
    schema: ${name}/things
    id: id
    modified: updated_at
    list: { path: /things, items: items, paging: { kind: token, param: token, next: next } }
    read: { path: "/things/{id}" }
    create: { path: /things, answer: record }
    update: { path: "/things/{id}", nested: merge, answer: record }
`;

export const mappingFile = (name: string, one: string, other: string): string => `mapping: ${name}
description: Things.
between:
  ${one}: things
  ${other}: things
match:
  - { ${one}: name, ${other}: name }
create: []
properties:
  - { ${one}: name, ${other}: name, type: string }
`;

export const SCHEMA = JSON.stringify({
  type: 'object',
  properties: {
    id: { type: 'string', readOnly: true },
    name: { type: 'string' },
    updated_at: { type: 'string', readOnly: true },
  },
});

/** @returns the folder; the caller removes it */
export async function writeConfig(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-hostile-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}
