// npm run build: bundles the command line into dist/. A build that fails leaves the former one.
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle, PROGRAMS, ROOT } from './bundle.mjs';

const dist = join(ROOT, 'dist');
const next = join(ROOT, '.cache/dist');
await rm(next, { recursive: true, force: true });
await bundle(PROGRAMS, next);
await rm(dist, { recursive: true, force: true });
await rename(next, dist);
