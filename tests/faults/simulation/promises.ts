/** Checks, once all is quiet, what Tandem promises: by the stand-ins' own data and what people did. */

import { linksIn } from '../../support/links.ts';
import { justified, madeTexts, type Odd, oddities, sameForm } from './hostile.ts';
import type { Edit, FieldHistory, Model, Thing } from './model.ts';
import { isOvertaken, isUndoneUnread } from './overtaken.ts';
import { fullScan } from './quiet.ts';
import { spoilable } from './schedule.ts';
import type { Setting } from './setting.ts';
import { find, kinds, type Place, pairs, places, type RecordData, recordsOf, thingOf } from './things.ts';

/**
 * @param hostile systems did otherwise, and nothing else went wrong: whatever waits must be explained by that
 * @returns the broken promises, in words; what is settled now is noted in the model
 */
export async function check(setting: Setting, model: Model, hostile = false): Promise<string[]> {
  const broken: string[] = [];
  const odd = oddities(setting);
  const unreachable = await nobodysCounterparts(setting, model, odd);
  model.issues = 0;
  for (const thing of model.things.values()) {
    const happened = odd.get(thing.name) ?? [];
    broken.push(...(await checkThing(setting, model, unreachable, thing, happened)));
    if (hostile) broken.push(...(await checkIssues(setting, model, unreachable, thing, happened)));
  }
  broken.push(...strangers(setting, model), ...(await wrongLinks(await allLinks(setting), setting)));
  broken.push(...refusedOrders(setting));
  const before = [setting.keap, setting.shop].map(({ requests }) => requests.last);
  const again = await fullScan(setting);
  if (typeof again === 'string') broken.push(again);
  else if (again.work > 0 || again.writes > 0)
    broken.push(
      `P2 a further full scan made ${again.work} jobs and ${again.writes} writes: ${writesSince(setting, before)}`,
    );
  return broken;
}

/** The writes that came in after these requests, in words. */
const writesSince = ({ keap, shop }: Setting, before: readonly number[]): string =>
  [keap, shop]
    .flatMap(({ requests }, i) => requests.since(before[i]))
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path, status }) => `${method} ${path} ${status}`)
    .join(', ');

/**
 * A record was deleted after it was read and before its counterpart was created: the system cannot refuse that. A person is asked
 * about what was created.
 */
const isMadeOfDeleted = async (setting: Setting, thing: Thing, place: Place): Promise<boolean> =>
  [...thing.deleted.keys()].some((one) => one !== place) &&
  (await issuesOf(setting, thing)).some((one) =>
    one.includes(' review: The record may be the result of the create for '),
  );

// Over 60 lines: one promise after the other about one thing. A broken one decides whether the next ones can be checked.
async function checkThing(
  setting: Setting,
  model: Model,
  unreachable: Unreachable,
  thing: Thing,
  odd: readonly Odd[],
): Promise<string[]> {
  if (wasReplaced(setting, thing)) return [];
  if (thing.merged.size > 0) return await checkMerged(setting, thing, odd);
  const broken: string[] = [];
  const spec = kinds[thing.kind];
  const records = new Map<Place, RecordData>();
  for (const place of spec.places) {
    const found = find(setting.stores, place, thing.name);
    const ids = found.map((record) => record.id).join(', ');
    if (found.length > 1 && !(await isMadeOfDeleted(setting, thing, place)))
      broken.push(`P4 ${thing.name} is ${found.length} times in ${place} (${ids})`);
    const deleted = thing.deleted.get(place);
    if (deleted === 'settled' && found.length > 0)
      broken.push(`P6 ${thing.name} was deleted in ${place} and made again (${ids})`);
    const [record] = found;
    if (record) records.set(place, record);
    else if (deleted === undefined && (thing.settled || thing.origins.has(place)) && !mayFollow(thing))
      broken.push(`P6 ${thing.name} is gone from ${place}, and nobody deleted it`);
    else if (
      deleted === undefined &&
      !thing.spoilt &&
      thing.deleted.size === 0 &&
      !waits(setting, unreachable, thing)
    ) {
      // Somebody who was to get the id of a deleted contact is a contact only, and no mapping creates customers of contacts.
      if (thing.origins.size === 1 && thing.origins.has('contact')) continue;
      // Its record has the id of another one that was deleted: a person may have to look.
      const issues = await issuesOf(setting, thing);
      if (odd.some(({ behaviour }) => behaviour === 'reuse-ids') && issues.length > 0) continue;
      broken.push(`P1 ${thing.name} has no record in ${place}; ${issueText(issues)}`);
    }
  }
  if (spec.deletesFollow && !thing.discarded && records.size > 0 && [...thing.deleted.values()].includes('settled')) {
    const issues = await issuesOf(setting, thing);
    // What was edited meanwhile stays until a person decides.
    if (!issues.some((one) => one.includes(' review: ')))
      broken.push(`P6 ${thing.name} was deleted in ${[...thing.deleted.keys()].join(', ')}, but not elsewhere`);
  }
  if (isSpoilt(setting, thing, records)) {
    const explained = (await hasIssue(setting, thing)) || (await isOfReusedId(setting, thing, odd));
    if (thing.deleted.size === 0 && !explained)
      broken.push(`P7 ${thing.name} cannot be written, but nothing tells why`);
    return broken;
  }
  if (await isOfReusedId(setting, thing, odd))
    return [...broken, ...(await wasOverwritten(setting, model, thing, records, odd))];
  for (const [name, history] of thing.fields)
    broken.push(
      ...(await checkField(
        setting,
        model,
        unreachable,
        thing,
        name,
        history,
        records,
        odd.filter(({ field }) => field === name),
      )),
    );
  if (broken.length === 0 && records.size === spec.places.length) thing.settled = true;
  return broken;
}

/** A record of it has the id of another one that was deleted, and a person is asked about that: it has no counterpart meanwhile. */
const isOfReusedId = async (setting: Setting, thing: Thing, odd: readonly Odd[]): Promise<boolean> =>
  odd.some(({ behaviour }) => behaviour === 'reuse-ids') &&
  (await issuesOf(setting, thing)).some((one) => one.includes(' review: '));

/**
 * The id of one of the two was given again, and a deal named it before anybody looked at it: the deal is the former one's on the
 * other side, and the issue of the two says so.
 */
async function areLinkedByReuse(setting: Setting, contact: string, customer: string): Promise<boolean> {
  const links = setting.engine.links('contact-customer');
  for (const { id } of find(setting.stores, 'customer', customer)) {
    const first = await links.reader.counterpart(1, String(id));
    if (first === undefined || (await linksIn(links).issue(0, first))?.code !== 'ID_REUSED') continue;
    if (find(setting.stores, 'contact', contact).some((one) => String(one.id) === first)) return true;
  }
  return false;
}

/** Each of its records holds what people typed there last; what nobody has typed there came of another place. */
async function wasOverwritten(
  setting: Setting,
  model: Model,
  thing: Thing,
  records: ReadonlyMap<Place, RecordData>,
  odd: readonly Odd[],
): Promise<string[]> {
  const broken: string[] = [];
  for (const [place, record] of records) {
    for (const [name, { settled, edits }] of thing.fields) {
      const value = kinds[thing.kind].fields[name]?.at[place]?.get(record, setting.stores);
      const did = odd.filter(({ field }) => field === name);
      const made = madeTexts(did);
      const known = [settled ?? '', ...edits.map((edit) => edit.value), ...made].map(sameForm);
      if (value === undefined || value === '' || known.includes(sameForm(value))) continue;
      // Numbers stand in other notations in the systems' accounts.
      if (did.length > 0 && !Number.isNaN(Number(value))) continue;
      const named = name === 'customer' ? edits.map((edit) => areLinkedByReuse(setting, edit.value, value)) : [];
      if ((await Promise.all(named)).includes(true)) continue;
      const given = odd.filter(({ behaviour }) => behaviour === 'reuse-ids');
      // The id was given again after the engine had read the former record, and before its write arrived.
      if (given.some(({ at }) => isOvertaken(setting, { place, at }, record))) {
        model.overtaken++;
        continue;
      }
      broken.push(
        `P3 nobody made "${value}" in ${place}: ${thing.name}.${name}, whose record has the id of another one`,
      );
    }
  }
  return broken;
}

/**
 * A record of it was deleted before it was linked, say a customer before its company had found it, so that the company
 * got another one. To the other mappings that is a new record: it gets a counterpart of its own beside the one that the
 * deleted record had.
 */
const wasReplaced = (setting: Setting, thing: Thing): boolean =>
  [...thing.deleted].some(([place, when]) => when === 'fresh' && find(setting.stores, place, thing.name).length > 0);

/** It was deleted somewhere, and the mapping lets deletes follow. */
const mayFollow = (thing: Thing): boolean => kinds[thing.kind].deletesFollow === true && thing.deleted.size > 0;

type Unreachable = ReadonlySet<string>;

/** Names of those to whom nothing on the other side is known to belong: it refuses them, or a person is asked who they are. */
async function nobodysCounterparts(
  setting: Setting,
  model: Model,
  odd: ReadonlyMap<string, readonly Odd[]>,
): Promise<Unreachable> {
  const names = new Set<string>();
  for (const thing of model.things.values()) {
    if (thing.spoilt || (await isOfReusedId(setting, thing, odd.get(thing.name) ?? []))) names.add(thing.name);
  }
  return names;
}

/** Whether a deal refers to one of them: it has to wait. */
function waits(setting: Setting, unreachable: Unreachable, thing: Thing): boolean {
  const { customer } = kinds[thing.kind].fields;
  return Object.entries(customer?.at ?? {}).some(([place, access]) =>
    find(setting.stores, place as Place, thing.name).some((record) =>
      unreachable.has(access.get(record, setting.stores)),
    ),
  );
}

/** Whether what the other system refuses is still there: a conflict may have put a better value in its place. */
function isSpoilt(setting: Setting, thing: Thing, records: ReadonlyMap<Place, RecordData>): boolean {
  if (!thing.spoilt) return false;
  const { place, values } = spoilable(thing.kind);
  const record = records.get(place);
  return Object.entries(values).every(
    ([field, value]) =>
      record !== undefined && kinds[thing.kind].fields[field]?.at[place]?.get(record, setting.stores) === value,
  );
}

// Over 60 lines: one promise after the other about one field. Each is checked only where the ones before it hold.
async function checkField(
  setting: Setting,
  model: Model,
  unreachable: Unreachable,
  thing: Thing,
  name: string,
  history: FieldHistory,
  records: ReadonlyMap<Place, RecordData>,
  odd: readonly Odd[],
): Promise<string[]> {
  const access = kinds[thing.kind].fields[name]?.at ?? {};
  const values = new Map<Place, string>();
  for (const [place, record] of records) {
    const at = access[place];
    if (at) values.set(place, at.get(record, setting.stores));
  }
  const shown = [...values].map(([place, value]) => `${place} "${value}"`).join(', ');
  const reported = history.edits.map(({ place, value, saw }) => `${place} "${saw}" -> "${value}"`).join(', ');
  const about = `${thing.name}.${name}: ${shown}; before "${history.settled ?? ''}", edits: ${reported || 'none'}`;
  if (odd.length > 0 && thing.deleted.size === 0)
    return await checkOddField(setting, model, thing, history, records, values, about, odd);
  // What is left of a thing that was deleted in part may differ for the same reason, where a person is asked.
  if (odd.length > 0 && (await issuesOf(setting, thing)).length > 0) return [];
  for (const [a, b] of Object.values(pairs)) {
    const [one, other] = [values.get(a), values.get(b)];
    if (one === undefined || other === undefined || one === other) continue;
    // A deal that got somebody whom the other system refuses: this one field of it has to wait, and says so.
    if (name === 'customer' && waits(setting, unreachable, thing) && (await hasIssue(setting, thing, 'waiting')))
      return [];
    if (name === 'customer' && (await areLinkedByReuse(setting, one, other))) return [];
    const issues = await issuesOf(setting, thing);
    const stated = issues.some((issue) => saysNotStored(thing, name, issue));
    if (stated && mayBeUndone(setting, history, records)) return [];
    return [`P1 the sides do not agree on ${about}; ${issueText(issues)}`];
  }
  if (thing.deleted.size > 0) return [];
  const [value] = values.values();
  const { edits } = history;
  const lasts = new Map(edits.map((edit) => [edit.place, edit]));
  const overtaken = (edit: Edit): boolean => {
    const record = records.get(edit.place);
    return record !== undefined && isOvertaken(setting, edit, record);
  };
  const broken: string[] = [];
  if (edits.length === 0 && history.settled !== undefined && value !== history.settled) {
    broken.push(`P3 nobody edited ${about}`);
  } else if (lasts.size > 0 && ![...lasts.values()].some((edit) => edit.value === value)) {
    if ([...lasts.values()].some(overtaken)) model.overtaken++;
    else broken.push(`P3 the last edit is lost: ${about}`);
  } else if (lasts.size > 1) {
    for (const loser of lasts.values()) {
      if (loser.value === value || loser.value === '' || wasSeen(history, loser.place, loser.value)) continue;
      if (await isKept(setting, thing, loser.value)) continue;
      if (overtaken(loser)) model.overtaken++;
      else broken.push(`P5 "${loser.value}" of ${loser.place} lost and is not kept: ${about}`);
    }
  }
  if (broken.length > 0) return broken;
  history.settled = value;
  history.edits = [];
  return [];
}

/** Reasons of an issue that somebody who takes back an unread write brings about. */
const NOT_STORED = ['nothing of it', 'still holds the value from before'];

/** Whether an issue says that a field of a thing was not stored. */
const saysNotStored = (thing: Thing, field: string, issue: string): boolean =>
  NOT_STORED.some((words) => issue.includes(words)) &&
  Object.values(kinds[thing.kind].fields[field]?.at ?? {}).some(({ path }) => issue.includes(path));

function mayBeUndone(setting: Setting, history: FieldHistory, records: ReadonlyMap<Place, RecordData>): boolean {
  const last = history.edits.at(-1);
  const record = last && records.get(last.place);
  return record !== undefined && isUndoneUnread(setting, last!, record, history.settled);
}

/**
 * A field with which a system did otherwise: it may differ where a person is asked, and hold what the system made of it. But
 * what people typed is there or kept, and nothing stands there that neither they nor the system made.
 */
async function checkOddField(
  setting: Setting,
  model: Model,
  thing: Thing,
  history: FieldHistory,
  records: ReadonlyMap<Place, RecordData>,
  values: ReadonlyMap<Place, string>,
  about: string,
  odd: readonly Odd[],
): Promise<string[]> {
  const did = odd.map(({ behaviour, place }) => `${behaviour} in ${place}`).join(', ');
  const shown = new Set([...values.values()].map(sameForm));
  const agree = Object.values(pairs).every(([a, b]) => {
    const [one, other] = [values.get(a), values.get(b)];
    return one === undefined || other === undefined || sameForm(one) === sameForm(other);
  });
  if (!agree && (await issuesOf(setting, thing)).length === 0)
    return [`P1 the sides do not agree, and nothing tells why, after ${did}: ${about}`];
  const lasts = new Map(history.edits.map((edit) => [edit.place, edit]));
  const lost: string[] = [];
  const known = new Set(
    ['', history.settled ?? '', ...history.edits.map((edit) => edit.value), ...madeTexts(odd)].map(sameForm),
  );
  // Numbers stand in other notations in the systems' accounts.
  for (const value of shown)
    if (!known.has(value) && Number.isNaN(Number(value)))
      lost.push(`P3 nobody made "${value}", after ${did}: ${about}`);
  for (const edit of lasts.values()) {
    const { place, value } = edit;
    if (shown.has(sameForm(value)) || wasSeen(history, place, value)) continue;
    // A cleared value is nothing that could be kept; it gives way to another edit only: be it one of the other system itself,
    // and be it cut or rounded here.
    const others = [
      ...[...lasts.values()].filter((other) => other.place !== place).map((other) => other.value),
      ...madeTexts(odd.filter((one) => one.behaviour === 'reformat' && one.place !== place)),
      ...madeTexts(odd.filter((one) => ['cut', 'round'].includes(one.behaviour) && one.place === place)),
    ];
    const gaveWay = others.some((other) => shown.has(sameForm(other)));
    if (value === '' ? gaveWay || looksRestored(setting, thing, place, odd) : await isKept(setting, thing, value))
      continue;
    const record = records.get(place);
    if (record && isOvertaken(setting, edit, record)) {
      model.overtaken++;
      continue;
    }
    lost.push(`P3 "${value}" of ${place} is lost after ${did}: ${about}`);
  }
  if (lost.length > 0 || !agree) return lost;
  const [value = ''] = values.values();
  history.settled = value;
  history.edits = [];
  return [];
}

/**
 * A response showed a clear that was not stored, and the record was modified afterwards: that looks like a person who put the
 * value back (docs/promises.md).
 */
function looksRestored(setting: Setting, thing: Thing, cleared: Place, odd: readonly Odd[]): boolean {
  const all = oddities(setting).get(thing.name) ?? [];
  const edits = [...thing.fields.values()].flatMap((history) => history.edits);
  return odd
    .filter(({ behaviour, place }) => behaviour === 'echo' && place !== cleared)
    .some((echo) => {
      const isLater = ({ place, at }: { readonly place: Place; readonly at: number }): boolean =>
        place === echo.place && at >= echo.at;
      return all.some((one) => one.behaviour === 'reformat' && isLater(one)) || edits.some(isLater);
    });
}

/** What is left of a thing whose record in one place was merged into that of another thing. */
async function checkMerged(setting: Setting, thing: Thing, odd: readonly Odd[]): Promise<string[]> {
  const broken: string[] = [];
  const spec = kinds[thing.kind];
  let left = 0;
  for (const place of spec.places) {
    const found = find(setting.stores, place, thing.name);
    const ids = found.map((record) => record.id).join(', ');
    const mayGo = spec.deletesFollow === true && [...thing.merged.values()].includes('absent');
    if (thing.merged.has(place) && found.length > 0)
      broken.push(`P4 ${thing.name} was merged in ${place} and made again (${ids})`);
    if (found.length > 1) broken.push(`P4 ${thing.name} is ${found.length} times in ${place} (${ids})`);
    if (found.length === 0 && !thing.merged.has(place) && !mayGo && thing.settled)
      broken.push(`P6 ${thing.name} was merged elsewhere and is gone from ${place}`);
    const [record] = found;
    if (!record || thing.merged.has(place)) continue;
    left++;
    for (const [name, { at }] of Object.entries(spec.fields)) {
      const value = at[place]?.get(record, setting.stores);
      const { settled, edits = [] } = thing.fields.get(name) ?? {};
      if (value === undefined || settled === undefined || sameForm(value) === sameForm(settled)) continue;
      const did = odd.filter(({ field }) => field === name);
      // Numbers stand in other notations in the systems' accounts.
      if (did.length > 0 && !Number.isNaN(Number(value))) continue;
      if (![...edits.map((edit) => edit.value), ...madeTexts(did)].includes(value))
        broken.push(
          `P3 ${thing.name}.${name} of ${place} was "${settled}", and is "${value}" since it was merged elsewhere`,
        );
    }
  }
  if (left > 0 && (await issuesOf(setting, thing)).length === 0)
    broken.push(`P7 ${thing.name} was merged in ${[...thing.merged.keys()].join(', ')}, and nothing tells so`);
  return broken;
}

/** Nobody is asked about a thing to which nothing happened. */
async function checkIssues(
  setting: Setting,
  model: Model,
  unreachable: Unreachable,
  thing: Thing,
  odd: readonly Odd[],
): Promise<string[]> {
  // A record that takes no part, or has no counterpart by choice, asks nobody anything.
  const issues = (await issuesOf(setting, thing)).filter((one) => !one.includes(' unmatched: '));
  model.issues += issues.length;
  if (issues.length === 0 || justified(thing, odd) || waits(setting, unreachable, thing)) return [];
  const records = new Map(
    kinds[thing.kind].places.flatMap((place) =>
      find(setting.stores, place, thing.name).map((record) => [place, record] as const),
    ),
  );
  const undone = [...thing.fields].filter(([, history]) => mayBeUndone(setting, history, records));
  const unexplained = issues.filter((one) => !undone.some(([field]) => saysNotStored(thing, field, one)));
  return unexplained.map((one) => `P7 nothing happened to ${thing.name} that explains: ${one}`);
}

/** The author of a later edit elsewhere had this value before their eyes. */
const wasSeen = (history: FieldHistory, place: Place, value: string): boolean =>
  history.edits.some((edit) => edit.place !== place && edit.saw === value);

async function isKept(setting: Setting, thing: Thing, value: string): Promise<boolean> {
  // Other notations (cents, ids) are not looked for: a lost text stands for all.
  if (!value.includes(' of ')) return true;
  for (const [mapping, [place]] of Object.entries(pairs)) {
    for (const record of find(setting.stores, place, thing.name)) {
      const history = await setting.engine.links(mapping).history.history(String(record.id));
      if (history.some((lost) => String(lost.value).trim() === value)) return true;
    }
  }
  return false;
}

async function issuesOf(setting: Setting, thing: Thing): Promise<string[]> {
  const all: string[] = [];
  for (const [mapping, sides] of Object.entries(pairs)) {
    for (const side of [0, 1] as const) {
      for (const record of find(setting.stores, sides[side], thing.name)) {
        const links = setting.engine.links(mapping);
        const id = String(record.id);
        // The issue of a link is kept under its record on the first side, also where that one is gone.
        const first = side === 1 ? await links.reader.counterpart(1, id) : undefined;
        const issue = await (first === undefined ? linksIn(links).issue(side, id) : linksIn(links).issue(0, first));
        if (issue) all.push(`${mapping} ${side}/${String(record.id)} ${issue.kind}: ${issue.reason}`);
      }
    }
  }
  return all;
}
const hasIssue = async (setting: Setting, thing: Thing, kind: 'failed' | 'waiting' = 'failed'): Promise<boolean> =>
  (await issuesOf(setting, thing)).some((one) => one.includes(` ${kind}: `));
const issueText = (issues: readonly string[]): string =>
  issues.length > 0 ? `issues: ${issues.join('; ')}` : 'no issue';

/** Records that no person made, directly or as the cause of them. */
function strangers(setting: Setting, model: Model): string[] {
  const broken: string[] = [];
  for (const place of Object.keys(places) as Place[]) {
    for (const record of recordsOf(setting.stores, place)) {
      const name = thingOf(place, record);
      if (name === undefined || !model.things.has(name))
        broken.push(`P4 ${place} ${JSON.stringify(record)} belongs to nothing that people made`);
    }
  }
  return broken;
}

type Linked = readonly [mapping: string, a: string, b: string];

async function allLinks(setting: Setting): Promise<Linked[]> {
  const all: Linked[] = [];
  for (const mapping of Object.keys(pairs)) {
    for await (const batch of linksIn(setting.engine.links(mapping)).all())
      for (const [a, b] of batch) all.push([mapping, a, b]);
  }
  return all;
}

async function wrongLinks(links: readonly Linked[], setting: Setting): Promise<string[]> {
  const broken: string[] = [];
  for (const [mapping, ...ids] of links) {
    const sides = pairs[mapping] ?? [];
    const names = sides.map((place, side) => {
      const record = recordsOf(setting.stores, place).find((one) => String(one.id) === ids[side]);
      return record && thingOf(place, record);
    });
    if (names[0] !== undefined && names[1] !== undefined && names[0] !== names[1]) {
      // One of the two has the id of a record that was deleted: the link waits for a person, and nothing is written.
      const issue = await linksIn(setting.engine.links(mapping)).issue(0, ids[0]);
      if (issue?.code === 'ID_REUSED') continue;
      broken.push(`P4 ${mapping} links ${names[0]} (${ids[0]}) with ${names[1]} (${ids[1]})`);
    }
  }
  return broken;
}

/** An order or opportunity that was sent before what it refers to was there is refused by the stand-ins. */
function refusedOrders(setting: Setting): string[] {
  const requests = [...setting.keap.requests.since(), ...setting.shop.requests.since()];
  return requests
    .filter(
      ({ method, status, fault, route }) =>
        method !== 'GET' &&
        fault === undefined &&
        (status === 400 || status === 422) &&
        /\/(orders|opportunities)\b/.test(route),
    )
    .map(({ method, path, status }) => `P9 ${method} ${path} was refused with ${status}`);
}
