/**
 * The whole of a simulation as data, drawn from one seed before anything runs: who edits what, which faults happen, who
 * is killed. A seed that breaks a promise can be run again with exactly the same steps, faults and ids of things. What
 * cannot be repeated is how concurrent work interleaves with them.
 */
import type { BrakeAnswer } from '../../../engine/store/brake.ts';
import type { BehaviourRule, MergedForm } from '../../../sandbox/kit/behaviours.ts';
import type { FaultRule } from '../../../sandbox/kit/faults.ts';
import type { WebhookFaults } from '../../../sandbox/kit/outbox.ts';
import { decorated, drawMergedForm, drawRefusal, drawRule, type Hostility } from './hostile.ts';
import { droppable, type FileEdit } from './mapping-files.ts';
import { type Moment, moments } from './orders.ts';
import { createRandom, type Random } from './random.ts';
import { type Kind, kinds, type Place, pairs, places, type System } from './things.ts';

/** Values by field name; '' clears. */
export type Values = Readonly<Record<string, string>>;

export type Step =
  /** People create a thing, in one place or in several in the same moment, with the values of each place. */
  | {
      readonly do: 'create';
      readonly kind: Kind;
      readonly thing: string;
      readonly in: Partial<Record<Place, Values>>;
      readonly silent: boolean;
    }
  /** People edit a thing, in one place or in several in the same moment. `silent`: no webhook tells of it. */
  | {
      readonly do: 'edit';
      readonly thing: string;
      readonly in: Partial<Record<Place, Values>>;
      readonly silent: boolean;
    }
  /** Like an edit, but to a value that the other system refuses; a later `fix` puts it right. */
  | { readonly do: 'spoil' | 'fix'; readonly thing: string; readonly place: Place; readonly values: Values }
  | { readonly do: 'delete'; readonly thing: string; readonly place: Place; readonly silent: boolean }
  | { readonly do: 'scan'; readonly mapping: string; readonly scan: 'changes' | 'full' }
  | { readonly do: 'fault'; readonly system: System; readonly rule: FaultRule }
  | { readonly do: 'webhooks'; readonly system: System; readonly faults: Partial<WebhookFaults> }
  /**
   * Lists shift while they are read: as soon as a page of the whole list of an entity was answered, people do this. It is done at
   * the latest before all is let come to rest.
   */
  | { readonly do: 'shift'; readonly system: System; readonly entity: string; readonly deed: Deed }
  /**
   * A worker is killed, and another one takes its place, which ends itself at a named step after passing it `after`
   * times, if asked to.
   */
  | { readonly do: 'kill'; readonly worker: number; readonly next?: Moment; readonly after?: number }
  /** A worker process stands still for a while. */
  | { readonly do: 'stop'; readonly worker: number; readonly ms: number }
  /** A person breaks the link of a thing that is in step, and may link the two records again; over the HTTP API. */
  | { readonly do: 'relink'; readonly thing: string; readonly mapping: string; readonly link: boolean }
  /** A system behaves otherwise from now on; lags and refusals end before all is let come to rest, the others with their `times`. */
  | { readonly do: 'behave'; readonly system: System; readonly rule: BehaviourRule }
  /** Two records of a system become one. */
  | {
      readonly do: 'merge';
      readonly loser: string;
      readonly winner: string;
      readonly place: Place;
      readonly shows: MergedForm;
    }
  /** A mapping file is edited, until all is let come to rest. */
  | { readonly do: 'file'; readonly mapping: string; readonly edit: FileEdit; readonly n: number }
  | { readonly do: 'redis'; readonly downMs: number }
  | { readonly do: 'pause'; readonly ms: number }
  /** Faults end, work is let to finish, and every promise is checked. A brake that is still on then is answered so. */
  | { readonly do: 'quiet'; readonly brake: BrakeAnswer };

/** What people do to records. */
export type Deed = Extract<Step, { do: 'create' | 'edit' | 'spoil' | 'fix' | 'delete' }>;

/** What a schedule may leave out. */
export const features = ['kills', 'stops', 'clocks', 'shifts', 'batches', 'files', 'links'] as const;
export type Feature = (typeof features)[number];

/** Stands for every mapping. */
export const ALL = '*';

export interface Schedule {
  readonly seed: number;
  /** How far the clock of each system is ahead, in ms. */
  readonly clocks: Readonly<Record<System, number>>;
  readonly steps: readonly Step[];
  /** The systems do otherwise: every issue must be explained by it. */
  readonly hostile: boolean;
}

export interface ScheduleOptions {
  /** Quiet windows. */
  readonly windows?: number;
  /** Steps in each. */
  readonly steps?: number;
  /** Default: none. */
  readonly without?: readonly Feature[];
  /** The systems do otherwise in these ways; nothing else goes wrong then. */
  readonly hostile?: readonly Hostility[];
}

/** What the schedule knows of a thing while it is drawn. */
interface Planned {
  readonly name: string;
  readonly kind: Kind;
  readonly window: number;
  /** It was not in step yet when it was last quiet. */
  fresh: boolean;
  /** Where people created it. */
  readonly origins: readonly Place[];
  spoilt: boolean;
  gone: boolean;
  /** A deal refers to it: nothing of it is deleted. */
  needed: boolean;
  /** The window in which it was edited last. */
  edited?: number;
  /** The window in which it is left alone, since its link is broken and made. */
  still?: number;
}

// Over 60 lines: a function per kind of step. They draw from the same random numbers, and share what was planned before.
export function makeSchedule(seed: number, options: ScheduleOptions = {}): Schedule {
  const { windows = 3, steps: perWindow = 18, without = [], hostile = [] } = options;
  const sound = hostile.length === 0;
  const has = (feature: Feature): boolean => sound && !without.includes(feature);
  const random = createRandom(seed);
  const things: Planned[] = [];
  const steps: Step[] = [];
  let count = 0;
  let window = 0;
  /** Properties that are not kept in step in this window, and those that were edited in it: "kind.field". */
  const dropped = new Set<string>();
  const touched = new Set<string>();

  const alive = (wanted: (thing: Planned) => boolean = () => true): Planned[] =>
    things.filter((thing) => !thing.gone && thing.still !== window && wanted(thing));

  function create(wanted?: { readonly kind: Kind; readonly place: Place }): void {
    const kind = wanted?.kind ?? random.weighted<Kind>({ company: 4, person: 2, product: 3, deal: 3 });
    const referable = people();
    if (kind === 'deal' && referable.length === 0) return;
    const spec = kinds[kind];
    const name = `${spec.prefix}${++count}`;
    const referred = kind === 'deal' ? random.pick(referable) : undefined;
    if (referred) referred.needed = true;
    const spoilt = !wanted && (kind === 'product' || kind === 'company') ? random.chance(0.08) : false;
    const origin = wanted ? [wanted.place] : spoilt ? spoilable(kind).origin : random.pick(spec.origins);
    const both = origin.length > 1;
    const shared = identity(random, kind, name, ++count);
    const created: Partial<Record<Place, Values>> = {};
    for (const place of origin) {
      const values: Record<string, string> = {};
      for (const [field, { at, clearable, value }] of Object.entries(spec.fields)) {
        if (!at[place]) continue;
        if (shared[field] !== undefined) values[field] = shared[field];
        else if (field === 'customer') values[field] = referred?.name ?? '';
        else if (clearable && random.chance(0.4)) continue;
        else values[field] = typed(field, value(random, name, both ? ++count : count));
      }
      created[place] = values;
    }
    if (spoilt) {
      const { place, values } = spoilable(kind);
      created[place] = { ...created[place], ...values };
    }
    things.push({ name, kind, window, fresh: true, origins: origin, spoilt, gone: false, needed: false });
    steps.push({ do: 'create', kind, thing: name, in: created, silent: random.chance(0.25) });
  }

  /** As people type it: where systems reformat, with what there is to reformat. */
  function typed(field: string, value: string): string {
    if (sound) return value;
    if (field === 'email') return value.replace('@example.test', '@Example.test');
    return decorated.has(field) && random.chance(0.4) ? `${value}, caf\u00e9\nline two` : value;
  }

  /** Whom a deal may refer to. */
  const people = (): Planned[] =>
    things.filter((thing) => !thing.gone && (thing.kind === 'company' || thing.kind === 'person'));

  function valuesFor(thing: Planned, place: Place, fields: readonly string[]): Values {
    const values: Record<string, string> = {};
    for (const name of fields) {
      const field = kinds[thing.kind].fields[name];
      if (!field?.at[place]) continue;
      count++;
      touched.add(`${thing.kind}.${name}`);
      if (name === 'customer') {
        const others = people();
        if (others.length === 0) continue;
        const referred = random.pick(others);
        referred.needed = true;
        values[name] = referred.name;
      } else {
        values[name] = field.clearable && random.chance(0.2) ? '' : typed(name, field.value(random, thing.name, count));
      }
    }
    return values;
  }

  function edit(): void {
    const candidates = alive();
    if (candidates.length === 0) return;
    const thing = random.pick(candidates);
    thing.edited = window;
    const spec = kinds[thing.kind];
    const silent = random.chance(0.25);
    const first = random.pick(spec.places);
    // What records match by is left alone while they may not have found each other yet, but for the one record that
    // people made: nobody could tell that a record is the lost result of a create once its key is another.
    const fresh = (place: Place): boolean => thing.fresh && (thing.origins.length > 1 || thing.origins[0] !== place);
    const editable = (place: Place): string[] =>
      Object.entries(spec.fields).flatMap(([name, { at }]) => {
        if (!at[place] || spoilsField(thing, name) || dropped.has(`${thing.kind}.${name}`)) return [];
        return fresh(place) && IDENTITY[thing.kind].includes(name) ? [] : [name];
      });
    const some = (place: Place): string[] => {
      const all = editable(place);
      return [...new Set(Array.from({ length: random.between(1, 3) }, () => random.pick(all)))];
    };
    const style = random.weighted({ one: 6, sameField: 3, otherField: 2 });
    const chosen = some(first);
    const edits: Partial<Record<Place, Values>> = { [first]: valuesFor(thing, first, chosen) };
    if (style !== 'one') {
      const second = random.pick(spec.places.filter((place) => place !== first));
      const fields = (style === 'sameField' ? editable(second) : some(second)).filter(
        (field) => chosen.includes(field) === (style === 'sameField'),
      );
      const values = valuesFor(thing, second, fields);
      if (Object.keys(values).length > 0) edits[second] = values;
    }
    steps.push({ do: 'edit', thing: thing.name, in: edits, silent });
  }

  function spoil(): void {
    const candidates = alive(
      (thing) => !thing.spoilt && !thing.needed && (thing.kind === 'company' || thing.kind === 'product'),
    );
    if (candidates.length === 0) return;
    const thing = random.pick(candidates);
    thing.spoilt = true;
    thing.edited = window;
    const { place, values } = spoilable(thing.kind);
    steps.push({ do: 'spoil', thing: thing.name, place, values });
  }

  function fix(thing: Planned): void {
    thing.spoilt = false;
    const { place, values } = spoilable(thing.kind);
    const good = Object.fromEntries(
      Object.keys(values).map((name) => [
        name,
        kinds[thing.kind].fields[name]?.value(random, thing.name, ++count) ?? '',
      ]),
    );
    steps.push({ do: 'fix', thing: thing.name, place, values: good });
  }

  function remove(): void {
    const candidates = alive((thing) => !thing.needed && !thing.spoilt);
    if (candidates.length === 0) return;
    const thing = random.pick(candidates);
    thing.gone = true;
    steps.push({
      do: 'delete',
      thing: thing.name,
      place: random.pick(kinds[thing.kind].places),
      silent: random.chance(0.25),
    });
  }

  /** More is deleted at once than a brake lets follow. */
  function purge(): void {
    const doomed = alive(({ kind, needed, spoilt }) => kinds[kind].deletesFollow === true && !needed && !spoilt).slice(
      -4,
    );
    if (doomed.length < 3) return;
    const place = random.pick(kinds.product.places);
    for (const thing of doomed) {
      thing.gone = true;
      steps.push({ do: 'delete', thing: thing.name, place, silent: random.chance(0.5) });
    }
    steps.push({ do: 'scan', mapping: ALL, scan: 'full' });
  }

  const quiet = (): Step => ({ do: 'quiet', brake: random.pick(['continue', 'discard'] as const) });

  /** Lists are read slowly, and shift between two of their pages. */
  function slowShift(): void {
    const rule: FaultRule = { action: 'delay', method: 'GET', path: WHOLE_LIST, ms: random.between(40, 200) };
    steps.push({ do: 'fault', system: system(), rule: { ...rule, times: random.between(2, 6) } });
    steps.push({ do: 'scan', mapping: ALL, scan: 'full' }, { do: 'pause', ms: random.between(20, 250) });
    if (random.chance(0.4)) remove();
    else create();
    edit();
  }

  /** A record of the first page goes while the list is read, so that a later page begins one record too late. */
  function shift(): void {
    const candidates = alive((thing) => !thing.needed && !thing.spoilt && thing.window < window).slice(0, 4);
    if (candidates.length === 0) return;
    const thing = random.pick(candidates);
    thing.gone = true;
    const place = random.pick(kinds[thing.kind].places);
    const deed: Deed = { do: 'delete', thing: thing.name, place, silent: random.chance(0.5) };
    steps.push({ do: 'shift', system: places[place].system, entity: places[place].entity, deed });
    steps.push({ do: 'scan', mapping: random.pick([ALL, ...Object.keys(pairs)]), scan: 'full' });
  }

  /** Both workers are to end themselves in the middle of the same work, which comes at once. */
  function halfDone(): void {
    for (const worker of [0, 1])
      steps.push({ do: 'kill', worker, next: random.pick(moments), after: random.between(1, 5) });
    for (let i = 0; i < 6; i++) {
      create();
      edit();
    }
    steps.push({ do: 'scan', mapping: ALL, scan: random.chance(0.5) ? 'full' : 'changes' });
    steps.push({ do: 'pause', ms: random.between(50, 600) });
  }

  /** The link of a thing that is in step, and that nobody edits just now: what two records hold is no question then. */
  function relink(): void {
    const matched: Partial<Record<Kind, readonly string[]>> = {
      company: ['company-customer', 'contact-customer'],
      person: ['contact-customer'],
      product: ['product-product'],
    };
    const candidates = alive(
      (one) => !one.fresh && !one.spoilt && one.edited !== window && matched[one.kind] !== undefined,
    );
    if (candidates.length === 0) return;
    const thing = random.pick(candidates);
    thing.still = window;
    const mapping = random.pick(matched[thing.kind] ?? []);
    steps.push({ do: 'relink', thing: thing.name, mapping, link: random.chance(0.6) });
  }

  function behave(): void {
    const behaviour = random.pick(hostile);
    if (behaviour === 'refuse') steps.push({ do: 'fault', system: system(), rule: drawRefusal(random) });
    else if (behaviour === 'merge') merge();
    else if (behaviour === 'reuse-ids') reuseId();
    else steps.push({ do: 'behave', ...drawRule(random, behaviour) });
  }

  const atRest = (): Planned[] => alive((one) => !one.fresh && !one.spoilt && !one.needed && one.edited !== window);

  /** Two of a kind that are in step become one, and people edit what is left of the loser elsewhere. */
  function merge(): void {
    const winner = atRest()[0];
    const loser = atRest().find((one) => one !== winner && one.kind === winner?.kind);
    if (!winner || !loser) return;
    loser.gone = true;
    const place = random.pick(kinds[winner.kind].places);
    steps.push({ do: 'merge', loser: loser.name, winner: winner.name, place, shows: drawMergedForm(random) });
    if (random.chance(0.5)) steps.push({ do: 'scan', mapping: ALL, scan: random.pick(['full', 'changes'] as const) });
    const other = random.pick(kinds[winner.kind].places.filter((one) => one !== place));
    const fields = Object.keys(kinds[loser.kind].fields).filter((field) => !IDENTITY[loser.kind].includes(field));
    const values = valuesFor(loser, other, [random.pick(fields)]);
    steps.push({ do: 'edit', thing: loser.name, in: { [other]: values }, silent: random.chance(0.5) });
  }

  /** A record goes, and a new one of another thing gets its id. */
  function reuseId(): void {
    const [thing] = atRest();
    if (!thing) return;
    thing.gone = true;
    const place = random.pick(kinds[thing.kind].places);
    const { system: where, entity } = places[place];
    steps.push({ do: 'behave', system: where, rule: { behaviour: 'reuse-ids', entity, times: 1 } });
    steps.push({ do: 'delete', thing: thing.name, place, silent: random.chance(0.5) });
    if (random.chance(0.5)) steps.push({ do: 'pause', ms: random.between(5, 150) });
    if (thing.kind !== 'deal') create({ kind: thing.kind, place });
  }

  function editFile(): void {
    const mapping = random.pick(Object.keys(pairs));
    let how = random.pick<FileEdit>(['describe', 'reorder', 'drop', 'break']);
    const { kind, field } = droppable[mapping] ?? {};
    // What was edited and is not in step yet would meet as at a first contact.
    if (how === 'drop' && (field === undefined || touched.has(`${kind}.${field}`))) how = 'describe';
    if (how === 'drop') dropped.add(`${kind}.${field}`);
    steps.push({ do: 'file', mapping, edit: how, n: ++count });
  }

  const doomed = (): { next?: Moment } => (random.chance(0.5) ? { next: random.pick(moments) } : {});

  const system = (): System => random.pick(['keap', 'customwebshop'] as const);

  for (; window < windows; window++) {
    dropped.clear();
    touched.clear();
    for (let i = 0; i < 4; i++) create();
    for (let i = 0; i < 3 && !sound; i++) behave();
    if (window === 0) steps.push({ do: 'scan', mapping: ALL, scan: 'full' });
    let redisKills = 0;
    for (let i = 0; i < perWindow; i++) {
      const spoilt = alive((thing) => thing.spoilt && thing.window < window);
      const kind = random.weighted({
        create: 5,
        edit: 9,
        spoil: window === windows - 1 ? 0 : 0.6,
        fix: spoilt.length > 0 ? 3 : 0,
        delete: 1.2,
        scan: 2,
        fault: sound ? 4 : 0,
        behave: sound ? 0 : 5,
        webhooks: 1,
        slowShift: sound ? 0.7 : 0,
        shift: window > 0 && has('shifts') ? 0.6 : 0,
        purge: 0.25,
        kill: has('kills') ? 0.5 : 0,
        halfDone: has('kills') && has('batches') ? 0.25 : 0,
        redis: has('kills') && redisKills === 0 ? 0.2 : 0,
        stop: has('stops') ? 0.6 : 0,
        relink: window > 0 && has('links') ? 0.7 : 0,
        file: has('files') ? 0.6 : 0,
        pause: 5,
      });
      if (kind === 'create') create();
      else if (kind === 'edit') edit();
      else if (kind === 'spoil') spoil();
      else if (kind === 'fix') fix(random.pick(spoilt));
      else if (kind === 'delete') remove();
      else if (kind === 'scan')
        steps.push({
          do: 'scan',
          mapping: random.pick([ALL, ...Object.keys(pairs)]),
          scan: random.chance(0.5) ? 'full' : 'changes',
        });
      else if (kind === 'fault') steps.push({ do: 'fault', system: system(), rule: fault(random) });
      else if (kind === 'behave') behave();
      else if (kind === 'webhooks') steps.push({ do: 'webhooks', system: system(), faults: webhookFaults(random) });
      else if (kind === 'slowShift') slowShift();
      else if (kind === 'shift') shift();
      else if (kind === 'halfDone') halfDone();
      else if (kind === 'relink') relink();
      else if (kind === 'file') editFile();
      else if (kind === 'stop')
        steps.push({ do: 'stop', worker: random.between(0, 1), ms: random.between(200, 3_000) });
      else if (kind === 'purge') purge();
      else if (kind === 'kill') steps.push({ do: 'kill', worker: random.between(0, 1), ...doomed() });
      else if (kind === 'redis') {
        redisKills++;
        steps.push({ do: 'redis', downMs: random.between(0, 300) });
      } else steps.push({ do: 'pause', ms: random.between(5, 150) });
    }
    steps.push(quiet());
    for (const thing of things) if (!thing.spoilt) thing.fresh = false;
  }
  const left = alive((thing) => thing.spoilt);
  if (left.length > 0) {
    for (const thing of left) fix(thing);
    steps.push(quiet());
  }
  return { seed, clocks: has('clocks') ? drawClocks(random) : RIGHT, steps, hostile: !sound };
}

const RIGHT = { keap: 0, customwebshop: 0 };

/** In every second schedule right; else each minutes to hours off, on its own. */
function drawClocks(random: Random): Schedule['clocks'] {
  if (random.chance(0.5)) return RIGHT;
  const off = (): number =>
    random.chance(0.2)
      ? 0
      : (random.chance(0.5) ? 1 : -1) * Math.round(random.pick([1, 10, 120, 840]) * (1 + random.next()) * 60_000);
  return { keap: off(), customwebshop: off() };
}

/** Things that people make in two places at one moment, each in a moment of its own: they match each other. */
export function makePairs(seed: number, count: number): Schedule {
  const random = createRandom(seed);
  const origins: readonly (readonly [Kind, readonly Place[]])[] = [
    ['company', ['company', 'customer']],
    ['company', ['company', 'contact', 'customer']],
    ['person', ['contact', 'customer']],
    ['product', ['keapProduct', 'shopProduct']],
  ];
  const steps: Step[] = [
    { do: 'scan', mapping: ALL, scan: 'full' },
    { do: 'quiet', brake: 'continue' },
  ];
  for (let n = 1; n <= count; n++) {
    const [kind, origin] = random.pick(origins);
    const spec = kinds[kind];
    const thing = `${spec.prefix}${n}`;
    const shared = identity(random, kind, thing, n);
    const made = origin.map((place): [Place, Values] => [
      place,
      Object.fromEntries(
        Object.entries(spec.fields).flatMap(([field, { at, value }]) =>
          at[place] ? [[field, shared[field] ?? value(random, thing, n)]] : [],
        ),
      ),
    ]);
    steps.push({ do: 'create', kind, thing, in: Object.fromEntries(made), silent: false });
    steps.push({ do: 'pause', ms: random.between(0, 20) });
  }
  return { seed, clocks: RIGHT, hostile: false, steps: [...steps, { do: 'quiet', brake: 'continue' }] };
}

/** What records match by. */
const IDENTITY: Readonly<Record<Kind, readonly string[]>> = {
  company: ['name', 'email'],
  person: ['email'],
  deal: [],
  product: ['sku', 'name'],
};

/** What both records of a pair share when people create both in the same moment, so that they match. */
function identity(random: Random, kind: Kind, thing: string, n: number): Values {
  return Object.fromEntries(
    IDENTITY[kind].map((field) => [field, kinds[kind].fields[field]?.value(random, thing, n) ?? '']),
  );
}

/** How a thing is made one that the other system refuses: in which place, by which values. */
export function spoilable(kind: Kind): { origin: readonly Place[]; place: Place; values: Values } {
  return kind === 'product'
    ? { origin: ['shopProduct'], place: 'shopProduct', values: { price: '' } }
    : { origin: ['company'], place: 'company', values: { postcode: 'P_1' } };
}

/** Lists without a search and without a time to begin at. */
const NO_SEARCH = '\\?(?!.*(filter|order_by|updated_since|sku|email|company|external_id|name)=)';
/**
 * The path ends with the name of an entity: a read of one record ends with its id, and is not a list though it has a query. Not the
 * stages, to which values are looked up: what fails because of an empty list of these waits for a person (docs/promises.md).
 */
const WHOLE_LIST = `^/([^?]*/)?(?!stages)[a-z]+${NO_SEARCH}`;

/** Any page of the whole list of an entity. */
export const wholeList = (entity: string): RegExp => new RegExp(`^/([^?]*/)?${entity}${NO_SEARCH}`);

/** The field that makes it spoilt is left alone until it is fixed. */
function spoilsField(thing: Planned, field: string): boolean {
  return (thing.kind === 'product' && field === 'price') || (thing.kind === 'company' && field === 'postcode');
}

// Over 60 lines: one table of faults: how often each comes, and what it is.
function fault(random: Random): FaultRule {
  const times = random.between(1, 4);
  const kind = random.weighted({
    error: 3,
    unavailable: 1,
    throttle: 2,
    throttleTold: 2,
    reset: 2,
    lose: 5,
    loseAny: 1,
    hang: 1,
    hangCreate: 1,
    truncate: 2,
    malformed: 2,
    emptyList: 2,
    delay: 2,
    delayCreate: 2,
    slow: 1,
    reject: 1,
    lookup: 1,
  });
  switch (kind) {
    case 'error':
      return { action: 'status', status: 500, times };
    case 'unavailable':
      return { action: 'status', status: 503, times };
    case 'throttle':
      return { action: 'status', status: 429, times: random.between(1, 6) };
    case 'throttleTold':
      return { action: 'status', status: 429, headers: { 'retry-after': random.pick(['0', '1']) }, times: times * 3 };
    case 'reset':
      return { action: 'reset', times };
    case 'lose':
      return { action: 'lose-response', method: random.pick(['POST', 'PATCH']), times };
    case 'loseAny':
      return { action: 'lose-response', times };
    case 'hang':
      return { action: 'hang', times: 1 };
    case 'hangCreate':
      return { action: 'hang', method: 'POST', times };
    case 'truncate':
      return { action: 'truncate', times };
    case 'malformed':
      return { action: 'malformed', times };
    case 'emptyList':
      // Only of whole lists: a search that wrongly finds nothing looks like one that rightly does.
      return { action: 'empty-list', method: 'GET', path: WHOLE_LIST, times };
    case 'delay':
      return { action: 'delay', ms: random.between(50, 600), times };
    case 'delayCreate':
      // Longer than the client waits.
      return { action: 'delay', method: 'POST', ms: random.between(1_600, 2_500), times };
    case 'slow':
      return { action: 'slow-body', ms: random.between(100, 500), times };
    case 'lookup':
      // Longer than a client tries in place.
      return { action: 'status', status: 500, path: '^/crm/rest/v2/opportunities/stages', times: random.between(3, 8) };
    case 'reject':
      // A gateway that loses its mind for a moment.
      return { action: 'status', status: 500, method: random.pick(['POST', 'PATCH']), times };
  }
}

function webhookFaults(random: Random): Partial<WebhookFaults> {
  return random.pick<Partial<WebhookFaults>>([
    { drop: 1, double: 0, delayMs: 0, reorder: 0 },
    { drop: 0.5, double: 0.5, delayMs: 0, reorder: 0 },
    { drop: 0, double: 1, delayMs: 100, reorder: 0 },
    { drop: 0, double: 0.5, delayMs: 0, reorder: 4, holdMs: 200 },
    { drop: 0, double: 0, delayMs: 300, reorder: 0 },
    { drop: 0, double: 0, delayMs: 0, reorder: 0 },
  ]);
}
