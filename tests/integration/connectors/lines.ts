/**
 * A second kind of connector, small enough to read in a minute, and the server it talks to: one line of JSON over TCP for a
 * request, one for its response. It shows what an outsider has to write, and imports of the engine what an outsider can:
 * engine/index.ts.
 */
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import {
  type Change,
  type Connector,
  type ConnectorHost,
  type Effect,
  type ErrorCode,
  type JsonObject,
  networkFailure,
  type Operation,
  type Page,
  type SystemConfig,
  type SystemRecord,
  TandemError,
  type WriteOptions,
} from '../../../engine/index.ts';

// ---------------------------------------------------------------- the server

type Fault = 'lose-response' | 'break-list' | 'garble' | 'slow-down' | 'refuse' | undefined;

interface Row {
  readonly [name: string]: unknown;
  readonly id: string;
  readonly version: number;
  readonly at: string;
}

export interface LinesServer {
  readonly url: string;
  put(fields: JsonObject, id?: string): string;
  get(id: string): JsonObject | undefined;
  remove(id: string): void;
  all(): readonly Row[];
  fail(fault: Fault): void;
  requests(): number;
  close(): Promise<void>;
}

const PAGE = 2;

// Over 60 lines: a factory. What it returns are short functions over the same rows.
export async function startLines(secret: string): Promise<LinesServer> {
  const rows = new Map<string, Row>();
  const keys = new Map<string, string>();
  const sockets = new Set<Socket>();
  let last = 0;
  let fault: Fault;
  let count = 0;

  function put(fields: JsonObject, id = String(++last)): string {
    const { id: _, version: __, at: ___, ...own } = fields;
    rows.set(id, { ...own, id, version: (rows.get(id)?.version ?? 0) + 1, at: new Date().toISOString() });
    return id;
  }

  function respond(asked: Record<string, string> & { fields?: JsonObject; version?: number }): object {
    if (asked.secret !== secret || fault === 'refuse') return { error: 'not allowed' };
    if (fault === 'slow-down') return { error: 'too many' };
    const row = asked.id === undefined ? undefined : rows.get(asked.id);
    switch (asked.do) {
      case 'list': {
        if (fault === 'break-list' && asked.after !== '') return { error: 'out of order' };
        const found = [...rows.values()].filter(
          ({ id, at }) => Number(id) > Number(asked.after) && at >= (asked.since ?? ''),
        );
        return { rows: found.slice(0, PAGE), more: found.length > PAGE };
      }
      case 'search':
        return {
          rows: [...rows.values()].filter((one) => String(one.text).toLowerCase() === asked.text!.toLowerCase()),
        };
      case 'get':
        return row ? { row } : { error: 'no such row' };
      case 'add': {
        const known = asked.key === undefined ? undefined : keys.get(asked.key);
        const id = known ?? put(asked.fields!);
        if (asked.key !== undefined) keys.set(asked.key, id);
        return { row: rows.get(id) };
      }
      case 'set':
        if (!row) return { error: 'no such row' };
        if (asked.version !== row.version) return { error: 'changed' };
        return { row: rows.get(put({ ...(row as unknown as JsonObject), ...asked.fields! }, row.id)) };
      case 'drop':
        return rows.delete(asked.id!) ? {} : { error: 'no such row' };
    }
    return { error: 'out of order' };
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      count += 1;
      const response = JSON.stringify(respond(JSON.parse(line)));
      if (fault === 'lose-response') socket.destroy();
      else socket.end(`${fault === 'garble' ? response.slice(0, -1) : response}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    put,
    get: (id) => rows.get(id) as unknown as JsonObject | undefined,
    remove: (id) => void rows.delete(id),
    all: () => [...rows.values()],
    fail(next) {
      fault = next;
    },
    requests: () => count,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

// ---------------------------------------------------------------- the connector

interface Response {
  readonly error?: string;
  readonly row?: Row;
  readonly rows?: readonly Row[];
  readonly more?: boolean;
}

const ERRORS: Readonly<Record<string, ErrorCode>> = {
  'not allowed': 'SYSTEM_AUTH',
  'too many': 'SYSTEM_THROTTLED',
  'no such row': 'SYSTEM_NOT_FOUND',
  changed: 'RECORD_CHANGED',
};

// Over 60 lines: a factory. What it returns are the operations of a connector, a few lines each.
export function openLines(config: SystemConfig, host: ConnectorHost): Connector {
  const system = config.name;
  const { hostname, port } = new URL(config.baseUrl);
  const secret = config.auth.kind === 'bearer' ? config.auth.token : '';
  let closed = false;

  /** One request on a connection of its own. */
  function exchange(text: string, effect: Effect, entity: string, guard?: () => void): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.setTimeout(config.timeout, () => socket.destroy(new Error('no response in time')));
      let line = '';
      socket.on('connect', () => {
        try {
          guard?.();
          socket.write(`${text}\n`);
        } catch (error) {
          reject(error);
          socket.destroy();
        }
      });
      socket.on('data', (part) => {
        line += part;
      });
      socket.on('error', (error) => reject(networkFailure(effect, system, entity, error)));
      socket.on('close', () =>
        line.endsWith('\n') ? resolve(line) : reject(networkFailure(effect, system, entity, new Error('cut off'))),
      );
    });
  }

  async function ask(
    operation: Operation,
    entity: string,
    asked: object,
    { guard, signal, once }: WriteOptions & { signal?: AbortSignal | undefined; once?: boolean } = {},
  ): Promise<Response> {
    if (closed) throw new TandemError('SYSTEM_UNREACHABLE', `The client of ${system} is closed`, { system });
    known(entity);
    const effect: Effect =
      operation === 'create' || operation === 'update' || operation === 'delete' ? operation : 'read';
    const text = JSON.stringify({ secret, ...asked });
    const span = { name: `lines ${operation}`, attributes: {} };
    return host.call({ entity, operation, address: () => text, signal, once, span }, (turn) =>
      turn(async () => {
        const line = await exchange(text, effect, entity, guard);
        const response = parse(line);
        if (response === undefined) {
          const code = effect === 'create' ? 'OUTCOME_UNKNOWN' : 'SYSTEM_BAD_RESPONSE';
          throw new TandemError(code, `${system} answered no JSON`, { system, entity });
        }
        if (response.error === undefined) return { value: response };
        const code = ERRORS[response.error] ?? 'SYSTEM_UNAVAILABLE';
        const retryAfter = code === 'SYSTEM_THROTTLED' ? { retryAfter: await host.pause(1_000) } : {};
        throw new TandemError(code, `${system}: ${response.error}`, { system, entity, ...retryAfter });
      }),
    );
  }

  function known(entity: string): void {
    if (!Object.hasOwn(config.entities, entity))
      throw new TandemError('CONFIG_REFERENCE', `${system} has no entity '${entity}'`, { system });
  }

  async function* list(
    entity: string,
    { since, signal }: { since?: string | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Page> {
    let after = '';
    for (let number = 1; ; number++) {
      const { rows = [], more } = await ask('list', entity, { do: 'list', after, since }, { signal });
      signal?.throwIfAborted();
      yield { records: rows.map(recordOf), number, failed: [], unidentified: { count: 0, first: [] } };
      if (!more) return;
      after = rows.at(-1)!.id;
    }
  }

  return {
    capabilities(entity) {
      known(entity);
      return {
        modified: true,
        list: { since: true },
        read: true,
        find: ['text'],
        create: { returns: 'record', idempotent: true },
        update: { returns: 'record', versioned: true },
        delete: true,
      };
    },
    async check(entity) {
      await ask('list', entity, { do: 'list', after: '' }, { once: true });
    },
    list,
    async read(entity, id) {
      try {
        return recordOf((await ask('read', entity, { do: 'get', id })).row!);
      } catch (error) {
        if (error instanceof TandemError && error.code === 'SYSTEM_NOT_FOUND') return undefined;
        throw error;
      }
    },
    async find(entity, field, value) {
      if (field !== 'text')
        throw new TandemError('OPERATION_UNSUPPORTED', `${system} cannot search by ${field}`, { system, entity });
      return (await ask('find', entity, { do: 'search', text: value.trim() })).rows!.map(recordOf);
    },
    async create(entity, fields, { idempotencyKey, guard } = {}) {
      return recordOf((await ask('create', entity, { do: 'add', fields, key: idempotencyKey }, { guard })).row!);
    },
    async update(entity, id, { data, changed, version }: Change, { guard, taken } = {}) {
      const fields = Object.fromEntries(changed.map(({ root }) => [root, data[root] ?? null]));
      const asked = { do: 'set', id, fields, version: Number(version) };
      const { row } = await ask('update', entity, asked, { guard });
      taken?.();
      return recordOf(row!);
    },
    async delete(entity, id, { guard } = {}) {
      try {
        await ask('delete', entity, { do: 'drop', id }, { guard });
      } catch (error) {
        if (!(error instanceof TandemError) || error.code !== 'SYSTEM_NOT_FOUND') throw error;
      }
    },
    async close() {
      closed = true;
    },
  };
}

function parse(line: string): Response | undefined {
  try {
    return JSON.parse(line) as Response;
  } catch {
    return undefined;
  }
}

const recordOf = ({ version, at, ...data }: Row): SystemRecord => ({
  id: data.id,
  modified: at,
  version: String(version),
  data: data as unknown as JsonObject,
});
