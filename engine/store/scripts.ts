/** The Lua scripts of the store, as commands of a connection. Each is one step that nobody sees half done. */
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const SCRIPTS = [
  'answer',
  'begin',
  'candidates',
  'claim',
  'commit',
  'compare',
  'entries',
  'forget',
  'free',
  'intern',
  'leave',
  'linked',
  'lock',
  'lookup',
  'mark',
  'missing',
  'release',
  'restore',
  'take',
  'trip',
  'unbrake',
  'undepend',
  'waited',
] as const;

/** Records asked about in one script, at most. */
export const RECORDS_PER_SCRIPT = 500;

export type ScriptName = (typeof SCRIPTS)[number];
type Argument = string | number | Buffer;

/** `scripts/NAME.lua`, which the build copies to the same place in its folder; `-- @include NAME` puts another one in. */
function readScript(name: string): string {
  const text = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
  return text.replace(/^-- @include (\w+)$/gm, (_, included: string) => readScript(included));
}

const commandOf = (name: ScriptName): string => `tandemStore${name.charAt(0).toUpperCase()}${name.slice(1)}`;

let texts: ReadonlyMap<ScriptName, string> | undefined;
const known = new WeakSet<Redis>();

export interface StoreScripts {
  /** Texts in the answer are Buffers: values are binary. */
  run<T>(name: ScriptName, ...args: Argument[]): Promise<T>;
  /** Texts in the answer are strings. */
  text<T>(name: ScriptName, ...args: Argument[]): Promise<T>;
}

/** @param base what all keys of the mapping begin with */
export function storeScripts(redis: Redis, base: string): StoreScripts {
  if (!known.has(redis)) {
    texts ??= new Map(SCRIPTS.map((name) => [name, readScript(name)]));
    for (const [name, lua] of texts) redis.defineCommand(commandOf(name), { lua, numberOfKeys: 1 });
    known.add(redis);
  }
  const commands = redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>;
  return {
    run: <T>(name: ScriptName, ...args: Argument[]) =>
      commands[`${commandOf(name)}Buffer`]!(base, ...args) as Promise<T>,
    text: <T>(name: ScriptName, ...args: Argument[]) => commands[commandOf(name)]!(base, ...args) as Promise<T>,
  };
}
