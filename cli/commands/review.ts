/** `tandem review`: the inbox of what a person must decide, and the deciding. */
import type { Command } from 'commander';
import type { Outcome, Resolved, Review, ReviewPage } from '../../api/index.ts';
import { action, declare } from '../command.ts';
import { Failure, OK } from '../failure.ts';
import { reasonWords } from '../format/issue-lines.ts';
import { plain } from '../format/output.ts';
import { textTable } from '../format/terminal-table.ts';
import { path, query } from '../http-client.ts';

interface Resolution {
  readonly link?: string;
  readonly create?: boolean;
  readonly take?: string;
  readonly property?: string;
  readonly choose?: readonly string[];
  readonly delete?: boolean;
  readonly ignore?: boolean;
  readonly continue?: boolean;
  readonly discard?: boolean;
}

export function reviewCommand(program: Command): void {
  const review = program
    .command('review')
    .summary('list and decide what asks for a person')
    .description('Conflicts, ambiguous matches, unknown outcomes, brakes. Asks the Tandem that runs at TANDEM_URL.');

  listCommand(review);
  resolveCommand(review);
}

function listCommand(review: Command): void {
  declare(review, {
    usage: 'list [mapping]',
    summary: 'list what must be decided, the oldest first',
    examples: [
      ['review list', 'of all mappings'],
      ['review list product-product', 'of one'],
    ],
  }).action(
    action<object, [string | undefined]>(async ({ client, output }, _options, mapping) => {
      const found = await client.get<ReviewPage>(`/reviews${query({ mapping, limit: 500 })}`);
      output.result(found, () => {
        if (found.total === 0) return 'Nothing to decide.';
        const rows = found.reviews.map((one) => [one.review, why(one), one.actions.join(', ')]);
        const table = textTable(['review', 'why', 'can be decided by'], rows);
        const left = found.total - found.reviews.length;
        return left > 0 ? `${table}\n... and ${left} more, once these are decided.` : table;
      });
      return OK;
    }),
  );
}

function resolveCommand(review: Command): void {
  declare(review, {
    usage: 'resolve <id>',
    summary: 'decide one',
    details: 'Which of the options a review allows is shown by: tandem review list',
    examples: [
      ['review resolve product-product~keap~17 --link 4', 'they belong together'],
      ['review resolve product-product~keap~17 --create', 'it has no counterpart: create one'],
      ['review resolve company-customer~keap~17 --take keap', 'the values of this side win'],
      [
        'review resolve company-customer~keap~17 --choose notes=keap --choose website=customwebshop',
        'each its own side',
      ],
      ['review resolve company-customer~keap~17 --ignore', 'leave it until it changes'],
      ['review resolve company-customer~brake --continue', 'let what the brake holds go on'],
      ['review resolve company-customer~brake --discard', 'do not delete, create or clear what the brake is about'],
    ],
  })
    .option('--link <id>', 'link it to this record of the other side')
    .option('--create', 'create its counterpart')
    .option('--take <side>', 'let the values of this side win')
    .option('--property <property>', 'with --take: only this property')
    .option('--choose <property=side>', 'let this side win for this property; may be repeated', gathered)
    .option('--delete', 'its counterpart was deleted: delete it too')
    .option('--ignore', 'leave it as it is until it changes')
    .option('--continue', 'of a brake: let all that waits go on')
    .option('--discard', 'of a brake: leave undone what it is about, let the rest go on')
    .action(
      action<Resolution, [string]>(async ({ client, output }, options, id) => {
        const body = decision(options);
        const answer = await client.post<Resolved>(path('reviews', id, 'resolve'), body);
        const { outcome, released, follows, undo } = answer;
        output.result(answer, () =>
          plain(
            `${answer.review}: ${chosen(options)}${outcome ? ` -> ${outcomeWords(outcome)}` : ''}${released === undefined ? '' : ` -> ${releasedWords(answer.action, released)}`}`,
          )
            .concat(follows === undefined ? '' : plain(`\n${follows}`))
            .concat(undo === undefined ? '' : plain(`\n${undo}`)),
        );
        return OK;
      }),
    );
}

/** As it was asked for: which record, which side. */
function chosen({ link, create, take, property, choose, delete: remove, ignore, continue: goOn }: Resolution): string {
  if (link !== undefined) return `linked with ${link}`;
  if (take !== undefined || choose !== undefined)
    return [
      ...(take === undefined ? [] : [`take ${take}${property === undefined ? '' : ` for ${property}`}`]),
      ...(choose ?? []),
    ].join(', ');
  return create ? 'create' : remove ? 'delete' : ignore ? 'ignore' : goOn ? 'continue' : 'discard';
}

function outcomeWords({ kind, ids, reason }: Outcome): string {
  const pair = Object.entries(ids ?? {}).map(([side, id]) => `${side} ${id}`);
  return `${kind}${pair.length > 0 ? ` (${pair.join(' = ')})` : ''}${reason ? `: ${reason}` : ''}`;
}

const releasedWords = (action: string, released: number): string =>
  action === 'discard'
    ? `what the brake is about is left undone; ${released} records that waited are looked at again`
    : `${released} records go on`;

function why(one: Review): string {
  const named = (rivals: boolean): string =>
    (one.candidates ?? [])
      .filter(({ side }) => (side === one.side) === rivals)
      .map(({ side, id }) => `${side} ${id}`)
      .join(', ');
  const [candidates, rivals] = [named(false), named(true)];
  // A rival is a record of the same side that the candidates could belong to as well: nothing to link to.
  const { brake } = one;
  if (brake) {
    const { deletes, creates, clears, other } = brake.waiting;
    const sample = brake.sample.map(({ side, id }) => `${side} ${id}`).join(', ');
    return `${one.reason} Waiting: ${deletes} deletes, ${creates} creates, ${clears} clears, ${other} other updates.${sample === '' ? '' : ` About: ${sample}${brake.waiting[brake.kind] > brake.sample.length ? ', ...' : '.'}`}`;
  }
  return `${reasonWords(one)}${candidates === '' ? '' : ` Candidates: ${candidates}.`}${rivals === '' ? '' : ` Also claimed by: ${rivals}.`}`;
}

function decision({
  link,
  create,
  take,
  property,
  choose,
  delete: remove,
  ignore,
  continue: goOn,
  discard,
}: Resolution): object {
  const given = [
    ...(link === undefined ? [] : [{ action: 'link', counterpart: link }]),
    ...(create ? [{ action: 'create' }] : []),
    ...(take === undefined && choose === undefined
      ? []
      : [
          {
            action: 'take',
            ...(take === undefined ? {} : { side: take }),
            ...(property === undefined ? {} : { property }),
            ...(choose === undefined ? {} : { properties: Object.fromEntries(choose.map(propertyAndSide)) }),
          },
        ]),
    ...(remove ? [{ action: 'delete' }] : []),
    ...(ignore ? [{ action: 'ignore' }] : []),
    ...(goOn ? [{ action: 'continue' }] : []),
    ...(discard ? [{ action: 'discard' }] : []),
  ];
  if (given.length === 1 && given[0]) return given[0];
  throw new Failure(
    'BAD_REQUEST',
    given.length === 0 ? 'It is not said how to decide.' : 'It can be decided in one way only.',
    'Give one of --link ID, --create, --take SIDE, --choose PROPERTY=SIDE, --delete, --ignore; of a brake --continue, --discard.',
  );
}

const gathered = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** The name of a property may hold `=` itself. */
function propertyAndSide(text: string): [property: string, side: string] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new Failure('BAD_REQUEST', `"${text}" is no choice.`, 'Write PROPERTY=SIDE, such as notes=keap.');
  return [text.slice(0, at), text.slice(at + 1)];
}
