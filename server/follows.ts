/** What follows from a decision that concerns many records, and which command brings it back. */
import type { Retirement } from '../api/index.ts';
import type { BrakeAnswer, BrakeKind } from '../engine/index.ts';

type Consequence = Pick<Retirement, 'follows' | 'undo'>;

/** @param kind what the brake was about; undefined where it is off by now, and only the rest of an answer was carried out */
export function afterBrake(mapping: string, kind: BrakeKind | undefined, answer: BrakeAnswer): Consequence {
  const list = (records: string): string => `tandem records ${mapping} --kind ${records} --list`;
  const decide = `tandem review resolve ${mapping}~SIDE~ID`;
  if (answer === 'discard') {
    switch (kind) {
      case 'deletes':
        return {
          follows: 'What is left of these pairs stays, with its link, and is not looked at again until it changes.',
          undo: `${list('orphaned')} lists it; ${decide} --delete deletes one after all, --create makes its counterpart again`,
        };
      case 'creates':
        return {
          follows: 'These records get no counterpart until they change.',
          undo: `${list('unmatched')} lists them; ${decide} --create makes the counterpart of one after all`,
        };
      case 'clears':
        return {
          follows: 'Both sides keep the values that they hold, until one of them changes.',
          undo: `tandem explain ${mapping} SIDE ID shows both values; a value that is edited or emptied flows as ever`,
        };
      default:
    }
  }
  const pause = `tandem queue pause ${mapping} stops what is not done yet`;
  switch (kind) {
    case 'deletes':
      return {
        follows: 'Each missing record is read once more; where it is missing still, its counterpart is deleted.',
        undo: `${pause}; tandem history ${mapping} SIDE ID shows the values of a record that was deleted`,
      };
    case 'creates':
      return {
        follows: 'The counterparts are created.',
        undo: `${pause}; a counterpart that should not be there is deleted in its system`,
      };
    case 'clears':
      return {
        follows: 'The values are cleared; each is kept first.',
        undo: `${pause}; tandem history ${mapping} SIDE ID --restore ENTRY puts a value back`,
      };
    default:
      return { follows: 'What waited goes on.', undo: pause };
  }
}

export const AFTER_RETIREMENT: Consequence = {
  follows:
    'The records of both systems stay as they are, and Tandem does nothing for them any more. If a mapping of this name comes back, it begins with a first sync: its records are matched again, and those without a counterpart may be created.',
  undo: 'Before it comes back, put its file in place where no worker runs, and put back a copy: tandem links import FILE',
};

export const duringRetirement = (mapping: string): Consequence => ({
  follows: 'The rest is still to be deleted: send the same request again.',
  undo: `tandem mapping retire ${mapping}`,
});
