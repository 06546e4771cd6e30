/** The formats of documents by name, and which one a file has. */
import type { Block, Found } from '../blocks.ts';
import { parseHtml, renderHtml } from './html.ts';
import { parseMarkdown, renderMarkdown } from './markdown.ts';
import { parseRst, renderRst } from './restructured-text.ts';

export const FORMATS = ['md', 'rst', 'html'] as const;
export type Format = (typeof FORMATS)[number];

const RENDERERS: Readonly<Record<Format, (blocks: readonly Block[]) => string>> = {
  md: renderMarkdown,
  rst: renderRst,
  html: renderHtml,
};
const PARSERS: Readonly<Record<Format, (source: string) => Found[]>> = {
  md: parseMarkdown,
  rst: parseRst,
  html: parseHtml,
};

export const render = (format: Format, blocks: readonly Block[]): string => RENDERERS[format](blocks);

export const parse = (format: Format, source: string): Found[] => PARSERS[format](source);

const ENDINGS: Readonly<Record<string, Format>> = {
  md: 'md',
  markdown: 'md',
  rst: 'rst',
  rest: 'rst',
  txt: 'rst',
  html: 'html',
  htm: 'html',
};

/** @returns undefined where the ending says nothing */
export const formatOfFile = (file: string): Format | undefined =>
  ENDINGS[/\.([A-Za-z]+)$/.exec(file)?.[1]?.toLowerCase() ?? ''];
