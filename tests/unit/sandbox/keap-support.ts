// What the tests of the Keap stand-in's records share.

import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { stages } from '../../../sandbox/seed/deals.ts';
import { type Answer, caller, type Loose } from './support.ts';

export const v2 = '/crm/rest/v2';

export interface KeapCalls {
  readonly keap: KeapSandbox;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** @returns what a create answers, which must be 201 */
  create(path: string, body: unknown): Promise<Loose>;
  /** @returns what a read or a list answers, which must be 200 */
  get(path: string): Promise<Loose>;
  /** @returns the ids that a list answers, in its order */
  ids(entity: string, query: string): Promise<string[]>;
  filtered(entity: string, filter: string): Promise<string[]>;
  /** @returns the message of the refusal, which must be 400 with a described error body */
  refusal(method: string, path: string, body?: unknown): Promise<string>;
}

/** One stand-in for all tests of a file, emptied before each: only stages are there. */
export function keapCalls(): KeapCalls {
  let keap: KeapSandbox;
  beforeAll(async () => {
    const data = { companies: [], contacts: [], opportunities: [], products: [], stages: [...stages] };
    keap = await startKeap({ limits: false, data });
  });
  afterAll(() => keap.close());
  beforeEach(() => keap.reset());
  const calls: KeapCalls = {
    get keap() {
      return keap;
    },
    call: (method, path, body) => caller(keap.url, { 'X-Keap-API-Key': keap.apiKey })(method, `${v2}${path}`, body),
    async create(path, body) {
      const answer = await calls.call('POST', path, body);
      expect(answer.status, JSON.stringify(answer.body)).toBe(201);
      return answer.body;
    },
    async get(path) {
      const answer = await calls.call('GET', path);
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      return answer.body;
    },
    ids: async (entity, query) =>
      (await calls.get(`/${entity}?${query}`))[entity].map((record: { id: string }) => record.id),
    filtered: (entity, filter) => calls.ids(entity, `filter=${encodeURIComponent(filter)}`),
    async refusal(method, path, body) {
      const answer = await calls.call(method, path, body);
      expect(answer.status, `${method} ${path} ${JSON.stringify(answer.body)}`).toBe(400);
      expect(answer.body).toEqual({
        code: 400,
        message: expect.any(String),
        status: 'INVALID_ARGUMENT',
        details: [{ domain: expect.any(String), resource: expect.any(String) }],
      });
      return answer.body.message;
    },
  };
  return calls;
}
