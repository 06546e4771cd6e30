/**
 * What every kind of connector must do, whatever system is behind it. A kind passes by calling `conforms` in a test file, with
 * a way to start a real server, to work on it as a person does, and to have it fail.
 */
import { expect, test, vi } from 'vitest';
import type { SystemClient } from '../../../engine/connectors/client.ts';
import type { Capabilities, Connector, Page } from '../../../engine/connectors/connector.ts';
import { TandemError } from '../../../engine/errors.ts';
import type { WritablePath } from '../../../engine/expression/path.ts';
import type { JsonObject } from '../../../engine/types.ts';

export interface Specimen {
  /** Opened with a short delay between tries, and with pages of two records. */
  readonly client: SystemClient;
  /** An entity of which no record is there yet. */
  readonly entity: string;
  /** A text that is written and read, and by which `find` searches where it can. */
  readonly text: WritablePath;
  /** A second text, which nobody searches by. */
  readonly note: WritablePath;
  /** A record to be created. */
  make(text: string): JsonObject;
  /** Work of a person in the system. */
  readonly person: {
    add(text: string): Promise<string>;
    /** Changes the note. */
    edit(id: string, note: string): Promise<void>;
    remove(id: string): Promise<void>;
    /** Both texts of each record that is there. */
    all(): Promise<readonly { readonly id: string; readonly text: string; readonly note: string | undefined }[]>;
  };
  readonly faults: {
    /** Nobody can reach the server any more. */
    down(): Promise<void>;
    /** What is asked is done, and its response is lost. */
    loseResponses(): void;
    /** The second page of a list, and what follows, fails. */
    breakLists(): void;
    /** Every response is something that cannot be read. */
    garble(): void;
    /** Every request is refused, because there were too many. */
    slowDown(): void;
    /** The credentials are accepted no more. */
    refuseCredentials(): void;
    clear(): void;
  };
  /** Requests that came so far. */
  requests(): number;
}

const all = async (pages: AsyncGenerator<Page>): Promise<Page[]> => {
  const read: Page[] = [];
  for await (const page of pages) read.push(page);
  return read;
};
const ids = (pages: readonly Page[]): Set<string> =>
  new Set(pages.flatMap(({ records }) => records.map(({ id }) => id)));
const errorOf = async (work: Promise<unknown>): Promise<TandemError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TandemError);
  return error as TandemError;
};

/** @param start a specimen with a system of its own, which the test file closes after each test */
// Over 60 lines: a list of tests, each of which can be read alone.
export function conforms(kind: string, start: () => Promise<Specimen>): void {
  // A method of the interface that the suite does not know cannot be forgotten here.
  const covered = {
    capabilities: true,
    check: true,
    list: true,
    read: true,
    find: true,
    create: true,
    update: true,
    delete: true,
    close: true,
  } satisfies Record<keyof Connector, true>;
  const title = (words: string): string => `${kind}: ${words}`;

  test(title('has every method, and names what an entity offers without a call'), async () => {
    const { client, entity, requests } = await start();
    for (const name of Object.keys(covered)) expect(client[name as keyof Connector], name).toBeTypeOf('function');
    const known: Capabilities = client.capabilities(entity);
    expect(known.read && known.list !== undefined && known.create !== undefined).toBe(true);
    expect(client.capabilities(entity)).toEqual(known);
    expect(() => client.capabilities('no-such-entity')).toThrow(
      expect.objectContaining({ name: 'TandemError', code: 'CONFIG_REFERENCE' }),
    );
    expect(requests()).toBe(0);
  });

  test(title('a check passes where the system is there, and changes nothing'), async () => {
    const { client, entity, person } = await start();
    await person.add('one');
    const before = await person.all();
    await client.check(entity);
    expect(await person.all()).toEqual(before);
  });

  test(title('lists every record, in numbered pages'), async () => {
    const { client, entity, person, text } = await start();
    expect(ids(await all(client.list(entity)))).toEqual(new Set());
    const added: string[] = [];
    for (let i = 0; i < 5; i++) added.push(await person.add(`record ${i}`));
    const pages = await all(client.list(entity));
    expect(ids(pages)).toEqual(new Set(added));
    expect(pages.filter(({ records }) => records.length > 0).length).toBeGreaterThan(1);
    // One that was not still while it was read may be read again from its first page.
    for (const [i, { number }] of pages.entries()) expect([1, (pages[i - 1]?.number ?? 0) + 1]).toContain(number);
    expect(pages[0]!.number).toBe(1);
    expect(pages.flatMap(({ failed, unidentified }) => [...failed, ...unidentified.first])).toEqual([]);
    const shown = pages.flatMap(({ records }) => records).find(({ id }) => id === added[0]);
    expect(text.get(shown!.data)).toBe('record 0');
  });

  test(title('lists at least what changed since a time'), async () => {
    const { client, entity, person } = await start();
    const edited = await person.add('one');
    await person.add('two');
    const record = await client.read(entity, edited);
    const { modified, list } = client.capabilities(entity);
    if (modified) expect(new Date(record!.modified!).toISOString()).toBe(record!.modified);
    await person.edit(edited, 'changed');
    const since = modified ? (await client.read(entity, edited))!.modified! : new Date().toISOString();
    expect(ids(await all(client.list(entity, { since })))).toContain(edited);
    // Far enough ahead for any overlap: nothing changed since then.
    const later = new Date(Date.now() + 86_400_000).toISOString();
    if (list!.since) expect(ids(await all(client.list(entity, { since: later })))).toEqual(new Set());
  });

  test(title('a list that breaks off throws, it never just ends'), async () => {
    const { client, entity, person, faults } = await start();
    for (let i = 0; i < 5; i++) await person.add(`record ${i}`);
    faults.breakLists();
    const error = await errorOf(all(client.list(entity)));
    expect(error.retry).not.toBe('never');
  });

  test(title('a list that is called off ends with the reason'), async () => {
    const { client, entity, person } = await start();
    for (let i = 0; i < 5; i++) await person.add(`record ${i}`);
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of client.list(entity, { signal: stop.signal })) stop.abort(new Error('called off'));
    })();
    await expect(reading).rejects.toThrow('called off');
  });

  test(title('reads one record by its id, and nothing for one that does not exist'), async () => {
    const { client, entity, person, text } = await start();
    const id = await person.add('Anna');
    const record = await client.read(entity, id);
    expect([record?.id, text.get(record!.data)]).toEqual([id, 'Anna']);
    await person.remove(id);
    expect(await client.read(entity, id)).toBeUndefined();
  });

  test(title('what cannot be read is an error, and never a record that does not exist'), async () => {
    const { client, entity, person, faults } = await start();
    const id = await person.add('Anna');
    faults.garble();
    expect((await errorOf(client.read(entity, id))).retry).toBe('later');
    faults.clear();
    expect(await client.read(entity, id)).toMatchObject({ id });
  });

  test(title('finds by a value, trimmed, and finds nothing else'), async () => {
    const { client, entity, person, text } = await start();
    const { find } = client.capabilities(entity);
    expect((await errorOf(client.find(entity, 'no_such_field', 'x'))).code).toBe('OPERATION_UNSUPPORTED');
    if (!find.includes(text.source)) return;
    const id = await person.add('Anna Bell');
    await person.add('Anna Bell the second');
    for (const sought of ['Anna Bell', ' Anna Bell '])
      expect((await client.find(entity, text.source, sought)).map((record) => record.id)).toEqual([id]);
    expect(await client.find(entity, text.source, 'nobody')).toEqual([]);
  });

  test(title('creates one record, and returns it as the system shows it'), async () => {
    const { client, entity, person, make, text } = await start();
    const created = await client.create(entity, make('Anna'), { idempotencyKey: 'key-1' });
    expect(text.get(created.data)).toBe('Anna');
    expect(await person.all()).toMatchObject([{ id: created.id, text: 'Anna' }]);
    expect((await client.read(entity, created.id))?.data).toEqual(created.data);
    const { idempotent } = client.capabilities(entity).create!;
    if (!idempotent) return;
    expect((await client.create(entity, make('Anna'), { idempotencyKey: 'key-1' })).id).toBe(created.id);
    expect(await person.all()).toHaveLength(1);
  });

  test(title('a create whose response is lost has an unknown outcome, and is not repeated'), async () => {
    const { client, entity, person, make, faults } = await start();
    faults.loseResponses();
    expect((await errorOf(client.create(entity, make('Anna')))).code).toBe('OUTCOME_UNKNOWN');
    faults.clear();
    expect(await person.all()).toHaveLength(1);
  });

  test(title('updates what changed, leaves the rest, and returns the record'), async () => {
    const { client, entity, person, text, note } = await start();
    const id = await person.add('Anna');
    await person.edit(id, 'by a person');
    const read = (await client.read(entity, id))!;
    const data = text.set(read.data, 'Anna B');
    const change = { data, changed: [text], version: read.version, before: read.data };
    const taken = vi.fn();
    const updated = await client.update(entity, id, change, { taken });
    expect(taken).toHaveBeenCalledOnce();
    expect([updated.id, text.get(updated.data), note.get(updated.data)]).toEqual([id, 'Anna B', 'by a person']);
    expect(await person.all()).toMatchObject([{ id, text: 'Anna B', note: 'by a person' }]);
  });

  test(title('does not overwrite a record that changed since it was read, where it has versions'), async () => {
    const { client, entity, person, text, note } = await start();
    if (!client.capabilities(entity).update!.versioned) return;
    const id = await person.add('Anna');
    const read = (await client.read(entity, id))!;
    await person.edit(id, 'meanwhile');
    const change = { data: text.set(read.data, 'Anna B'), changed: [text], version: read.version, before: read.data };
    const taken = vi.fn();
    expect((await errorOf(client.update(entity, id, change, { taken }))).code).toBe('RECORD_CHANGED');
    expect(taken).not.toHaveBeenCalled();
    expect(await person.all()).toMatchObject([{ text: 'Anna', note: 'meanwhile' }]);
    expect(note.get((await client.read(entity, id))!.data)).toBe('meanwhile');
  });

  test(title('a record that is gone cannot be updated, and counts as deleted'), async () => {
    const { client, entity, person, text } = await start();
    const id = await person.add('Anna');
    const read = (await client.read(entity, id))!;
    await client.delete(entity, id);
    expect(await person.all()).toEqual([]);
    await client.delete(entity, id);
    const change = { data: text.set(read.data, 'Anna B'), changed: [text], version: read.version };
    expect((await errorOf(client.update(entity, id, change))).code).toBe('SYSTEM_NOT_FOUND');
  });

  test(title('a guard that objects ends a write before anything is sent'), async () => {
    const { client, entity, person, make, text, requests } = await start();
    const id = await person.add('Anna');
    const read = (await client.read(entity, id))!;
    const objection = new TandemError('RECORD_LOCKED', 'the claim ran out');
    const guard = (): never => {
      throw objection;
    };
    const before = requests();
    const change = { data: text.set(read.data, 'Anna B'), changed: [text], version: read.version };
    expect(await errorOf(client.create(entity, make('Bert'), { guard }))).toMatchObject({ code: 'RECORD_LOCKED' });
    expect(await errorOf(client.update(entity, id, change, { guard }))).toMatchObject({ code: 'RECORD_LOCKED' });
    expect(await errorOf(client.delete(entity, id, { guard }))).toMatchObject({ code: 'RECORD_LOCKED' });
    expect(requests()).toBe(before);
    expect(await person.all()).toMatchObject([{ id, text: 'Anna' }]);
  });

  test(title('tells refused credentials, too many calls and a system that is not there apart'), async () => {
    const { client, entity, person, make, faults } = await start();
    const id = await person.add('Anna');
    faults.refuseCredentials();
    expect(await errorOf(client.check(entity))).toMatchObject({
      code: 'SYSTEM_AUTH',
      context: { system: client.config.name },
    });
    // What a record meets then is no fault of its own.
    expect(await errorOf(client.create(entity, make('B')))).toMatchObject({ code: 'SYSTEM_DOWN' });
    expect(client.circuit.status().state).toBe('unauthorized');
    faults.clear();
    await expect.poll(() => client.circuit.retryAfter()).toBe(0);
    await client.ready(entity);
    expect(client.circuit.status().state).toBe('up');
    faults.slowDown();
    const slow = await errorOf(client.read(entity, id));
    expect([slow.code, typeof slow.context.retryAfter]).toEqual(['SYSTEM_THROTTLED', 'number']);
    faults.clear();
    await faults.down();
    expect(['SYSTEM_UNREACHABLE', 'SYSTEM_DOWN', 'SYSTEM_THROTTLED']).toContain(
      (await errorOf(client.check(entity))).code,
    );
  });

  test(title('a system that cannot be reached is not called for a while'), async () => {
    const { client, entity, make, faults } = await start();
    await client.check(entity);
    await faults.down();
    for (let i = 0; i < 8; i++) await errorOf(client.create(entity, make(`record ${i}`)));
    expect(await errorOf(client.create(entity, make('one more')))).toMatchObject({
      code: 'SYSTEM_DOWN',
      context: { retryAfter: expect.any(Number) },
    });
    expect(client.circuit.status().state).toBe('down');
  });

  test(title('is closed once, and answers no more'), async () => {
    const { client, entity } = await start();
    await client.check(entity);
    await client.close();
    await errorOf(client.check(entity));
  });
}
