/**
 * Systems that do otherwise: which behaviours of the stand-ins are drawn, and what follows from them for the promises. What a
 * behaviour did is known from the stand-in's own account of it, never from the engine.
 */
import type { BehaviourRule, Happened, MergedForm } from '../../../sandbox/kit/behaviours.ts';
import type { FaultRule } from '../../../sandbox/kit/faults.ts';
import type { Model, Thing } from './model.ts';
import type { Random } from './random.ts';
import type { Setting } from './setting.ts';
import { type Kind, kinds, type Place, places, recordsOf, type System, thingOf } from './things.ts';

/** What `npm run simulate -- --hostile` draws from. */
export const hostilities = [
  'lag',
  'ignore',
  'echo',
  'cut',
  'round',
  'reformat',
  'refuse',
  'merge',
  'reuse-ids',
] as const;
export type Hostility = (typeof hostilities)[number];

/** Fields by which nothing is recognized, with a place of each: what happens to them does not hide whose they are. */
interface Target {
  readonly kind: Kind;
  readonly place: Place;
  readonly field: string;
  readonly property: string;
}
const targetsOf = (fields: readonly string[]): readonly Target[] =>
  (Object.keys(kinds) as Kind[]).flatMap((kind) =>
    Object.entries(kinds[kind].fields)
      .filter(([field]) => fields.includes(field))
      .flatMap(([field, { at }]) =>
        (Object.entries(at) as [Place, { path: string }][]).map(([place, { path }]) => ({
          kind,
          place,
          field,
          property: path,
        })),
      ),
  );
const texts = targetsOf(['website', 'line1', 'line2', 'city', 'note', 'first', 'last', 'next', 'description', 'short']);
const numbers = targetsOf(['total', 'price', 'weight']);
const emails = targetsOf(['email']);

/** Text fields whose values get line breaks and accents, so that there is something to reformat. */
export const decorated: ReadonlySet<string> = new Set(['note', 'next', 'description']);

/** A rule of one behaviour, for a property that the mappings keep in step. */
export function drawRule(
  random: Random,
  behaviour: Exclude<Hostility, 'refuse' | 'merge'>,
): { system: System; rule: BehaviourRule } {
  const of = (targets: readonly Target[]): { system: System; entity: string; property: string } => {
    const { place, property } = random.pick(targets);
    return { system: places[place].system, entity: places[place].entity, property };
  };
  const often = random.chance(0.5) ? {} : { times: random.between(1, 3) };
  const system = random.pick(['keap', 'customwebshop'] as const);
  switch (behaviour) {
    case 'lag':
      return { system, rule: { behaviour, ms: random.between(100, 1_500), ...often } };
    case 'ignore':
    case 'echo':
    case 'cut':
    case 'round': {
      const { system: where, ...target } = of(behaviour === 'round' ? numbers : texts);
      const more = { cut: { length: random.between(3, 12) }, round: { places: random.between(-1, 1) } };
      return {
        system: where,
        rule: {
          behaviour,
          ...target,
          ...(behaviour === 'cut' || behaviour === 'round' ? more[behaviour] : {}),
          ...often,
        },
      };
    }
    case 'reformat': {
      const form = random.pick(['line-ends', 'lower-case', 'decomposed', 'trailing-space'] as const);
      const { system: where, ...target } = of(form === 'lower-case' ? emails : texts);
      return {
        system: where,
        rule: { behaviour, form, ms: random.pick([0, random.between(50, 800)]), ...target, ...often },
      };
    }
    case 'reuse-ids':
      return { system, rule: { behaviour, ...often } };
  }
}

/** Everything is refused for a while: by the system itself, or by something in between. */
export function drawRefusal(random: Random): FaultRule {
  const lastsMs = random.between(200, 1_500);
  if (random.chance(0.25))
    return {
      action: 'status',
      status: random.pick([200, 502, 503]),
      headers: { 'content-type': 'text/html' },
      body: '<html><body>We will be back soon</body></html>',
      lastsMs,
    };
  return {
    action: 'status',
    status: random.pick([401, 402, 403, 405, 408, 409, 413, 423, 425, 429, 500, 503]),
    lastsMs,
  };
}

export const drawMergedForm = (random: Random): MergedForm => random.pick(['redirect', 'winner', 'absent']);

/** What a behaviour did to a field, or without one to the record of a thing as a whole. */
export interface Odd extends Happened {
  readonly place: Place;
  readonly field: string | undefined;
}

/** What happened to each thing, by its name. */
export function oddities(setting: Setting): Map<string, Odd[]> {
  const all = new Map<string, Odd[]>();
  for (const place of Object.keys(places) as Place[]) {
    const { system, entity } = places[place];
    const named = new Map(
      recordsOf(setting.stores, place).map((record) => [String(record.id), thingOf(place, record)]),
    );
    for (const one of setting.system(system).behaviours.happened()) {
      const name = one.entity === entity ? named.get(one.id) : undefined;
      if (name === undefined) continue;
      all.set(name, [...(all.get(name) ?? []), { ...one, place, field: fieldAt(name, place, one.property) }]);
    }
  }
  return all;
}

function fieldAt(name: string, place: Place, property: string | undefined): string | undefined {
  if (property === undefined) return undefined;
  const kind = (Object.keys(kinds) as Kind[]).find((one) => name.startsWith(kinds[one].prefix));
  const fields = Object.entries(kind === undefined ? {} : kinds[kind].fields);
  return fields.find(([, { at }]) => at[place]?.path === property)?.[0];
}

/** Forms that people take for the same text; of an e-mail address also upper and lower case. */
export function sameForm(text: string): string {
  const form = text.normalize('NFC').replace(/\r\n/g, '\n').trimEnd();
  return /^\S+@\S+$/.test(form) ? form.toLowerCase() : form;
}

/** Texts that systems made of what was sent, and what was sent. */
export const madeTexts = (odd: readonly Odd[]): string[] =>
  odd.flatMap(({ from, to }) => [from, to]).filter((value) => typeof value === 'string');

/** Whether something that happened, or that people did, explains that a person is asked about a thing. */
export const justified = (thing: Thing, odd: readonly Odd[]): boolean =>
  thing.spoilt ||
  thing.deleted.size > 0 ||
  thing.merged.size > 0 ||
  odd.some(({ behaviour }) => behaviour !== 'lag' && behaviour !== 'reformat');

/** Merges the records of two things in one place. @returns what was not done */
export function mergeThings(
  setting: Setting,
  model: Model,
  { loser, winner, place, shows }: { loser: string; winner: string; place: Place; shows: MergedForm },
): string[] {
  const [lost, kept] = [loser, winner].map((name) => model.things.get(name));
  const [from, into] = [loser, winner].map((name) =>
    recordsOf(setting.stores, place).find((one) => thingOf(place, one) === name),
  );
  if (!lost || !kept || !from || !into) return [`${loser} and ${winner} are not both in ${place}`];
  const { system, entity } = places[place];
  setting.system(system).behaviours.merge(entity, String(from.id), { winner: String(into.id), shows });
  lost.merged.set(place, shows);
  lost.mergedInto.set(place, winner);
  const after = recordsOf(setting.stores, place).find((one) => one.id === into.id) ?? into;
  for (const [field, { at }] of Object.entries(kinds[kept.kind].fields)) {
    const access = at[place];
    if (!access) continue;
    const [before, now] = [into, after].map((record) => access.get(record, setting.stores));
    // What the winner lacked, it got: as if a person had typed it.
    if (now !== undefined && now !== before) model.edited(kept, field, place, now, into, setting.stores);
  }
  return [];
}
