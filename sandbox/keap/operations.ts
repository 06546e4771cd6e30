// The answers to operations that the other files do not have: 501 for what Keap describes and the stand-in lacks, 405 for
// a method that Keap does not describe for a path.

import type { FastifyInstance } from 'fastify';
import { KeapError } from './errors.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Path -> methods that are implemented, and those that are described only. */
const paths: Record<string, [implemented: string, described?: string]> = {
  ...Object.fromEntries(
    ['companies', 'contacts', 'opportunities', 'products'].flatMap((entity) => [
      [`/${entity}`, ['GET POST']],
      [`/${entity}/:id`, ['GET PATCH DELETE']],
    ]),
  ),
  '/businessProfile': ['GET', 'PATCH'],
  '/opportunities/stages': ['GET', 'POST'],
  '/opportunities/stages/:id': ['GET', 'PATCH DELETE'],
  ...Object.fromEntries(
    ['companies', 'contacts', 'opportunities'].flatMap((entity) => [
      [`/${entity}/model`, ['GET']],
      [`/${entity}/model/customFields`, ['POST']],
      [`/${entity}/model/customFields/:id`, ['', entity === 'contacts' ? 'DELETE' : 'PATCH DELETE']],
    ]),
  ),
};

export function addOtherOperations(app: FastifyInstance, base: string): void {
  for (const [path, [implemented, described = '']] of Object.entries(paths)) {
    const rest = methods.filter((method) => !implemented.split(' ').includes(method));
    app.route<{ Params: { id?: string } }>({
      method: rest,
      url: `${base}${path}`,
      handler: async ({ method, params }) => {
        const inventory = path === '/products/:id' && method === 'POST' && params.id?.endsWith(':adjustInventory');
        const lacking = inventory || described.split(' ').includes(method);
        throw lacking
          ? KeapError.api(501, `${method} ${path} is not implemented in the stand-in.`, 'request', 'operation')
          : KeapError.api(405, `${method} is not a method of ${path}.`, 'request', 'method');
      },
    });
  }
}
