/** A TCP proxy that can stall: connections stay, and what is sent either way arrives only once it goes on. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  /** The address that it stands for, with its own host and port. */
  readonly url: string;
  stall(): void;
  goOn(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const to = new URL(target);
  const sockets = new Set<Socket>();
  let held: (() => void)[] | undefined;
  const forward = (from: Socket, into: Socket): void => {
    sockets.add(from);
    const soon = (act: () => void): void => (held ? void held.push(act) : act());
    from.on('data', (data) => soon(() => void into.write(data)));
    from.on('end', () => soon(() => void into.end()));
    from.on('error', () => into.destroy());
    from.on('close', () => sockets.delete(from));
  };
  const server = createServer((client) => {
    const upstream = connect(Number(to.port), to.hostname);
    forward(client, upstream);
    forward(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const goOn = (): void => {
    const acts = held ?? [];
    held = undefined;
    for (const act of acts) act();
  };
  return {
    url: url.href,
    stall() {
      held ??= [];
    },
    goOn,
    close: () =>
      new Promise((resolve) => {
        goOn();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
