// The account itself: what its business states of itself, of which its currency matters to prices.

import type { FastifyInstance } from 'fastify';
import { checkQuery } from './parameters.ts';
import type { KeapStore } from './store.ts';

export function addAccountRoutes(app: FastifyInstance, base: string, store: KeapStore): void {
  app.get(`${base}/businessProfile`, async (request) => {
    checkQuery(request, 'businessProfile', []);
    return {
      name: 'Sandbox Inc.',
      email: 'office@sandbox.example',
      time_zone: 'America/Phoenix',
      currency_code: store.currency,
      language_tag: 'en-US',
    };
  });
}
