/** A proxy in front of a stand-in, which a test lets change requests, or answer them itself. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** What the proxy answers itself; undefined: it passes the request on. */
export type Interfere = (url: URL, method: string) => { status: number; body: unknown } | undefined;

/** @param interfere may change the URL in place */
export async function startProxy(target: string, interfere: Interfere): Promise<TestProxy> {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', target);
    const own = interfere(url, request.method ?? 'GET');
    if (own) {
      response.writeHead(own.status, { 'content-type': 'application/json' }).end(JSON.stringify(own.body));
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers as Record<string, string>;
    const answer = await fetch(url, {
      method: request.method ?? 'GET',
      headers,
      ...(parts.length > 0 ? { body: Buffer.concat(parts) } : {}),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    const type = answer.headers.get('content-type');
    response.writeHead(answer.status, type ? { 'content-type': type } : {}).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
