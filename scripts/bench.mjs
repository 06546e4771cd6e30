// npm run bench: measures the figures that promises of speed are about, and prints them as tables.
import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { prepare, ROOT, runScript } from './prepare.mjs';

const HELP = `Usage: npm run bench [-- OPTIONS]
       npm run bench NAME [-- OPTIONS OF THAT MEASUREMENT]

  npm run bench                  all tables: speed, profile, first, latency, scale, memory
  npm run bench -- --quick       the same with few records, to see that it works
  npm run bench -- --write       and keeps them in bench/RESULTS.md
  npm run bench -- --json        for machines
  npm run bench -- --list        everything that can be measured
  npm run bench speed            one of them

Each figure stands beside the bare cost of the same work in the same run. Leave the machine alone meanwhile.`;

const FOLDER = join(ROOT, 'bench');
const TABLES = {
  speed: ['--records', '300', '--rounds', '1'],
  profile: ['--records', '300'],
  first: ['--records', '300'],
  latency: ['--rates', '1,20', '--seconds', '2'],
  scale: ['--records', '100', '--workers', '1,2'],
  memory: ['--records', '300'],
};

await runScript(async () => {
  const args = process.argv.slice(2);
  const names = (await readdir(FOLDER)).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
  const [name, ...rest] = args;
  if (args.includes('--help') && !names.includes(name)) return console.log(HELP);
  if (args.includes('--list')) return list(names);
  if (name !== undefined && !name.startsWith('-') && !names.includes(name)) {
    console.error(`There is no "${name}".\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  await prepare({ build: true });
  if (names.includes(name)) {
    process.exitCode = run(name, rest, 'inherit').status ?? 1;
    return;
  }
  await all(args);
});

function run(name, args, stdout) {
  return spawnSync(process.execPath, ['--import', 'tsx', join(FOLDER, `${name}.ts`), ...args], {
    cwd: ROOT,
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
  });
}

async function all(args) {
  const json = args.includes('--json');
  const began = Date.now();
  const found = {};
  for (const [name, few] of Object.entries(TABLES)) {
    console.error(`${name} ...`);
    const { status, stdout } = run(
      name,
      [...(args.includes('--quick') ? few : []), ...(json ? ['--json'] : [])],
      'pipe',
    );
    if (status !== 0) throw new Error(`${name} ended with ${status}.`);
    found[name] = json ? JSON.parse(stdout) : stdout.trim();
  }
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    minutes: Math.round((Date.now() - began) / 6_000) / 10,
    node: process.version,
    cores: cpus().length,
    processor: cpus()[0]?.model ?? '',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
  if (json) return console.log(JSON.stringify({ machine, ...found }));
  const head = `${machine.date}, commit ${machine.commit}, Node ${machine.node}, ${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB; it took ${machine.minutes} minutes.`;
  const parts = await Promise.all(
    Object.entries(found).map(async ([name, table]) => `## ${await titleOf(name)}\n\n${table}`),
  );
  const text = `# Results of the last \`npm run bench\`\n\n${head}\n\n${parts.join('\n\n')}\n`;
  console.log(text);
  if (args.includes('--write')) await writeFile(join(FOLDER, 'RESULTS.md'), text);
}

/** Of a folder without Git, unknown; with changes that are not committed, marked so. */
function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
  const hash = git('rev-parse', '--short', 'HEAD');
  if (hash === '') return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? hash : `${hash} with changes`;
}

async function titleOf(name) {
  const [first = ''] = (await readFile(join(FOLDER, `${name}.ts`), 'utf8')).split('\n', 1);
  return first.replace(/^\/\/ /, '').replace(/; npm run build first$/, '');
}

async function list(names) {
  const width = Math.max(...names.map((one) => one.length));
  for (const one of names) console.log(`npm run bench ${one.padEnd(width)}  ${await titleOf(one)}`);
}
