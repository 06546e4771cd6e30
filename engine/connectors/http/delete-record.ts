/** Deletes: a record that is gone already is deleted. */
import { TandemError } from '../../errors.ts';
import type { WriteOptions } from '../connector.ts';
import { callOf, entityOf, type HttpSystem, offered, withId } from './http-system.ts';

export async function remove(http: HttpSystem, name: string, id: string, { guard }: WriteOptions = {}): Promise<void> {
  const operation = offered(http, entityOf(http, name).delete, 'delete', name);
  try {
    await http.transport.send({ ...callOf(operation, name, 'delete', { id }), guard });
  } catch (error) {
    if (error instanceof TandemError && error.code === 'SYSTEM_NOT_FOUND') return;
    throw withId(error, id);
  }
}
