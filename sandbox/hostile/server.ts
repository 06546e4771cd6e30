/** A system that was taken over: sound until an attack is chosen. Bearer or OAuth2 tokens are taken as they come. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ATTACKS, type Attack, type AttackName, page, type Reply, record } from './attacks.ts';

export interface HostileSystem {
  readonly url: string;
  /** Requests so far, by `METHOD /first-part`. */
  readonly requests: ReadonlyMap<string, number>;
  /** @param name undefined: it answers as a sound system */
  attack(name: AttackName | undefined): void;
  close(): Promise<void>;
}

const SOUND: Required<Attack> = {
  does: '',
  list: () => page([record('a'), ',', record('b')]),
  read: (id) => ({ parts: [record(id)] }),
  token: () => ({
    parts: ['{"access_token":"access","token_type":"bearer","expires_in":3600,"refresh_token":"next"}'],
  }),
};

/** Lists at /things, records at /things/ID, tokens at POST /token; creates and updates are answered as done. */
export async function startHostile(port = 0): Promise<HostileSystem> {
  let attack: Attack = {};
  let created = 0;
  const requests = new Map<string, number>();
  const server = createServer((request, response) => {
    const { method = 'GET' } = request;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const [, first = '', id] = pathname.split('/');
    const key = `${method} /${first}`;
    if (first !== '_sandbox') requests.set(key, (requests.get(key) ?? 0) + 1);
    request.resume();
    if (first === '_sandbox') return control(request, response);
    const { list = SOUND.list, read = SOUND.read, token = SOUND.token } = attack;
    if (first === 'token') return void send(response, token());
    if (method === 'POST') return void send(response, { status: 201, parts: [record(`created-${++created}`)] });
    if (method === 'DELETE') return void response.writeHead(204).end();
    if (method !== 'GET') return void send(response, SOUND.read(id ?? ''));
    if (id !== undefined) return void send(response, read(decodeURIComponent(id)));
    const page = Number(searchParams.get('token')?.match(/\d+$/)?.[0] ?? 0) + 1;
    return void send(response, list(page, pathname));
  });
  const choose = (name: AttackName | undefined): void => {
    attack = name === undefined ? {} : ATTACKS[name];
  };
  /** `POST /_sandbox/attack?name=...` (none: it is sound again), answered with the requests so far. */
  const control = (request: IncomingMessage, response: ServerResponse): void => {
    const name = new URL(request.url ?? '/', 'http://localhost').searchParams.get('name') ?? undefined;
    if (name !== undefined && !Object.hasOwn(ATTACKS, name)) return void response.writeHead(404).end('{}');
    if (request.method === 'POST') choose(name as AttackName | undefined);
    response.end(JSON.stringify(Object.fromEntries(requests)));
  };
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    attack: choose,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(response: ServerResponse, { status = 200, headers = {}, parts }: Reply): Promise<void> {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  // Whoever is attacked may hang up.
  await pipeline(Readable.from(parts, { objectMode: false }), response).catch(() => {});
}
