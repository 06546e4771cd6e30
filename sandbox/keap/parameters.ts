// Query parameters: a name that an operation does not describe is refused, and so is a value out of what it offers.

import type { FastifyRequest } from 'fastify';
import { refusing } from './errors.ts';
import { FieldError } from './fields.ts';

/** As parsed: a list where a parameter is repeated. */
export type Query = Record<string, string | string[] | undefined>;

/** @param allowed the parameters that the operation describes; `update_mask` alone may be repeated */
export function checkQuery(request: FastifyRequest, domain: string, allowed: readonly string[]): void {
  for (const [name, value] of Object.entries(request.query as Query))
    refusing(domain, name, () => {
      if (!allowed.includes(name)) throw new FieldError(`${name} is not a parameter of ${request.method} here.`);
      if (Array.isArray(value) && name !== 'update_mask') throw new FieldError(`${name} is given twice.`);
    });
}

/** One value of a parameter that is not repeated, as `checkQuery` made sure. */
export function single(query: Query, name: string): string | undefined {
  const value = query[name];
  return typeof value === 'string' ? value : undefined;
}

/** @returns the names in `fields`, a comma-delimited list; undefined without it */
export function fieldNames(domain: string, fields: string | undefined, offered: readonly string[]) {
  if (fields === undefined || fields === '') return undefined;
  const names = fields.split(',');
  refusing(domain, 'fields', () => checkNames('fields', names, offered));
  return new Set(names);
}

/** @returns the names in `update_mask`: a repeated parameter, each of them once; undefined without it */
export function maskNames(
  domain: string,
  mask: string | string[] | undefined,
  offered: readonly string[],
): string[] | undefined {
  if (mask === undefined) return undefined;
  const names = [mask].flat();
  refusing(domain, 'update_mask', () => {
    checkNames('update_mask', names, offered);
    if (new Set(names).size < names.length) throw new FieldError('update_mask names a property twice.');
  });
  return names;
}

function checkNames(parameter: string, names: readonly string[], offered: readonly string[]): void {
  for (const name of names)
    if (!offered.includes(name))
      throw new FieldError(`${parameter} does not offer "${name}" here, but ${offered.join(', ')}.`);
}
