/** Compares the records of a list with what the files say of them. Pure. */
import { validateRecord } from '../config/record-schema.ts';
import { isObject, readPath } from '../connectors/http/read-path.ts';
import { toMillis } from '../connectors/http/to-record.ts';
import { nearest } from '../expression/nearest.ts';
import type { WritablePath } from '../expression/path.ts';
import { isEmpty } from '../expression/values.ts';
import type { JsonObject } from '../types.ts';
import { agrees, formattedAmounts, numberOf } from './amounts.ts';
import { count, type Listed, type Remark, type Use } from './findings.ts';

/** @param listed at least one record */
export const checkRecords = (listed: Listed, uses: readonly Use[]): Remark[] => [
  ...unheld(listed, uses),
  ...modifiedTimes(listed),
  ...schemaFaults(listed),
  ...amounts(listed),
];

/** Paths that mappings use, and that no record has. */
function unheld({ entity, records, raw }: Listed, uses: readonly Use[]): Remark[] {
  const known = new Set(Object.keys((entity.schema.properties as JsonObject | undefined) ?? {}));
  const unknown = new Set(
    [...raw.values()].flatMap((record) => Object.keys(record)).filter((name) => !known.has(name)),
  );
  return uses
    .filter(({ path }) => !records.some(({ data }) => has(data, path)))
    .map(({ path, file, line, column }) => {
      const hint = nearest(path.root, unknown);
      const other = hint ? `; they hold "${hint}", which the schema does not know` : '';
      return {
        severity: 'warning',
        kind: 'absent',
        at: { file, line, column },
        message: `None of ${count(records.length, 'record')} holds ${path.source}${other}: it is not asked for, has another name, or is empty in all of them.`,
        remedy: `Look at the query of "list", and at the schema of ${entity.name}.`,
      };
    });
}

/** Whether the record has the place, be it empty. */
function has(record: JsonObject, path: WritablePath): boolean {
  if (!isEmpty(path.get(record))) return true;
  let values: unknown[] = [record];
  for (const { name } of path.steps) {
    values = values.flat().filter((value) => isObject(value) && Object.hasOwn(value, name));
    values = values.map((value) => (value as JsonObject)[name]);
  }
  return values.length > 0;
}

function modifiedTimes({ entity: { modified }, records }: Listed): Remark[] {
  if (modified === undefined) return [];
  const values = records.map(({ data }) => readPath(data, modified));
  const given = values.filter((value) => !isEmpty(value));
  const unreadable = given.filter((value) => toMillis(value) === undefined);
  const consequence = 'Changes cannot be found by it, and "conflict: latest" cannot compare.';
  const remarks: Remark[] = [];
  if (given.length < values.length)
    remarks.push({
      severity: given.length === 0 ? 'problem' : 'warning',
      kind: 'absent',
      at: ['modified'],
      message: `${values.length - given.length} of ${count(values.length, 'record')} have no ${modified}. ${consequence}`,
      remedy: 'Ask for it in the query of "list", or name the property that holds the time of modification.',
    });
  if (unreadable.length > 0)
    remarks.push({
      severity: 'problem',
      kind: 'time',
      at: ['modified'],
      message: `${modified} of ${unreadable.length} of ${count(values.length, 'record')} is no time that can be read (of the form ${formOf(unreadable[0])}). ${consequence}`,
      remedy: 'Convert it to ISO 8601 with "normalize", or name another property.',
    });
  return remarks;
}

/** A value without what it says: digits become 9, letters become A. */
const formOf = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value.slice(0, 40).replace(/\p{L}/gu, 'A').replace(/\p{N}/gu, '9'))
    : typeof value;

/** What the schema says of values, but for what a new record needs: records as they are may lack that. */
function schemaFaults({ entity, records }: Listed): Remark[] {
  const faults = new Map<string, { count: number; readonly id: string; readonly time: boolean }>();
  for (const { id, data } of records) {
    const counted = new Set<string>();
    for (const { property, message } of validateRecord(entity, data, { partial: true })) {
      const time = message.startsWith('Must be a date');
      // More forms of times can be read than the schema's format allows.
      if (time && toMillis(readPath(data, property)) !== undefined) continue;
      const fault = `${property.replace(/\[\d+\]/g, '[]')}: ${message}`;
      const known = faults.get(fault) ?? { count: 0, id, time };
      if (!counted.has(fault)) known.count++;
      counted.add(fault);
      faults.set(fault, known);
    }
  }
  return [...faults].map(([fault, { count: found, id, time }]) => ({
    severity: 'warning',
    kind: time ? 'time' : 'schema',
    at: ['schema'],
    message: `${found} of ${count(records.length, 'record')} (the first is ${id}) ${found === 1 ? 'breaks' : 'break'} the schema at ${fault}`,
    remedy: 'Correct the schema, or the records.',
  }));
}

/** What `normalize` makes of amounts: it must be the amount that the system shows, in major units or in the smallest one. */
function amounts({ entity, records, raw }: Listed): Remark[] {
  const found = new Map<string, { of: number; readonly wrong: string[] }>();
  for (const { id, data } of records) {
    for (const amount of formattedAmounts(raw.get(id) ?? {})) {
      const { path, name, formatted } = amount;
      const place = path.join('.');
      const holder = place === '' ? data : readPath(data, place);
      const value = numberOf(isObject(holder) ? holder[name] : holder);
      if (value === undefined) continue;
      const property = place === '' ? name : place;
      const known = found.get(property) ?? { of: 0, wrong: [] };
      known.of++;
      if (!agrees(value, amount)) known.wrong.push(`${id}: ${value} beside "${formatted}"`);
      found.set(property, known);
    }
  }
  return [...found]
    .filter(([, { wrong }]) => wrong.length > 0)
    .map(([property, { of, wrong }]) => ({
      severity: 'problem',
      kind: 'amount',
      at: [entity.normalize ? 'normalize' : 'schema'],
      message: `${property} of ${wrong.length} of ${count(of, 'record')} disagrees with the formatted amount beside it, both in major units and in the smallest unit of the currency (record ${wrong[0]}).`,
      remedy: 'Correct the unit in "normalize".',
    }));
}
