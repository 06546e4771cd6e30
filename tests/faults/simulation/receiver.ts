/** A receiver of webhooks: tells the engine which records an event names. Signatures are tested elsewhere. */
import { createServer, type IncomingMessage } from 'node:http';
import type { Engine } from '../../../engine/engine.ts';

export interface Receiver {
  /** Where a system's webhooks go. */
  url(system: string): string;
  close(): Promise<void>;
}

interface Body {
  readonly event_key?: string;
  readonly object_keys?: readonly { readonly id: string | number }[];
  readonly topic?: string;
  readonly resource_id?: number;
}

export async function startReceiver(engine: Engine): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    try {
      const body = JSON.parse(await read(request)) as Body;
      const events = body.topic
        ? [{ event: body.topic, id: String(body.resource_id) }]
        : (body.object_keys ?? []).map(({ id }) => ({ event: body.event_key ?? '', id: String(id) }));
      await engine.events((request.url ?? '').slice(1), events);
      response.writeHead(204).end();
    } catch {
      // The sender tries again.
      response.writeHead(500).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port');
  const { port } = address;
  return {
    url: (system) => `http://127.0.0.1:${port}/${system}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
