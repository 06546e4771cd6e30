// npm run bench: what can be measured; npm run bench NAME: measures it. Each says on its first line what it measures.
// What follows the name (npm run bench NAME -- ARGUMENTS) is passed on.
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../bench/', import.meta.url));
const names = (await readdir(folder)).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
const [name, ...rest] = process.argv.slice(2);
if (name !== undefined && names.includes(name)) {
  const command = ['--import', 'tsx', `${folder}${name}.ts`, ...rest];
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} else {
  if (name !== undefined) {
    process.stderr.write(`There is no "${name}".\n`);
    process.exitCode = 2;
  }
  const width = Math.max(...names.map((one) => one.length));
  for (const one of names) {
    const [first = ''] = (await readFile(`${folder}${one}.ts`, 'utf8')).split('\n', 1);
    process.stdout.write(`npm run bench ${one.padEnd(width)}  ${first.replace(/^\/\/ /, '')}\n`);
  }
}
