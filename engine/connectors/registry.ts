/** The kinds of connectors, by the name that a system file gives as `connector`. */
import type { SystemConfig } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { OpenConnector } from './connector.ts';
import { openHttpConnector } from './http/http-connector.ts';

/** How the connector of a kind is made, by the name of the kind. */
export type Connectors = Readonly<Record<string, OpenConnector>>;

const KINDS: Connectors = { http: openHttpConnector };

/**
 * How the connector of a system is made.
 * @param more kinds beside those that Tandem has
 * @throws TandemError STARTUP_REFUSED where nobody knows its kind
 */
export function connectorOf({ name, connector }: SystemConfig, more: Connectors = {}): OpenConnector {
  const kinds = { ...KINDS, ...more };
  if (Object.hasOwn(kinds, connector)) return kinds[connector]!;
  const words = `${name} asks for a connector "${connector}". There are: ${Object.keys(kinds).join(', ')}.`;
  throw new TandemError('STARTUP_REFUSED', words, { system: name });
}
