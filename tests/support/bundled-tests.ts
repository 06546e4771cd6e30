/**
 * Tests run from a bundle, as the programs do. esbuild takes two seconds for all of them and what they import. vitest takes thirty to
 * transform the same files one by one, and its processes load them more slowly.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { BUILD, BUILD_PREFIX } from './build-folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TESTS = join(ROOT, 'tests/');
/** The modules that Node loads by itself, as it does those of a program. */
export const BUNDLES = new RegExp(`/\\.cache/${BUILD_PREFIX}[^/]+/tests/`);
/** What vitest can only do in a file that it transforms itself. */
const REFUSED = [
  {
    pattern: /\bvi\.((do)?([mM]ock|[uU]nmock)|resetModules|import(Actual|Mock))\b/,
    why: 'vitest cannot replace modules of a bundle: pass what is to be replaced',
  },
  {
    pattern: /\.to(Match|ThrowErrorMatching)InlineSnapshot\(\s*[){]/,
    why: 'write the snapshot by hand: vitest cannot',
  },
];

/** Writes each test file to the same path under `outdir`, with the ending `.js`, and what several of them import beside it. */
export async function bundleTests(testFiles: string[], outdir: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: testFiles,
    outdir,
    outbase: ROOT,
    chunkNames: 'tests/shared/[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // vitest finds the lines of errors by them.
    sourcemap: 'linked',
    tsconfigRaw: {},
    plugins: [inPlace],
    logLevel: 'warning',
  });
}

/** `import.meta` tells of the source, not of the bundle. The start of threads is that of tests. */
const inPlace: Plugin = {
  name: 'in-place',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.\/start-thread\.ts$/ }, () => ({ path: join(TESTS, 'support/start-thread.ts') }));
    onLoad({ filter: /\.m?[jt]s$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const refused = path.startsWith(TESTS) ? REFUSED.filter(({ pattern }) => pattern.test(text)) : [];
      const contents = text
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.filename', JSON.stringify(path));
      return {
        contents,
        loader: 'ts',
        errors: refused.map(({ why }) => ({ text: why, location: { file: relative(ROOT, path) } })),
      };
    });
  },
};

/** A plugin of vite: vitest loads, in the place of each test file, one line that imports its bundle. */
export const bundledTests = {
  name: 'bundled-tests',
  enforce: 'pre',
  load(id: string): string | null {
    const folder = process.env[BUILD];
    if (folder === undefined || !id.startsWith(TESTS) || !id.endsWith('.test.ts')) return null;
    const file = join(folder, relative(ROOT, id).replace(/\.ts$/, '.js'));
    return `import ${JSON.stringify(pathToFileURL(file).href)};`;
  },
} as const;
