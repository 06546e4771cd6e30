// The records of the Keap stand-in as it stores them (what a read looks like is in entities.ts).
// `null` is never stored: an empty field is absent.

export type Company = {
  id: string;
  company_name?: string;
  website?: string;
  notes?: string;
  address?: Address;
  email_address?: Email;
  phone_number?: Phone;
  fax_number?: Phone;
  custom_fields?: CustomField[];
  create_time: string;
  update_time: string;
};

export type Contact = {
  id: string;
  given_name?: string;
  family_name?: string;
  middle_name?: string;
  job_title?: string;
  website?: string;
  email_addresses?: Email[];
  phone_numbers?: Phone[];
  fax_numbers?: Phone[];
  addresses?: Address[];
  company?: { id: string };
  custom_fields?: CustomField[];
  create_time: string;
  update_time: string;
};

export type Opportunity = {
  id: string;
  opportunity_title: string;
  contact_id: string;
  stage_id: string;
  user_id?: string;
  estimated_close_time?: string;
  next_action_time?: string;
  next_action_notes?: string;
  opportunity_notes?: string;
  projected_revenue_low?: number;
  projected_revenue_high?: number;
  include_in_forecast?: boolean;
  affiliate_id?: string;
  custom_fields?: CustomField[];
  created_time: string;
  last_updated_time: string;
};

export type Product = {
  id: string;
  name: string;
  /** In the smallest unit of the account's currency, as it is written. */
  price: number;
  short_description: string;
  sku?: string;
  description?: string;
  active?: boolean;
  taxable?: boolean;
  shippable?: boolean;
  storefront_hidden?: boolean;
  subscription_only?: boolean;
  weight?: number;
  inventory?: { inventory_limit?: number; inventory_count?: number; out_of_stock_enabled?: boolean };
  create_time: string;
  update_time: string;
};

export type Stage = { id: string; name: string; order: number; probability: number; target_number_days: number };

/** One postal code: a US address is read and written with `zip_code` as well (see address.ts). */
export interface Address {
  field?: string;
  line1?: string;
  line2?: string;
  locality?: string;
  region_code?: string;
  postal_code?: string;
  zip_four?: string;
  country_code?: string;
}

export interface Email {
  email?: string;
  field?: string;
  opt_in_reason?: string;
  is_opt_in?: boolean;
}

export interface Phone {
  number?: string;
  extension?: string;
  type?: string;
  field?: string;
}

export interface CustomField {
  id: string;
  content?: unknown;
}

/** A custom field as `GET /v2/{entity}/model` describes it. */
export interface CustomFieldModel {
  id: string;
  label: string;
  record_type: 'COMPANY' | 'CONTACT' | 'OPPORTUNITY';
  field_type: string;
  /** The name for filters. */
  field_name: string;
  options?: { id: string; label: string }[];
  group_id?: string;
}

export type HookStatus = 'Unverified' | 'Verified' | 'Inactive';

export const eventKeys: readonly string[] = [
  ...['company', 'contact', 'opportunity', 'product'].flatMap((object) =>
    ['add', 'edit', 'delete'].map((action) => `${object}.${action}`),
  ),
  'opportunity.stage_move',
];

export interface StoredHook {
  key: string;
  eventKey: string;
  hookUrl: string;
  status: HookStatus;
}

export interface OAuthClient {
  clientId: string;
  clientSecret: string;
  /** The one refresh token that is valid now; each use replaces it. */
  refreshToken: string;
}

/** All that the stand-in keeps: what it starts with, and what a snapshot holds. */
export interface KeapData {
  companies: Company[];
  contacts: Contact[];
  opportunities: Opportunity[];
  products: Product[];
  stages: Stage[];
  /** Absent: those of `defaultCustomFields`. */
  customFields?: CustomFieldModel[];
  /** ISO 4217 code of the account's currency; absent: USD. */
  currency?: string;
  hooks?: StoredHook[];
  /** The refresh token as last rotated. */
  refreshToken?: string;
  /** The next free id per entity, so that ids of deleted records are not given again. */
  next?: Record<string, number>;
}

export const noKeapData: KeapData = { companies: [], contacts: [], opportunities: [], products: [], stages: [] };

/** Products have none. */
export const recordTypes = { companies: 'COMPANY', contacts: 'CONTACT', opportunities: 'OPPORTUNITY' } as const;

/** What an account has that names none of its own: some of each kind. */
export const defaultCustomFields: readonly CustomFieldModel[] = Object.values(recordTypes).flatMap((record_type, i) => {
  const field = (nth: number, label: string, field_type: string, field_name: string): CustomFieldModel => ({
    ...{ id: String(6 + 10 * i + 2 * nth), label, record_type, field_type, field_name, group_id: String(1 + i) },
    ...(field_type === 'DROPDOWN' && { options: ['New', 'Known'].map((label, n) => ({ id: String(n + 1), label })) }),
  });
  return [
    field(0, 'Shop number', 'TEXT', 'ShopNumber'),
    field(1, 'Visits', 'WHOLE_NUMBER', 'Visits'),
    field(2, 'Standing', 'DROPDOWN', 'Standing'),
    field(3, 'Last visit', 'DATE_TIME', 'LastVisit'),
  ];
});
