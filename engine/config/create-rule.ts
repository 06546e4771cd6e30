/** Which missing counterparts are created on a side: the one list, from which types and the HTTP schema follow. */
export const CREATE_RULES = {
  missing: 'all',
  always: 'all, also beside records of that side that no rule of the mapping compares with them',
  'on-demand': 'those of records to which a record that is synchronized refers',
} as const;

/** A word of `CREATE_RULES`. */
export type CreateRule = keyof typeof CREATE_RULES;
