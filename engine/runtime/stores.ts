/** The stores of the mappings in this process, each under the rules with which the work began. */
import type { Config } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import { createStore, type Store } from '../store/store.ts';
import { readsOf } from '../store/store-context.ts';

export function createStores({ options, prefix, redis }: Pick<Engine, 'options' | 'prefix' | 'redis'>) {
  /** Of each mapping the store under the rules asked for last, and the one before it: work under way keeps to its rules. */
  const stores = new Map<string, Store[]>();

  return (name: string, config: Config = options.config.current()): Store => {
    const mapping = config.mappings.get(name) ?? { name, match: [] };
    const known = stores.get(name) ?? [];
    const found = known.find(({ context }) => context.rules.reads === readsOf(mapping));
    if (found) return found;
    const store = createStore(redis, prefix, mapping, options.fingerprinter, (on, brake) =>
      options.onBrake?.({ mapping: mapping.name, on, brake }),
    );
    stores.set(name, [store, ...known.slice(0, 1)]);
    return store;
  };
}
