// Products: same sku on both sides, on one side only, and such that a person must decide.

import type { Product as KeapProduct } from '../keap/data.ts';
import type { Product as ShopProduct } from '../shop/data.ts';
import type { ExpectedMapping } from './expected.ts';
import { addToKeap, addToShop, makeArticle, productName, sku } from './product-records.ts';
import { naughty } from './texts.ts';
import { times, type Workshop } from './workshop.ts';

/** One kind of product after the other. All draw from the same random numbers, so their order is part of the data. */
export function makeProducts(shop: Workshop): void {
  const mapping = mappingOf(shop);
  addMatched(shop);
  addOneSided(shop);
  addAmbiguous(shop);
  addIncomplete(shop);
  mapping.start = { keap: shop.keap.products.length, customwebshop: shop.shop.products.length };
  mapping.after = {
    keap: mapping.start.keap + mapping.created.keap,
    customwebshop: mapping.start.customwebshop + mapping.created.customwebshop,
  };
}

const mappingOf = ({ expected }: Workshop): ExpectedMapping => expected.mappings['product-product'];

function addMatched(shop: Workshop): void {
  const { counts, expected } = shop;
  const mapping = mappingOf(shop);
  times(counts.sameProduct, (i) => {
    const article = makeArticle(shop, i);
    addToKeap(shop, article);
    addToShop(shop, article);
    mapping.matched++;
  });

  times(counts.priceDiffers, (i) => {
    const article = makeArticle(shop, 100 + i);
    const keapWins = i % 2 === 0;
    const [later, earlier] = shop.laterAndEarlier();
    const shopPrice = article.price + 150;
    const inKeap = addToKeap(shop, article, keapWins ? later : earlier);
    const inShop = addToShop(shop, { ...article, price: shopPrice }, keapWins ? earlier : later);
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
}

function addOneSided(shop: Workshop): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  times(counts.keapProduct, (i) => {
    const article = makeArticle(shop, i);
    addToKeap(shop, i < 4 ? { ...article, description: naughty[12 + i] ?? null } : article);
    mapping.created.customwebshop++;
  });

  times(counts.shopProduct, (i) => {
    const article = makeArticle(shop, i + 5);
    addToShop(shop, i < 4 ? { ...article, description: naughty[16 + i] ?? null } : article);
    mapping.created.keap++;
  });
}

function addAmbiguous(shop: Workshop): void {
  const { counts } = shop;
  // The same name, and a sku that differs or is missing: a hint for a person, no proof.
  times(counts.sameProductName, (i) => {
    const article = makeArticle(shop, 100);
    const keapSku = i % 3 === 1 ? null : article.sku;
    const shopSku = i % 3 === 2 ? null : sku(shop);
    review(shop, [addToKeap(shop, { ...article, sku: keapSku })], [addToShop(shop, { ...article, sku: shopSku })]);
  });

  // Keap takes one sku twice.
  times(counts.doubleSku, () => {
    const article = makeArticle(shop, 100);
    const candidates = [addToKeap(shop, article), addToKeap(shop, { ...makeArticle(shop, 100), sku: article.sku })];
    review(shop, candidates, [addToShop(shop, { ...article, name: productName(shop) })]);
  });
}

function review(shop: Workshop, inKeap: KeapProduct[], inShop: ShopProduct[]): void {
  const mapping = mappingOf(shop);
  mapping.review.keap.push(...inKeap.map(({ id }) => id));
  mapping.review.customwebshop.push(...inShop.map(({ id }) => String(id)));
  mapping.reviewGroups++;
}

/** Keap needs a short description. */
function addIncomplete(shop: Workshop): void {
  times(shop.counts.incompleteProduct, () => {
    const product = addToShop(shop, makeArticle(shop, 100));
    product.short_description = null;
    mappingOf(shop).failed.customwebshop.push({ id: String(product.id), reason: 'short_description' });
  });
}
