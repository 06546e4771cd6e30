// One article, and how it is made in each system.

import type { Product as KeapProduct } from '../keap/data.ts';
import type { Product as ShopProduct } from '../shop/data.ts';
import type { Workshop } from './workshop.ts';

interface Article {
  sku: string | null;
  name: string;
  /** Minor units. */
  price: number;
  shortDescription: string;
  description: string | null;
  weight: number | null;
  active: boolean;
  taxable: boolean;
  shipped: boolean;
}

/** Prices at which floating point goes wrong (0.29 * 100 is 28.999...), and very large and small ones. */
const trickyPrices = [29, 435, 1_005, 1, 7, 110, 12_345_678, 1_999_999_999, 0, 5_799];

export function makeArticle(shop: Workshop, i: number): Article {
  const { faker } = shop;
  return {
    sku: sku(shop),
    name: productName(shop),
    price: trickyPrices[i] ?? faker.number.int({ min: 199, max: 49_999 }),
    shortDescription: faker.commerce.productAdjective(),
    description: shop.chance(0.8) ? faker.commerce.productDescription() : null,
    weight: shop.chance(0.7) ? faker.number.int({ min: 1, max: 9_999 }) / 100 : null,
    active: shop.chance(0.9),
    taxable: shop.chance(0.8),
    shipped: shop.chance(0.8),
  };
}

export function sku(shop: Workshop): string {
  const serial = shop.serial('product');
  return `${shop.faker.string.alpha({ length: 3, casing: 'upper' })}-${String(serial).padStart(4, '0')}`;
}

export function productName(shop: Workshop): string {
  return shop.unique('product', () => shop.faker.commerce.productName());
}

export function addToKeap(shop: Workshop, article: Article, { created, updated } = shop.times()): KeapProduct {
  const product: KeapProduct = {
    id: String(shop.id('keap products', 201)),
    name: article.name,
    price: article.price,
    short_description: article.shortDescription,
    ...(article.sku !== null && { sku: article.sku }),
    ...(article.description !== null && { description: article.description }),
    active: article.active,
    taxable: article.taxable,
    shippable: article.shipped,
    ...(article.weight !== null && { weight: article.weight }),
    create_time: created,
    update_time: updated,
  };
  shop.keap.products.push(product);
  return product;
}

export function addToShop(shop: Workshop, article: Article, { created, updated } = shop.times()): ShopProduct {
  const product: ShopProduct = {
    id: shop.id('shop products', 4_001),
    sku: article.sku,
    name: article.name,
    description: article.description,
    short_description: article.shortDescription,
    price: (article.price / 100).toFixed(2),
    active: article.active,
    taxable: article.taxable,
    requires_shipping: article.shipped,
    weight: article.weight,
    external_id: null,
    created_at: created,
    updated_at: updated,
  };
  shop.shop.products.push(product);
  return product;
}
