// How many records of each kind a seed has. The kinds are explained where they are made.

export type Size = 'demo' | 'small' | 'empty';

export interface Counts {
  // companies and customers
  equal: number;
  differing: number;
  filling: number;
  byName: number;
  keapOnly: number;
  shopOnly: number;
  sameEmail: number;
  sameName: number;
  nameless: number;
  persons: number;
  badForShop: number;
  badForKeap: number;
  // contacts
  personContacts: number;
  customerContacts: number;
  staff: number;
  newStaff: number;
  companyMail: number;
  withoutMail: number;
  loners: number;
  stuckStaff: number;
  // products
  sameProduct: number;
  priceDiffers: number;
  keapProduct: number;
  shopProduct: number;
  sameProductName: number;
  doubleSku: number;
  incompleteProduct: number;
  // opportunities and orders
  ofCustomer: number;
  ofCompany: number;
  noCounterpartStage: number;
  orders: number;
  ordersWaiting: number;
}

const demo: Counts = {
  equal: 110,
  differing: 15,
  filling: 10,
  byName: 10,
  keapOnly: 60,
  shopOnly: 50,
  sameEmail: 2,
  sameName: 2,
  nameless: 4,
  persons: 30,
  badForShop: 3,
  badForKeap: 2,
  personContacts: 15,
  customerContacts: 25,
  staff: 30,
  newStaff: 20,
  companyMail: 5,
  withoutMail: 5,
  loners: 6,
  stuckStaff: 4,
  sameProduct: 85,
  priceDiffers: 10,
  keapProduct: 50,
  shopProduct: 30,
  sameProductName: 3,
  doubleSku: 2,
  incompleteProduct: 2,
  ofCustomer: 120,
  ofCompany: 87,
  noCounterpartStage: 3,
  orders: 185,
  ordersWaiting: 5,
};

const small: Counts = {
  equal: 6,
  differing: 2,
  filling: 2,
  byName: 2,
  keapOnly: 8,
  shopOnly: 6,
  sameEmail: 1,
  sameName: 1,
  nameless: 1,
  persons: 3,
  badForShop: 3,
  badForKeap: 2,
  personContacts: 2,
  customerContacts: 2,
  staff: 2,
  newStaff: 2,
  companyMail: 1,
  withoutMail: 1,
  loners: 1,
  stuckStaff: 2,
  sameProduct: 5,
  priceDiffers: 1,
  keapProduct: 4,
  shopProduct: 3,
  sameProductName: 3,
  doubleSku: 1,
  incompleteProduct: 1,
  ofCustomer: 4,
  ofCompany: 4,
  noCounterpartStage: 1,
  orders: 5,
  ordersWaiting: 1,
};

const empty = Object.fromEntries(Object.keys(demo).map((name) => [name, 0])) as unknown as Counts;

export const sizes: Record<Size, Counts> = { demo, small, empty };
