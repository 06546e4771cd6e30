// The page of the Keap stand-in: look at its records and edit them.

import type { FastifyInstance } from 'fastify';
import { type PageEntity, servePage } from '../kit/page.ts';

const text = (path: string) => ({ path });

const entities: readonly PageEntity[] = [
  {
    label: 'Companies',
    path: '/companies',
    plural: 'companies',
    listFields: 'address,email_address,phone_number,update_time',
    readFields: 'address,email_address,phone_number,website,notes',
    readOnly: ['country', 'zip_code', 'number_e164', 'email_opt_status'],
    // Companies cannot be ordered by the time of their last change.
    newestFirst: 'create_time desc',
    columns: ['company_name', 'email_address.email', 'phone_number.number', 'address.locality', 'update_time'],
    search: ['name', 'company_name', 'email', 'company_id'],
    fields: [
      text('company_name'),
      text('email_address.email'),
      text('phone_number.number'),
      text('website'),
      text('address.line1'),
      text('address.line2'),
      text('address.locality'),
      text('address.region_code'),
      text('address.postal_code'),
      text('address.country_code'),
      { path: 'notes', type: 'long' },
    ],
  },
  {
    label: 'Contacts',
    path: '/contacts',
    plural: 'contacts',
    listFields: 'given_name,family_name,email_addresses,company,update_time',
    readFields: 'given_name,family_name,email_addresses,phone_numbers,company',
    readOnly: ['number_e164', 'email_opt_status', 'is_opt_in', 'company_name'],
    newestFirst: 'update_time desc',
    columns: ['given_name', 'family_name', 'email_addresses.0.email', 'company.company_name', 'update_time'],
    search: ['email', 'given_name', 'family_name', 'company_id'],
    fields: [
      text('given_name'),
      text('family_name'),
      text('email_addresses.0.email'),
      text('phone_numbers.0.number'),
      text('company.id'),
    ],
  },
  {
    label: 'Opportunities',
    path: '/opportunities',
    plural: 'opportunities',
    newestFirst: 'update_time desc',
    columns: ['opportunity_title', 'contact.last_name', 'stage.name', 'projected_revenue_high', 'last_updated_time'],
    search: ['opportunity_title', 'contact_id', 'stage_id', 'ids'],
    fields: [
      text('opportunity_title'),
      { path: 'contact_id', from: 'contact.id' },
      { path: 'stage_id', from: 'stage.id' },
      { path: 'projected_revenue_high', type: 'number' },
      { path: 'estimated_close_time' },
      { path: 'next_action_notes', type: 'long' },
      { path: 'opportunity_notes', type: 'long' },
    ],
  },
  {
    label: 'Products',
    path: '/products',
    plural: 'products',
    newestFirst: 'last_updated_time desc',
    columns: ['name', 'sku', 'price.formatted_amount', 'active', 'update_time'],
    search: ['sku', 'name'],
    fields: [
      text('name'),
      text('sku'),
      { path: 'price', from: 'price.amount', type: 'number' },
      { path: 'short_description', type: 'long' },
      { path: 'description', type: 'long' },
      { path: 'active', type: 'boolean' },
      { path: 'taxable', type: 'boolean' },
      { path: 'shippable', type: 'boolean' },
      { path: 'weight', type: 'number' },
    ],
  },
];

export function addPage(app: FastifyInstance, v2: string, apiKey: string): void {
  servePage(app, {
    title: 'Keap (stand-in)',
    kind: 'keap',
    token: apiKey,
    entities: entities.map((entity) => ({ ...entity, path: `${v2}${entity.path}` })),
  });
}
