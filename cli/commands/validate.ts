/** `tandem validate`: checks the configuration files and tells every problem with its place. */
import type { Command } from 'commander';
import { formatProblem } from '../../engine/config/format.ts';
import type { Problem } from '../../engine/config/types.ts';
import { action, declare } from '../command.ts';
import { loadFolder, problemsOfFiles, shownFile } from '../configuration.ts';
import { OK, USAGE } from '../failure.ts';

export function validateCommand(program: Command): void {
  declare(program, {
    usage: 'validate [files...]',
    summary: 'check the configuration files',
    details:
      'Checks all files of the configuration folder, or only the files named. A file that stands elsewhere is checked ' +
      'as if it stood in the folder. Needs neither Redis nor a running Tandem. Exit status 2 when something is wrong.',
    examples: [
      ['validate', 'everything in the configuration folder'],
      ['validate mappings/company-customer.yaml', 'one file'],
      ['validate --no-env', 'without the secrets, as in CI'],
    ],
  })
    .option('--no-env', 'put placeholders in place of environment variables that are not set')
    .action(
      action<{ env: boolean }, [string[]]>(async ({ environment: { config: folder }, output }, options, files) => {
        const some = files.length > 0;
        const loaded = await loadFolder(folder, process.env, !options.env);
        const all = some ? await problemsOfFiles(files, folder, process.env, !options.env) : loaded.problems;
        const problems = all.map(
          (problem): Problem =>
            some && files.includes(problem.file) ? problem : { ...problem, file: shownFile(problem.file, folder) },
        );
        const { mappings, systems } = loaded.config;
        output.result(
          {
            valid: problems.length === 0,
            folder,
            mappings: [...mappings.keys()],
            systems: [...systems.keys()],
            problems,
          },
          () => {
            if (problems.length > 0) return problems.map(formatProblem).join('\n');
            return some
              ? `${count(files.length, 'file')}: all good`
              : `${count(mappings.size, 'mapping')}, ${count(systems.size, 'system')}: all good`;
          },
        );
        if (problems.length > 0) output.note(`${count(problems.length, 'problem')} in ${folder}`);
        return problems.length === 0 ? OK : USAGE;
      }),
    );
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
