/** Nothing is written to a system that is no stand-in on this machine unless somebody said so. */
import type { Mapping } from '../../engine/index.ts';
import { Failure } from '../failure.ts';

/** @throws Failure where a system is no stand-in on this machine and nobody said yes */
export function requireYes(mappings: readonly Mapping[], yes: boolean): void {
  const hosts = [
    ...new Set(mappings.flatMap(({ sides }) => sides.map(({ system }) => new URL(system.baseUrl).hostname))),
  ];
  const away = hosts.filter((host) => !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host));
  if (away.length === 0 || yes) return;
  throw new Failure(
    'BAD_REQUEST',
    `--write makes, changes and deletes records of its own in ${away.join(' and ')}. Nothing was done.`,
    'Say so: --yes',
  );
}
