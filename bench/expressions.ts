// What one evaluation of an expression costs, in microseconds of this process
//
// Typical expressions of mappings over a record of 80 values; the median of several rounds. Their bounds are paid for here.
import { compileExpression } from '../engine/index.ts';

const RECORD = {
  id: 4711,
  given_name: ' Ana ',
  family_name: 'Díaz',
  email: 'Ana.Diaz@Example.com',
  phone: '+1 (602) 555-0142',
  price: 19.9,
  stage: 'won',
  empty: null,
  addresses: Array.from({ length: 3 }, (_, i) => ({
    field: ['BILLING', 'SHIPPING', 'OTHER'][i],
    line1: `Street ${i}`,
    locality: 'Phoenix',
    country_code: 'US',
    postal: null,
  })),
  fields: Array.from({ length: 20 }, (_, i) => ({ id: i, content: `value ${i}` })),
  tags: ['a', 'b', 'c'],
};

const SOURCES = [
  'given_name',
  "addresses[field='SHIPPING'].line1",
  '$trim(given_name) & " " & family_name',
  '$lowercase($trim(email))',
  '$replace(phone, /[^0-9+]/, "")',
  'stage = "won" ? "closed" : stage = "lost" ? "closed" : "open"',
  'fields[content != null].{ "id": id, "text": $uppercase(content) }',
  '$round(price * 100)',
  '$toMillis("2024-02-29", "[Y0001]-[M01]-[D01]")',
  '$distinct(tags)',
];
const ROUNDS = 7;
const EACH = 3_000;

process.stdout.write(`${'expression'.padEnd(72)} ${'us'.padStart(8)}\n`);
for (const source of SOURCES) {
  const expression = compileExpression(source, { nulls: 'missing' });
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    // Records are new objects each time, as those of a page are.
    for (let i = 0; i < EACH; i++) {
      const record = { ...RECORD };
      await expression.evaluate(record, { record });
    }
    const { user, system } = process.cpuUsage(before);
    if (round > 0) rounds.push((user + system) / EACH);
  }
  const median = rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
  process.stdout.write(`${source.padEnd(72)} ${median.toFixed(1).padStart(8)}\n`);
}
