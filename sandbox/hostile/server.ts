/** A system that was taken over. Below the address of an attack it answers with that attack, elsewhere as a sound system. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ATTACKS, type Attack, type AttackName, page, type Reply, record } from './attacks.ts';

export interface HostileSystem {
  /** Of the sound system. */
  readonly url: string;
  /** Of an attack. */
  urlOf(attack: AttackName): string;
  /** How many requests came so far, by `METHOD /path`. */
  readonly requests: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

const NAMES = Object.keys(ATTACKS) as AttackName[];

/** What an attack does not answer. The token is renewed with each call, as it ends too soon to be kept. */
const SOUND: Required<Attack> = {
  does: '',
  list: () => page([record('a'), ',', record('b')]),
  read: (id) => ({ parts: [record(id)] }),
  token: () => ({ parts: ['{"access_token":"access","token_type":"bearer","expires_in":1,"refresh_token":"next"}'] }),
};

/** Path of an attack, below the address of the system. */
export const pathOf = (attack: AttackName): string => `/attack-${NAMES.indexOf(attack)}`;

/** Lists at /things, records at /things/ID, tokens at POST /token. Any credentials do; what is written is not kept. */
export async function startHostile(port = 0): Promise<HostileSystem> {
  const requests = new Map<string, number>();
  const server = createServer((request, response) => {
    const { method = 'GET' } = request;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const key = `${method} ${pathname}`;
    requests.set(key, (requests.get(key) ?? 0) + 1);
    request.resume();
    const [, number, first = '', id] = /^(?:\/attack-(\d+))?\/([^/]*)\/?(.*)$/.exec(pathname) ?? [];
    const attack: Attack = number === undefined ? {} : (ATTACKS[NAMES[Number(number)] as AttackName] ?? {});
    const { list = SOUND.list, read = SOUND.read, token = SOUND.token } = attack;
    if (first === 'token') return void send(response, token());
    if (method === 'DELETE') return void response.writeHead(204).end();
    if (method !== 'GET') return void send(response, { status: 201, parts: [record(id || 'created')] });
    if (id) return void send(response, read(decodeURIComponent(id)));
    const page = Number(/\d+$/.exec(searchParams.get('token') ?? '')?.[0] ?? 0) + 1;
    return void send(response, list(page));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    urlOf: (attack) => `${url}${pathOf(attack)}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(response: ServerResponse, { status = 200, headers = {}, parts }: Reply): Promise<void> {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  // The process under attack may hang up.
  await pipeline(Readable.from(parts, { objectMode: false }), response).catch(() => {});
}
