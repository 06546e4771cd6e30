/** Why a record is as it is, as the server explains it. */
import type { Explanation } from '../../api/index.ts';
import { type Client, path } from '../http-client.ts';

/** Reads both systems. */
export const explain = (client: Client, mapping: string, side: string, id: string): Promise<Explanation> =>
  client.get<Explanation>(path('records', mapping, side, id, 'explain'));
