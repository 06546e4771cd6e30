import { companies } from './companies.ts';
import { contacts } from './contacts.ts';
import type { Entity } from './entity.ts';
import { opportunities } from './opportunities.ts';
import { products } from './products.ts';

export const entities: readonly Entity[] = [companies, contacts, opportunities, products];
