/** What a plan would do, record by record. */
import type { PlanEntry, PlanPage, Run } from '../../api/index.ts';
import { isOver } from '../follow.ts';
import { type Client, path, query } from '../http-client.ts';
import { colors, type Output, plain } from './output.ts';
import { textTable } from './terminal-table.ts';

export interface Plan {
  readonly mapping: string;
  readonly entries: readonly PlanEntry[];
  /** Entries there are; more than are shown, unless all were asked for. */
  readonly total: number;
}

const SHOWN = 50;
const PAGE = 500;

export async function readPlans(client: Client, runs: readonly Run[], all: boolean): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const run of runs.filter((one) => isOver(one) && one.plan)) {
    const entries: PlanEntry[] = [];
    let total = 0;
    do {
      const limit = all ? PAGE : SHOWN;
      const page = await client.get<PlanPage>(
        `${path('runs', run.id, 'plan')}${query({ offset: entries.length, limit })}`,
      );
      total = page.total;
      if (page.entries.length === 0) break;
      entries.push(...page.entries);
    } while (all && entries.length < total);
    plans.push({ mapping: run.mapping, entries, total });
  }
  return plans;
}

export function printPlan(plans: readonly Plan[], output: Output): void {
  for (const { mapping, entries, total } of plans) {
    if (total === 0) continue;
    output.line(`\n${colors.bold(mapping)}`);
    output.line(
      textTable(
        ['record', 'would be', 'what'],
        entries.map((entry) => [nameOf(entry), entry.kind, whatOf(entry)]),
      ),
    );
    if (total > entries.length) output.line(plain(`... and ${total - entries.length} more: --all shows them.`));
  }
  output.line('\nNothing was written: this is a plan.');
}

const nameOf = ({ record, ids }: PlanEntry): string => {
  const pair = ids === undefined ? [] : Object.entries(ids).filter(([side]) => side !== record.side);
  return [`${record.side} ${record.id}`, ...pair.map(([side, id]) => `${side} ${id}`)].join(' = ');
};

function whatOf({ writes, side, reason, code, property }: PlanEntry): string {
  const written = Object.entries(writes)
    .filter(([, properties]) => properties.length > 0)
    .map(([name, properties]) => `${name === side ? 'new in ' : ''}${name}: ${properties.join(', ')}`);
  const why = reason === undefined ? [] : [`${code ? `${code} ` : ''}${property ? `${property}: ` : ''}${reason}`];
  return [...written, ...why].join('; ');
}
