// The `filter` parameter: clauses such as `name==Acme*;company_id>5`. There is no way to quote or to escape, so a value
// that holds `;` cannot be asked for: its rest is read as the next clause.

import { FieldError, NotImplemented } from './fields.ts';
import type { KeapStore } from './store.ts';

export type Operator = '==' | '>' | '<' | '>=' | '<=';

export interface Clause {
  name: string;
  operator: Operator;
  value: string;
}

export type Predicate<R> = (record: R) => boolean;

/** @param clauses all of the filter, for names that mean something together only */
export type Filter<R> = (clause: Clause, store: KeapStore, clauses: readonly Clause[]) => Predicate<R>;

/** @throws FieldError on what is no clause */
export function parseFilter(filter: string): Clause[] {
  const parts = filter.split(';');
  // A semicolon at the end is in Keap's own examples.
  if (parts.at(-1) === '') parts.pop();
  return parts.map((part) => {
    const [, name, operator, value] = /^(\w+)(==|>=|<=|>|<)(.*)$/s.exec(part) ?? [];
    if (name === undefined || operator === undefined || value === undefined)
      throw new FieldError(`filter "${part}" is no clause such as name==value.`);
    return { name, operator: operator as Operator, value };
  });
}

export function equalsOnly({ name, operator }: Clause): void {
  if (operator !== '==') throw new FieldError(`filter ${name} takes == only, not ${operator}.`);
}

/** Of one property, or of several of which one must fit. */
type Of<R> = (record: R, store: KeapStore) => string | undefined | readonly (string | undefined)[];

/** Whether upper and lower case are one is described for prefixes only; equality is taken alike here. */
function textPredicate<R>(of: Of<R>, fits: (stored: string, wanted: string) => boolean, value: string) {
  const wanted = value.toLowerCase();
  return (store: KeapStore): Predicate<R> =>
    (record) =>
      [of(record, store)].flat().some((stored) => stored !== undefined && fits(stored.toLowerCase(), wanted));
}

const same = (stored: string, wanted: string) => stored === wanted;

/** Equality only: `*` is a character like any other. */
export function exact<R>(of: Of<R>): Filter<R> {
  return (clause, store) => {
    equalsOnly(clause);
    return textPredicate(of, same, clause.value)(store);
  };
}

/** Equality; a prefix where the value ends in `*`. */
export function wildcard<R>(of: Of<R>): Filter<R> {
  return (clause, store) => {
    equalsOnly(clause);
    const prefix = clause.value.endsWith('*');
    return textPredicate(
      of,
      prefix ? (stored, wanted) => stored.startsWith(wanted) : same,
      prefix ? clause.value.slice(0, -1) : clause.value,
    )(store);
  };
}

function compare(a: number, operator: Operator, b: number): boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '>':
      return a > b;
    case '<':
      return a < b;
    case '>=':
      return a >= b;
    case '<=':
      return a <= b;
  }
}

/** Compares numbers, also ids: the value must be one. */
export function compared<R>(of: (record: R) => string | number | undefined): Filter<R> {
  return ({ name, operator, value }) => {
    const wanted = Number(value);
    if (value.trim() === '' || Number.isNaN(wanted)) throw new FieldError(`filter ${name} must be a number.`);
    return (record) => {
      const stored = of(record);
      return stored !== undefined && compare(Number(stored), operator, wanted);
    };
  };
}

/** `ids==1,2,3` */
export function idList<R extends { id: string }>(most = Number.POSITIVE_INFINITY): Filter<R> {
  return (clause) => {
    equalsOnly(clause);
    const ids = clause.value.split(',');
    if (ids.length > most) throw new FieldError(`filter ${clause.name} takes ${most} ids at most.`);
    return (record) => ids.includes(record.id);
  };
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$/;

/** @throws FieldError unless it is a full date and time with milliseconds and offset: a date alone is rejected */
export function instantOf({ name, value }: Clause): number {
  const ms = instant.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms))
    throw new FieldError(
      `filter ${name} must be a date and time of ISO 8601 with milliseconds and offset, such as 2025-04-16T20:33:02.321Z.`,
    );
  return ms;
}

/** On or after (`>=`), on or before (`<=`): the clause itself has `==`. */
export function timed<R>(of: (record: R) => string | undefined, operator: '>=' | '<='): Filter<R> {
  return (clause) => {
    equalsOnly(clause);
    const wanted = instantOf(clause);
    return (record) => compare(Date.parse(of(record) ?? ''), operator, wanted);
  };
}

/** As `timed`, with the operator of the clause. */
export function timeCompared<R>(of: (record: R) => unknown): Filter<R> {
  return (clause) => {
    const wanted = instantOf(clause);
    return (record) => compare(Date.parse(String(of(record))), clause.operator, wanted);
  };
}

export const absent: Filter<unknown> = ({ name }) => {
  throw new NotImplemented(`filter ${name} is not implemented in the stand-in.`);
};
