/** Who waits for the link of a record. They are noted, and marked dirty in the commit of other records. */
import type { SideIndex } from '../types.ts';
import type { StoreContext } from './store-context.ts';

export function createDependents({ scripts }: StoreContext) {
  return {
    /** Whether a record of any mapping waits for the link of this one. */
    isWaitedFor: async (side: SideIndex, id: string): Promise<boolean> =>
      (await scripts.text<number>('waited', String(side), id)) === 1,

    /** Records of a mapping that is retired wait for nothing any more. @returns how many did */
    forget: (mapping: string): Promise<number> => scripts.text('undepend', mapping),
  };
}
