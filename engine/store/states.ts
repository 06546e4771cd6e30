/** The states in which records were last handled, changed outside a batch: of a record that failed for good, or is to be looked at. */
import { ERRORS } from '../errors.ts';
import { recordKey } from '../model/record-key.ts';
import type { SideIndex } from '../types.ts';
import type { StoreContext } from './context.ts';
import { packOpen } from './issue-codec.ts';
import type { Issues } from './issues.ts';
import { isToken, tokenBytes } from './tokens.ts';
import type { Issue, OpenPatch, RecordRef, Token } from './types.ts';
import { commitUnits } from './units.ts';
import { packState } from './unlinked-codec.ts';

/** As scripts/commit.lua takes it: what is noted of the correlation in a link stays. */
const KEPT = -1;

export function createStates(context: StoreContext, issues: Issues) {
  const { words, fingerprinter } = context;
  const tokenOf = (text: string): Token => (isToken(text) ? text : fingerprinter.token(text));

  async function put(side: SideIndex, id: string, state: string | undefined, change: OpenPatch): Promise<void> {
    const token = tokenOf(state ?? '');
    await commitUnits(context, '', async (used) => [
      {
        c: [],
        d: [],
        k: 'H',
        s: String(side),
        i: id,
        st: packState(state),
        s8: tokenBytes(token),
        note: KEPT,
        open8: state === '',
        rel: state === undefined,
        open: { [recordKey(side, id)]: await packOpen(change, words, used) },
      },
    ]);
  }

  return {
    /**
     * Raises an issue of a record in a state, linked or not. One of a reason that may pass is looked at after the next scan.
     * @param state ''  it must be looked at
     */
    async raise(side: SideIndex, id: string, state: string, issue: Issue): Promise<void> {
      await put(side, id, state, { issue });
      if (issue.kind === 'failed' && issue.code && ERRORS[issue.code].retry !== 'never')
        await issues.noteGivenUp(recordKey(side, id));
    },

    /** Their states and issues are forgotten, but not what is still to be done about their correlation ids. */
    async forget(records: readonly RecordRef[]): Promise<void> {
      for (const { side, id } of records) await put(side, id, undefined, { issue: null });
    },
  };
}
