/** What a document states of a mapping and no test covers: said, so that nobody takes it for tested. */
import type { MappingTest } from './mapping-test.ts';

export function nameUntested(test: MappingTest): void {
  const { mapping } = test;
  if (mapping.sides.some(({ create }) => create))
    test.notTestable('first sync', 0, 'a test begins after all records were read once');
  for (const property of mapping.properties) {
    if (!property.reference?.fallback.some((one) => one)) continue;
    const reason = 'its fallback: the records that a test refers to get links, so no fallback is needed';
    test.notTestable('reference', 0, reason, { property });
  }
  test.notTestable('schedule', 0, 'a test asks for each record itself; it waits for no schedule and no webhook');
  test.notTestable('brake', 0, 'a test writes too few records to set a brake off');
}
