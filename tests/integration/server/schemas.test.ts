/**
 * Every schema of the routes can be compiled, those of requests and those of responses. In use each is compiled when it is first
 * needed, and those of errors never: problems are written without one. Here each is compiled as the server starts.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { closeAll, world } from './support.ts';

const seen = vi.hoisted(() => ({ texts: [] as Set<string>[] }));

vi.mock('../../../server/compile-when-used.ts', () => ({
  compileWhenUsed<T>(compile: (schema: object) => T): (schema: object) => () => T {
    const compiled = new Map<string, T>();
    const texts = new Set<string>();
    seen.texts.push(texts);
    return (schema) => {
      const text = JSON.stringify(schema);
      const own = compiled.get(text) ?? compile(schema);
      compiled.set(text, own);
      texts.add(text);
      return () => own;
    };
  },
}));

afterEach(closeAll);

test('every schema of a request or of a response can be compiled', async () => {
  // A schema that cannot be compiled would end the start of the server with an error.
  await world();
  // Of responses; of addresses and queries, which are text; of bodies.
  expect(seen.texts).toHaveLength(3);
  const counts = seen.texts.map(({ size }) => size);
  expect(Math.max(...counts)).toBeGreaterThan(30);
  expect(Math.min(...counts), String(counts)).toBeGreaterThan(5);
});
