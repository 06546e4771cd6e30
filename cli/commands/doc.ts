/** `tandem doc`: prints the documentation of the mappings as Markdown, from their files alone. */
import type { Command } from 'commander';
import { nearest } from '../../engine/expression/nearest.ts';
import { action, declare } from '../command.ts';
import { loadFolder } from '../configuration.ts';
import { documentMapping, documentMappings } from '../document.ts';
import { Failure, OK } from '../failure.ts';

export function docCommand(program: Command): void {
  declare(program, {
    usage: 'doc [mapping]',
    summary: 'print what the mappings do, as Markdown',
    details: 'Written from the mapping files alone: the same files give the same text. Needs no Redis and no secrets.',
    examples: [
      ['doc', 'all mappings'],
      ['doc company-customer', 'one of them'],
      ['doc > docs/what-syncs.md', 'keep it as a file'],
    ],
  }).action(
    action<object, [string | undefined]>(async ({ environment, output }, _options, name) => {
      const { config, problems } = await loadFolder({ environment, output }, process.env, true);
      const mappings = [...config.mappings.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      const wanted = name === undefined ? mappings : mappings.filter((mapping) => mapping.name === name);
      if (name !== undefined && wanted.length === 0) {
        const hint = nearest(name, config.mappings.keys());
        const known =
          hint === undefined
            ? `There are: ${mappings.map((mapping) => mapping.name).join(', ')}.`
            : `Did you mean ${hint}?`;
        throw new Failure('NOT_FOUND', `There is no valid mapping "${name}".`, known);
      }
      if (problems.length > 0)
        output.note('Some files have problems, and what they hold is left out: see tandem validate.');
      output.result(
        wanted.map((mapping) => ({ mapping: mapping.name, markdown: documentMapping(mapping) })),
        () => documentMappings(wanted),
      );
      return OK;
    }),
  );
}
