import type { ValidateFunction } from 'ajv/dist/2020.js';

/**
 * Validators of the formats of Tandem's own files, by `shortHash` of their schema's text, and of the newest draft, by its address.
 * Compiling them takes 0.2 s of CPU, so the build puts them in here (scripts/validators.mjs); the sources
 * compile them when they are first used.
 */
export const PREBUILT: ReadonlyMap<string, () => ValidateFunction> = new Map();
