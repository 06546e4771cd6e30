// `tandem doc` writes the same document from the same files, whether or not there are secrets.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, SECRETS, tandem } from './spawn.ts';

describe('doc', () => {
  it('writes a table of both properties and the data type, in the order of the file', async () => {
    const { status, stdout, stderr } = await tandem(['doc', 'company-customer']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: `Configuration: ${resolve(ROOT)}\n` });
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('## company-customer');
    expect(stdout).toContain('Every Keap company is synchronized with a web shop customer.');
    expect(stdout).toContain(
      '1. `$lowercase(email_address.email)` = `$lowercase(email)`\n2. `company_name` = `company`',
    );
    const table = lines.filter((line) => line.startsWith('|'));
    expect(table[0]).toBe('| Keap | Customwebshop | Data type | Direction | Required | Notes |');
    expect(table[2]).toBe('| `company_name` | `company` | string | both ways | yes |  |');
    expect(table).toHaveLength(13);
    expect(table.every((line) => line.match(/(?<!\\)\|/g)?.length === 7)).toBe(true);
  });

  it('writes all mappings by name, and the same every time', async () => {
    const [first, second] = await Promise.all([tandem(['doc']), tandem(['doc'], SECRETS)]);
    expect(first.stdout).toBe(second.stdout);
    const heads = first.stdout.split('\n').filter((line) => line.startsWith('## '));
    expect(heads).toEqual(['## company-customer', '## contact-customer', '## opportunity-order', '## product-product']);
  });

  it('prints JSON', async () => {
    const { stdout } = await tandem(['doc', 'product-product', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([
      { mapping: 'product-product', markdown: expect.stringContaining('| `price` | `price` | decimal |') },
    ]);
  });

  it('helps with a misspelt name', async () => {
    const { status, stderr } = await tandem(['doc', 'company-custommer']);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^Configuration: .*\nNOT_FOUND: There is no valid mapping "company-custommer"\.\nDid you mean company-customer\?\n$/,
    );
  });
});
