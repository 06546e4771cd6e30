/**
 * Code of the validators that the build puts into engine/config/prebuilt.ts, so that no process compiles them: those of the formats of
 * Tandem's own files, and of the newest draft of JSON Schema.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, transform } from 'esbuild';

const FORMATS = ['mapping', 'system'];

/** @returns `{ key, code }` of each: its key in PREBUILT, and CommonJS of which `exports.default` is the validator */
export async function validators(root) {
  const { createAjv, NEWEST, metaValidatorOf, shortHash, standaloneCode } = await sources(root);
  const meta = metaValidatorOf(NEWEST, true);
  const codes = [{ key: NEWEST, code: standaloneCode(meta.ajv, meta.validate) }];
  for (const format of FORMATS) {
    const schema = JSON.parse(await readFile(join(root, 'schemas', `${format}.schema.json`), 'utf8'));
    // As the engine makes it of what it has read.
    const text = JSON.stringify(schema);
    // Generated code would take ajv-formats' own, which reads a long text for minutes.
    if (/"format":"url"/.test(text)) throw new Error(`schemas/${format}.schema.json has a format url`);
    const ajv = createAjv(NEWEST, true);
    codes.push({ key: shortHash(text), code: standaloneCode(ajv, ajv.compile(schema)) });
  }
  // Every process that reads a configuration reads this code.
  return Promise.all(
    codes.map(async ({ key, code }) => ({
      key,
      code: (await transform(code, { minify: true, target: 'node20' })).code,
    })),
  );
}

/** The set-up of ajv is the engine's own, which is TypeScript. */
async function sources(root) {
  const file = join(root, '.cache', `validators-${randomUUID()}.mjs`);
  try {
    await build({
      absWorkingDir: root,
      stdin: {
        contents: `
export { createAjv, NEWEST, metaValidatorOf } from './engine/config/ajv.ts';
export { shortHash } from './engine/config/hash.ts';
import standalone from 'ajv/dist/standalone/index.js';
export const standaloneCode = standalone.default ?? standalone;`,
        resolveDir: root,
      },
      outfile: file,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      tsconfigRaw: {},
      logLevel: 'error',
    });
    return await import(pathToFileURL(file).href);
  } finally {
    await rm(file, { force: true });
  }
}
