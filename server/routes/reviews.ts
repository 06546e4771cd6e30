/** Reviews: the inbox of what a person must decide, and the deciding. */
import { randomUUID } from 'node:crypto';
import { ResolveBody, Resolved, ResolveParams, ReviewPage, ReviewsQuery, type Static } from '../../api/index.ts';
import {
  answerBrake,
  brakeOn,
  createByHand,
  deleteSurvivor,
  dismiss,
  type Engine,
  linkByHand,
  type Mapping,
  type MappingScope,
  mappingScope,
  type Outcome,
  otherSide,
  type RecordRef,
  resolveConflict,
  TandemError,
} from '../../engine/index.ts';
import { brakeReview } from '../brake-review.ts';
import { afterBrake } from '../follows.ts';
import { pageOfIssues } from '../issue-pages.ts';
import type { Routes } from '../options.ts';
import { iso, presentFound, presentOutcome } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { parseBrakeReviewId, parseReviewId, reviewActions } from '../review-id.ts';
import { namesOf, type SideNames, sideIndex } from '../side-names.ts';

/** Beside reviews: what a person, or the mapping, decided to leave without a counterpart may be decided otherwise. */
const DECIDABLE: ReadonlySet<string> = new Set(['review', 'orphaned', 'unmatched']);

export const reviews: Routes = async (app, { engine }) => {
  const tags = ['reviews'];

  app.get(
    '/reviews',
    {
      schema: {
        operationId: 'listReviews',
        tags,
        summary: 'What a person must decide: brakes that are on, then records, the oldest first',
        querystring: ReviewsQuery,
        response: { 200: ReviewPage, ...problems(400, 404) },
      },
    },
    async ({ query }) => listReviews(engine, query),
  );

  app.post(
    '/reviews/:id/resolve',
    {
      schema: {
        operationId: 'resolveReview',
        tags,
        summary: 'Decide a review',
        description: [
          'Each review lists the actions that it allows:',
          '`link` with `counterpart`: the two belong together.',
          '`create`: there is no counterpart (any more), create one.',
          '`take` with `side`: the values of this side win. With `property` only of this one; with `properties` each by its own side, and by `side`, where it is sent, all others.',
          '`delete`: the counterpart was deleted, delete this record too.',
          '`ignore`: leave the record as it is until it changes.',
          'Records that were left (`orphaned`, `unmatched`) are named `MAPPING~SIDE~ID` and can be decided otherwise: `create`; `delete` of what is left of a pair; `link` of one without a link.',
          'Of a brake, `continue`: all that waits for it goes on. `discard`: what the brake is about is not done, the rest goes on.',
        ].join('\n\n'),
        params: ResolveParams,
        body: ResolveBody,
        response: { 200: Resolved, ...problems(400, 404, 409, 422, 502) },
      },
    },
    async ({ params, body }) => {
      const brakeOf = parseBrakeReviewId(params.id);
      if (brakeOf !== undefined) {
        return { review: params.id, ...(await resolveBrake(engine, engine.mapping(brakeOf), body.action)) };
      }
      const outcome = await resolve(engine, params.id, body);
      return { review: params.id, action: body.action, ...(outcome ? { outcome } : {}) };
    },
  );
};

async function listReviews(engine: Engine, { mapping: name, offset, limit }: Static<typeof ReviewsQuery>) {
  const mappings = name === undefined ? [...engine.config.current().mappings.values()] : [engine.mapping(name)];
  const brakes = (await Promise.all(mappings.map((mapping) => brakeReview(engine, mapping))))
    .filter((brake) => brake !== undefined)
    .sort((a, b) => a.since - b.since);
  const first = brakes.slice(offset, offset + limit).map((brake) => ({ ...brake, since: iso(brake.since) }));
  const { page, total } = await pageOfIssues(
    engine,
    { mapping: name, kind: 'review' },
    'oldest',
    Math.max(0, offset - brakes.length),
    limit - first.length,
  );
  const records = await presentFound(engine, page);
  const decidable = records.map(({ review = '', actions = [], ...one }) => ({
    ...one,
    kind: 'review' as const,
    review,
    actions,
  }));
  return { reviews: [...first, ...decidable], total: brakes.length + total, offset, limit };
}

async function resolveBrake(engine: Engine, mapping: Mapping, action: ResolveBody['action']) {
  if (action !== 'continue' && action !== 'discard')
    throw new TandemError('CONFLICT', `A brake is answered with continue or discard; not with ${action}.`, {
      mapping: mapping.name,
    });
  const brake = await brakeOn(engine, mapping);
  const scope = mappingScope(engine.context({ owner: `review-${randomUUID()}` }), mapping);
  const released = await answerBrake(scope, action);
  return { action, released, ...afterBrake(mapping.name, brake?.kind, action) };
}

/** @returns the outcome; `link` and `ignore` have none */
async function resolve(engine: Engine, review: string, body: ResolveBody) {
  const { counterpart } = body;
  const { mapping, record, pair, action } = await openReview(engine, review, body.action);
  const { side, id } = record;
  const names = namesOf(mapping);
  const scope = mappingScope(engine.context({ owner: `review-${randomUUID()}` }), mapping);
  const started = performance.now();
  /** What a person had done is a live decision as any other. */
  const reported = (outcome: Outcome) => {
    const ms = Math.round(performance.now() - started);
    const arrived = [undefined, undefined] as const;
    engine.options.onOutcome?.({ mapping: mapping.name, sides: names, side, id, outcome, ms, arrived });
    return presentOutcome(names, outcome);
  };
  switch (action) {
    case 'link': {
      if (counterpart === undefined)
        throw new TandemError('BAD_REQUEST', 'To link, send "counterpart": the id of the record on the other side.', {
          mapping: mapping.name,
        });
      await linkByHand(scope, side === 0 ? [id, counterpart] : [counterpart, id]);
      return undefined;
    }
    case 'create':
      return reported(await createAgain(scope, record, pair));
    case 'take': {
      const { winner, chosen } = choice(mapping, names, body);
      return reported(await resolveConflict(scope, record, winner, chosen));
    }
    case 'delete':
      return reported(await deleteSurvivor(scope, record));
    case 'ignore':
      await dismiss(scope, record);
      return undefined;
  }
}

/** @throws TandemError NOT_FOUND where there is nothing to decide, CONFLICT where it cannot be decided by this action */
async function openReview(engine: Engine, review: string, action: ResolveBody['action']) {
  const name = parseReviewId(review);
  const mapping = engine.mapping(name.mapping);
  const side = sideIndex(mapping, name.side, 'address');
  const links = engine.links(mapping.name);
  const partner = await links.reader.counterpart(side, name.id);
  const pair = partner === undefined ? undefined : { side: otherSide(side), id: partner };
  // What a link waits for is kept under one of its two records, and it may be named by either.
  const issue =
    (await links.issues.open(side, name.id)).issue ?? (pair && (await links.issues.open(pair.side, pair.id)).issue);
  if (!issue || !DECIDABLE.has(issue.kind))
    throw new TandemError('NOT_FOUND', 'There is no such review: it may have been decided already.', {
      mapping: mapping.name,
      id: name.id,
    });
  const allowed = reviewActions(issue, pair !== undefined);
  if (action === 'continue' || action === 'discard' || !allowed.includes(action))
    throw new TandemError(
      'CONFLICT',
      `This review can be decided by ${allowed.join(', ') || 'breaking the link'}; not by ${action}.`,
      {
        mapping: mapping.name,
        id: name.id,
      },
    );
  return { mapping, record: { side, id: name.id }, pair, action };
}

/** Of a pair of which one record is gone, the counterpart of the other one is made. */
async function createAgain(scope: MappingScope, record: RecordRef, pair: RecordRef | undefined): Promise<Outcome> {
  try {
    return await createByHand(scope, record);
  } catch (error) {
    if (!pair || !(error instanceof TandemError) || error.code !== 'SYSTEM_NOT_FOUND') throw error;
    return await createByHand(scope, pair);
  }
}

/** @throws TandemError BAD_REQUEST */
function choice(mapping: Mapping, names: SideNames, { side, property, properties }: ResolveBody) {
  const wrong = (message: string): TandemError => new TandemError('BAD_REQUEST', message, { mapping: mapping.name });
  const winner = side === undefined ? undefined : sideIndex(mapping, side);
  if (property !== undefined) {
    if (winner === undefined || properties) throw wrong('Send "property" with "side" only, or "properties".');
    return { winner: undefined, chosen: new Map([[property, winner]]) };
  }
  if (winner === undefined && !properties)
    throw wrong(`To take a side, send "side": "${names[0]}" or "${names[1]}"; or "properties" with a side for each.`);
  const chosen = Object.entries(properties ?? {}).map(([name, its]) => [name, sideIndex(mapping, its)] as const);
  return { winner, chosen: new Map(chosen) };
}
