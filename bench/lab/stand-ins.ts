/** The stand-ins of Keap and of the shop without limits, and Tandem between them, as processes; and the same calls by hand. */
import { Pool } from 'undici';
import type { Lab, Process } from './lab.ts';
import { root } from './lab.ts';

const BIG = '1000000000';

export interface Side {
  readonly url: string;
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<{ headers: Record<string, unknown>; data: T }>;
  /** Requests that it has answered so far, without those that look at it. */
  calls(): Promise<number>;
}

export interface StandIns {
  readonly keap: Side;
  readonly shop: Side;
  /** What a Tandem needs to find them. */
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

export async function startStandIns(lab: Lab): Promise<StandIns> {
  const box = await lab.start(['--import', 'tsx', 'sandbox/main.ts', '--size', 'empty', '--limits', 'none'], {});
  const { keap, shop } = box.ready as { keap: { url: string }; shop: { url: string } };
  const pools: Pool[] = [];
  const side = (url: string, headers: Record<string, string>): Side => {
    const pool = new Pool(url, { connections: 10 });
    pools.push(pool);
    return {
      url,
      async call(method, path, body, more = {}) {
        const response = await pool.request({
          method: method as 'GET',
          path,
          headers: { ...headers, ...more, 'content-type': 'application/json' },
          ...(body ? { body: JSON.stringify(body) } : {}),
        });
        const text = await response.body.text();
        if (response.statusCode >= 300)
          throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 200)}`);
        return { headers: response.headers, data: (text === '' ? undefined : JSON.parse(text)) as never };
      },
      async calls() {
        const { counts } = (await (await fetch(`${url}/_sandbox/requests`)).json()) as {
          counts: Record<string, number>;
        };
        return Object.entries(counts)
          .filter(([route]) => !route.includes('_sandbox'))
          .reduce((sum, [, count]) => sum + count, 0);
      },
    };
  };
  return {
    keap: side(keap.url, { 'x-keap-api-key': 'sandbox-keap-key' }),
    shop: side(shop.url, { authorization: 'Bearer sandbox-shop-token' }),
    env: {
      KEAP_BASE_URL: `${keap.url}/crm/rest`,
      KEAP_API_KEY: 'sandbox-keap-key',
      KEAP_LIMIT_SECOND: BIG,
      KEAP_LIMIT_MINUTE: BIG,
      KEAP_LIMIT_DAY: BIG,
      SHOP_BASE_URL: shop.url,
      SHOP_TOKEN: 'sandbox-shop-token',
      SHOP_LIMIT_SECOND: BIG,
      SHOP_WEBHOOK_SECRET: 'bench',
    },
    close: async () => {
      await Promise.all(pools.map((pool) => pool.close()));
    },
  };
}

/** A Tandem of the build: server and worker together. */
export async function startTandem(
  lab: Lab,
  systems: Record<string, string>,
  more: Record<string, string> = {},
  program: readonly string[] = ['dist/cli/main.js'],
): Promise<Process & { url: string }> {
  const started = await lab.start([...program, 'start', '--ready-json'], {
    REDIS_URL: lab.redisUrl,
    NODE_ENV: 'production',
    TANDEM_CONFIG: root,
    TANDEM_SCHEDULES: 'off',
    TANDEM_LOG_LEVEL: 'warn',
    TANDEM_PORT: '0',
    ...systems,
    ...more,
  });
  return { ...started, url: String(started.ready.url) };
}
