// The records of the Keap stand-in as it stores them (what a read looks like is in entities.ts).
// `null` is never stored: an empty field is absent.

export type Company = {
  id: string;
  company_name?: string;
  website?: string;
  notes?: string;
  address?: Address;
  email_address?: { email?: string; field?: string; opt_in_reason?: string; is_opt_in?: boolean };
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
  notes?: string;
  email_addresses?: { email?: string; field?: string }[];
  phone_numbers?: Phone[];
  addresses?: (Address & { field?: string })[];
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
  custom_fields?: CustomField[];
  created_time: string;
  last_updated_time: string;
};

export type Product = {
  id: string;
  name: string;
  /** Minor units (cents), as it is written. */
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
  create_time: string;
  update_time: string;
};

export type Stage = { id: string; name: string; order: number; probability: number; target_number_days: number };

export interface Address {
  line1?: string;
  line2?: string;
  locality?: string;
  region?: string;
  region_code?: string;
  postal_code?: string;
  zip_code?: string;
  zip_four?: string;
  country_code?: string;
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

export type HookStatus = 'Unverified' | 'Verified' | 'Inactive';

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
  hooks?: StoredHook[];
  /** The refresh token as last rotated. */
  refreshToken?: string;
  /** The next free id per entity, so that ids of deleted records are not given again. */
  next?: Record<string, number>;
}

export const noKeapData: KeapData = { companies: [], contacts: [], opportunities: [], products: [], stages: [] };
