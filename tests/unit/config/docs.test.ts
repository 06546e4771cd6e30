/** Every example of docs/mappings.md and docs/systems.md loads, and every property of the formats is explained there. */
import { readFile } from 'node:fs/promises';
import { dump, load as yaml } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readFiles } from '../../../engine/config/files.ts';
import { formatProblem } from '../../../engine/config/format.ts';
import { compileFiles } from '../../../engine/config/load.ts';
import { checkRoundTrips } from '../../../engine/sync/round-trips.ts';
import { REAL_ENV, ROOT } from './real.ts';

type Content = Record<string, unknown>;

interface Fence {
  readonly kind: string;
  readonly line: number;
  readonly text: string;
}

function fences(text: string): Fence[] {
  const found: Fence[] = [];
  for (const match of text.matchAll(/^```yaml *(\S*)\n([\s\S]*?)^```/gm)) {
    if (match[2]!.startsWith('#')) continue;
    found.push({ kind: match[1]!, line: text.slice(0, match.index).split('\n').length, text: match[2]! });
  }
  return found;
}

const files = await readFiles({ root: ROOT });
const loadWith = (file: string, content: Content) =>
  compileFiles(new Map([...files, [file, dump(content)]]), {
    ...REAL_ENV,
    SHOP_CLIENT_SECRET: 's',
    SHOP_REFRESH_TOKEN: 'r',
  });
const withFile = (file: string, content: Content): string[] => loadWith(file, content).problems.map(formatProblem);

describe('docs/mappings.md', async () => {
  const text = await readFile(`${ROOT}docs/mappings.md`, 'utf8');
  const [whole, ...parts] = fences(text);
  const base = yaml(whole!.text) as Content;

  it.each([whole!, ...parts])(
    'the example at line $line loads, and loses information only if the page says so',
    async (fence) => {
      const rowsOf: Record<string, string> = {
        row: 'company-customer',
        loses: 'company-customer',
        contacts: 'contact-customer',
        orders: 'opportunity-order',
        products: 'product-product',
        'products-loses': 'product-product',
      };
      if (fence.kind === '') {
        expect(withFile('mappings/company-customer.yaml', { ...base, ...(yaml(fence.text) as Content) })).toEqual([]);
        return;
      }
      // A row stands alone in the mapping of its entities; alone it makes no record.
      const name = rowsOf[fence.kind]!;
      const mapping = yaml(files.get(`mappings/${name}.yaml`)!) as Content;
      const { config, problems } = loadWith(`mappings/${name}.yaml`, {
        ...mapping,
        create: [],
        properties: yaml(fence.text),
      });
      expect(problems.map(formatProblem)).toEqual([]);
      // What the page says of losing information is true, and no other example loses any unsaid.
      const { findings } = await checkRoundTrips(config.mappings.get(name)!);
      const lossy = findings.filter(({ kind, intended }) => kind === 'lossy' && !intended);
      expect(lossy.length > 0, JSON.stringify(lossy)).toBe(fence.kind.endsWith('loses'));
    },
  );

  it('explains every property', async () => {
    const schema = JSON.parse(files.get('schemas/mapping.schema.json')!);
    const rows = Object.keys(schema.properties.properties.items.properties);
    for (const key of [...Object.keys(schema.properties), ...rows, 'onMatch']) expect(text, key).toContain(`\`${key}`);
  });
});

describe('docs/systems.md', async () => {
  const text = await readFile(`${ROOT}docs/systems.md`, 'utf8');
  const [whole, ...parts] = fences(text);
  const base = yaml(whole!.text) as Content & { entities: { customers: Content } };

  it.each([whole!, ...parts])('the example at line $line loads', (fence) => {
    const part = yaml(fence.text) as Content;
    const content =
      fence.kind === 'entity'
        ? { ...base, entities: { customers: { ...base.entities.customers, ...part } } }
        : { ...base, ...part };
    expect(withFile('systems/shop.yaml', content)).toEqual([]);
  });

  it('explains every property', () => {
    const schema = JSON.parse(files.get('schemas/system.schema.json')!);
    const names = new Set<string>();
    const visit = (item: unknown): void => {
      if (typeof item !== 'object' || item === null) return;
      for (const [key, value] of Object.entries(item)) {
        if (key === 'properties') for (const name of Object.keys(value as object)) names.add(name);
        visit(value);
      }
    };
    visit(schema);
    expect(names.size).toBeGreaterThan(50);
    for (const name of names) expect(text, name).toMatch(new RegExp(`\\b${name}\\b`));
  });
});
