/**
 * The acceptance test of one mapping, on records that it makes: each row in both directions, each entry of a value table, and
 * the rules of the mapping. What is expected follows from the mapping's rows, not from what the engine computes: equal
 * values, the entry of the table, the linked record; a value that an expression converts must arrive, and come back as it was.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  canonical,
  type EntityConfig,
  isEmpty,
  type Json,
  type JsonObject,
  type Mapping,
  otherSide,
  type Property,
  refusal,
  type SideIndex,
  type SystemRecord,
  tableKey,
  type WritablePath,
} from '../../engine/index.ts';
import { conditionOf } from '../dataflow/condition.ts';
import { asFailure } from '../failure.ts';
import type { TestSystems } from './systems.ts';
import type { TestedTandem } from './tandem.ts';
import { isMark, marked, twoValues } from './test-values.ts';
import type { Check } from './verdicts.ts';

export interface TestContext {
  readonly systems: TestSystems;
  readonly tandem: TestedTandem;
  /** In every text by which records of this run are known. */
  readonly mark: string;
  /** Milliseconds within which an edit must arrive. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Linked records of mappings that were tested, for references to them. */
  readonly pairs: Map<string, Ids>;
  readonly note: (entity: EntityConfig, id: string) => Promise<void>;
  readonly progress: (what: string) => void;
}

type Ids = readonly [string, string];
type Values = Map<Property, Json>;

export async function testMapping(context: TestContext, mapping: Mapping): Promise<Check[]> {
  const test = new MappingTest(context, mapping);
  await test.run();
  return test.checks;
}

/** A linked pair for references to it, without any check. @throws where it cannot be made */
export async function makePair(context: TestContext, mapping: Mapping): Promise<void> {
  if (context.pairs.has(mapping.name)) return;
  await new MappingTest(context, mapping).makePair();
}

class MappingTest {
  readonly checks: Check[] = [];
  readonly #context: TestContext;
  readonly #mapping: Mapping;
  #count = 0;

  constructor(context: TestContext, mapping: Mapping) {
    this.#context = context;
    this.#mapping = mapping;
  }

  async run(): Promise<void> {
    const { sides, properties } = this.#mapping;
    if (!properties.some((property) => isMark(this.#mapping, property, 0) && property.direction === 'both')) {
      this.#add(
        {
          what: 'created',
          verdict: 'not testable',
          reason: 'no two-way row of free text could hold the mark of a test',
        },
        0,
      );
      return;
    }
    const pair = await this.makePair();
    if (!pair) return;
    const { source, ids } = pair;
    await this.#rows(source, ids);
    await this.#entries(ids);
    for (const from of [0, 1] as const) await this.#refused(from, ids);
    await this.#attempt('conflict', source, () => this.#conflict(ids));
    for (const side of [0, 1] as const)
      if (sides[side].when) await this.#attempt('scope', side, () => this.#scope(side, ids));
    // From the other side as well: created there, or left alone.
    await this.#attempt('created', otherSide(source), () => this.#created(otherSide(source)));
    await this.#attempt('matched', source, () => this.#matched());
    for (const side of [0, 1] as const) await this.#attempt('deleted', side, () => this.#deleted(side));
  }

  // -------------------------------------------------------------- checks

  #add(check: Omit<Check, 'mapping' | 'from' | 'to'>, from: SideIndex): void {
    const { name, sides } = this.#mapping;
    this.checks.push({ mapping: name, from: sides[from].name, to: sides[otherSide(from)].name, ...check });
  }

  /** A rule whose test breaks down has failed; the others go on. */
  async #attempt(what: Check['what'], from: SideIndex, work: () => Promise<unknown>): Promise<void> {
    this.#context.signal.throwIfAborted();
    this.#context.progress(`${this.#mapping.name}: ${what}`);
    try {
      await work();
    } catch (error) {
      this.#context.signal.throwIfAborted();
      this.#add({ what, verdict: 'failed', reason: reasonOf(error) }, from);
    }
  }

  // -------------------------------------------------------------- records

  /** Rows that can be written on a side and flow from it. */
  #writable(from: SideIndex): Property[] {
    return this.#mapping.properties.filter(
      ({ sides, direction }) => sides[from].path && (direction === 'both' || direction === otherSide(from)),
    );
  }

  /** @param n which of two values */
  async #value(property: Property, side: SideIndex, n: 0 | 1, within: JsonObject): Promise<Json | undefined> {
    const { reference } = property;
    if (reference) {
      const id = this.#context.pairs.get(reference.mapping)?.[reference.sides[side]];
      return id === undefined ? undefined : this.#id(property, side, id);
    }
    if (property.values && !property.convert[0] && !property.convert[1])
      return (await this.#tableValues(property, side))[n]?.value;
    if (isMark(this.#mapping, property, side)) return marked(property, side, this.#context.mark, ++this.#count);
    return twoValues(this.#mapping, property, side, within)[n];
  }

  #id(property: Property, side: SideIndex, id: string): Json {
    const types = [property.sides[side].schema?.type].flat();
    return types.includes('string') ? id : Number(id);
  }

  /** Values of a row's table as they stand in a side's place: through a lookup these are ids. */
  async #tableValues(property: Property, side: SideIndex): Promise<{ name: string; value: Json }[]> {
    const { values } = property;
    const { lookup } = property.sides[side];
    const names = [...(side === 0 ? values!.backward : values!.forward).values()];
    if (!lookup) return names.map((name) => ({ name: String(name), value: name }));
    const records = await this.#context.systems.all(this.#mapping.sides[side].system.name, lookup.entity);
    return names.flatMap((name) => {
      const found = records.find(({ data }) => String(data[lookup.field]) === String(name));
      return found ? [{ name: String(name), value: this.#id(property, side, found.id) }] : [];
    });
  }

  async #record(side: SideIndex, n: 0 | 1 = 0): Promise<{ data: JsonObject; values: Values }> {
    let data: JsonObject = {};
    const values: Values = new Map();
    for (const property of this.#mapping.properties) {
      const path = property.sides[side].path;
      // What only flows to this side is written by Tandem; but what the system requires must be there at once.
      if (!path || (property.direction === side && !isRequired(this.#mapping.sides[side].entity, path))) continue;
      const value = await this.#value(property, side, n, data);
      if (value === undefined) continue;
      data = path.set(data, value);
      values.set(property, value);
    }
    return { data, values };
  }

  /** @returns undefined where none could be made, which is a check of its own */
  async makePair(): Promise<{ source: SideIndex; ids: Ids } | undefined> {
    const { sides } = this.#mapping;
    const source = ([0, 1] as const).find((side) => sides[otherSide(side)].create) ?? 0;
    let made: { source: SideIndex; ids: Ids } | undefined;
    await this.#attempt('created', source, async () => {
      const ids = await this.#created(source);
      if (ids) made = { source, ids };
    });
    if (made) this.#context.pairs.set(this.#mapping.name, made.ids);
    return made;
  }

  /** Only what Tandem made of a record of this test may be changed and removed by it. @throws where it is another record */
  async #noteCounterpart(side: SideIndex, id: string): Promise<void> {
    const { entity } = this.#mapping.sides[side];
    const record = await this.#context.systems.read(entity, id);
    if (!JSON.stringify(record?.data ?? {}).includes(this.#context.mark))
      throw new Error(`It was linked with the record ${id}, which this test did not make. It is left as it is.`);
    await this.#context.note(entity, id);
  }

  /** Makes a record on one side; what follows on the other is checked against `create`. */
  async #created(from: SideIndex): Promise<Ids | undefined> {
    const { systems, tandem } = this.#context;
    const mapping = this.#mapping;
    const target = mapping.sides[otherSide(from)];
    const { data, values } = await this.#record(from);
    const record = await systems.create(mapping.sides[from].entity, data);
    const began = performance.now();
    await tandem.sync(mapping, from, record.id);
    const found = await this.#eventually(
      () => tandem.counterpart(mapping, from, record.id),
      (id) => (id !== undefined) === target.create,
    );
    if (!target.create) {
      this.#add(
        found === undefined
          ? { what: 'created', verdict: 'passed', reason: 'nothing was created, as the mapping says' }
          : {
              what: 'created',
              verdict: 'failed',
              reason: 'a counterpart was made although "create" does not name this side',
            },
        from,
      );
      return undefined;
    }
    if (found === undefined) {
      const issue = await tandem.issue(mapping, from, record.id);
      this.#add(
        {
          what: 'created',
          verdict: 'failed',
          reason: issue ? `${issue.code ?? issue.kind}: ${issue.reason}` : 'no counterpart was made',
        },
        from,
      );
      return undefined;
    }
    await this.#noteCounterpart(target.index, found);
    this.#add({ what: 'created', verdict: 'passed', ms: performance.now() - began }, from);
    const ids: Ids = from === 0 ? [record.id, found] : [found, record.id];
    await this.#compare('set', from, ids, values, began);
    return ids;
  }

  // -------------------------------------------------------------- rows

  async #rows(source: SideIndex, ids: Ids): Promise<void> {
    const target = otherSide(source);
    const first = await this.#both(ids);
    // What stood there first, as each side wrote it.
    const original = (side: SideIndex): Values =>
      new Map(this.#mapping.properties.map((property) => [property, place(property, side, first[side])]));
    const writable = (side: SideIndex): Property[] => this.#writable(side).filter((property) => !property.reference);
    for (const property of this.#mapping.properties)
      if (property.reference)
        this.#add(
          {
            property: property.name,
            what: 'changed',
            verdict: 'not testable',
            reason: 'needs a second linked record to refer to',
          },
          source,
        );
    // There with other values, back with the first ones.
    const second = (await this.#record(source, 1)).values;
    await this.#write(
      'changed',
      source,
      ids,
      new Map(
        writable(source).flatMap((property) => (second.has(property) ? [[property, second.get(property)!]] : [])),
      ),
    );
    const back = new Map(
      writable(target)
        .map((property) => [property, original(target).get(property) ?? null] as const)
        .filter(([, value]) => !isEmpty(value)),
    );
    await this.#write('changed', target, ids, back, original(source));
    for (const property of this.#mapping.properties)
      if (property.direction !== 'both') await this.#oneWay(property, ids, original(property.direction));
    // Emptied and filled again, from either side.
    for (const from of [source, target]) {
      const empty = new Map(
        writable(from)
          .filter((property) => this.#clearable(property, from))
          .map((property) => [property, null]),
      );
      await this.#write('cleared', from, ids, empty);
      await this.#write(
        undefined,
        from,
        ids,
        new Map([...original(from)].filter(([property, value]) => empty.has(property) && !isEmpty(value))),
      );
    }
  }

  #clearable(property: Property, from: SideIndex): boolean {
    const { sides } = this.#mapping;
    const needed = [0, 1].find((side) => {
      const path = property.sides[side as SideIndex].path;
      return path && isRequired(sides[side as SideIndex].entity, path);
    });
    const reason = property.required
      ? 'the mapping requires a value'
      : needed !== undefined
        ? `${sides[needed as SideIndex].name} requires a value`
        : undefined;
    const whole =
      reason ??
      (refusal(this.#mapping, property, from, property.sides[from].path!.set({}, null))
        ? 'the schema takes no empty value'
        : undefined);
    if (whole) this.#add({ property: property.name, what: 'cleared', verdict: 'not testable', reason: whole }, from);
    return whole === undefined;
  }

  async #both(ids: Ids): Promise<readonly [SystemRecord, SystemRecord]> {
    const read = async (side: SideIndex): Promise<SystemRecord> => {
      const record = await this.#context.systems.read(this.#mapping.sides[side].entity, ids[side]);
      if (!record) throw new Error(`The record ${ids[side]} of ${this.#mapping.sides[side].name} is gone.`);
      return record;
    };
    return [await read(0), await read(1)];
  }

  /** Writes values on one side and looks for them on the other. @param wanted what must come back, where it was there before */
  async #write(
    what: 'changed' | 'cleared' | 'entries' | undefined,
    from: SideIndex,
    ids: Ids,
    values: Values,
    wanted?: Values,
  ): Promise<void> {
    const { systems, tandem, signal, progress } = this.#context;
    signal.throwIfAborted();
    if (values.size === 0) return;
    if (what) progress(`${this.#mapping.name}: ${what} on ${this.#mapping.sides[from].name}`);
    const entity = this.#mapping.sides[from].entity;
    try {
      await systems.change(
        entity,
        ids[from],
        [...values].map(([property, value]) => [property.sides[from].path!, value] as [WritablePath, Json]),
      );
    } catch (error) {
      signal.throwIfAborted();
      // One of several may be what is refused.
      if (values.size > 1) {
        for (const one of values) await this.#write(what, from, ids, new Map([one]), wanted);
        return;
      }
      for (const property of what ? values.keys() : [])
        this.#add(
          {
            property: property.name,
            what: what!,
            verdict: 'not testable',
            reason: `the system refuses the value: ${reasonOf(error)}`,
          },
          from,
        );
      return;
    }
    const began = performance.now();
    await tandem.sync(this.#mapping, from, ids[from]);
    await this.#compare(what, from, ids, values, began, wanted);
  }

  /** Whether the other side shows what was written; looked at until it does, or the time is up. @param began when it was written */
  async #compare(
    what: 'set' | 'changed' | 'cleared' | 'entries' | undefined,
    from: SideIndex,
    ids: Ids,
    values: Values,
    began: number,
    wanted?: Values,
  ): Promise<void> {
    const flowing = [...values.keys()].filter(({ direction }) => direction === 'both' || direction === otherSide(from));
    const faultsNow = async (): Promise<Map<Property, string>> => {
      const records = await this.#both(ids);
      const faults = new Map<Property, string>();
      for (const property of flowing) {
        const fault = await this.#fault(property, from, records, wanted?.get(property));
        if (fault !== undefined) faults.set(property, fault);
      }
      return faults;
    };
    const faults = await this.#eventually(faultsNow, (found) => found.size === 0);
    const ms = performance.now() - began;
    if (!what) return;
    const issue = faults.size > 0 ? await this.#context.tandem.issue(this.#mapping, from, ids[from]) : undefined;
    for (const property of flowing) {
      const fault = faults.get(property);
      const why =
        issue && (issue.property === undefined || issue.property === property.name)
          ? ` (${issue.code}: ${issue.reason})`
          : '';
      this.#add(
        {
          property: property.name,
          what,
          ...(fault === undefined ? { verdict: 'passed', ms } : { verdict: 'failed', reason: `${fault}${why}` }),
        },
        from,
      );
    }
  }

  /** Why the target does not show what the row says of the source. */
  async #fault(
    property: Property,
    from: SideIndex,
    records: readonly [SystemRecord, SystemRecord],
    wanted: Json | undefined,
  ): Promise<string | undefined> {
    const to = otherSide(from);
    const [given, got] = [await this.#seen(property, from, records[from]), await this.#seen(property, to, records[to])];
    const differs = (value: unknown): string | undefined =>
      same(value, got, property) ? undefined : `expected ${shown(value)}, found ${shown(got)}`;
    if (property.convert[to]) {
      if (isEmpty(given) !== isEmpty(got)) return `${shown(given)} became ${shown(got)}`;
    } else if (isEmpty(given)) {
      if (!isEmpty(got)) return `expected nothing, found ${shown(got)}`;
    } else if (property.reference) {
      const { mapping, sides } = property.reference;
      return differs(this.#context.pairs.get(mapping)?.[sides[to]]);
    } else if (property.values) {
      const table = to === 1 ? property.values.forward : property.values.backward;
      if (!property.convert[from]) return differs(table.get(tableKey(given, property)));
    } else {
      const fault = differs(given);
      if (fault !== undefined) return fault;
    }
    // It came back from what it became there, so it must be what it was.
    const converted = property.convert[0] !== undefined || property.convert[1] !== undefined;
    return wanted === undefined || isEmpty(wanted) || !converted || property.lossy || same(wanted, got, property)
      ? undefined
      : `${shown(wanted)} came back as ${shown(got)}`;
  }

  /** The value of a row as tables see it: through a lookup. */
  async #seen(property: Property, side: SideIndex, record: SystemRecord): Promise<unknown> {
    const { path, lookup } = property.sides[side];
    const value = path?.get(record.data);
    if (!lookup || isEmpty(value)) return value;
    const records = await this.#context.systems.all(this.#mapping.sides[side].system.name, lookup.entity);
    return records.find(({ id }) => id === String(value))?.data[lookup.field];
  }

  async #oneWay(property: Property, ids: Ids, original: Values): Promise<void> {
    const follower = property.direction as SideIndex;
    const path = property.sides[follower].path;
    const value = twoValues(this.#mapping, property, follower, {}).find(
      (one) => !same(one, original.get(property), property),
    );
    const leader = otherSide(follower);
    if (!path || value === undefined) {
      this.#add(
        {
          property: property.name,
          what: 'one-way',
          verdict: 'not testable',
          reason: 'no other value is known that it takes',
        },
        follower,
      );
      return;
    }
    const before = await this.#both(ids);
    await this.#context.systems.change(this.#mapping.sides[follower].entity, ids[follower], [[path, value]]);
    await this.#context.tandem.sync(this.#mapping, follower, ids[follower]);
    const kept = property.drift === 'keep';
    const after = await this.#eventually(
      () => this.#both(ids),
      (now) => same(path.get(now[follower].data), kept ? value : path.get(before[follower].data), property),
    );
    const source = property.sides[leader].path;
    const flowed = source && !same(source.get(before[leader].data), source.get(after[leader].data), property);
    const edit = same(path.get(after[follower].data), value, property);
    const reason = flowed
      ? 'the edit of the follower reached the leader'
      : edit !== kept
        ? `the follower's edit was ${edit ? 'kept' : 'put back'}, "drift" is ${property.drift}`
        : undefined;
    this.#add(
      {
        property: property.name,
        what: 'one-way',
        verdict: reason ? 'failed' : 'passed',
        ...(reason ? { reason } : {}),
      },
      follower,
    );
  }

  // -------------------------------------------------------------- value tables

  /** Each entry there, and the next one back; the entries of several rows at once. */
  async #entries(ids: Ids): Promise<void> {
    const rows = this.#mapping.properties.filter(({ values, convert }) => values && !convert[0] && !convert[1]);
    const results = new Map<string, { tried: number; faults: string[] }>();
    const before = this.checks.length;
    const entries = await Promise.all(
      rows.map(
        async (property) => [await this.#tableValues(property, 0), await this.#tableValues(property, 1)] as const,
      ),
    );
    const most = Math.max(0, ...entries.map(([a, b]) => Math.max(a.length, b.length)));
    for (let i = 0; i < most; i++) {
      for (const from of [0, 1] as const) {
        const values: Values = new Map();
        for (const [at, property] of rows.entries()) {
          const entry = entries[at]![from][(i + from) % Math.max(1, entries[at]![from].length)];
          if (i < entries[at]![from].length && entry && this.#writable(from).includes(property))
            values.set(property, entry.value);
        }
        this.#context.progress(`${this.#mapping.name}: entry ${i + 1} of ${most}`);
        await this.#write('entries', from, ids, values);
      }
    }
    // One check per row and direction says it all.
    for (const check of this.checks.splice(before)) {
      const key = JSON.stringify([check.property, check.from]);
      const result = results.get(key) ?? { tried: 0, faults: [] };
      results.set(key, {
        tried: result.tried + 1,
        faults: check.verdict === 'passed' ? result.faults : [...result.faults, check.reason ?? ''],
      });
    }
    for (const [key, { tried, faults }] of results) {
      const [property, from] = JSON.parse(key) as [string, string];
      const reason =
        faults.length > 0
          ? `${faults.length} of ${tried} entries: ${faults.slice(0, 3).join('; ')}`
          : `${tried} entries`;
      this.#add(
        { property, what: 'entries', verdict: faults.length > 0 ? 'failed' : 'passed', reason },
        this.#mapping.sides[0].name === from ? 0 : 1,
      );
    }
    for (const [at, property] of rows.entries())
      for (const side of [0, 1] as const) {
        const missing =
          (side === 0 ? property.values!.backward : property.values!.forward).size - entries[at]![side].length;
        if (missing > 0)
          this.#add(
            {
              property: property.name,
              what: 'entries',
              verdict: 'not testable',
              reason: `${missing} entries name no ${property.sides[side].lookup?.entity} of this account`,
            },
            side,
          );
      }
  }

  // -------------------------------------------------------------- values that the other side cannot take

  async #refused(from: SideIndex, ids: Ids): Promise<void> {
    for (const property of this.#writable(from)) {
      const bad = this.#badValue(property, from);
      if (!bad) continue;
      const path = property.sides[from].path!;
      const before = await this.#both(ids);
      await this.#attempt('refused', from, async () => {
        try {
          await this.#context.systems.change(this.#mapping.sides[from].entity, ids[from], [[path, bad.value]]);
        } catch (error) {
          this.#add(
            {
              property: property.name,
              what: 'refused',
              verdict: 'not testable',
              reason: `the system itself refuses such a value: ${reasonOf(error)}`,
            },
            from,
          );
          return;
        }
        await this.#context.tandem.sync(this.#mapping, from, ids[from]);
        const issue = await this.#eventually(
          () => this.#context.tandem.issue(this.#mapping, 0, ids[0]),
          (found) => found?.code === bad.code,
        );
        const to = otherSide(from);
        const after = await this.#both(ids);
        const untouched = same(place(property, to, before[to]), place(property, to, after[to]), property);
        const reason =
          issue?.code !== bad.code
            ? `expected ${bad.code}, found ${issue?.code ?? 'no issue'}`
            : untouched
              ? undefined
              : 'the other side was written all the same';
        this.#add(
          {
            property: property.name,
            what: 'refused',
            verdict: reason ? 'failed' : 'passed',
            reason: reason ?? bad.code,
          },
          from,
        );
        await this.#context.systems.change(this.#mapping.sides[from].entity, ids[from], [
          [path, place(property, from, before[from])],
        ]);
        await this.#context.tandem.sync(this.#mapping, from, ids[from]);
      });
    }
  }

  /** A value that this side takes and the other one cannot, with the code that Tandem must give. */
  #badValue(property: Property, from: SideIndex): { value: Json; code: string } | undefined {
    const { sides, values, convert, type } = property;
    const [own, others] = [sides[from].schema, sides[otherSide(from)].schema];
    const path = sides[from].path!;
    const fits = (value: Json): boolean => refusal(this.#mapping, property, from, path.set({}, value)) === undefined;
    if (convert[0] || convert[1] || property.reference) return undefined;
    const say = (reason: string): undefined => {
      this.#add({ property: property.name, what: 'refused', verdict: 'not testable', reason }, from);
    };
    if (values) {
      if (sides[from].lookup) return say('an id that does not exist would be refused by the system itself');
      return fits('ZZ') && type === 'string'
        ? { value: 'ZZ', code: 'VALUE_NOT_IN_TABLE' }
        : say('its schema takes no value that the table lacks');
    }
    const longest = Number(others?.maxLength ?? Number.POSITIVE_INFINITY);
    const long = longest < 10_000 && others?.format === undefined ? 'x'.repeat(longest + 1) : undefined;
    if (long !== undefined && [own?.type].flat().includes('string') && fits(long))
      return { value: long, code: 'RECORD_SCHEMA' };
    if (type !== 'string' && [own?.type].flat().includes('string') && fits('none'))
      return { value: 'none', code: 'VALUE_TYPE' };
    return say('every value that this side takes fits the other one, as far as the schemas say');
  }

  // -------------------------------------------------------------- rules

  async #conflict(ids: Ids): Promise<void> {
    const { systems, tandem } = this.#context;
    const mapping = this.#mapping;
    const property = mapping.properties.find(isFreeText);
    if (!property) {
      this.#add({ what: 'conflict', verdict: 'not testable', reason: 'no two-way row holds free text' }, 0);
      return;
    }
    const texts: [string, string] = [
      marked(property, 0, this.#context.mark, ++this.#count),
      marked(property, 1, this.#context.mark, ++this.#count),
    ];
    const write = (side: SideIndex) =>
      systems.change(mapping.sides[side].entity, ids[side], [[property.sides[side].path!, texts[side]]]);
    await tandem.paused(mapping, async () => {
      await write(0);
      // Systems state times by the second or finer.
      await sleep(1_100, undefined, { signal: this.#context.signal });
      await write(1);
    });
    const winner = property.conflict === 'latest' ? 1 : property.conflict;
    await tandem.sync(mapping, 0, ids[0]);
    if (winner === 'review') await this.#reviewed(property, ids);
    else await this.#won(property, winner, ids, texts);
  }

  /** A person is asked about the conflict. */
  async #reviewed(property: Property, ids: Ids): Promise<void> {
    const issue = await this.#eventually(
      () => this.#context.tandem.issue(this.#mapping, 0, ids[0]),
      (found) => found?.kind === 'review',
    );
    this.#add(
      {
        property: property.name,
        what: 'conflict',
        verdict: issue?.kind === 'review' ? 'passed' : 'failed',
        reason: issue?.kind === 'review' ? 'a person is asked' : 'no review was made',
      },
      0,
    );
  }

  /** The text of the winner is on both sides, and that of the loser is kept. */
  async #won(property: Property, winner: SideIndex, ids: Ids, texts: readonly [string, string]): Promise<void> {
    const { tandem } = this.#context;
    const mapping = this.#mapping;
    const loser = otherSide(winner);
    const after = await this.#eventually(
      () => this.#both(ids),
      (now) => same(place(property, loser, now[loser]), texts[winner], property),
    );
    const kept = await tandem.lost(mapping, 0, ids[0]);
    const won = ([0, 1] as const).every((side) => same(place(property, side, after[side]), texts[winner], property));
    const found = kept.some(
      (one) => one.property === property.name && one.side === mapping.sides[loser].name && one.value === texts[loser],
    );
    const reason = !won
      ? `${mapping.sides[winner].name} should have won (conflict: ${String(property.conflict)})`
      : found
        ? 'the value that lost is kept'
        : 'the value that lost is not kept';
    this.#add(
      { property: property.name, what: 'conflict', verdict: won && found ? 'passed' : 'failed', reason },
      loser,
    );
  }

  /** A linked record that `when` excludes is left alone, and is synchronized again once it takes part. */
  async #scope(side: SideIndex, ids: Ids): Promise<void> {
    const { systems, tandem } = this.#context;
    const mapping = this.#mapping;
    const { when, entity } = mapping.sides[side];
    const condition = conditionOf(when!.source, () => 'scalar');
    const tests = condition && 'all' in condition ? condition.all : condition ? [condition] : [];
    const needed = tests.find((one) => 'path' in one && (one.is === 'given' || (one.is === 'other' && 'value' in one)));
    const other = this.#writable(side).find(
      (one) =>
        one.type === 'string' &&
        !one.values &&
        !one.reference &&
        !one.convert[0] &&
        !one.convert[1] &&
        !one.sides.some(({ schema }) => schema?.format) &&
        !(needed && 'path' in needed && one.sides[side].path!.source === needed.path.source),
    );
    if (!needed || !('path' in needed) || !other || isRequired(entity, needed.path)) {
      this.#add(
        {
          what: 'scope',
          verdict: 'not testable',
          reason:
            needed && 'path' in needed
              ? `${mapping.sides[side].name} requires ${needed.path.source}, so no record is excluded by it`
              : '"when" is no condition that a test can turn off',
        },
        side,
      );
      return;
    }
    const before = await this.#both(ids);
    const text = marked(other, side, this.#context.mark, ++this.#count);
    await systems.change(entity, ids[side], [
      [needed.path, null],
      [other.sides[side].path!, text],
    ]);
    await tandem.sync(mapping, side, ids[side]);
    const to = otherSide(side);
    const left = await this.#both(ids);
    const outside = same(place(other, to, before[to]), place(other, to, left[to]), other);
    await systems.change(entity, ids[side], [[needed.path, (needed.path.get(before[side].data) ?? null) as Json]]);
    await tandem.sync(mapping, side, ids[side]);
    const after = await this.#eventually(
      () => this.#both(ids),
      (now) => same(place(other, to, now[to]), text, other),
    );
    const inside = same(place(other, to, after[to]), text, other);
    const reason = !outside
      ? 'a record that "when" excludes was synchronized'
      : inside
        ? undefined
        : 'a record that takes part again was not synchronized';
    this.#add({ what: 'scope', verdict: reason ? 'failed' : 'passed', ...(reason ? { reason } : {}) }, side);
  }

  /** Two records that are there already and have one match key in common. */
  async #matched(): Promise<void> {
    const { systems, tandem } = this.#context;
    const mapping = this.#mapping;
    for (const [i, rule] of mapping.match.entries()) {
      this.#context.signal.throwIfAborted();
      const name = `match ${i + 1}`;
      const property = mapping.properties.find((one) =>
        ([0, 1] as const).every(
          (side) =>
            one.sides[side].path &&
            isMark(mapping, one, side) &&
            rule.keys[side].source.includes(one.sides[side].path!.source),
        ),
      );
      if (!property) {
        this.#add({ what: 'matched', verdict: 'not testable', reason: `${name}: its keys are no row of free text` }, 0);
        continue;
      }
      const records = await tandem.paused(mapping, async () => {
        const [a, b] = [await this.#record(0), await this.#record(1)];
        const data = property.sides[1].path!.set(b.data, property.sides[0].path!.get(a.data) as Json);
        return [
          await systems.create(mapping.sides[0].entity, a.data),
          await systems.create(mapping.sides[1].entity, data),
        ] as const;
      });
      for (const side of [0, 1] as const) await tandem.sync(mapping, side, records[side].id);
      const linked = await this.#eventually(
        () => tandem.counterpart(mapping, 0, records[0].id),
        (id) => (id !== undefined) === (rule.onMatch === 'link'),
      );
      const issue = await tandem.issue(mapping, 0, records[0].id);
      const reason =
        rule.onMatch === 'link'
          ? linked === records[1].id
            ? undefined
            : linked === undefined
              ? `not linked${issue ? `: ${issue.reason}` : ''}`
              : 'linked with another record'
          : linked !== undefined
            ? 'linked, although candidates go to review'
            : issue?.kind === 'review'
              ? undefined
              : 'no review was made';
      this.#add(
        { what: 'matched', verdict: reason ? 'failed' : 'passed', reason: reason ? `${name}: ${reason}` : name },
        0,
      );
    }
  }

  async #deleted(from: SideIndex): Promise<void> {
    const { systems, tandem } = this.#context;
    const mapping = this.#mapping;
    const source = ([0, 1] as const).find((side) => mapping.sides[otherSide(side)].create);
    if (source === undefined) {
      this.#add(
        {
          what: 'deleted',
          verdict: 'not testable',
          reason: 'the mapping creates no counterparts, so there is no pair to spare',
        },
        from,
      );
      return;
    }
    if (!mapping.sides[from].entity.delete) {
      this.#add({ what: 'deleted', verdict: 'not testable', reason: 'its system file declares no "delete"' }, from);
      return;
    }
    const { data } = await this.#record(source);
    const record = await systems.create(mapping.sides[source].entity, data);
    await tandem.sync(mapping, source, record.id);
    const found = await this.#eventually(
      () => tandem.counterpart(mapping, source, record.id),
      (id) => id !== undefined,
    );
    if (found === undefined) throw new Error('No pair could be made.');
    await this.#noteCounterpart(otherSide(source), found);
    const ids: Ids = source === 0 ? [record.id, found] : [found, record.id];
    const to = otherSide(from);
    await systems.delete(mapping.sides[from].entity, ids[from]);
    await tandem.sync(mapping, from, ids[from]);
    const rule = mapping.sides[to].deletes;
    const there = await this.#eventually(
      async () => ({
        record: await systems.read(mapping.sides[to].entity, ids[to]),
        issue: await tandem.issue(mapping, to, ids[to]),
      }),
      (now) =>
        rule === 'propagate'
          ? now.record === undefined
          : now.record !== undefined && (rule === 'keep' || now.issue?.kind === 'review'),
    );
    const gone = there.record === undefined;
    const reason =
      rule === 'propagate'
        ? gone
          ? undefined
          : 'its counterpart is still there'
        : gone
          ? 'its counterpart was deleted'
          : rule === 'review' && there.issue?.kind !== 'review'
            ? 'no review was made'
            : undefined;
    this.#add({ what: 'deleted', verdict: reason ? 'failed' : 'passed', reason: reason ?? `deletes: ${rule}` }, from);
  }

  /** Looks until it is as expected, or the time is up. Webhooks and schedules may be at work as well. */
  async #eventually<T>(look: () => Promise<T>, good: (found: T) => boolean): Promise<T> {
    const until = performance.now() + this.#context.limit;
    for (let wait = 50; ; wait = Math.min(wait * 2, 1_000)) {
      const found = await look();
      if (good(found) || performance.now() > until) return found;
      await sleep(wait, undefined, { signal: this.#context.signal });
    }
  }
}

const place = (property: Property, side: SideIndex, record: SystemRecord): Json =>
  (property.sides[side].path?.get(record.data) ?? null) as Json;

function same(a: unknown, b: unknown, property: Property): boolean {
  try {
    return canonical(a, property) === canonical(b, property);
  } catch {
    return JSON.stringify(a) === JSON.stringify(b);
  }
}

const isFreeText = ({ direction, type, reference, values, convert, sides }: Property): boolean =>
  direction === 'both' &&
  type === 'string' &&
  !reference &&
  !values &&
  !convert[0] &&
  !convert[1] &&
  sides.every(({ path }) => path) &&
  !sides.some(({ schema }) => schema?.format);

const isRequired = ({ schema }: EntityConfig, path: WritablePath): boolean =>
  Array.isArray(schema.required) && schema.required.includes(path.root);

const LONGEST = 80;

function shown(value: unknown): string {
  if (isEmpty(value)) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

const reasonOf = (error: unknown): string => asFailure(error).message;
