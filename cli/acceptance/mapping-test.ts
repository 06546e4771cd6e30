/** The acceptance test of one mapping under way: what its checks share, and what they found. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type EntityConfig,
  type Json,
  type Mapping,
  otherSide,
  type Property,
  type SideIndex,
  type SystemRecord,
} from '../../engine/index.ts';
import { asFailure } from '../failure.ts';
import { isOutage } from './outage.ts';
import type { TestSystems } from './systems.ts';
import type { TestedTandem } from './tandem.ts';
import { marked } from './test-values.ts';
import type { TestedQueues } from './tested-queues.ts';
import type { Check } from './verdicts.ts';

export interface TestContext {
  /** All that run, by name. */
  readonly mappings: ReadonlyMap<string, Mapping>;
  readonly systems: TestSystems;
  readonly tandem: TestedTandem;
  readonly queues: TestedQueues;
  /** In every text by which records of this run are known. */
  readonly mark: string;
  /** Another one with each call, so that no two texts of this run are equal. */
  readonly nextNumber: () => number;
  /** Milliseconds within which an edit must arrive. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Linked records by the names of their mappings, for references to them. */
  readonly pairs: Map<string, readonly Ids[]>;
  readonly note: (entity: EntityConfig, id: string) => Promise<void>;
  readonly progress: (what: string) => void;
}

/** @param given all that a test does not count by itself */
export function testContext(given: Omit<TestContext, 'nextNumber' | 'pairs'>): TestContext {
  let texts = 0;
  return { ...given, nextNumber: () => ++texts, pairs: new Map() };
}

export type Ids = readonly [string, string];
export type Values = Map<Property, Json>;

/** What a check is about, beside its kind, and what is said of it. */
export interface About {
  readonly property?: Property;
  /** Which rule of several of its kind. */
  readonly rule?: string;
  /** What is said of one that passed. */
  readonly note?: string;
  readonly ms?: number;
}

export class MappingTest {
  readonly checks: Check[] = [];
  readonly context: TestContext;
  readonly mapping: Mapping;

  constructor(context: TestContext, mapping: Mapping) {
    this.context = context;
    this.mapping = mapping;
  }

  add(check: Omit<Check, 'mapping' | 'from' | 'to'>, from: SideIndex): void {
    const { name, sides } = this.mapping;
    this.checks.push({ mapping: name, from: sides[from].name, to: sides[otherSide(from)].name, ...check });
  }

  notTestable(what: Check['what'], from: SideIndex, reason: string, { property, rule }: About = {}): void {
    const about = { ...(property ? { property: property.name } : {}), ...(rule === undefined ? {} : { rule }) };
    this.add({ ...about, what, verdict: 'not testable', reason }, from);
  }

  /** @param fault undefined where the check passed */
  judged(
    what: Check['what'],
    from: SideIndex,
    fault: string | undefined,
    { property, rule, note, ms }: About = {},
  ): void {
    const reason = fault ?? note;
    this.add(
      {
        ...(property ? { property: property.name } : {}),
        ...(rule === undefined ? {} : { rule }),
        what,
        verdict: fault === undefined ? 'passed' : 'failed',
        ...(reason === undefined ? {} : { reason }),
        ...(fault === undefined && ms !== undefined ? { ms } : {}),
      },
      from,
    );
  }

  /** A rule whose test breaks down has failed; the others go on. @throws what keeps all others from being tested as well */
  async attempt(what: Check['what'], from: SideIndex, work: () => Promise<unknown>, about: About = {}): Promise<void> {
    this.context.signal.throwIfAborted();
    this.context.progress(`${this.mapping.name}: ${what}`);
    try {
      await work();
    } catch (error) {
      this.judged(what, from, this.faultOf(error), about);
    }
  }

  /** What a system said to something that it may refuse. @throws where it said nothing, or the test is stopped */
  faultOf(error: unknown): string {
    this.context.signal.throwIfAborted();
    if (isOutage(error)) throw error;
    return asFailure(error).message;
  }

  /** A text that no other record has, and by which the records of this run are found again. */
  text(property: Property, side: SideIndex): string {
    return marked(property, side, this.context.mark, this.context.nextNumber());
  }

  async both(ids: Ids): Promise<readonly [SystemRecord, SystemRecord]> {
    const read = async (side: SideIndex): Promise<SystemRecord> => {
      const record = await this.context.systems.read(this.mapping.sides[side].entity, ids[side]);
      if (!record) throw new Error(`The record ${ids[side]} of ${this.mapping.sides[side].name} is gone.`);
      return record;
    };
    return [await read(0), await read(1)];
  }

  /** Looks until it is as expected, or the time is up. Webhooks and schedules may be at work as well. */
  async eventually<T>(look: () => Promise<T>, good: (found: T) => boolean): Promise<T> {
    const until = performance.now() + this.context.limit;
    for (let wait = 50; ; wait = Math.min(wait * 2, 1_000)) {
      const found = await look();
      if (good(found) || performance.now() > until) return found;
      await sleep(wait, undefined, { signal: this.context.signal });
    }
  }
}
