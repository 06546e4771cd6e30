/** `tandem qa`: runs the checklist of `tandem doc` against the systems as they are now. */
import type { Command } from 'commander';
import { checkMapping, compared, type MappingCheck, passed } from '../checklist.ts';
import { action, declare } from '../command.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { wholeNumber } from '../numbers.ts';
import { colors, plain } from '../output.ts';
import { textTable } from '../tables.ts';

interface MappingState {
  readonly name: string;
  readonly links: number;
  readonly held: Readonly<Record<string, number>>;
}

export function qaCommand(program: Command): void {
  declare(program, {
    usage: 'qa [mappings...]',
    summary: 'check linked records in both systems, property by property',
    details:
      'Reads a sample of the linked records of each mapping from both systems, through the Tandem that runs at TANDEM_URL, ' +
      'and tells per property how many agree. "kept" counts those that agree in a form that a system keeps in its own way ' +
      '(trimmed, rounded), or differ as the mapping allows. Writes nothing. Ends with 1 when something differs, and when nothing could be compared.',
    examples: [
      ['qa', 'a sample of every mapping'],
      ['qa company-customer --sample 1000', 'more of one'],
    ],
  })
    .option('--sample <number>', 'linked records per mapping, at most', wholeNumber, 50)
    .action(
      action<{ sample: number }, [string[]]>(async ({ client, output }, { sample }, names) => {
        const { mappings } = await client.get<{ mappings: MappingState[] }>('/mappings');
        const unknown = names.find((name) => !mappings.some((mapping) => mapping.name === name));
        if (unknown !== undefined) {
          throw new Failure(
            'NOT_FOUND',
            `There is no mapping "${unknown}".`,
            `There are: ${mappings.map((mapping) => mapping.name).join(', ')}.`,
          );
        }
        const wanted = names.length === 0 ? mappings : mappings.filter((mapping) => names.includes(mapping.name));
        const checks: MappingCheck[] = [];
        for (const mapping of wanted) {
          const check = await checkMapping(client, mapping, sample, (checked, of) => {
            if (output.tty) process.stderr.write(`\r\u001b[K${mapping.name}: ${checked} of ${of}`);
          });
          if (output.tty) process.stderr.write('\r\u001b[K');
          checks.push(check);
          output.line(checkText(check, mapping));
        }
        const count = checks.reduce((sum, check) => sum + compared(check), 0);
        // A check that looked at nothing has found nothing out: whoever relies on it must hear of that.
        const good = count > 0 && checks.every(passed);
        if (output.json) output.result({ passed: good, compared: count, checks }, () => '');
        else output.line(verdict(good, count, checks));
        return good ? OK : FAILED;
      }),
    );
}

function verdict(good: boolean, count: number, checks: readonly MappingCheck[]): string {
  if (good) return colors.green('All that was checked agrees.');
  if (count > 0) return colors.red('Something differs: tandem explain MAPPING SIDE ID tells why.');
  if (checks.some(({ errors }) => errors.length > 0)) return colors.red('Nothing was compared: it could not be read.');
  return colors.red('Nothing was compared: there are no linked records to compare. tandem sync --full links them.');
}

function checkText(
  { mapping, checked, links, apart, errors, properties }: MappingCheck,
  { held }: MappingState,
): string {
  const lines = [
    colors.bold(mapping),
    `${checked} of ${links} linked records checked${apart > 0 ? `; ${apart} of them no longer take part on both sides` : ''}`,
  ];
  const waiting = ['failed', 'review', 'waiting']
    .filter((kind) => (held[kind] ?? 0) > 0)
    .map((kind) => `${held[kind]} ${kind}`);
  if (waiting.length > 0) lines.push(`records that wait: ${waiting.join(', ')}`);
  const [first] = properties;
  if (first) {
    const sides = Object.keys(first.sources);
    lines.push(
      textTable(
        [...sides, 'type', 'agree', 'kept', 'differ', ''],
        properties.map(({ sources, type, agree, kept, differ, examples }) => [
          ...sides.map((side) => sources[side] ?? ''),
          type,
          agree,
          kept,
          differ,
          examples
            .map((ids) =>
              Object.entries(ids)
                .map(([side, id]) => `${side} ${id}`)
                .join(' = '),
            )
            .join(', '),
        ]),
      ),
    );
  }
  for (const { ids, code, message } of errors.slice(0, 5))
    lines.push(colors.red(plain(`${Object.values(ids).join(' = ')}: ${code} ${message}`)));
  if (errors.length > 5) lines.push(`... and ${errors.length - 5} more that could not be read`);
  return `${lines.join('\n')}\n`;
}
