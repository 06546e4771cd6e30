// The page of a stand-in: one HTML file that calls its JSON API. Records never pass through HTML here;
// the script puts them into the page as text only, so hostile strings stay strings.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { jsonForScript } from './json.ts';

export interface PageField {
  /** Dotted path as it is written; a number selects in a list. */
  path: string;
  /** Where a read has it, if elsewhere. */
  from?: string;
  type?: 'long' | 'number' | 'boolean' | 'json';
}

export interface PageEntity {
  label: string;
  path: string;
  /** The key of the list in an answer; absent: the answer is the list. */
  plural?: string;
  /** Fields to ask for, that a list, or the read of one record, leaves out otherwise. */
  listFields?: string;
  readFields?: string;
  /** Names inside of nested values that are read and never sent. */
  readOnly?: string[];
  newestFirst: string;
  columns: string[];
  /** Names that the API can search by. */
  search: string[];
  fields: PageField[];
}

export interface PageConfig {
  title: string;
  kind: 'keap' | 'shop';
  token: string;
  entities: PageEntity[];
}

const script = readFileSync(new URL('./page-script.js', import.meta.url), 'utf8');
const style = readFileSync(new URL('./page-style.css', import.meta.url), 'utf8');

export function servePage(app: FastifyInstance, config: PageConfig): void {
  app.get('/', async (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header(
        'content-security-policy',
        `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; ` +
          "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
      );
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(config.title)}</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>
<header><h1>${escapeHtml(config.title)}</h1><nav id="tabs" aria-label="Record types"></nav></header>
<main>
<form id="search" role="search"></form>
<p id="message" role="status"></p>
<div id="list"></div>
<nav id="pages" aria-label="Pages"></nav>
</main>
<dialog id="editor"></dialog>
<script nonce="${nonce}" type="application/json" id="config">${jsonForScript(config)}</script>
<script nonce="${nonce}">${script}</script>
</body>
</html>
`;
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
