// Runs both stand-ins as one process, until it is told to stop.
// Prints one line of JSON when both listen; everything else goes to stderr.

import { Command, InvalidArgumentError, Option } from 'commander';
import { keapLimits } from './keap/limits.ts';
import { startKeap } from './keap/server.ts';
import { keepState, readState } from './persist.ts';
import { makeSeed, type Size } from './seed/index.ts';
import { startShop } from './shop/server.ts';

interface Options {
  keapPort: number;
  shopPort: number;
  host: string;
  size: Size;
  seed: number;
  data?: string;
  keapKey: string;
  shopToken: string;
  limits: 'demo' | 'keap' | 'none';
  hookDelay: readonly [number, number];
  log: boolean;
}

const command = new Command('sandbox')
  .description('Stand-ins for Keap and the web shop, with seed data. For demos and tests only.')
  .option('--keap-port <port>', 'port of the Keap stand-in, 0 for a free one', port, 0)
  .option('--shop-port <port>', 'port of the shop stand-in, 0 for a free one', port, 0)
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .addOption(new Option('--size <size>', 'how much seed data').choices(['demo', 'small', 'empty']).default('demo'))
  .option('--seed <number>', 'seed of the data', whole, 42)
  .option('--data <file>', 'keep the state in this file; seed data are used only while it does not exist')
  .option('--keap-key <key>', 'API key that the Keap stand-in takes', 'sandbox-keap-key')
  .option('--shop-token <token>', 'bearer token that the shop stand-in takes', 'sandbox-shop-token')
  .addOption(
    new Option('--limits <limits>', "limits of the Keap stand-in: roomy, Keap's own, or none")
      .choices(['demo', 'keap', 'none'])
      .default('demo'),
  )
  .option('--hook-delay <min-max>', 'ms from a change to its webhook, at both stand-ins', range, [100, 300] as const)
  .option('--log', 'log requests to stderr', false);

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function port(text: string): number {
  const number = whole(text);
  if (number > 65_535) throw new InvalidArgumentError('It must be a port.');
  return number;
}

function range(text: string): readonly [number, number] {
  const [, min, max] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (min === undefined || max === undefined || Number(min) > Number(max))
    throw new InvalidArgumentError('It must be two numbers, such as 100-300.');
  return [Number(min), Number(max)];
}

async function main(): Promise<void> {
  const options = command.parse().opts<Options>();
  const state = (options.data ? readState(options.data) : undefined) ?? makeSeed(options.seed, options.size);
  const common = { host: options.host, logger: options.log };
  const keap = await startKeap({
    ...common,
    port: options.keapPort,
    data: state.keap,
    apiKey: options.keapKey,
    limits: options.limits === 'none' ? false : options.limits === 'keap' ? keapLimits : {},
    hookDelayMs: options.hookDelay,
  });
  const shop = await startShop({
    ...common,
    port: options.shopPort,
    data: state.shop,
    token: options.shopToken,
    webhookDelayMs: options.hookDelay,
  });

  const keeper = options.data
    ? keepState(options.data, () => ({ keap: keap.snapshot(), shop: shop.snapshot() }))
    : undefined;
  if (keeper) {
    keap.store.onChange(keeper.changed);
    shop.store.onChange(keeper.changed);
    // The first state too, so that the file is there from the start.
    keeper.changed();
    keeper.flush();
  }

  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    Promise.all([keap.close(), shop.close()])
      .then(() => {
        keeper?.flush();
        process.exit(0);
      })
      .catch(fail);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  process.stdout.write(`${JSON.stringify({ ready: true, keap: { url: keap.url }, shop: { url: shop.url } })}\n`);
}

function fail(error: unknown): void {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
