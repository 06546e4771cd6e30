/** From what a system answers to a record: normalized shape, id as text, time as ISO 8601 UTC. */
import type { EntityConfig, MarkConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import { MAX_NESTING, MAX_VALUES } from '../../expression/limits.ts';
import { sizeOf } from '../../expression/size.ts';
import { ExactNumber, restoreExact } from '../../json.ts';
import type { JsonObject, SystemRecord } from '../../types.ts';
import { isObject, readPath } from './read-path.ts';
import { TooMuch } from './response-body.ts';

/**
 * Makes a record of what a system answered: normalized, its id as text, its times in ISO 8601 UTC.
 * @param raw the parsed JSON of one record, as the response holds it
 * @param version what `If-Match` needs for this record, where the system has such a thing
 * @returns the record, whose `data` is what `normalize` makes of it; without that, all that was answered
 * @throws TandemError RECORD_TOO_LARGE, EXPRESSION_FAILED, EXPRESSION_LIMIT or SYSTEM_BAD_RESPONSE, with the id in its context
 *   where it could be read
 */
export async function toRecord(entity: EntityConfig, raw: unknown, version?: string): Promise<SystemRecord> {
  const place = { system: entity.system, entity: entity.name };
  if (raw instanceof TooMuch) throw new TandemError('SYSTEM_BAD_RESPONSE', raw.message, place);
  if (!isObject(raw))
    throw new TandemError('SYSTEM_BAD_RESPONSE', 'The answer holds something that is no record', place);
  const rawId = (): { id?: string } => {
    const id = toId(readPath(raw, entity.id));
    return id === undefined ? {} : { id };
  };
  const reason = tooLarge(raw);
  if (reason !== undefined) throw new TandemError('RECORD_TOO_LARGE', reason, { ...place, ...rawId() });
  let data: unknown = raw;
  if (entity.normalize !== undefined) {
    try {
      data = restoreExact(await entity.normalize.evaluate(raw, { record: raw }), raw);
    } catch (error) {
      const { code, message, context } = asTandemError(error);
      throw new TandemError(code, message, { ...context, ...place, ...rawId(), cause: error });
    }
  }
  if (!isObject(data))
    throw new TandemError('EXPRESSION_FAILED', `'normalize' of ${entity.name} did not make an object`, {
      ...place,
      ...rawId(),
    });
  const id = toId(readPath(data, entity.id));
  if (id === undefined) {
    throw new TandemError(
      'SYSTEM_BAD_RESPONSE',
      `A record of ${entity.name} has no usable id at '${entity.id}'`,
      place,
    );
  }
  const modified = entity.modified === undefined ? undefined : toInstant(readPath(data, entity.modified));
  const created = entity.created === undefined ? undefined : toInstant(readPath(data, entity.created));
  const archived = says(entity.archived, data) ? { archived: true } : {};
  return {
    id,
    modified,
    version,
    ...(created === undefined ? {} : { created }),
    ...archived,
    data: data as JsonObject,
  };
}

/** Whether a record that can still be read was deleted. */
export const isDeleted = (entity: Pick<EntityConfig, 'deleted'>, { data }: Pick<SystemRecord, 'data'>): boolean =>
  says(entity.deleted, data);

function says(mark: MarkConfig | undefined, data: unknown): boolean {
  if (!mark) return false;
  const given = readPath(data, mark.field);
  const value = given instanceof ExactNumber ? Number(given.text) : given;
  if (mark.values) return mark.values.some((one) => one === value || String(one) === String(value));
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}

/** Why a record is given to no expression; undefined where it may be. */
export function tooLarge(raw: unknown): string | undefined {
  const size = sizeOf(raw, MAX_VALUES);
  return size === 'fits' ? undefined : REASONS[size];
}

const REASONS = {
  large: `The record holds more than ${MAX_VALUES} values, which no expression is given`,
  deep: `The record nests more than ${MAX_NESTING} levels deep, which nothing here reads`,
} as const;

/**
 * Ids are text. A number that is not whole is none, nor is a text with half a surrogate pair, which UTF-8 cannot hold:
 * it would name another record.
 */
export function toId(value: unknown): string | undefined {
  if (value instanceof ExactNumber) return value.isInteger() ? value.text : undefined;
  if (typeof value === 'string') return value === '' || /\p{Surrogate}/u.test(value) ? undefined : value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}

const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d+))?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;

/** ISO 8601 in UTC with milliseconds; undefined where the value is no time. Without an offset it is taken as UTC. */
export function toInstant(value: unknown): string | undefined {
  const ms = toMillis(value);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** Epoch milliseconds of an ISO 8601 text (also `+0000`), or of epoch seconds or milliseconds. */
export function toMillis(value: unknown): number | undefined {
  if (value instanceof ExactNumber) return epoch(Number(value.text));
  if (typeof value === 'number') return epoch(value);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^\d{9,14}$/.test(text)) return epoch(Number(text));
  const found = ISO.exec(text);
  if (found === null) return undefined;
  const [, day, time = '00:00', fraction = '', zone = 'Z'] = found;
  const offset = /^z$/i.test(zone) ? 'Z' : zone.length === 3 ? `${zone}:00` : zone.replace(/^(...)(\d\d)$/, '$1:$2');
  const seconds = time.length === 5 ? `${time}:00` : time;
  return valid(Date.parse(`${day}T${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}${offset}`));
}

/** Below this a number counts seconds (until the year 5138), above it milliseconds (since 1973). */
const SECONDS_END = 100_000_000_000;

function epoch(value: number): number | undefined {
  return valid(value < SECONDS_END ? value * 1000 : value);
}

function valid(ms: number): number | undefined {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? ms : undefined;
}
