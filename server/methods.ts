/**
 * Which methods an address takes, read from the routes as they are registered: a wrong method is another mistake than a
 * wrong address.
 */
import type { FastifyInstance } from 'fastify';

/** Call before the routes are registered. @returns the methods of a path, in order; none where no route fits */
export function methodsByPath(app: FastifyInstance): (path: string) => string[] {
  const routes: { readonly parts: readonly string[]; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ parts: url.split('/'), methods: [method].flat() });
  });
  return (path) => {
    const parts = path.split('/');
    const found = routes.filter((route) => fits(route.parts, parts));
    return [...new Set(found.flatMap((route) => route.methods))].sort();
  };
}

/** A parameter takes one part that is not empty, an asterisk whatever is left. */
function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  for (const [i, wanted] of pattern.entries()) {
    if (wanted === '*') return true;
    const part = parts[i];
    if (part === undefined || (wanted.startsWith(':') ? part === '' : part !== wanted)) return false;
  }
  return pattern.length === parts.length;
}
