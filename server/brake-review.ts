/** Brakes that are on, as they are shown: one entry among the reviews, and a word in the state of the whole. */
import { brakeOn, brakeReason, type Engine, type Mapping } from '../engine/index.ts';
import { iso } from './present.ts';
import { brakeReviewId } from './review-id.ts';
import { namesOf } from './side-names.ts';

/** Records named in a review of a brake. */
const SAMPLE = 10;

/** The brake of a mapping in few words, if it is on. */
export async function brakeState(engine: Engine, mapping: Mapping) {
  const brake = await brakeOn(engine, mapping);
  return brake && { kind: brake.kind, reason: brakeReason(mapping, brake), since: iso(brake.since) };
}

/** The brake of a mapping as a review, if it is on. */
export async function brakeReview(engine: Engine, mapping: Mapping) {
  const brake = await brakeOn(engine, mapping);
  if (!brake) return undefined;
  const links = engine.links(mapping.name);
  const names = namesOf(mapping);
  const waiting = { deletes: 0, creates: 0, clears: 0, other: 0 };
  const sample: { side: string; id: string }[] = [];
  for await (const batch of links.issues.list(['blocked'])) {
    for (const {
      issue: { change },
      side,
      id,
    } of batch) {
      waiting[change ?? 'other']++;
      if (change === brake.kind && sample.length < SAMPLE) sample.push({ side: names[side], id });
    }
  }
  if (brake.kind === 'deletes') {
    waiting.deletes += await links.brake.missingCount();
    const missing = sample.length < SAMPLE ? await links.brake.someMissing(SAMPLE - sample.length) : [];
    sample.push(...missing.map((id) => ({ side: names[0], id })));
  }
  return {
    mapping: mapping.name,
    kind: 'brake' as const,
    code: 'BRAKE_ON' as const,
    reason: brakeReason(mapping, brake),
    since: brake.since,
    review: brakeReviewId(mapping.name),
    actions: brake.answer ? [brake.answer] : (['continue', 'discard'] as const),
    brake: {
      kind: brake.kind,
      by: brake.by,
      count: brake.count,
      limit: brake.limit,
      linked: brake.linked,
      waiting,
      sample,
    },
  };
}
