/** A document's blocks, the same for every format. */
import { CONFLICT_RULES, isNamedConflictRule } from '../../engine/index.ts';
import { type Block, code, flat, type Text, text } from './blocks.ts';
import type { DataflowDocument, DataflowRow, DataflowSection, RowPlace } from './model.ts';

export interface LayoutOptions {
  /** All columns, and the value tables in an appendix. */
  readonly wide: boolean;
}

export function layout(document: DataflowDocument, { wide }: LayoutOptions): Block[] {
  const { title, from, to, mappings, tables } = document;
  return [
    { kind: 'heading', level: 1, text: [title] },
    { kind: 'paragraph', text: origin(document) },
    {
      kind: 'paragraph',
      text: text`This document states which records ${from.title} and ${to.title} have in common, and by which rules Tandem keeps them in step. It is made from the definitions that Tandem runs. Each sentence and each row of a table states one thing, so it can be used as a checklist.`,
    },
    {
      kind: 'list',
      items: mappings.map(
        (one) => text`${{ link: one.title, to: one.mapping }}: ${counted(one.rows.length, 'property', 'properties')}`,
      ),
    },
    ...mappings.flatMap((one) => section(document, one, wide)),
    ...(wide && tables.length > 0 ? appendix(document) : []),
  ];
}

/** A paragraph that holds the fingerprint, by which a document is known as one of Tandem's. */
const origin = ({ time, fingerprint }: DataflowDocument): Text =>
  text`Made by Tandem at ${time.replace('T', ' ').replace('Z', ' UTC')} from definitions ${code(fingerprint)}.`;

export const ORIGIN = /^Made by Tandem at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC from definitions ([0-9a-f]{12})\.$/;

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function section(document: DataflowDocument, one: DataflowSection, wide: boolean): Block[] {
  return [
    { kind: 'heading', level: 2, text: [one.title], anchor: one.mapping },
    { kind: 'paragraph', text: text`Mapping ${code(one.mapping)}.` },
    ...(one.description === ''
      ? []
      : [{ kind: 'paragraph' as const, text: text`In the words of its author: “${one.description}”` }]),
    { kind: 'list', items: one.sentences.map(({ parts }) => parts) },
    ...(one.rows.length === 0 ? [] : [propertyTable(document, one, wide)]),
  ];
}

const propertyTable = (document: DataflowDocument, one: DataflowSection, wide: boolean): Block => ({
  kind: 'table',
  head: columns(document, wide).map(({ head }) => head),
  rows: one.rows.map((row) => columns(document, wide).map(({ cell }) => cell(row, one))),
});

/** What a check knows about a column: the property on either side, its type there, or something else. */
export type ColumnKind = 'from' | 'to' | 'type' | 'other';

export interface Column {
  readonly kind: ColumnKind;
  readonly head: string;
  readonly cell: (row: DataflowRow, section: DataflowSection) => Text;
}

export function columns({ from, to }: DataflowDocument, wide: boolean): Column[] {
  const place = ({ title, path }: RowPlace): Text =>
    title === path ? [code(path)] : wide && !title.endsWith(`(${path})`) ? text`${title} ${code(path)}` : [title];
  const narrow: Column[] = [
    { kind: 'from', head: `${from.title} property`, cell: (row) => place(row.from) },
    { kind: 'to', head: `${to.title} property`, cell: (row) => place(row.to) },
    { kind: 'type', head: `Data type in ${to.title}`, cell: (row) => [row.to.type] },
  ];
  if (!wide) return narrow;
  const systemOf = (section: DataflowSection, side: string): string =>
    side === section.from.side ? from.title : side === section.to.side ? to.title : side;
  return [
    ...narrow,
    { kind: 'other', head: `Data type in ${from.title}`, cell: (row) => [row.from.type] },
    {
      kind: 'other',
      head: 'Direction',
      cell: ({ direction }) => [
        direction === 'both' ? 'both ways' : `to ${direction === 'to' ? to.title : from.title}`,
      ],
    },
    { kind: 'other', head: 'Required', cell: (row) => [row.required ? 'yes' : 'no'] },
    {
      kind: 'other',
      head: 'Conversion',
      cell: ({ conversions }) => conversions.flatMap(({ parts }, i) => (i === 0 ? [...parts] : ['; ', ...parts])),
    },
    {
      kind: 'other',
      head: 'Conflict',
      cell: ({ conflict, direction }, one) =>
        direction !== 'both'
          ? []
          : [isNamedConflictRule(conflict) ? CONFLICT_RULES[conflict].cell : `${systemOf(one, conflict)} wins`],
    },
    { kind: 'other', head: 'Reference', cell: ({ reference }) => (reference === undefined ? [] : [code(reference)]) },
  ];
}

function appendix({ tables, from, to }: DataflowDocument): Block[] {
  return [
    { kind: 'heading', level: 2, text: ['Value tables'] },
    ...tables.flatMap(({ anchor, title, entries }): Block[] => [
      { kind: 'heading', level: 3, text: [title], anchor },
      {
        kind: 'table',
        head: [from.title, to.title],
        rows: entries.map((entry) => entry.map((value) => [flat(value)])),
      },
    ]),
  ];
}
