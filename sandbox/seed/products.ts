// Products: same sku on both sides, on one side only, and such that a person must decide.

import type { Product as KeapProduct } from '../keap/data.ts';
import type { Product as ShopProduct } from '../shop/data.ts';
import { naughty } from './texts.ts';
import { times, type Workshop } from './workshop.ts';

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

// Over 60 lines: one kind of product after the other, and how one is made in each system. All draw from the same random numbers.
export function makeProducts(shop: Workshop): void {
  const { counts, expected, faker } = shop;
  const mapping = expected.mappings['product-product'];
  let serial = 0;

  times(counts.sameProduct, (i) => {
    const article = makeArticle(i);
    addKeap(article);
    addShop(article);
    mapping.matched++;
  });

  times(counts.priceDiffers, (i) => {
    const article = makeArticle(100 + i);
    const keapWins = i % 2 === 0;
    const [later, earlier] = shop.laterAndEarlier();
    const shopPrice = article.price + 150;
    const inKeap = addKeap(article, keapWins ? later : earlier);
    const inShop = addShop({ ...article, price: shopPrice }, keapWins ? earlier : later);
    mapping.matched++;
    expected.conflicts.push({
      mapping: 'product-product',
      keapId: inKeap.id,
      shopId: String(inShop.id),
      property: 'price',
      keapValue: article.price / 100,
      shopValue: shopPrice / 100,
      winner: keapWins ? 'keap' : 'customwebshop',
    });
  });

  times(counts.keapProduct, (i) => {
    const article = makeArticle(i);
    addKeap(i < 4 ? { ...article, description: naughty[12 + i] ?? null } : article);
    mapping.created.customwebshop++;
  });

  times(counts.shopProduct, (i) => {
    const article = makeArticle(i + 5);
    addShop(i < 4 ? { ...article, description: naughty[16 + i] ?? null } : article);
    mapping.created.keap++;
  });

  // The same name, and a sku that differs or is missing: a hint for a person, no proof.
  times(counts.sameProductName, (i) => {
    const article = makeArticle(100);
    const keapSku = i % 3 === 1 ? null : article.sku;
    const shopSku = i % 3 === 2 ? null : sku();
    review([addKeap({ ...article, sku: keapSku })], [addShop({ ...article, sku: shopSku })]);
  });

  // Keap takes one sku twice.
  times(counts.doubleSku, () => {
    const article = makeArticle(100);
    const candidates = [addKeap(article), addKeap({ ...makeArticle(100), sku: article.sku })];
    review(candidates, [addShop({ ...article, name: productName() })]);
  });

  // Keap needs a short description.
  times(counts.incompleteProduct, () => {
    const product = addShop(makeArticle(100));
    product.short_description = null;
    mapping.failed.customwebshop.push({ id: String(product.id), reason: 'short_description' });
  });

  mapping.start = { keap: shop.keap.products.length, customwebshop: shop.shop.products.length };
  mapping.after = {
    keap: mapping.start.keap + mapping.created.keap,
    customwebshop: mapping.start.customwebshop + mapping.created.customwebshop,
  };

  function review(inKeap: KeapProduct[], inShop: ShopProduct[]): void {
    mapping.review.keap.push(...inKeap.map(({ id }) => id));
    mapping.review.customwebshop.push(...inShop.map(({ id }) => String(id)));
    mapping.reviewGroups++;
  }

  function sku(): string {
    serial++;
    return `${faker.string.alpha({ length: 3, casing: 'upper' })}-${String(serial).padStart(4, '0')}`;
  }

  function productName(): string {
    return shop.unique('product', () => faker.commerce.productName());
  }

  function makeArticle(i: number): Article {
    return {
      sku: sku(),
      name: productName(),
      price: trickyPrices[i] ?? faker.number.int({ min: 199, max: 49_999 }),
      shortDescription: faker.commerce.productAdjective(),
      description: shop.chance(0.8) ? faker.commerce.productDescription() : null,
      weight: shop.chance(0.7) ? faker.number.int({ min: 1, max: 9_999 }) / 100 : null,
      active: shop.chance(0.9),
      taxable: shop.chance(0.8),
      shipped: shop.chance(0.8),
    };
  }

  function addKeap(article: Article, { created, updated } = shop.times()): KeapProduct {
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

  function addShop(article: Article, { created, updated } = shop.times()): ShopProduct {
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
}
