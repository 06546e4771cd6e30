/**
 * Connections to a Redis Cluster. All keys of one Tandem are in one slot (docs/decisions/0015), so it works on one node:
 * the one that holds the slot. This finds it, again each time a connection is lost; all else is as with any Redis.
 */
import { connect, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';

export interface Node {
  readonly host: string;
  readonly port: number;
}

/** How long a node is asked before the next one is, in ms. */
const PATIENCE = 2_000;

/** Answers of a node that does not hold the slot, or not all of it at present: another one is to be found, or to be waited for. */
export const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;

/** @param key any key of the slot; it need not exist */
export function clusterConnector(nodes: readonly Node[], key: string): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    readonly #options: RedisOptions;
    #turn = 0;

    constructor(options: unknown) {
      const known = options as RedisOptions;
      super(known.disconnectTimeout ?? PATIENCE);
      this.#options = known;
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      let holder: Node | undefined;
      for (let asked = 0; asked < nodes.length && !holder; asked++) {
        // Another one each time: one that is cut off from the rest would tell forever what once was.
        const node = nodes[this.#turn++ % nodes.length] as Node;
        holder = await holderOf(key, node, this.#options).catch((error: Error) => {
          this.firstError = error;
          return undefined;
        });
        if (!this.connecting) throw new Error('Connection is closed.');
      }
      // A stream that has ended is a connection that was lost: the client waits a while and tries again.
      this.stream = holder ? open(holder, this.#options) : new Socket().destroy();
      this.stream.once('error', (error) => {
        this.firstError = error;
      });
      return this.stream;
    }
  };
}

function open({ host, port }: Node, { tls }: RedisOptions): Socket {
  return tls ? connectTls({ host, port, ...tls }) : connect({ host, port });
}

/** A node that does not hold the slot tells which one does. @throws Error where it knows none, or does not answer */
async function holderOf(key: string, node: Node, { username, password, tls }: RedisOptions): Promise<Node> {
  const redis = new Redis({
    ...node,
    username,
    password,
    tls,
    connectTimeout: PATIENCE,
    commandTimeout: PATIENCE,
    retryStrategy: () => null,
    enableReadyCheck: false,
    disableClientInfo: true,
  });
  let lost: Error | undefined;
  redis.on('error', (error) => {
    lost = error;
  });
  try {
    await redis.exists(key);
    return node;
  } catch (error) {
    const { name, message } = error as Error;
    const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec(message) ?? [];
    // Without a host it is another port of the same one.
    if (port !== undefined) return { host: host || node.host, port: Number(port) };
    // Whatever else it refuses, such as a wrong password, it reports to the process that connects to it, which can log
    // it.
    if (name === 'ReplyError' && !message.startsWith('CLUSTERDOWN')) return node;
    throw lost ?? error;
  } finally {
    redis.disconnect();
  }
}
