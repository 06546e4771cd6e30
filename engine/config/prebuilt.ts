import type { ValidateFunction } from 'ajv/dist/2020.js';

/**
 * Validators of the formats of Tandem's own files, by `shortHash` of their schema's text, and of the newest draft, by its address.
 * Compiling them is an eighth of the CPU that a start takes, so the build puts them in here (scripts/validators.mjs); the sources
 * compile them when they are first used.
 */
export const PREBUILT: ReadonlyMap<string, () => ValidateFunction> = new Map();
