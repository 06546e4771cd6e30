/**
 * Writes `examples` into the entity schemas: a few records of the stand-ins that differ as much as possible, as Tandem
 * reads them. `tandem validate` tries conversions on them. Run it when the seed, a system file or a schema changes.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  type EntityConfig,
  type JsonObject,
  loadConfig,
  readPath,
  type SystemConfig,
  toRecord,
  validateRecord,
} from '../engine/index.ts';
import { startKeap } from '../sandbox/keap/server.ts';
import { makeSeed } from '../sandbox/seed/index.ts';
import { startShop } from '../sandbox/shop/server.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const MOST = 6;

/** Schema file -> its examples. */
export async function makeExamples(): Promise<Map<string, JsonObject[]>> {
  const seed = makeSeed(42, 'small');
  const [keap, shop] = [await startKeap({ data: seed.keap, limits: false }), await startShop({ data: seed.shop })];
  try {
    const env = {
      KEAP_BASE_URL: `${keap.url}/crm/rest`,
      KEAP_API_KEY: keap.apiKey,
      SHOP_BASE_URL: shop.url,
      SHOP_TOKEN: shop.token,
      SHOP_WEBHOOK_SECRET: 'none',
    };
    const { config } = await loadConfig({ root: ROOT, env });
    const troubled = new Set(
      Object.values(seed.expected.mappings).flatMap(({ failed, review }) => [
        ...[...failed.keap, ...failed.customwebshop].map(({ id }) => id),
        ...review.keap,
        ...review.customwebshop,
      ]),
    );
    const made = new Map<string, JsonObject[]>();
    for (const system of config.systems.values()) {
      for (const entity of Object.values(system.entities)) {
        const records = (await firstPage(system, entity)).filter(
          (record) =>
            !troubled.has(String(record.id)) && validateRecord(entity, record, { partial: true }).length === 0,
        );
        made.set(`schemas/${system.name}/${entity.name}.schema.json`, varied(records));
      }
    }
    return made;
  } finally {
    await keap.close();
    await shop.close();
  }
}

async function firstPage({ baseUrl, auth, name }: SystemConfig, entity: EntityConfig): Promise<JsonObject[]> {
  const list = entity.list;
  if (!list) return [];
  const headers =
    auth.kind === 'header'
      ? { [auth.header]: auth.value }
      : { authorization: auth.kind === 'bearer' ? `Bearer ${auth.token}` : '' };
  const response = await fetch(`${baseUrl}${list.path}?${new URLSearchParams(list.query)}`, { headers });
  if (!response.ok) throw new Error(`${name}, ${entity.name}: ${response.status} ${await response.text()}`);
  const body: unknown = await response.json();
  const items = (list.items === '' ? body : readPath(body, list.items)) as unknown[];
  return Promise.all(items.map(async (item) => (await toRecord(entity, item)).data));
}

/** Each next one is the record that has most of what the former ones have not: fields, and looks of values. */
function varied(records: readonly JsonObject[]): JsonObject[] {
  const left = records.map((record) => ({ record, looks: looks(record) }));
  const seen = new Set<string>();
  const chosen: JsonObject[] = [];
  while (chosen.length < MOST && left.length > 0) {
    const fresh = left.map((one) => one.looks.filter((look) => !seen.has(look)).length);
    const [next] = left.splice(fresh.indexOf(Math.max(...fresh)), 1);
    for (const look of next!.looks) seen.add(look);
    chosen.push(next!.record);
  }
  return chosen;
}

function looks(value: unknown, path = ''): string[] {
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, inner]) => looks(inner, `${path}.${key}`));
  const text = String(value);
  const kinds = [/[^\x20-\x7e]/, /[A-Z]/, /[a-z]/, /\d/, / /, /[-.,]/, /[+()<>'"&$/]/, /^.{30}/].map((kind) =>
    kind.test(text) ? 1 : 0,
  );
  return [
    `${path} ${value === null ? null : typeof value === 'string' ? kinds.join('') : typeof value === 'number' ? '0' : text}`,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, examples] of await makeExamples()) {
    const path = `${ROOT}${file}`;
    const schema = JSON.parse(await readFile(path, 'utf8')) as JsonObject;
    await writeFile(path, JSON.stringify({ ...schema, examples }, null, 2));
    execFileSync(`${ROOT}node_modules/.bin/biome`, ['format', '--write', path], { stdio: 'ignore' });
  }
}
