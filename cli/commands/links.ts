/** `tandem links`: which record belongs to which. */
import { type Command, InvalidArgumentError } from 'commander';
import type { BrokenLink, Link, LinkPage, MadeLink } from '../../api/index.ts';
import { action, declare } from '../command.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { reasonWords } from '../format/issue-lines.ts';
import { listLinks } from '../format/link-lines.ts';
import { plain } from '../format/output.ts';
import { textTable } from '../format/terminal-table.ts';
import { path, query } from '../http-client.ts';
import { copyCommands } from './links-copy.ts';

export function linksCommand(program: Command): void {
  const links = program
    .command('links')
    .summary('find, list, make or break links, copy them and put them back')
    .description(
      'Which record belongs to which. Asks the Tandem that runs at TANDEM_URL; export and import go to Redis themselves.',
    );

  findCommand(links);
  listCommand(links);
  makeCommand(links);
  breakCommand(links);
  copyCommands(links);
}

function findCommand(links: Command): void {
  declare(links, {
    usage: 'find <mapping>',
    summary: 'find the counterpart of a record',
    details: 'Ends with 1 when the record has no link.',
    examples: [['links find company-customer --side keap --id 17', 'its customer in the web shop']],
  })
    .requiredOption('--side <side>', 'name of the side that the record is on')
    .requiredOption('--id <id>', 'id of the record')
    .action(
      action<{ side: string; id: string }, [string]>(async ({ client, output }, { side, id }, mapping) => {
        const found = await client.get<LinkPage>(`${path('links', mapping)}${query({ side, id })}`);
        const [link] = found.links;
        output.result(link ?? null, () =>
          link
            ? linkText(link)
            : plain(`${side} ${id} has no link: tandem explain ${mapping} ${side} ${id} tells why.`),
        );
        return link ? OK : FAILED;
      }),
    );
}

function listCommand(links: Command): void {
  declare(links, {
    usage: 'list <mapping>',
    summary: 'list links',
    examples: [
      ['links list company-customer', 'some of them'],
      ['links list company-customer --limit 100000 --json', 'all of them, for programs'],
    ],
  })
    .option('--limit <number>', 'how many at most', whole, 100)
    .action(
      action<{ limit: number }, [string]>(async ({ client, output }, { limit }, mapping) => {
        const found = await listLinks(client, mapping, limit);
        output.result(found, () => {
          const sides = Object.keys(found.links[0]?.ids ?? {});
          if (sides.length === 0) return `${mapping} has no links yet.`;
          const table = textTable(
            sides,
            found.links.map(({ ids }) => sides.map((side) => ids[side] ?? '')),
          );
          return found.more ? `${table}\n... and more: --limit shows them.` : table;
        });
        return OK;
      }),
    );
}

function makeCommand(links: Command): void {
  declare(links, {
    usage: 'make <mapping> <records...>',
    summary: 'link two records by hand',
    details:
      'They are then brought into agreement as two that meet for the first time: an empty value never beats a value, two ' +
      'different ones go by the conflict rule.',
    examples: [['links make company-customer keap=17 customwebshop=4', 'these two belong together']],
  }).action(
    action<object, [string, string[]]>(async ({ client, output }, _options, mapping, records) => {
      const ids = Object.fromEntries(records.map(sideAndId));
      const made = await client.post<MadeLink>(path('links', mapping), { ids });
      output.result(made, () => `${idsText(made.ids)}: ${made.created ? 'linked' : 'were linked already'}`);
      return OK;
    }),
  );
}

function breakCommand(links: Command): void {
  declare(links, {
    usage: 'break <mapping>',
    summary: 'break the link of a record',
    details:
      'Both records stay; only the id that Tandem wrote into one of them (`correlate`) is cleared. The next event or scan ' +
      'looks for their counterparts again and may link them again: change what made the link first.',
    examples: [['links break company-customer --side keap --id 17', 'these two do not belong together']],
  })
    .requiredOption('--side <side>', 'name of the side that the record is on')
    .requiredOption('--id <id>', 'id of the record')
    .action(
      action<{ side: string; id: string }, [string]>(async ({ client, output }, { side, id }, mapping) => {
        const broken = await client.delete<BrokenLink>(`${path('links', mapping)}${query({ side, id })}`);
        output.result(broken, () => `${idsText(broken.ids)}: no longer linked`);
        return OK;
      }),
    );
}

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

function sideAndId(text: string): [side: string, id: string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Failure('BAD_REQUEST', `"${text}" is no record.`, 'Write SIDE=ID, such as keap=17.');
  return [text.slice(0, at), text.slice(at + 1)];
}

const idsText = (ids: Link['ids']): string =>
  Object.entries(ids)
    .map(([side, id]) => plain(`${side} ${id}`))
    .join(' = ');

function linkText({ ids, issue, lost = [] }: Link): string {
  const lines = [idsText(ids)];
  if (issue) lines.push(plain(`${issue.kind}: ${reasonWords(issue)}`));
  for (const { at, property, side, value } of lost)
    lines.push(plain(`lost ${at}: ${property} of ${side} was ${JSON.stringify(value)}`));
  return lines.join('\n');
}
