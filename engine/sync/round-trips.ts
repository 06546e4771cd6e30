/**
 * The round-trip check of a mapping's two-way properties, on records and sample values: a value that goes to the
 * other side and comes back is the same, and writing back what was read changes nothing. What does not survive loses
 * information once the other side is edited. Nothing is written anywhere.
 */
import type { Mapping, Property } from '../config/types.ts';
import { asTandemError, ERRORS, type ErrorCode, type TandemError } from '../errors.ts';
import type { ExpressionFunctions } from '../expression/expression.ts';
import { isEmpty, stableJson, unkeyed } from '../expression/values.ts';
import { type Json, type JsonObject, otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import { type ConvertContext, convertProperty, flowsTo } from './convert.ts';
import {
  exampleRecords,
  ORIGINS,
  type Origin,
  offlineContext,
  refusal,
  type SideRecords,
  sampleValues,
} from './samples.ts';
import { inScope, type RecordView, readProperty } from './view.ts';

/**
 * `there-and-back`: a value that goes to the other side and comes back is the same. `write-back`: to write what was
 * read changes nothing.
 */
export const ROUND_TRIPS = ['there-and-back', 'write-back'] as const;
export type RoundTrip = (typeof ROUND_TRIPS)[number];

export interface Example {
  readonly origin: Origin;
  /** As it is on the side that it comes from. */
  readonly value: Json;
  /** What it becomes on the other side; absent where it becomes nothing, or cannot go there. */
  readonly there?: Json;
  /** What comes back; absent where nothing does. */
  readonly back?: Json;
}

/** Of how many values something is true. */
export interface Count {
  readonly found: number;
  readonly of: number;
}

/** What is wrong with one property in one direction, over all values tried. `example` may hold a value of a record. */
export interface Finding {
  /** `lossy`: a round trip loses something. `refused`: the value cannot be converted or written, so its record waits. */
  readonly kind: 'lossy' | 'refused';
  /** The mapping file says `lossy: true`: it is meant. */
  readonly intended: boolean;
  readonly roundTrip: RoundTrip;
  readonly mapping: string;
  readonly property: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Names of the sides: where the value comes from, and where it goes. */
  readonly from: string;
  readonly to: string;
  readonly records: Count;
  /** Values of schemas and tables, and made-up ones. */
  readonly values: Count;
  readonly example: Example;
  /** Of `refused`: the error. */
  readonly code?: ErrorCode;
  /** What follows from it, in plain words, without the example. */
  readonly message: string;
  /** What to write instead. */
  readonly remedy: string;
}

/** Some or all values of this property could not be tried: that nothing was found says little about it. */
export interface UncheckedProperty {
  readonly mapping: string;
  readonly property: string;
  readonly reason: string;
}

export interface RoundTripReport {
  readonly findings: readonly Finding[];
  /** Properties of which some or all values could not be tried, and why. */
  readonly notChecked: readonly UncheckedProperty[];
}

/** Without options no system and no Redis is asked. */
export interface RoundTripOptions {
  /** Records of both sides; default: the examples in the schemas. */
  readonly records?: SideRecords;
  /** What conversions ask of the world; default: the examples in the schemas, and no links. */
  readonly context?: ConvertContext;
  /** Milliseconds after which what is left is not checked; default 10,000. */
  readonly within?: number;
}

/**
 * Tries the round trips of a mapping (`ROUND_TRIPS`): a value that is converted to the other side and back is the same again. It
 * tries the records given, and for each property values made up by its type.
 * @param options without any, no system and no Redis is asked
 * @returns what does not come back as it was, and what could not be tried; it never throws for what a mapping or a record does
 */
export async function checkRoundTrips(mapping: Mapping, options: RoundTripOptions = {}): Promise<RoundTripReport> {
  const { records = exampleRecords(mapping), context, within = 10_000 } = options;
  const probe = new Probe(mapping, performance.now() + within, context);
  for (const side of [0, 1] as const) await probe.records(side, records[side]);
  for (const side of [0, 1] as const) await probe.values(side);
  return probe.report();
}

type Result =
  | { readonly is: 'kept' }
  | { readonly is: 'lossy'; readonly roundTrip: RoundTrip; readonly there?: Json; readonly back?: Json }
  | { readonly is: 'refused'; readonly error: Pick<TandemError, 'code' | 'message'>; readonly there?: Json }
  | { readonly is: 'notChecked' };

/** A record as it stands on its side, and what the mapping makes of it on the other. */
interface Pair {
  readonly view: RecordView;
  readonly there: JsonObject;
}

interface CaseCounts {
  readonly of: { record: number; other: number };
  readonly broken: Map<string, { result: Result; records: number; values: number; example: Example }>;
}

const LATE = 'the time for trying is up';
const OFFLINE = 'only the systems and the links can tell what it becomes: tandem validate --live asks them';
const WAITING = 'some of what they refer to is not linked yet';
const NOTHING = 'there are no values to try it on';

class Probe {
  readonly #mapping: Mapping;
  readonly #context: ConvertContext;
  readonly #end: number;
  /** Why what is REFERENCE_WAITING is not checked. */
  readonly #waiting: string;
  readonly #caseCounts = new Map<string, CaseCounts>();
  readonly #notChecked = new Map<string, string>();
  /** Per side a record on which made-up values are tried, and its counterpart. */
  readonly #base: [Pair | undefined, Pair | undefined] = [undefined, undefined];

  constructor(mapping: Mapping, end: number, context?: ConvertContext) {
    this.#mapping = mapping;
    this.#context = context ?? offlineContext(mapping);
    this.#waiting = context ? WAITING : OFFLINE;
    this.#end = end;
  }

  async records(side: SideIndex, records: readonly SystemRecord[]): Promise<void> {
    const functions = this.#context.functions(side);
    for (const record of records) {
      if (!(await this.#isInScope(side, record, functions))) continue;
      const pair = await this.#pair(side, record);
      this.#base[side] ??= pair;
      for (const [i, property] of this.#mapping.properties.entries()) {
        if (isEmpty(pair.view.raw[i])) continue;
        const result = this.#writeBack(property, side, pair.view) ?? (await this.#thereAndBack(property, pair));
        if (result) this.#count(property, side, pair.view.raw[i] as Json, 'record', result);
      }
    }
  }

  async values(side: SideIndex): Promise<void> {
    const base = this.#base[side] ?? (await this.#pair(side, { ...NO_RECORD, data: {} }));
    for (const [i, property] of this.#mapping.properties.entries()) {
      const { path } = property.sides[side];
      if (property.direction !== 'both' || !path) continue;
      for (const { value, origin } of sampleValues(this.#mapping, property, side, base.view.record.data)) {
        let data: JsonObject;
        try {
          data = path.set(base.view.record.data, value);
        } catch {
          continue;
        }
        const raw = base.view.raw.with(i, value);
        const view = { ...base.view, record: { ...base.view.record, data }, raw };
        const result = await this.#thereAndBack(property, { view, there: base.there });
        // That a made-up value is refused says nothing: it may never occur.
        const refusedThere = result?.is === 'refused' && result.there === undefined;
        if (result && !(refusedThere && (origin === 'made-up' || origin === 'table')))
          this.#count(property, side, value, origin, result);
      }
    }
  }

  /** Undefined: the check says nothing about this property. */
  #writeBack(property: Property, side: SideIndex, { raw, record }: RecordView): Result | undefined {
    const { path } = property.sides[side];
    if (!path || !flowsTo(property, side)) return undefined;
    const value = raw[this.#mapping.properties.indexOf(property)];
    try {
      const written = path.set(record.data, value);
      if (stableJson(written) === stableJson(record.data)) return undefined;
      return { is: 'lossy', roundTrip: 'write-back', back: path.get(written) as Json };
    } catch (error) {
      return { is: 'refused', error: asTandemError(error) };
    }
  }

  async #thereAndBack(property: Property, { view, there }: Pair): Promise<Result | undefined> {
    if (property.direction !== 'both') return undefined;
    const mapping = this.#mapping;
    const i = mapping.properties.indexOf(property);
    if (this.#notChecked.get(property.name) === LATE) return undefined;
    if (performance.now() > this.#end) return this.#leave(property, LATE);
    const from = view.side;
    const to = otherSide(from);
    const sent = await convertProperty(mapping, property, view, to, this.#context);
    if (!sent.ok) return this.#failed(property, sent.error);
    if (isEmpty(sent.value)) return { is: 'lossy', roundTrip: 'there-and-back' };
    let other: JsonObject;
    let arrived: unknown = sent.value;
    const { path } = property.sides[to];
    try {
      other = path!.set(there, sent.value);
      arrived = path!.get(other);
    } catch (error) {
      // Only a new record begins empty: in one that is there the place may exist.
      if (mapping.sides[to].create) return this.#failed(property, asTandemError(error));
      other = there;
    }
    const refused = refusal(mapping, property, to, other);
    if (refused !== undefined) {
      const message = `${mapping.sides[to].name} would not take it: ${refused}`;
      return { is: 'refused', error: { code: 'RECORD_SCHEMA', message } };
    }
    const raw = (await this.#view(to, { ...NO_RECORD, data: other })).raw.with(i, arrived);
    const answer = { ...NO_VIEW, side: to, record: { ...NO_RECORD, data: other }, raw };
    const back = await convertProperty(mapping, property, answer, from, this.#context);
    if (!back.ok) return this.#failed(property, back.error, sent.value);
    if (back.fingerprint === this.#context.fingerprinter.of(view.raw[i], property)) return { is: 'kept' };
    const came = isEmpty(back.value) ? {} : { back: back.value };
    return { is: 'lossy', roundTrip: 'there-and-back', there: sent.value, ...came };
  }

  #failed(property: Property, error: TandemError, there?: Json): Result {
    if (error.code === 'REFERENCE_WAITING') return this.#leave(property, this.#waiting);
    if (error.retry !== 'never') return this.#leave(property, `a system could not tell: ${error.message}`);
    if (error.code === 'EXPRESSION_LIMIT') this.#leave(property, LATE);
    return { is: 'refused', error, ...(there === undefined ? {} : { there }) };
  }

  #leave(property: Property, reason: string): Result {
    this.#notChecked.set(property.name, reason);
    return { is: 'notChecked' };
  }

  // -------------------------------------------------------------- records

  async #isInScope(side: SideIndex, record: SystemRecord, functions: ExpressionFunctions): Promise<boolean> {
    try {
      return await inScope(this.#mapping, side, record, functions);
    } catch {
      return false;
    }
  }

  /** Unlike a real view it needs no match keys, and a value that cannot be computed is none. */
  async #view(side: SideIndex, record: SystemRecord): Promise<RecordView> {
    const functions = this.#context.functions(side);
    const raw: unknown[] = [];
    for (const property of this.#mapping.properties) {
      try {
        raw.push(await readProperty(property, side, record, functions));
      } catch {
        raw.push(undefined);
      }
    }
    return { ...NO_VIEW, side, record, raw };
  }

  async #pair(side: SideIndex, record: SystemRecord): Promise<Pair> {
    const view = await this.#view(side, record);
    const to = otherSide(side);
    let there: JsonObject = {};
    for (const [i, property] of this.#mapping.properties.entries()) {
      const { path } = property.sides[to];
      if (!path || !flowsTo(property, to) || isEmpty(view.raw[i]) || performance.now() > this.#end) continue;
      const sent = await convertProperty(this.#mapping, property, view, to, this.#context);
      if (!sent.ok || isEmpty(sent.value)) continue;
      try {
        there = path.set(there, sent.value);
      } catch {
        // Reported where this property itself is tried.
      }
    }
    return { view, there };
  }

  // -------------------------------------------------------------- counting

  #count(property: Property, side: SideIndex, value: Json, origin: Origin, result: Result): void {
    if (result.is === 'notChecked') return;
    const place = `${this.#mapping.properties.indexOf(property)} ${side}`;
    const losses = this.#caseCounts.get(place) ?? { of: { record: 0, other: 0 }, broken: new Map() };
    this.#caseCounts.set(place, losses);
    losses.of[origin === 'record' ? 'record' : 'other']++;
    if (result.is === 'kept') return;
    const kind = result.is === 'lossy' ? result.roundTrip : result.there === undefined ? 'refused' : 'refused back';
    const there = result.there === undefined ? {} : { there: result.there };
    const back = result.is === 'lossy' && result.back !== undefined ? { back: result.back } : {};
    const example: Example = { origin, value, ...there, ...back };
    const known = losses.broken.get(kind) ?? { result, records: 0, values: 0, example };
    const better = betterExample(known.example, example);
    losses.broken.set(kind, {
      result: better === known.example ? known.result : result,
      records: known.records + (origin === 'record' ? 1 : 0),
      values: known.values + (origin === 'record' ? 0 : 1),
      example: better,
    });
  }

  report(): RoundTripReport {
    const { name, properties } = this.#mapping;
    const findings: Finding[] = [];
    for (const [i, property] of properties.entries()) {
      for (const side of [0, 1] as const) {
        const losses = this.#caseCounts.get(`${i} ${side}`);
        for (const { result, records, values, example } of losses?.broken.values() ?? []) {
          findings.push(
            this.#finding(property, side, result, {
              records: { found: records, of: losses!.of.record },
              values: { found: values, of: losses!.of.other },
              example,
            }),
          );
        }
      }
    }
    const notChecked = properties.flatMap((property, i) => {
      const tried = this.#caseCounts.has(`${i} 0`) || this.#caseCounts.has(`${i} 1`);
      const reason =
        this.#notChecked.get(property.name) ?? (tried || property.direction !== 'both' ? undefined : NOTHING);
      return reason === undefined ? [] : [{ mapping: name, property: property.name, reason }];
    });
    return { findings, notChecked };
  }

  #finding(
    property: Property,
    side: SideIndex,
    result: Result,
    counted: Pick<Finding, 'records' | 'values' | 'example'>,
  ): Finding {
    const mapping = this.#mapping;
    const from = mapping.sides[side].name;
    const to = mapping.sides[otherSide(side)].name;
    const place = {
      mapping: mapping.name,
      property: property.name,
      file: mapping.file,
      line: property.line,
      column: property.column,
    };
    if (result.is === 'refused') {
      const back = result.there !== undefined;
      return {
        kind: 'refused',
        intended: false,
        roundTrip: 'there-and-back',
        ...place,
        from,
        to,
        ...counted,
        code: result.error.code,
        message: back
          ? `What it becomes in ${to} cannot come back: ${result.error.message} After an edit there the record waits.`
          : `${result.error.message} Such a record waits.`,
        remedy: back
          ? `Let ${from} take what ${to} may hold, or set "direction: ${to}".`
          : ERRORS[result.error.code].remedy,
      };
    }
    const roundTrip = result.is === 'lossy' ? result.roundTrip : 'there-and-back';
    return {
      kind: 'lossy',
      intended: property.lossy,
      roundTrip,
      ...place,
      from,
      to,
      ...counted,
      ...(roundTrip === 'write-back' ? this.#writeBackWords(property, side) : this.#wayBack(property, side)),
    };
  }

  #writeBackWords(property: Property, side: SideIndex): Pick<Finding, 'message' | 'remedy'> {
    const { source } = property.sides[side];
    return {
      message: `${source} in ${this.#mapping.sides[side].name} reads another place than it writes: writing back what was read changes the record.`,
      remedy: 'Select the one element that is meant, such as emails[0].address.',
    };
  }

  #wayBack(property: Property, side: SideIndex): Pick<Finding, 'message' | 'remedy'> {
    const { sides } = this.#mapping;
    const from = sides[side].name;
    const to = sides[otherSide(side)].name;
    const { convert, sides: places } = property;
    const message = `Once it is edited in ${to}, ${from} gets what came back.`;
    const meant = 'or "lossy: true" where that is meant';
    const lookup = places[side].lookup;
    if (lookup)
      return { message, remedy: `Give each record of ${lookup.entity} a ${lookup.field} of its own, ${meant}.` };
    if (property.reference)
      return {
        message,
        remedy: `Link what it refers to by itself, without "fallback"; or set "direction: ${to}", ${meant}.`,
      };
    if (!convert[0] && !convert[1])
      return { message, remedy: `Choose places and a "type" that hold the same; or set "direction: ${to}", ${meant}.` };
    const missing = convert[side] ? undefined : from;
    const fix = missing
      ? `Write a "convert" toward ${missing} that undoes the other`
      : 'Let the two expressions of "convert" undo each other';
    return { message, remedy: `${fix}; or set "direction: ${to}", ${meant}.` };
  }
}

const NO_RECORD = { id: 'sample', modified: undefined, version: undefined };
const NO_VIEW = {
  inScope: true,
  keys: [],
  keyTexts: [],
  correlationId: undefined,
  fingerprints: [],
  fingerprinter: unkeyed,
};

/** A real value before a made-up one, one that comes back as something before one that is gone, then the shorter. */
function betterExample(a: Example, b: Example): Example {
  const rank = ({ origin, value, there, back }: Example): number[] => [
    ORIGINS.indexOf(origin),
    there === undefined && back === undefined ? 1 : 0,
    JSON.stringify([value, there, back]).length,
  ];
  const [first, second] = [rank(a), rank(b)];
  const at = first.findIndex((number, i) => number !== second[i]);
  return at >= 0 && second[at]! < first[at]! ? b : a;
}
