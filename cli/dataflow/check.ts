/**
 * Compares a document with the mappings: one of Tandem's own in all that it states, any other by its tables, of which each
 * has a column for either side's properties and may have one for the data type.
 */
import type { Found } from './blocks.ts';
import type { CheckReport } from './differences.ts';
import { checkTables } from './hand-table.ts';
import type { DataflowDocument } from './model.ts';
import { checkOwn, isOwn, meantDocument, type Part, partsOf } from './own-document.ts';

/** @param documents made from the mappings, in the directions that may be meant; the first one fits best where nothing else says */
export function checkDocument(found: readonly Found[], documents: readonly DataflowDocument[]): CheckReport {
  const parts = partsOf(found, documents);
  const reports = parts.map((part) =>
    isOwn(part, documents)
      ? checkOwn(part, meantDocument(part, documents))
      : withoutSentences(part, parts.length, checkTables(part.found, documents)),
  );
  return {
    differences: reports.flatMap(({ differences }) => differences).sort((a, b) => a.line - b.line),
    compared: {
      rows: sum(reports, ({ compared }) => compared.rows),
      types: sum(reports, ({ compared }) => compared.types),
      sentences: sum(reports, ({ compared }) => compared.sentences),
    },
    notChecked: [...new Set(reports.flatMap(({ notChecked }) => notChecked))],
  };
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

function withoutSentences({ title }: Part, parts: number, report: CheckReport): CheckReport {
  const what = parts > 1 && title ? `Sentences below "${title.text}" at line ${title.line}` : 'Sentences';
  const reason = `${what}: this is no document of Tandem, so only its tables were compared.`;
  return { ...report, notChecked: [reason, ...report.notChecked] };
}
