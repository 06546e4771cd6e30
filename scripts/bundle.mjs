// Puts a program, its modules and its libraries into few files: it starts in half the time that hundreds of modules take.
import { cp, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { validators } from './validators.mjs';

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
  const prebuilt = await validators(ROOT);
  await Promise.all(sources.map((source) => bundleOne(source, outdir, prebuilt)));
  await cp(join(ROOT, 'engine/store/scripts'), resolve(ROOT, outdir, 'engine/store/scripts'), { recursive: true });
}

async function bundleOne(source, outdir, prebuilt) {
  const behindDoor = await exportsOfDoor();
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
    // What is built depends on the sources alone: the image has no tsconfig.json.
    tsconfigRaw: {},
    external: EXTERNAL,
    // Else cron-parser of bullmq, which requires it, gets a second copy.
    alias: { luxon: join(ROOT, 'node_modules/luxon/build/es6/luxon.mjs') },
    banner: { js: REQUIRE },
    plugins: [prebuiltValidators(prebuilt), sources(dirname(source).split('/').length, behindDoor)],
    logLevel: 'error',
  });
}

/** Puts the validators of the build in the place of the empty list of the sources. Each is loaded when it is first used. */
const prebuiltValidators = (codes) => ({
  name: 'prebuilt-validators',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^validator:/ }, ({ path }) => ({ path, namespace: 'validator' }));
    onLoad({ filter: /.*/, namespace: 'validator' }, ({ path }) => ({
      contents: codes[Number(path.slice('validator:'.length))].code,
      resolveDir: join(ROOT, 'engine/config'),
    }));
    onLoad({ filter: /[\\/]engine[\\/]config[\\/]prebuilt\.ts$/ }, () => {
      const entries = codes.map(({ key }, i) => `[${JSON.stringify(key)}, () => require('validator:${i}').default]`);
      return {
        contents: `export const PREBUILT = new Map([${entries.join(', ')}]);`,
        resolveDir: join(ROOT, 'engine/config'),
      };
    });
  },
});

const DOOR = join(ROOT, 'engine/index.ts');

/** Of each name that the door exports, the file that holds it. */
async function exportsOfDoor() {
  const text = await readFile(DOOR, 'utf8');
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm)];
  return new Map(
    lists.flatMap(([, names, file]) => specifiers(names).map((name) => [name, join(dirname(DOOR), file)])),
  );
}

const specifiers = (list) =>
  list
    .split(',')
    .map((one) => one.trim().replace(/^type /, ''))
    .filter((one) => one !== '');

/**
 * What the sources need to be bundled. A module finds what lies beside it by its place among the sources, whichever file it was put
 * into. And a name that is imported by the door is imported from its own file: through the door, each command would load all of the engine.
 */
const sources = (depth, behindDoor) => ({
  name: 'sources',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const place = `${'../'.repeat(depth)}${relative(ROOT, path).replace(/\.ts$/, '.js')}`;
      const url = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
      const contents = text
        .replaceAll('import.meta.url', url)
        .replace(/^import \{([^}]*)\} from '[./]+\/engine\/index\.ts';/gm, (_, names) =>
          names
            .split(',')
            .filter((one) => one.trim() !== '' && !one.trim().startsWith('type '))
            .map((one) => `import { ${one.trim()} } from ${JSON.stringify(behindDoor.get(one.trim()))};`)
            .join(''),
        );
      return { contents, loader: 'ts' };
    });
  },
});
