// The records of the Customwebshop stand-in, as it stores and as it answers them. Empty fields are null.

export type Billing = {
  address_1: string | null;
  address_2: string | null;
  city: string | null;
  state: string | null;
  postcode: string | null;
  /** ISO 3166-1 alpha-2. */
  country: string | null;
};

export type Customer = {
  id: number;
  company: string | null;
  first_name: string | null;
  last_name: string | null;
  email: string | null;
  phone: string | null;
  website: string | null;
  billing: Billing;
  note: string | null;
  external_id: string | null;
  created_at: string;
  updated_at: string;
};

export const orderStatuses = ['pending', 'processing', 'on-hold', 'completed', 'cancelled'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

export type LineItem = { product_id: number; quantity: number; price: string };

export type Order = {
  id: number;
  number: string;
  title: string;
  customer_id: number;
  status: OrderStatus;
  /** Decimal with two places. */
  total: string | null;
  due_at: string | null;
  next_step: string | null;
  note: string | null;
  external_id: string | null;
  line_items: LineItem[];
  created_at: string;
  updated_at: string;
};

export type Product = {
  id: number;
  sku: string | null;
  name: string;
  description: string | null;
  short_description: string | null;
  /** Decimal with two places. */
  price: string | null;
  active: boolean;
  taxable: boolean;
  requires_shipping: boolean;
  weight: number | null;
  external_id: string | null;
  created_at: string;
  updated_at: string;
};

export const webhookTopics: readonly string[] = ['customer', 'order', 'product'].flatMap((resource) =>
  ['created', 'updated', 'deleted'].map((action) => `${resource}.${action}`),
);

export interface StoredWebhook {
  id: number;
  topic: string;
  url: string;
  secret: string;
  created_at: string;
}

/** All that the stand-in keeps: what it starts with, and what a snapshot holds. */
export interface ShopData {
  customers: Customer[];
  orders: Order[];
  products: Product[];
  webhooks?: StoredWebhook[];
  /** The next free id per entity, so that ids of deleted records are not given again. */
  next?: Record<string, number>;
}

export const noShopData: ShopData = { customers: [], orders: [], products: [] };
