/** A gate in front of a stand-in: Tandem reaches the system through it, people do not. It counts what comes, and fails on demand. */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `refused`: nothing listens. `unavailable`: 503. `read-only`: that for all but reads. `hanging`: no answer ever. */
export type Outage = 'refused' | 'unavailable' | 'read-only' | 'hanging';

export interface Gate {
  readonly url: string;
  /** Requests that came so far; where nothing listens nobody can count. */
  readonly requests: number;
  fail(how: Outage): Promise<void>;
  fix(): Promise<void>;
  close(): Promise<void>;
}

export async function startGate(target: string): Promise<Gate> {
  let outage: Outage | undefined;
  let requests = 0;
  const open = (port: number): Promise<Server> =>
    new Promise((resolve) => {
      const made = createServer((asked, answer) => {
        requests += 1;
        if (outage === 'hanging') return;
        if (outage === 'unavailable' || (outage === 'read-only' && asked.method !== 'GET'))
          return void answer.writeHead(503).end('down for maintenance');
        const onward = request(
          target + (asked.url ?? ''),
          { method: asked.method, headers: asked.headers },
          (heard) => {
            answer.writeHead(heard.statusCode ?? 500, heard.headers);
            heard.pipe(answer);
          },
        );
        onward.on('error', () => answer.destroy());
        asked.pipe(onward);
      });
      made.listen(port, '127.0.0.1', () => resolve(made));
    });
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  let server = await open(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    async fail(how) {
      outage = how;
      if (how === 'refused') await shut();
    },
    async fix() {
      const before = outage;
      outage = undefined;
      if (before === 'refused') server = await open(port);
    },
    close: shut,
  };
}
