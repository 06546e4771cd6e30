/** The configuration of this repository, with stand-in secrets. */
import { fileURLToPath } from 'node:url';
import { type LoadResult, loadConfig } from '../../../engine/config/load.ts';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const REAL_ENV = {
  KEAP_API_KEY: 'k',
  SHOP_BASE_URL: 'http://localhost:4002',
  SHOP_TOKEN: 't',
  SHOP_WEBHOOK_SECRET: 's',
};

export const loadReal = (): Promise<LoadResult> => loadConfig({ root: ROOT, env: REAL_ENV });
