// The page of the shop stand-in: look at its records and edit them.

import type { FastifyInstance } from 'fastify';
import { type PageEntity, servePage } from '../kit/page.ts';

const text = (path: string) => ({ path });

const entities: PageEntity[] = [
  {
    label: 'Customers',
    path: '/customers',
    newestFirst: '-updated_at',
    columns: ['company', 'first_name', 'last_name', 'email', 'phone', 'billing.city', 'billing.country', 'updated_at'],
    search: ['company', 'email', 'last_name', 'phone', 'billing.city', 'billing.country', 'id'],
    fields: [
      ...[
        'company',
        'first_name',
        'last_name',
        'email',
        'phone',
        'website',
        'billing.address_1',
        'billing.address_2',
      ].map(text),
      ...['billing.city', 'billing.state', 'billing.postcode', 'billing.country'].map(text),
      { path: 'note', type: 'long' },
    ],
  },
  {
    label: 'Orders',
    path: '/orders',
    newestFirst: '-updated_at',
    columns: ['number', 'title', 'customer_id', 'status', 'total', 'due_at', 'updated_at'],
    search: ['number', 'title', 'customer_id', 'status', 'id'],
    fields: [
      text('title'),
      { path: 'customer_id', type: 'number' },
      text('status'),
      text('total'),
      text('due_at'),
      { path: 'next_step', type: 'long' },
      { path: 'note', type: 'long' },
      { path: 'line_items', type: 'json' },
    ],
  },
  {
    label: 'Products',
    path: '/products',
    newestFirst: '-updated_at',
    columns: ['sku', 'name', 'price', 'active', 'weight', 'updated_at'],
    search: ['sku', 'name', 'price', 'id'],
    fields: [
      text('sku'),
      text('name'),
      { path: 'short_description', type: 'long' },
      { path: 'description', type: 'long' },
      text('price'),
      { path: 'active', type: 'boolean' },
      { path: 'taxable', type: 'boolean' },
      { path: 'requires_shipping', type: 'boolean' },
      { path: 'weight', type: 'number' },
    ],
  },
];

export function addPage(app: FastifyInstance, token: string): void {
  servePage(app, { title: 'Customwebshop (stand-in)', kind: 'shop', token, entities });
}
