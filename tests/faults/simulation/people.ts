/** What people do in either system, past its API (faults are for the engine only) and each time in one instant. */
import type { KeapEntity } from '../../../sandbox/keap/store.ts';
import { customers, orders, products } from '../../../sandbox/shop/entities.ts';
import type { ShopEntity } from '../../../sandbox/shop/store.ts';
import type { Model } from './model.ts';
import type { Deed, Step, Values } from './schedule.ts';
import type { Setting } from './setting.ts';
import { find, kinds, type Place, pairs, places, type RecordData } from './things.ts';

/** @returns what was not done, because a record that it needs is not there (yet) */
export function act(setting: Setting, model: Model, deed: Deed): string[] {
  switch (deed.do) {
    case 'create':
      return create(setting, model, deed);
    case 'edit':
      return edit(setting, model, deed.thing, deed.in, deed.silent);
    case 'spoil':
    case 'fix': {
      const skipped = edit(setting, model, deed.thing, { [deed.place]: deed.values }, false);
      const thing = model.things.get(deed.thing);
      if (thing && skipped.length === 0) thing.spoilt = deed.do === 'spoil';
      return skipped;
    }
    case 'delete':
      return remove(setting, model, deed);
  }
}

const defaults = (place: Place): Record<string, unknown> => {
  const of = { customer: customers, order: orders, shopProduct: products }[place as string];
  return of ? structuredClone(of.defaults) : {};
};

function create(setting: Setting, model: Model, deed: Extract<Deed, { do: 'create' }>): string[] {
  const made: [Place, Record<string, unknown>, Values][] = [];
  for (const [place, values] of entriesOf(deed.in)) {
    const record = defaults(place);
    for (const [field, value] of Object.entries(values)) {
      const patch = kinds[deed.kind].fields[field]?.at[place]?.set(record, value, setting.stores);
      if (!patch) return [`${deed.thing}: what it refers to is not in ${place}`];
      Object.assign(record, patch);
    }
    made.push([place, record, values]);
  }
  const thing = model.created(
    deed.kind,
    deed.thing,
    made.map(([place]) => place),
  );
  // In one tick, so that no request of the engine comes between them.
  for (const [place, record, values] of made) {
    for (const [field, value] of Object.entries(values))
      model.edited(thing, field, place, value, undefined, setting.stores);
    const id = insert(setting, place, record);
    if (!deed.silent) tell(setting, place, id, 'create');
  }
  const spoiltBy = Object.values(deed.in).some((values) => values.postcode === 'P_1' || values.price === '');
  thing.spoilt = spoiltBy;
  return [];
}

function edit(
  setting: Setting,
  model: Model,
  name: string,
  edits: Partial<Record<Place, Values>>,
  silent: boolean,
): string[] {
  const thing = model.things.get(name);
  if (!thing) return [`${name} was not created`];
  const skipped: string[] = [];
  const done: [Place, RecordData][] = [];
  for (const [place, values] of entriesOf(edits)) {
    const [record] = find(setting.stores, place, name);
    if (!record) {
      skipped.push(`${name} is not in ${place}`);
      continue;
    }
    let now = record;
    for (const [field, value] of Object.entries(values)) {
      const patch = kinds[thing.kind].fields[field]?.at[place]?.set(now, value, setting.stores);
      if (!patch) {
        skipped.push(`${name}: what its ${field} refers to is not there`);
        continue;
      }
      model.edited(thing, field, place, value, record, setting.stores);
      now = { ...now, ...patch };
    }
    done.push([place, now]);
  }
  for (const [place, record] of done) {
    replace(setting, place, record);
    if (!silent) tell(setting, place, String(record.id), 'edit');
  }
  return skipped;
}

function remove(setting: Setting, model: Model, deed: Extract<Deed, { do: 'delete' }>): string[] {
  const thing = model.things.get(deed.thing);
  const [record] = find(setting.stores, deed.place, deed.thing);
  if (!thing || !record) return [`${deed.thing} is not in ${deed.place}`];
  const { system, entity } = places[deed.place];
  if (system === 'keap') setting.keap.store.remove(entity as KeapEntity, String(record.id));
  else setting.shop.store.remove(entity as ShopEntity, Number(record.id));
  thing.deleted.set(deed.place, thing.settled ? 'settled' : 'fresh');
  // Who was redirected to it finds nothing any more.
  for (const other of model.things.values())
    if (other.mergedInto.get(deed.place) === thing.name) other.merged.set(deed.place, 'absent');
  if (!deed.silent) tell(setting, deed.place, String(record.id), 'delete');
  return [];
}

function insert(setting: Setting, place: Place, record: Record<string, unknown>): string {
  const { system, entity } = places[place];
  // The oracle builds records by paths; their shape is the stand-in's own.
  const added =
    system === 'keap'
      ? setting.keap.store.add(entity as KeapEntity, record as never)
      : setting.shop.store.add(entity as ShopEntity, record as never);
  return String(added.id);
}

function replace(setting: Setting, place: Place, record: RecordData): void {
  const { system, entity } = places[place];
  if (system === 'keap') setting.keap.store.edit(entity as KeapEntity, String(record.id), record as never);
  else setting.shop.store.edit(entity as ShopEntity, Number(record.id), record as never);
}

/** The webhook that the system would send for it, through its outbox, which may drop, double, delay or reorder it. */
function tell(setting: Setting, place: Place, id: string, what: 'create' | 'edit' | 'delete'): void {
  const { system, singular } = places[place];
  const keapWords = { create: 'add', edit: 'edit', delete: 'delete' };
  const shopWords = { create: 'created', edit: 'updated', delete: 'deleted' };
  const body =
    system === 'keap'
      ? { event_key: `${singular}.${keapWords[what]}`, object_keys: [{ id: Number(id) }] }
      : { topic: `${singular}.${shopWords[what]}`, resource_id: Number(id) };
  setting.system(system).webhooks.send(
    {
      url: setting.receiver.url(system),
      headers: () => ({ 'content-type': 'application/json' }),
      body: JSON.stringify(body),
      retries: [],
      accepted: (status) => status < 300,
    },
    2,
  );
}

export const entriesOf = <K extends string, V>(from: Partial<Record<K, V>>): [K, V][] =>
  Object.entries(from) as [K, V][];

/**
 * Breaks the link of a thing over the HTTP API and, if asked to, links the same records again. What the API refuses
 * because of work that goes on is no fault: the two match.
 * @returns what was not done
 */
export async function relink(
  setting: Setting,
  { thing, mapping, link }: Extract<Step, { do: 'relink' }>,
): Promise<string[]> {
  const [a, b] = (pairs[mapping] ?? []).map((place) => find(setting.stores, place, thing)[0]);
  if (!a || !b) return [`${thing} is not on both sides of ${mapping}`];
  const ids = { keap: String(a.id), customwebshop: String(b.id) };
  try {
    const broken = await setting.api('DELETE', `/links/${mapping}?side=keap&id=${ids.keap}`);
    if (!broken.ok) return [`breaking the link of ${thing}: ${broken.status} ${await broken.text()}`];
    if (!link) return [];
    const made = await setting.api('POST', `/links/${mapping}`, { ids });
    return made.ok ? [] : [`linking ${thing} again: ${made.status} ${await made.text()}`];
  } catch (error) {
    // Redis was killed, or a stopped worker had the record for long.
    return [`breaking and making the link of ${thing}: ${String(error)}`];
  }
}
