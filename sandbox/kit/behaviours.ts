// Behaviours on demand: what real systems do to records without an error. Rules say which writes of the API they concern
// and how often; what they did is noted, so that a test can tell what follows from it. Edits through the store are people's
// and are left alone. Faults are of single answers (faults.ts).

import { isObject, type JsonObject } from './json.ts';
import { changedLeaves, leafAt, reformatted, rounded, withLeaf } from './leaves.ts';
import { type Random, seededRandom } from './random.ts';

export const behaviours = [
  'lag', // for `ms` after a write, reads and lists show the record as it was before; a new one is not there
  'ignore', // a property that is sent is not stored; the answer shows what is stored
  'echo', // a property that is sent is not stored; the answer shows what was sent
  'cut', // texts are cut to `length` characters
  'round', // numbers are rounded to `places` (below 0: to tens, hundreds)
  'reformat', // `ms` after a write (0: at once), texts get another `form`
  'reuse-ids', // a new record gets the id of a deleted one
] as const;
export type BehaviourName = (typeof behaviours)[number];

export const forms = ['line-ends', 'lower-case', 'decomposed', 'trailing-space'] as const;
export type Form = (typeof forms)[number];

export interface BehaviourRule {
  /** Given by the sandbox where absent. */
  id?: string;
  behaviour: BehaviourName;
  /** Only records of this entity, by its plural. */
  entity?: string;
  /** Only this property, by its dotted path in the stored record; without it, all that a write changes. */
  property?: string;
  /** How many writes it concerns at most; without it, all. */
  times?: number;
  /** 0 to 1; without it, always. Drawn from a seeded random source. */
  probability?: number;
  ms?: number;
  length?: number;
  places?: number;
  form?: Form;
}

/**
 * An id is given again long after its record was deleted: so much later than the clock shows, in ms, the new record states that it
 * was created. So nobody has to wait for it.
 */
export const REUSED_LATER = 3 * 86_400_000;

/** One thing that a behaviour did. */
export interface Happened {
  /** Counts up from 1. */
  n: number;
  /** Epoch ms of this machine's clock. */
  at: number;
  behaviour: BehaviourName | 'merge';
  entity: string;
  id: string;
  property?: string;
  /** The value that was sent, or that stood there before. */
  from?: unknown;
  /** The value that is stored instead. */
  to?: unknown;
  /** Until when reads lag, epoch ms. */
  until?: number;
  /** The record that a merged one was merged into. */
  winner?: string;
}

/** What answers for a record that was merged into another one. */
export const mergedForms = ['redirect', 'winner', 'absent'] as const;
export type MergedForm = (typeof mergedForms)[number];

export interface Merged {
  winner: string;
  shows: MergedForm;
}

/** A write as it is stored by a system that behaves like this. */
export interface Taken {
  stored: JsonObject;
  /** To be called when the record is stored. @returns the record that the answer shows */
  done(id: string | number, saved: JsonObject): JsonObject;
}

interface ActiveRule {
  rule: BehaviourRule & { id: string };
  left: number;
  hits: number;
}
interface Former {
  until: number;
  /** Undefined: it was not there. */
  record: JsonObject | undefined;
}
interface Pending {
  timer: NodeJS.Timeout;
  work: () => void;
}

const kept = 10_000;

/** What the stand-in does to its records for it. */
export interface BehaviourParts {
  /** Changes a stored record as the system itself does it later: its modification time moves on, a webhook fires. */
  edit(entity: string, id: string, change: (record: JsonObject) => JsonObject): void;
  /** Joins two records: the winner gets what it lacks from the loser, and all that referred to that; the loser goes. */
  merge(entity: string, loser: string, winner: string): void;
}

export class Behaviours {
  #active: ActiveRule[] = [];
  #random: Random = seededRandom(1);
  #lastRule = 0;
  #happened: Happened[] = [];
  #n = 0;
  readonly #former = new Map<string, Former[]>();
  readonly #merged = new Map<string, Merged>();
  readonly #pending = new Set<Pending>();
  readonly #parts: BehaviourParts;

  constructor(parts: BehaviourParts) {
    this.#parts = parts;
  }

  /** Adds a rule behind those already there. Throws a plain Error on a rule that makes no sense. */
  add(rule: BehaviourRule): BehaviourRule & { id: string } {
    const problem = problemOf(rule);
    if (problem) throw new Error(problem);
    const complete = { ...rule, id: rule.id ?? `behaviour-${++this.#lastRule}` };
    this.#active.push({ rule: complete, left: rule.times ?? Number.POSITIVE_INFINITY, hits: 0 });
    return complete;
  }

  /** Removes one rule, or all of them. What they began goes on: reads lag to their end, texts are reformatted when they are due. */
  clear(id?: string): void {
    this.#active = id === undefined ? [] : this.#active.filter((active) => active.rule.id !== id);
  }

  /** Ends what the rules began, at once: no read lags any more, and what is to be reformatted later is so now. */
  settle(): void {
    this.#former.clear();
    for (const pending of this.#pending) {
      clearTimeout(pending.timer);
      pending.work();
    }
    this.#pending.clear();
  }

  /** Texts that are to be reformatted later. */
  get pending(): number {
    return this.#pending.size;
  }

  /** All as if nothing had ever happened. */
  reset(): void {
    this.clear();
    for (const { timer } of this.#pending) clearTimeout(timer);
    this.#pending.clear();
    this.#former.clear();
    this.#merged.clear();
    this.#happened = [];
  }

  seed(seed: number): void {
    this.#random = seededRandom(seed);
  }

  list(): (BehaviourRule & { id: string; hits: number })[] {
    return this.#active.map(({ rule, hits }) => ({ ...rule, hits }));
  }

  /** What happened after number `since`, oldest first; at most the last 10,000. */
  happened(since = 0): Happened[] {
    return this.#happened.slice(-kept).filter(({ n }) => n > since);
  }

  /**
   * What is stored of a write.
   * @param before the record as it was, or what a new one has by default
   * @param next the record as a sound system would store it
   * @param required properties that a new record cannot be without
   */
  take(
    entity: string,
    {
      before,
      next,
      created,
      required = [],
    }: { before: JsonObject; next: JsonObject; created: boolean; required?: readonly string[] },
  ): Taken {
    let stored = next;
    let answered: JsonObject | undefined;
    const notes: Omit<Happened, 'n' | 'at' | 'id'>[] = [];
    const later: { property: string; form: Form; ms: number }[] = [];
    const change = (behaviour: BehaviourName, property: string, from: unknown, to: unknown): void => {
      if (Object.is(from, to)) return;
      stored = withLeaf(stored, property, to);
      notes.push({ behaviour, entity, property, from, to });
    };
    for (const [property] of changedLeaves(before, next)) {
      const needed = created && required.some((name) => property === name || property.startsWith(`${name}.`));
      for (const { rule } of this.#hits(entity, property, leafAt(next, property), needed)) {
        const value = leafAt(stored, property);
        // What is not stored is not changed any further.
        if (rule.behaviour === 'ignore') {
          change('ignore', property, value, leafAt(before, property));
          break;
        }
        if (rule.behaviour === 'echo') {
          answered = withLeaf(answered ?? {}, property, value);
          change('echo', property, value, leafAt(before, property));
          break;
        }
        if (rule.behaviour === 'cut')
          change('cut', property, value, typeof value === 'string' ? [...value].slice(0, rule.length).join('') : value);
        else if (rule.behaviour === 'round') change('round', property, value, rounded(value, rule.places ?? 0));
        else if (rule.ms === undefined || rule.ms === 0)
          change(
            'reformat',
            property,
            value,
            typeof value === 'string' ? reformatted(value, rule.form as Form) : value,
          );
        else later.push({ property, form: rule.form as Form, ms: rule.ms });
      }
    }
    const lag = this.#pick((rule) => rule.behaviour === 'lag' && concerns(rule, entity));
    return {
      stored,
      done: (id, saved) => {
        for (const note of notes) this.#note({ ...note, id: String(id) });
        if (lag) this.#lag(entity, String(id), created ? undefined : before, lag.ms ?? 1_000);
        for (const one of later) this.#later(entity, String(id), one);
        if (!answered) return saved;
        return changedLeaves({}, answered).reduce(
          (shown, [property, value]) => withLeaf(shown, property, value),
          saved,
        );
      },
    };
  }

  /** A record as a read shows it now; undefined where it is not there (yet). */
  shown<R extends { id: string | number }>(entity: string, record: R): R | undefined {
    const key = `${entity} ${record.id}`;
    const formers = this.#former.get(key);
    if (!formers) return record;
    const now = Date.now();
    const valid = formers.filter(({ until }) => until > now);
    if (valid.length === 0) this.#former.delete(key);
    // They are put in with that entity's own records.
    return valid.length === 0 ? record : (valid[0]?.record as R | undefined);
  }

  /** Records as lists and searches show them now. */
  allShown<R extends { id: string | number }>(entity: string, records: R[]): R[] {
    return this.#former.size === 0 ? records : records.flatMap((record) => this.shown(entity, record) ?? []);
  }

  /** The id of a deleted record for a new one; undefined for the next id. */
  idFor(entity: string, table: { takeFreedId(): number | undefined }): number | undefined {
    const wanted = (rule: BehaviourRule) => rule.behaviour === 'reuse-ids' && concerns(rule, entity);
    if (!this.#active.some(({ rule, left }) => left > 0 && wanted(rule))) return undefined;
    const id = table.takeFreedId();
    if (id === undefined || !this.#pick(wanted)) return undefined;
    this.#former.delete(`${entity} ${id}`);
    this.#merged.delete(`${entity} ${id}`);
    this.#note({ behaviour: 'reuse-ids', entity, id: String(id) });
    return id;
  }

  /**
   * Merges one record into another; requests for the loser are answered as `shows` says from now on.
   * Throws a plain Error where one of them is not there.
   */
  merge(entity: string, loser: string, { winner, shows }: Merged): void {
    if (!mergedForms.includes(shows)) throw new Error(`shows is one of ${mergedForms.join(', ')}`);
    if (loser === winner) throw new Error('loser and winner are two records');
    this.#parts.merge(entity, loser, winner);
    for (const [key, before] of this.#merged)
      if (key.startsWith(`${entity} `) && before.winner === loser) this.#merged.set(key, { ...before, winner });
    this.#merged.set(`${entity} ${loser}`, { winner, shows });
    this.#note({ behaviour: 'merge', entity, id: loser, winner });
  }

  /** What became of a record that is not there. */
  mergedInto(entity: string, id: string): Merged | undefined {
    return this.#merged.get(`${entity} ${id}`);
  }

  /** The rules that a changed property meets, each used up by one. A property that is required can be neither ignored nor emptied. */
  #hits(entity: string, property: string, value: unknown, needed: boolean): ActiveRule[] {
    return this.#active.filter((active) => {
      const { rule } = active;
      if (!concerns(rule, entity, property) || !applies(rule, value)) return false;
      if (needed && (rule.behaviour === 'ignore' || rule.behaviour === 'echo')) return false;
      return this.#use(active);
    });
  }

  #pick(wanted: (rule: BehaviourRule) => boolean): BehaviourRule | undefined {
    return this.#active.find((active) => wanted(active.rule) && this.#use(active))?.rule;
  }

  #use(active: ActiveRule): boolean {
    const { probability } = active.rule;
    if (active.left <= 0 || (probability !== undefined && this.#random() >= probability)) return false;
    active.left--;
    active.hits++;
    return true;
  }

  #lag(entity: string, id: string, record: JsonObject | undefined, ms: number): void {
    const key = `${entity} ${id}`;
    const until = Date.now() + ms;
    this.#former.set(key, [...(this.#former.get(key) ?? []), { until, record }]);
    this.#note({ behaviour: 'lag', entity, id, until });
  }

  #later(entity: string, id: string, { property, form, ms }: { property: string; form: Form; ms: number }): void {
    const work = () => {
      this.#parts.edit(entity, id, (record) => {
        const value = leafAt(record, property);
        const to = typeof value === 'string' ? reformatted(value, form) : value;
        if (to === value) return record;
        this.#note({ behaviour: 'reformat', entity, id, property, from: value, to });
        return withLeaf(record, property, to);
      });
    };
    const pending: Pending = {
      work,
      timer: setTimeout(() => {
        this.#pending.delete(pending);
        work();
      }, ms),
    };
    pending.timer.unref();
    this.#pending.add(pending);
  }

  #note(what: Omit<Happened, 'n' | 'at'>): void {
    this.#happened.push({ n: ++this.#n, at: Date.now(), ...what });
    if (this.#happened.length > kept * 2) this.#happened = this.#happened.slice(-kept);
  }
}

/** Whether a rule is of a changed property, or without one of a record as a whole. */
function concerns(rule: BehaviourRule, entity: string, property?: string): boolean {
  if (rule.entity !== undefined && rule.entity !== entity) return false;
  const ofProperty = rule.behaviour !== 'lag' && rule.behaviour !== 'reuse-ids';
  if (property === undefined) return !ofProperty;
  if (!ofProperty) return false;
  return rule.property === undefined || rule.property === property || property.startsWith(`${rule.property}.`);
}

/** Whether a rule would change such a value; what it would leave as it is does not use it up. */
function applies(rule: BehaviourRule, value: unknown): boolean {
  switch (rule.behaviour) {
    case 'cut':
      return typeof value === 'string' && [...value].length > (rule.length ?? 0);
    case 'round':
      return !Object.is(rounded(value, rule.places ?? 0), value);
    case 'reformat':
      return typeof value === 'string' && reformatted(value, rule.form as Form) !== value;
    default:
      return true;
  }
}

const needs: Readonly<Record<BehaviourName, readonly (keyof BehaviourRule)[]>> = {
  lag: ['ms'],
  ignore: [],
  echo: [],
  cut: ['length'],
  round: ['places'],
  reformat: ['form'],
  'reuse-ids': [],
};

function problemOf(rule: unknown): string | undefined {
  if (!isObject(rule)) return 'a rule is an object with a behaviour';
  const name = behaviours.find((one) => one === rule.behaviour);
  if (name === undefined) return `behaviour is one of ${behaviours.join(', ')}`;
  for (const key of ['times', 'probability', 'ms', 'length'])
    if (rule[key] !== undefined && (typeof rule[key] !== 'number' || rule[key] < 0)) return `${key} is a number >= 0`;
  if (rule.places !== undefined && !Number.isInteger(rule.places)) return 'places is a whole number';
  if (rule.form !== undefined && !forms.some((form) => form === rule.form)) return `form is one of ${forms.join(', ')}`;
  for (const key of ['id', 'entity', 'property'])
    if (rule[key] !== undefined && typeof rule[key] !== 'string') return `${key} is a string`;
  const missing = needs[name].find((key) => rule[key] === undefined);
  return missing === undefined ? undefined : `${name} needs ${missing}`;
}
