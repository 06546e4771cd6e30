/** What a refusal of a system is about: one record, or everything. A check shows which. */
import { asTandemError, TandemError } from '../errors.ts';
import { type Circuit, REFUSED } from './circuit.ts';
import type { Connector } from './connector.ts';

/** A check that passed shows for so long, in ms, that a refusal is about the record that was asked for. */
const CHECK_FRESH = 5_000;

export interface Refusals extends Pick<Connector, 'check'> {
  /** Returns at once unless the system is down. @throws TandemError SYSTEM_DOWN */
  ready(entity: string): Promise<void>;
  /** @throws TandemError SYSTEM_DOWN where the system refuses everything: that counts as no failed try of the record */
  orRefused(entity: string, cause: unknown): Promise<never>;
}

/** @param checks false: a refusal stays what it is */
export function createRefusals(connector: Connector, circuit: Circuit, checks = true): Refusals {
  let trying: Promise<void> | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  async function check(entity: string): Promise<void> {
    try {
      await connector.check(entity);
      checkedAt = performance.now();
    } catch (cause) {
      const error = asTandemError(cause);
      if (REFUSED.has(error.code)) circuit.refuse(error);
      throw cause;
    }
  }

  const orDown = (error: unknown): unknown =>
    error instanceof TandemError && REFUSED.has(error.code) ? circuit.refuse(error) : error;

  /** A refusal may be about one record, or about everything: a check shows which. One serves all who are refused together. */
  async function refusesAll(entity: string): Promise<boolean> {
    if (circuit.open) return true;
    if (performance.now() - checkedAt < CHECK_FRESH) return false;
    checking ??= check(entity).finally(() => {
      checking = undefined;
    });
    await checking.catch(() => {});
    return circuit.open;
  }

  async function tryOut(entity: string): Promise<void> {
    try {
      await check(entity);
    } catch (error) {
      // Another failure than before: it is there.
      if (circuit.open) throw orDown(error);
    }
  }

  return {
    check,
    async ready(entity) {
      if (!circuit.open) return;
      trying ??= tryOut(entity).finally(() => {
        trying = undefined;
      });
      await trying;
    },
    async orRefused(entity, cause) {
      if (!checks) throw cause;
      const error = asTandemError(cause);
      throw REFUSED.has(error.code) && (await refusesAll(entity)) ? orDown(error) : cause;
    },
  };
}
