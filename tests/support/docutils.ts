/** docutils, the reference reader of reStructuredText: the one of this machine, else Debian's, unpacked into the cache folder. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { unpackPackages } from '../../scripts/debian.mjs';

const exec = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../.cache/docutils', import.meta.url));

export interface RstReport {
  /** Warnings and errors. */
  readonly messages: string;
  /** Plain texts of titles, paragraphs (those of lists and of table cells included), in their order. */
  readonly texts: readonly string[];
}

export type Docutils = (sources: readonly string[]) => Promise<RstReport[]>;

/** @returns why there is none, where it is not here and cannot be fetched */
export async function docutils(): Promise<{ read: Docutils } | { missing: string }> {
  if (await works(process.env)) return { read: reader(process.env) };
  try {
    if (!existsSync(CACHE)) await fetchInto(CACHE);
    const env = environment(CACHE);
    if (await works(env)) return { read: reader(env) };
    return { missing: 'the unpacked packages do not run here' };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

async function fetchInto(target: string): Promise<void> {
  await mkdir(join(target, '..'), { recursive: true });
  const work = await mkdtemp(`${target}-`);
  try {
    const { root } = await unpackPackages(work, [['python3-docutils']]);
    // Another process may have been faster.
    await rename(root, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Also for Python itself, where the packages brought it along. */
function environment(root: string): NodeJS.ProcessEnv {
  const brought = existsSync(join(root, 'usr', 'bin', 'python3'));
  return {
    ...process.env,
    PYTHONPATH: join(root, 'usr', 'lib', 'python3', 'dist-packages'),
    ...(brought
      ? {
          PATH: [join(root, 'usr', 'bin'), process.env.PATH ?? ''].join(delimiter),
          PYTHONHOME: join(root, 'usr'),
          LD_LIBRARY_PATH: join(root, 'usr', 'lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`),
        }
      : {}),
  };
}

const works = (env: NodeJS.ProcessEnv): Promise<boolean> =>
  exec('python3', ['-c', 'import docutils.core'], { env }).then(
    () => true,
    () => false,
  );

/** Reads all sources in one process. */
const PROGRAM = `
import io, json, sys
from docutils import nodes
from docutils.core import publish_doctree
reports = []
for source in json.load(sys.stdin):
    messages = io.StringIO()
    tree = publish_doctree(source, settings_overrides={'report_level': 2, 'halt_level': 5, 'warning_stream': messages,
        'input_encoding': 'unicode', 'doctitle_xform': False})
    texts = [node.astext() for node in tree.findall(lambda node: isinstance(node, (nodes.title, nodes.paragraph)))]
    reports.append({'messages': messages.getvalue(), 'texts': texts})
json.dump(reports, sys.stdout)
`;

const reader =
  (env: NodeJS.ProcessEnv): Docutils =>
  (sources) =>
    new Promise((resolve, reject) => {
      const child = spawn('python3', ['-c', PROGRAM], { env: { ...env, PYTHONIOENCODING: 'utf-8' } });
      let [out, errors] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      child.on('error', reject);
      child.on('close', (status) => {
        if (status === 0) resolve(JSON.parse(out) as RstReport[]);
        else reject(new Error(errors));
      });
      child.stdin.end(JSON.stringify(sources));
    });
