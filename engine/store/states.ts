/** The states in which records were last handled, changed outside a batch: of a record that failed for good, or is to be looked at. */
import { ERRORS } from '../errors.ts';
import { recordKey } from '../model/record-key.ts';
import { packOpen } from './issue-codec.ts';
import type { Issues } from './issues.ts';
import type { StoreContext } from './store-context.ts';
import { isToken, tokenBytes } from './tokens.ts';
import type { Issue, OpenPatch, RecordRef, Token } from './types.ts';
import { commitUnits } from './units.ts';
import { packState } from './unlinked-codec.ts';

/** As scripts/commit.lua takes it: what is noted of the correlation in a link stays. */
const KEPT = -1;

/** Claims that must still be held. */
interface Held {
  readonly owner: string;
  readonly claims: readonly string[];
}

export function createStates(context: StoreContext, issues: Issues) {
  const { words, fingerprinter } = context;
  const tokenOf = (text: string): Token => (isToken(text) ? text : fingerprinter.token(text));

  async function put(
    { side, id }: RecordRef,
    state: string | undefined,
    change: OpenPatch,
    { owner, claims }: Held = { owner: '', claims: [] },
  ): Promise<boolean> {
    const token = tokenOf(state ?? '');
    const [answer] = await commitUnits(context, owner, async (used) => [
      {
        c: claims,
        x: 'keep',
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
    return answer?.kind === 'done';
  }

  return {
    /**
     * Raises an issue of a record in a state, linked or not. One of a reason that may pass is looked at after the next scan.
     * @param state ''  it must be looked at
     * @param held of the worker that raises it, where one works on the record
     * @returns false where these claims were lost: nothing was stored
     */
    async raise(record: RecordRef, state: string, issue: Issue, held?: Held): Promise<boolean> {
      const { side, id } = record;
      if (!(await put(record, state, { issue }, held))) return false;
      if (issue.kind === 'failed' && issue.code && ERRORS[issue.code].retry !== 'never')
        await issues.noteGivenUp(recordKey(side, id));
      return true;
    },

    /** Their states and issues are forgotten, but not what is still to be done about their correlation ids. */
    async forget(records: readonly RecordRef[]): Promise<void> {
      for (const record of records) await put(record, undefined, { issue: null });
    },
  };
}
