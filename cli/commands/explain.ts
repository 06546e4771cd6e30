/** `tandem explain`: why a record is as it is, property by property. */
import type { Command } from 'commander';
import type { ExplainedProperty, Explanation } from '../../api/index.ts';
import { RULES } from '../../engine/index.ts';
import { action, declare } from '../command.ts';
import { OK } from '../failure.ts';
import { explain } from '../format/explanation.ts';
import { reasonWords } from '../format/issue-lines.ts';
import { colors, plain } from '../format/output.ts';
import { truncate } from '../format/shown-value.ts';
import { textTable } from '../format/terminal-table.ts';

export function explainCommand(program: Command): void {
  declare(program, {
    usage: 'explain <mapping> <side> <id>',
    summary: 'tell why a record is as it is',
    details: 'Reads both systems as they are now, and tells what a reconcile would decide. Shows values of the record.',
    examples: [['explain company-customer keap 17', 'property by property']],
  }).action(
    action<object, [string, string, string]>(async ({ client, output }, _options, mapping, side, id) => {
      const explanation = await explain(client, mapping, side, id);
      output.result(explanation, () => explanationText(explanation));
      return OK;
    }),
  );
}

function explanationText({
  mapping,
  side,
  id,
  sides,
  linked,
  ready,
  issue,
  pendingCreate,
  match,
  properties,
  lost,
}: Explanation): string {
  const parts: string[] = [colors.bold(plain(`${mapping}: ${side} ${id}`))];
  if (!linked) parts.push('It has no link.');
  if (!ready) parts.push('Both sides were not read fully yet: before that nothing is matched or created.');
  for (const [name, state] of Object.entries(sides)) {
    if (state.id === undefined) continue;
    const words =
      state.exists === false
        ? 'does not exist'
        : state.inScope === false
          ? 'does not take part (see `when` of the mapping)'
          : 'takes part';
    parts.push(
      plain(`${name} ${state.id}: ${words}${state.modified === undefined ? '' : `, modified ${state.modified}`}`),
    );
  }
  if (issue) parts.push(colors.yellow(plain(`${issue.kind} since ${issue.since}: ${reasonWords(issue)}`)));
  if (pendingCreate)
    parts.push(
      plain(
        `A create was begun at ${pendingCreate.at} and is not known to have ended${pendingCreate.review ? '; a person must look' : ''}.`,
      ),
    );
  if (match && !linked) parts.push(plain(matchText(match)));
  if (properties.length > 0) {
    const names = Object.keys(properties[0]?.sides ?? {});
    parts.push(
      '',
      textTable(
        ['property', ...names, 'decision'],
        properties.map((property) => row(property, names)),
      ),
    );
  }
  for (const { at, property, side: loser, value, rule } of lost) {
    parts.push(plain(`lost at ${at} (${rule}): ${property} of ${loser} was ${truncate(value)}`));
  }
  if (lost.length > 0) parts.push(plain(`To put one back: tandem history ${mapping} ${side} ${id}`));
  return parts.join('\n');
}

function matchText({ found, rule, candidates }: NonNullable<Explanation['match']>): string {
  const names = candidates.map((candidate) => `${candidate.side} ${candidate.id}`).join(', ');
  const by = rule === undefined ? '' : ` by ${rule}`;
  if (found === 'none') return 'No counterpart matches it.';
  return found === 'one' ? `It matches ${names}${by}.` : `Possible counterparts${by}: ${names}; a person decides.`;
}

function row({ property, sides, decision }: ExplainedProperty, names: readonly string[]): string[] {
  const values = names.map((name) => {
    const side = sides[name];
    return `${truncate(side?.value)}${side?.changed ? ' *' : ''}`;
  });
  if (!decision) return [property, ...values, ''];
  const target = decision.writes === undefined ? undefined : sides[decision.writes]?.wouldBecome;
  const write = decision.writes === undefined ? '' : `: ${decision.writes} becomes ${truncate(target?.value)}`;
  const fault = decision.fault ?? names.map((name) => sides[name]?.wouldBecome?.fault).find((one) => one !== undefined);
  const trouble = fault === undefined ? '' : `: ${fault.code} ${fault.message}`;
  return [property, ...values, `${RULES[decision.rule]}${write}${trouble}`];
}
