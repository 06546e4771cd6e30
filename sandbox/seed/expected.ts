// What a right sync makes of the seed: per mapping, exact numbers, and which records do not get through and why.

/** The names of the two sides, as in the mapping files. */
export interface Sides<T> {
  keap: T;
  customwebshop: T;
}

export interface ExpectedMapping {
  /** Records of the entity at the start. */
  start: Sides<number>;
  /** Pairs that a match rule links; also those whose second record is only made during the sync. */
  matched: number;
  /** Records that the sync creates ON this side. */
  created: Sides<number>;
  /** Ids of records that go to review because there is no single counterpart. */
  review: Sides<string[]>;
  /** How many separate questions those are. */
  reviewGroups: number;
  /** Records of this side that the other side refuses, or that cannot be converted. */
  failed: Sides<{ id: string; reason: string }[]>;
  /** Records of this side that refer to something that has no counterpart. */
  waiting: Sides<string[]>;
  /** Records that `when` leaves out, at the end of the first sync. */
  notTakingPart: Sides<number>;
  /** Records that take part, have no counterpart, and get none: the mapping does not create there. */
  unmatched: Sides<number>;
  /** Records of the entity after the first sync. */
  after: Sides<number>;
}

/**
 * A property that differs on a matched pair, both sides filled: the later modification wins.
 * Phones, notes and prices are listed; e-mail addresses that differ in case only are not.
 */
export interface ExpectedConflict {
  mapping: string;
  keapId: string;
  shopId: string;
  /** The path on the Keap side. */
  property: string;
  keapValue: string | number;
  shopValue: string | number;
  winner: keyof Sides<unknown>;
}

export type MappingName = 'company-customer' | 'contact-customer' | 'product-product' | 'opportunity-order';

export interface Expected {
  mappings: Record<MappingName, ExpectedMapping>;
  conflicts: ExpectedConflict[];
}

export function nothingExpected(): ExpectedMapping {
  return {
    start: { keap: 0, customwebshop: 0 },
    matched: 0,
    created: { keap: 0, customwebshop: 0 },
    review: { keap: [], customwebshop: [] },
    reviewGroups: 0,
    failed: { keap: [], customwebshop: [] },
    waiting: { keap: [], customwebshop: [] },
    notTakingPart: { keap: 0, customwebshop: 0 },
    unmatched: { keap: 0, customwebshop: 0 },
    after: { keap: 0, customwebshop: 0 },
  };
}
