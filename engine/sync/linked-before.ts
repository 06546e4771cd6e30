/** How many links there were before the present run deleted or created some: they decide how many writes the brake allows. */
import type { BrakeKind } from '../config/brake-limits.ts';
import { BRAKE_WINDOW } from '../store/brake.ts';
import type { MappingScope } from './scope.ts';

/** @returns links there were, and what was consumed since */
export async function linkedBefore(
  { links, runSince }: Pick<MappingScope, 'links' | 'runSince'>,
  kind: BrakeKind,
): Promise<{ linked: number; consumed: number; since: number | undefined }> {
  const [count, since] = await Promise.all([links.links.count(), runSince()]);
  const consumed = await links.brake.consumed(kind, Math.min(Date.now() - BRAKE_WINDOW, since ?? Infinity));
  const linked = kind === 'deletes' ? count + consumed : kind === 'creates' ? Math.max(0, count - consumed) : count;
  return { linked, consumed, since };
}
