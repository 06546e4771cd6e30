/** What is created and changed by measurements of the flow between Keap and the shop. */
export const company = (i: number) => ({
  company_name: `Company number ${i}`,
  email_address: { email: `office@company-${i}.example`, field: 'EMAIL1' },
  phone_number: { number: `+49 30 ${1_000_000 + i}`, type: 'WORK' },
  website: `https://company-${i}.example`,
  address: {
    line1: `${i} Long Street`,
    locality: 'Berlin',
    region_code: 'DE-BE',
    country_code: 'DEU',
    postal_code: '10115',
  },
  notes: `Asked for offer ${i}, to be called again in autumn.`,
});
