/** Steps of `decide` as text, in full: nothing of a step is left out but what a commit has anyway. */
import { TandemError } from '../../../engine/errors.ts';
import type { Outcome } from '../../../engine/model/outcome.ts';
import type { Action, Commit, Step } from '../../../engine/sync/actions.ts';

/** One line per step, more for a commit. An outcome that is as that of the step before is not repeated. */
export function described(given: Step | readonly Step[]): string {
  const all = Array.isArray(given) ? (given as readonly Step[]) : [given as Step];
  let former = '';
  return all
    .map((step) => {
      const more =
        step.kind !== 'act' && step.kind !== 'end' && 'outcome' in (step as object) ? ' with an outcome' : '';
      if (step.kind === 'ask') return `? ${text(step.question)}${more}`;
      if (step.kind === 'fail') return `fails: ${text(step.error)}${more}`;
      const outcome = outcomeText(step.outcome);
      const shown = outcome === former && step.kind === 'act' ? '' : `\n    = ${outcome}`;
      former = outcome;
      return step.kind === 'end' ? `end${shown}` : `! ${actionText(step.action)}${shown}`;
    })
    .join('\n');
}

function outcomeText({ kind, writes, ...rest }: Outcome): string {
  const shown = text(writes) === '[[], []]' ? rest : { writes, ...rest };
  return Object.keys(shown).length === 0 ? kind : `${kind} ${text(shown)}`;
}

function actionText(action: Action): string {
  if (action.do !== 'commit') {
    const { do: name, ...rest } = action;
    return `${name} ${text(rest)}`;
  }
  const lines = Object.entries(action.commit).flatMap(([key, value]) =>
    text(value) === EMPTY[key] ? [] : [`\n    ${key}: ${text(value)}`],
  );
  const missing = Object.keys(EMPTY).filter((key) => !(key in action.commit));
  return `commit${action.last ? '' : ', not the last'}${lines.join('')}${missing.map((key) => `\n    no ${key}`).join('')}`;
}

/** What every commit has, where it has nothing to record there. */
const EMPTY: Readonly<Record<string, string>> = {
  result: '{kind: none}',
  handled: '[-, -]',
  index: '[[], []]',
  written: '[-, -]',
  ownWrites: '[-, -]',
} satisfies Partial<Record<keyof Commit, string>>;

/** Unlike JSON it quotes only what could be taken for something else, tells `undefined` from nothing, and names records. */
export function text(value: unknown): string {
  if (value === undefined) return '-';
  if (typeof value === 'string') return quoted(value);
  if (value instanceof TandemError) {
    const { cause: _, ...context } = value.context;
    return `${value.code} ${quoted(value.message)}${Object.keys(context).length === 0 ? '' : ` ${text(context)}`}`;
  }
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  if (value instanceof Map) return `Map ${text([...value])}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if ('fingerprinter' in value) return viewText(value as never);
  return `{${Object.entries(value)
    .map(([key, one]) => `${key}: ${text(one)}`)
    .join(', ')}}`;
}

function viewText({
  side,
  record: { id },
  fingerprints,
}: {
  side: number;
  record: { id: string };
  fingerprints: readonly string[];
}): string {
  return `${side}/${id}(${fingerprints.join(', ')})`;
}

/** A state is shown by its values. */
const quoted = (given: string): string => {
  const short = given.replaceAll(/<name=(.*)\nname#1\nphone=(.*)\nphone#1>/g, '<$1, $2>');
  return /^[\w<>./@~ #+-]*[\w>]$/.test(short) && !/^(-|null|true|false|\d+)$/.test(short)
    ? short
    : JSON.stringify(short);
};
