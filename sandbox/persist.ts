// Keeps the state of both stand-ins in one JSON file, so that a demo survives a restart.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { KeapData } from './keap/data.ts';
import { isObject } from './kit/json.ts';
import type { ShopData } from './shop/data.ts';

export interface State {
  keap: KeapData;
  shop: ShopData;
}

/** The state in a file, or undefined where there is no file yet. Throws on a file that is something else. */
export function readState(file: string): State | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isObject(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const state: unknown = JSON.parse(text);
  if (!isObject(state) || !isObject(state.keap) || !isObject(state.shop))
    throw new Error(`${file} holds no state of the sandbox. Name another file, or remove it.`);
  // Written by `write` below, from these very types.
  return state as unknown as State;
}

export interface Keeper {
  /** There is something new; it is written soon. */
  changed(): void;
  /** Writes what is not written yet. */
  flush(): void;
}

export function keepState(file: string, snapshot: () => State, waitMs = 200): Keeper {
  let timer: NodeJS.Timeout | undefined;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    // A file is whole or not there at all: written beside, then moved into place.
    writeFileSync(`${file}.new`, JSON.stringify(snapshot()));
    renameSync(`${file}.new`, file);
  };
  return {
    changed() {
      timer ??= setTimeout(write, waitMs);
    },
    flush() {
      if (timer) write();
    },
  };
}
