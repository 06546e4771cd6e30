/** The examples in the entity schemas are records of the stand-ins, as Tandem reads them, and fit their schemas. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { schemaFaults } from '../../../engine/config/validate.ts';
import { makeExamples } from '../../../scripts/generate-examples.ts';
import { ROOT } from './real.ts';

it('the example records are what scripts/generate-examples.ts makes of the seed', async () => {
  const made = await makeExamples();
  expect(made.size).toBe(8);
  for (const [file, examples] of made) {
    const schema = JSON.parse(await readFile(`${ROOT}${file}`, 'utf8'));
    expect(examples.length, file).toBeGreaterThan(2);
    expect(schema.examples, `${file}: run node --import tsx scripts/generate-examples.ts`).toEqual(examples);
    for (const example of examples) {
      const faults = schemaFaults(schema, example).filter(({ keyword }) => keyword !== 'required');
      expect(faults, file).toEqual([]);
    }
  }
});
