/** Names and addresses of machines. */
import { isIPv4 } from 'node:net';

/**
 * Whether a host can be reached from this machine only. No name is looked up: `localhost` and names below it always
 * mean the machine itself (RFC 6761, section 6.3).
 * @param host a name or an address without a port, in any case; an IPv6 address with or without brackets
 * @returns true for `localhost`, `*.localhost`, `::1` and the addresses that begin with 127
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return name === '::1' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}
