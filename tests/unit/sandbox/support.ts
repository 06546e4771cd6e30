// What the tests of the stand-ins share: JSON calls over real HTTP, a receiver of webhooks, waiting for a condition.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  status: number;
  headers: Headers;
  // Answers are looked into freely; a wrong guess fails the test.
  body: Loose;
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads answers of any shape
export type Loose = any;

export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

export function caller(url: string, standing: Record<string, string>): Call {
  return async (method, path, body, headers = {}) => {
    const answer = await fetch(url + path, {
      method,
      headers: { ...standing, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    let content: unknown = text;
    try {
      content = text === '' ? undefined : JSON.parse(text);
    } catch {
      // Not JSON: the text itself is the answer.
    }
    return { status: answer.status, headers: answer.headers, body: content };
  };
}

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** What it answers; may be changed at any time. */
  answer: (request: Received) => { status: number; headers?: Record<string, string> };
  close(): Promise<void>;
}

/** A small HTTP server that keeps what it gets. It echoes X-Hook-Secret as Keap wants it. */
export async function receiver(): Promise<Receiver> {
  const made: Receiver = {
    url: '',
    received: [],
    answer: () => ({ status: 200 }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const got = { headers: request.headers, body: Buffer.concat(chunks).toString() };
      const secret = request.headers['x-hook-secret'];
      if (secret === undefined) made.received.push(got);
      const { status, headers } = made.answer(got);
      response.writeHead(status, { ...(typeof secret === 'string' && { 'x-hook-secret': secret }), ...headers });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  made.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
  return made;
}
