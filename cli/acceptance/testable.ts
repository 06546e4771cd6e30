/** Which mappings can be tested now, and whose records a test of one needs. */
import type { Config, Mapping } from '../../engine/index.ts';
import type { TestedTandem } from './tandem.ts';
import type { TestedQueues } from './tested-queues.ts';

/** Mappings to whose records those of a mapping refer; and those that refer to it, where it creates on demand. */
export function referredBy({ mappings }: Config, mapping: Mapping): Mapping[] {
  const onDemand = mapping.sides.some(({ create }) => create === 'on-demand');
  const referring = [...mappings.values()].filter(({ parents }) => onDemand && parents.includes(mapping.name));
  const names = new Set([mapping, ...referring].flatMap(({ parents }) => parents));
  return [...names].filter((name) => name !== mapping.name).map((name) => mappings.get(name)!);
}

/** Why a mapping cannot be tested now; also where one that it refers to does not work. */
export async function whyBlocked(
  { tandem, queues }: { readonly tandem: TestedTandem; readonly queues: TestedQueues },
  mapping: Mapping,
  referred: readonly Mapping[],
): Promise<string | undefined> {
  const state = (await tandem.states()).find(({ name }) => name === mapping.name);
  if (!state) return 'the running Tandem does not have this mapping';
  if (state.version !== mapping.version)
    return 'the running Tandem has another version of this mapping than these files';
  if (!state.ready) return 'both sides were not read fully yet: run tandem sync --full first';
  if (state.brake) return 'its brake is on';
  if (await queues.isPaused(mapping)) return 'its queue is paused';
  for (const one of referred)
    if (await queues.isPaused(one)) return `it needs records of ${one.name}, whose queue is paused`;
  return undefined;
}
