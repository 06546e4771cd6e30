/**
 * Two plain systems of any number of records, that cost next to nothing: a record is computed from its number, and only what
 * was written to it is kept. Listed by cursor, each page of 500. They run in the process that measures.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGE = 500;

interface Item {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly note: string;
  readonly updated_at: string;
}

export interface Plain {
  readonly url: string;
  /** Requests answered so far. */
  calls(): number;
  /** A person's edit. */
  edit(i: number, note: string): void;
  close(): Promise<void>;
}

export interface PlainOptions {
  readonly records: number;
  /** Ms before each answer. */
  readonly latency?: number;
  /** Called for each note that was written by the API, as it arrives. */
  readonly onNote?: (note: string) => void;
}

const START = new Date(Date.now() - 86_400_000).toISOString();
const first = (i: number): Item => ({
  id: String(i + 1),
  name: `Person number ${i}`,
  email: `person-${i}@example.com`,
  note: '',
  updated_at: START,
});

export async function startPlain({ records, latency = 0, onNote }: PlainOptions): Promise<Plain> {
  const written = new Map<number, Item>();
  let count = records;
  let calls = 0;
  const itemOf = (i: number): Item | undefined => (i >= 0 && i < count ? (written.get(i) ?? first(i)) : undefined);
  const write = (i: number, change: Partial<Item>): Item => {
    const item = { ...(itemOf(i) ?? first(i)), ...change, id: String(i + 1), updated_at: new Date().toISOString() };
    written.set(i, item);
    return item;
  };

  function list(query: URLSearchParams): Item[] {
    const since = query.get('since');
    const after = Number(query.get('after') ?? 0);
    if (since === null)
      return Array.from({ length: Math.min(PAGE, Math.max(0, count - after)) }, (_, k) => itemOf(after + k)!);
    return [...written.entries()]
      .filter(([i, item]) => i >= after && item.updated_at >= since)
      .sort(([a], [b]) => a - b)
      .slice(0, PAGE)
      .map(([, item]) => item);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request) body += part;
    calls++;
    if (latency > 0) await sleep(latency);
    const url = new URL(request.url ?? '', 'http://plain');
    const id = url.pathname.split('/')[2];
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (request.method === 'GET' && id === undefined) return send(200, list(url.searchParams));
    if (request.method === 'POST') {
      const change = JSON.parse(body) as Partial<Item>;
      return send(201, write(count++, change));
    }
    const i = Number(id) - 1;
    if (!itemOf(i)) return send(404, { message: 'not found' });
    if (request.method !== 'PATCH') return send(200, itemOf(i));
    const change = JSON.parse(body) as Partial<Item>;
    if (change.note !== undefined) onNote?.(change.note);
    send(200, write(i, change));
  }

  const server = createServer((request, response) => void answer(request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    edit: (i, note) => void write(i, { note }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const SCHEMA = {
  type: 'object',
  properties: {
    id: { type: 'string', readOnly: true },
    updated_at: { type: 'string', readOnly: true },
    name: { type: ['string', 'null'] },
    email: { type: ['string', 'null'] },
    note: { type: ['string', 'null'] },
  },
};
const system = (name: string, concurrency: number): string => `system: ${name}
baseUrl: \${${name.toUpperCase()}_URL}
auth: { kind: none }
concurrency: ${concurrency}
entities:
  items:
    schema: ${name}/items
    id: id
    modified: updated_at
    list:
      path: /items
      items: ""
      paging: { kind: cursor, param: after }
      since: { kind: filter, query: { since: "{since}" }, overlap: 1s }
    read: { path: "/items/{id}" }
    create: { path: /items }
    update: { path: "/items/{id}" }
    events: [item.changed]
webhooks:
  events: 'body.{ "event": "item.changed", "id": id }'
`;
const MAPPING = `mapping: items
between: { a: items, b: items }
match: [{ a: email, b: email }]
create: [b]
schedule: { changes: off, full: off }
properties:
  - { a: name, b: name }
  - { a: email, b: email }
  - { a: note, b: note }
`;

/** The folder of a Tandem between two such systems. */
export async function plainFolder(concurrency = 16): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'tandem-bench-'));
  for (const name of ['a', 'b']) {
    await mkdir(join(dir, 'schemas', name), { recursive: true });
    await writeFile(join(dir, 'schemas', name, 'items.schema.json'), JSON.stringify(SCHEMA));
  }
  for (const folder of ['systems', 'mappings']) await mkdir(join(dir, folder));
  for (const name of ['a', 'b']) await writeFile(join(dir, 'systems', `${name}.yaml`), system(name, concurrency));
  await writeFile(join(dir, 'mappings', 'items.yaml'), MAPPING);
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}
