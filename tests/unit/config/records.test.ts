/** Records are checked before they are sent, in plain words and without their values. */
import { describe, expect, it } from 'vitest';
import { validateRecord } from '../../../engine/config/record-schema.ts';
import { loadReal } from './real.ts';

describe('a record', async () => {
  const { config } = await loadReal();
  const entity = (system: string, name: string) => config.systems.get(system)!.entities[name]!;

  it.each<[string, string, object, [string, string][]]>([
    ['keap', 'companies', { company_name: 'x', unknown: 1 }, []],
    [
      'keap',
      'companies',
      { company_name: 'x', email_address: { email: 'nobody' } },
      [['email_address.email', 'Must be an e-mail address.']],
    ],
    [
      'keap',
      'companies',
      { address: { postal_code: '1'.repeat(16) } },
      [['address.postal_code', 'May have at most 15 characters.']],
    ],
    [
      'keap',
      'opportunities',
      { opportunity_title: 'x' },
      [
        ['contact_id', 'Is required.'],
        ['stage_id', 'Is required.'],
      ],
    ],
    ['keap', 'products', { name: 'x', price: '19.9', short_description: '' }, [['price', 'Must be a number.']]],
    ['keap', 'products', { name: 'x', price: -1, short_description: '' }, [['price', 'Must be at least 0.']]],
    [
      'customwebshop',
      'orders',
      { title: 'x', customer_id: 1, status: 'lost', total: '19.9' },
      [['status', 'Must be one of pending, processing, on-hold, completed, cancelled.']],
    ],
    [
      'customwebshop',
      'orders',
      { title: 'x', customer_id: '1', status: 'pending', due_at: 'soon' },
      [
        ['customer_id', 'Must be a whole number.'],
        ['due_at', 'Must be a date and time (ISO 8601).'],
      ],
    ],
    [
      'customwebshop',
      'customers',
      { phone: '06-12', billing: { country: 'nld' } },
      [
        ['phone', 'Does not have the form that is needed (^[+0-9]*$). Digits and + only.'],
        ['billing.country', 'Does not have the form that is needed (^[A-Z]{2}$). Country as ISO 3166 alpha-2.'],
      ],
    ],
    ['customwebshop', 'customers', { email: null, phone: null, billing: null }, []],
  ])('of %s %s gets the faults of its schema: %j', (system, name, record, faults) => {
    const found = validateRecord(entity(system, name), record, { partial: false });
    expect(found.map((fault) => [fault.property, fault.message]).sort()).toEqual([...faults].sort());
  });

  it('may lack what is required when it holds changes only', () => {
    expect(validateRecord(entity('keap', 'products'), { sku: 'x' }, { partial: true })).toEqual([]);
  });

  it('is judged by the fields asked for', () => {
    const record = { price: 'x', weight: 'y' };
    const check = (paths: string[]) =>
      validateRecord(entity('keap', 'products'), record, { partial: false, paths }).map((fault) => fault.property);
    expect(check(['weight'])).toEqual(['weight']);
    expect(check(['name', 'price'])).toEqual(['name', 'price']);
  });

  it('never has its values repeated', () => {
    const reported = JSON.stringify(
      validateRecord(
        entity('keap', 'companies'),
        { company_name: 5, email_address: { email: 'confidential' }, website: ['confidential'] },
        { partial: false },
      ),
    );
    expect(reported).not.toContain('confidential');
  });
});
