/**
 * Ends a worker process at each named step of a reconcile, several of them over the same work: whatever one leaves half
 * done, the next takes over, until two sound ones finish it. Then every promise is checked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from './crew.ts';
import { createModel, type Model } from './model.ts';
import type { Moment } from './orders.ts';
import { act } from './people.ts';
import { check } from './promises.ts';
import { becomeQuiet } from './quiet.ts';
import { createRandom } from './random.ts';
import type { Means } from './run.ts';
import { createSetting } from './setting.ts';
import { type Kind, kinds, type Place } from './things.ts';

/** How long a victim may take to reach its step, and how often more work is made for those at work. In ms. */
const PATIENCE = 150_000;
const MORE_WORK = 1_000;
/** Victims at work at a time. */
const ABREAST = 5;
/** Things edited at a time. */
const EDITED = 6;

export interface KillReport {
  readonly broken: readonly string[];
  /** Steps that no worker reached. */
  readonly missed: readonly string[];
  readonly things: number;
}

/** @param victims the steps at which workers end themselves, one worker each */
// Over 60 lines: one run from its first records to its check. Its short functions share the model and the count of records.
export async function runKills(victims: readonly Moment[], seed: number, { crew, redis }: Means): Promise<KillReport> {
  const setting = await createSetting(redis.url, { brakeOnCreates: false });
  const model = createModel();
  const random = createRandom(seed);
  const sound: Worker[] = [];
  let count = 0;

  function create(kind: Kind, place: Place): void {
    const spec = kinds[kind];
    const name = `${spec.prefix}${++count}`;
    const values = Object.fromEntries(
      Object.entries(spec.fields).flatMap(([field, { at, value }]) =>
        at[place] && field !== 'customer' ? [[field, value(random, name, ++count)]] : [],
      ),
    );
    act(setting, model, { do: 'create', kind, thing: name, in: { [place]: values }, silent: false });
  }

  const origins: readonly (readonly [Kind, Place])[] = [
    ['company', 'company'],
    ['company', 'customer'],
    ['product', 'keapProduct'],
    ['product', 'shopProduct'],
  ];

  function makeWork(): void {
    create(...random.pick(origins));
    const settled = [...model.things.values()].filter((thing) => thing.settled);
    for (let i = 0; i < EDITED && settled.length > 0; i++) {
      const thing = random.pick(settled);
      for (const place of kinds[thing.kind].places) edit(model, thing.name, thing.kind, place);
    }
  }

  function edit(edited: Model, name: string, kind: Kind, place: Place): void {
    // Each place another field, so that no edit may lose.
    const own: Partial<Record<Place, string>> = {
      company: 'note',
      customer: 'website',
      contact: 'first',
      keapProduct: 'description',
      shopProduct: 'short',
    };
    const field = own[place];
    if (field === undefined) return;
    const value = kinds[kind].fields[field]?.value(random, name, ++count) ?? '';
    act(setting, edited, { do: 'edit', thing: name, in: { [place]: { [field]: value } }, silent: false });
  }

  try {
    for (const [kind, place] of origins) create(kind, place);
    await setting.engine.triggerAll({ scan: 'full' });
    sound.push(await crew.hire(setting.order));
    const before = [...(await becomeQuiet(setting, model)), ...(await check(setting, model))];
    if (before.length > 0) return { broken: before, missed: [], things: model.things.size };
    for (const worker of sound.splice(0)) await crew.dismiss(worker);

    const left = [...victims];
    const missed: Moment[] = [];
    const lanes = Array.from({ length: ABREAST }, async () => {
      for (let dieAt = left.shift(); dieAt !== undefined; dieAt = left.shift()) {
        const victim = await crew.hire({ ...setting.order, dieAt });
        await Promise.race([victim.ended, sleep(PATIENCE, undefined, { ref: false })]);
        if (!victim.alive) continue;
        missed.push(dieAt);
        await victim.kill();
      }
    });
    let over = false;
    const all = Promise.all(lanes).finally(() => {
      over = true;
    });
    while (!over) {
      makeWork();
      await Promise.race([all, sleep(MORE_WORK)]);
    }
    await all;

    for (let i = 0; i < 2; i++) sound.push(await crew.hire(setting.order));
    const broken = await becomeQuiet(setting, model);
    return {
      broken: broken.length > 0 ? broken : await check(setting, model),
      missed,
      things: model.things.size,
    };
  } finally {
    for (const worker of sound) await crew.dismiss(worker);
    await setting.close();
  }
}
