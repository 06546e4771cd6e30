/**
 * Every schema of the routes can be compiled, those of requests and those of responses. In use each is compiled when it is first
 * needed, and those of errors never: problems are written without one.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { compileSerializer } from '../../../server/serialization.ts';
import { compileValidator } from '../../../server/validation.ts';
import { closeAll } from '../../support/closing.ts';
import { world } from './support.ts';

afterEach(closeAll);

/** Fastify reports each new instance there: https://fastify.dev/docs/latest/Reference/Hooks/#diagnostics-channel-hooks */
const CREATED = 'fastify.initialization';

test('every schema of a request or of a response can be compiled', async () => {
  const routes: RouteOptions[] = [];
  const collect = (created: unknown): void =>
    void (created as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => void routes.push(route));
  subscribe(CREATED, collect);
  await world();
  unsubscribe(CREATED, collect);

  const counts = { text: 0, body: 0, response: 0 };
  for (const { schema = {} } of routes) {
    for (const part of ['querystring', 'params', 'body'] as const) {
      if (!schema[part]) continue;
      const of = part === 'body' ? 'body' : 'text';
      expect(compileValidator(of, schema[part] as object)).toBeTypeOf('function');
      counts[of]++;
    }
    for (const response of Object.values((schema.response ?? {}) as Record<string, { content?: object }>)) {
      const contents = Object.values(response.content ?? { any: { schema: response } }) as { schema: object }[];
      for (const content of contents) expect(compileSerializer(content.schema)).toBeTypeOf('function');
      counts.response += contents.length;
    }
  }
  // As many as there were when this was written, or more: none was missed.
  expect(counts.response).toBeGreaterThan(200);
  expect(counts.text).toBeGreaterThan(30);
  expect(counts.body).toBeGreaterThan(5);
});
