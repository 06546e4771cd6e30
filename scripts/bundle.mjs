// Puts a program, its modules and its libraries into few files: it starts in half the time that hundreds of modules take.
import { cp, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** See bundle.d.mts. */
export const PROGRAMS = ['cli/main.ts', 'engine/threads/thread.ts'];

const EXTERNAL = [
  // They find the files of their pages by where they are themselves.
  '@bull-board/ui',
  '@fastify/swagger-ui',
  // Only loaded where traces are asked for, and CommonJS, whose names a dynamic import from a bundle does not find.
  '@opentelemetry/*',
  'bullmq-otel',
];
/** Libraries in CommonJS require modules of Node. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);`;

/** See bundle.d.mts. */
export async function bundle(sources, outdir) {
  await Promise.all(sources.map((source) => bundleOne(source, outdir)));
  await cp(join(ROOT, 'engine/store/scripts'), resolve(ROOT, outdir, 'engine/store/scripts'), { recursive: true });
}

async function bundleOne(source, outdir) {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [{ in: join(ROOT, source), out: source.replace(/\.ts$/, '') }],
    outdir: resolve(ROOT, outdir),
    // Beside the program, so that all of its files are equally deep in the folder.
    chunkNames: `${dirname(source)}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    keepNames: true,
    // What is built depends on the sources alone: the image has no tsconfig.json.
    tsconfigRaw: {},
    external: EXTERNAL,
    banner: { js: REQUIRE },
    plugins: [placesOfSources(dirname(source).split('/').length)],
    logLevel: 'error',
  });
}

/** A module finds what lies beside it by its place among the sources, whichever file it was put into. */
const placesOfSources = (depth) => ({
  name: 'places of sources',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const place = `${'../'.repeat(depth)}${relative(ROOT, path).replace(/\.ts$/, '.js')}`;
      const url = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
      return { contents: text.replaceAll('import.meta.url', url), loader: 'ts' };
    });
  },
});
