/**
 * Checks what a system file declares of an entity against the system itself: each `list`, `since`, `read` and `find` is
 * sent once, and what comes back is compared with what the files say. Only GET is sent.
 *
 * A system that does not know a parameter may refuse the request, or ignore the parameter and answer everything. Both
 * are found.
 */
import type { EntityConfig } from '../config/types.ts';
import type { YamlPath } from '../config/yaml.ts';
import type { SystemClient } from '../connectors/client.ts';
import { itemsOf } from '../connectors/http/paging.ts';
import { isObject, readPath } from '../connectors/http/read-path.ts';
import { toId, toRecord } from '../connectors/http/to-record.ts';
import type { ErrorCode, TandemError } from '../errors.ts';
import type { JsonObject, SystemRecord } from '../types.ts';
import { checkFind, checkRead, checkSince, fullest, planSince, searchable } from './answers.ts';
import { checkRecords } from './compare-records.ts';
import {
  type Answered,
  COMPARE_API,
  count,
  type Listed,
  type LiveFinding,
  type LiveRequest,
  type Located,
  type NotChecked,
  type Remark,
  type Unchecked,
  type Use,
} from './findings.ts';
import type { Exchange, Recorder } from './recorder.ts';

/** What a check of one entity found. It holds whole records of the system: it stays in memory, and is not logged. */
export interface EntityReport extends Listed {
  readonly requests: readonly LiveRequest[];
  readonly findings: readonly LiveFinding[];
  readonly notChecked: readonly NotChecked[];
  /** Records that could not be read. */
  readonly failed: readonly TandemError[];
  /** The request of the list, and what came back. */
  readonly list: Answered;
}

export interface LiveOptions {
  readonly client: SystemClient;
  /** The transport of that client. */
  readonly recorder: Recorder;
  readonly entity: EntityConfig;
  /** Paths that mappings read or write. */
  readonly uses: readonly Use[];
  /** Records of the list to look at, at most. */
  readonly sample: number;
  /** Where something stands in the system file; the path begins within the entity. */
  readonly place: (path: YamlPath) => Located;
  /** Called before each operation with its name. */
  readonly onOperation?: (operation: string) => void;
}

/** How many operations `checkEntity` sends at most. */
export const operationsOf = ({ list, read, find }: EntityConfig): number =>
  [list, list?.since, read].filter(Boolean).length + Object.keys(find?.by ?? {}).length;

/**
 * Does each declared operation once, one after the other; a list may take several requests. What the system refuses
 * becomes a finding, not an error.
 * @throws TandemError SYSTEM_UNREACHABLE, SYSTEM_AUTH, SYSTEM_THROTTLED or SYSTEM_DOWN; SYSTEM_UNAVAILABLE of the list
 */
export const checkEntity = (options: LiveOptions): Promise<EntityReport> => new EntityCheck(options).run();

/** Errors that say nothing about what the files declare. */
const OUTSIDE: ReadonlySet<ErrorCode> = new Set([
  'SYSTEM_UNREACHABLE',
  'SYSTEM_AUTH',
  'SYSTEM_THROTTLED',
  'SYSTEM_DOWN',
]);

const CONSEQUENCE: Readonly<Record<string, string>> = {
  list: ' No scan works.',
  since: ' No scan of changes works.',
  read: ' No record can be reconciled.',
};

class EntityCheck {
  readonly #options: LiveOptions;
  readonly #entity: EntityConfig;
  readonly #requests: LiveRequest[] = [];
  readonly #findings: LiveFinding[] = [];
  readonly #notChecked: NotChecked[] = [];
  readonly #failed: TandemError[] = [];
  #records: readonly SystemRecord[] = [];
  #raw: ReadonlyMap<string, JsonObject> = new Map();
  #list: Answered = { request: '', answer: '' };

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#entity = options.entity;
  }

  async run(): Promise<EntityReport> {
    const { list, find, read } = this.#entity;
    if (list) await this.#checkList();
    if (list?.since) await this.#checkSince();
    if (read) await this.#checkRead();
    for (const field of Object.keys(find?.by ?? {})) await this.#checkFind(field);
    return {
      entity: this.#entity,
      requests: this.#requests,
      findings: this.#findings,
      notChecked: this.#notChecked,
      records: this.#records,
      raw: this.#raw,
      failed: this.#failed,
      list: this.#list,
    };
  }

  async #checkList(): Promise<void> {
    const { client, sample, uses } = this.#options;
    const { items } = this.#entity.list!;
    const records: SystemRecord[] = [];
    const exchanges = await this.#send('list', ['list', 'path'], Number.POSITIVE_INFINITY, async () => {
      for await (const page of client.list(this.#entity.name)) {
        records.push(...page.records);
        this.#failed.push(...[...page.failed, ...page.unidentified.first].map(({ error }) => error));
        if (records.length >= sample) break;
      }
    });
    const [first] = exchanges;
    if (!first) return;
    this.#records = records.slice(0, sample);
    const raw = exchanges.flatMap((exchange) => rawItems(exchange, items));
    this.#raw = new Map(raw.map((record) => [toId(readPath(record, this.#entity.id)) ?? '', record]));
    this.#list = {
      request: first.request,
      answer: `${first.status}, ${count(this.#records.length, 'record')} looked at`,
    };
    if (this.#records.length === 0) this.#report('list', this.#list, { notChecked: 'there are no records' });
    else this.#report('list', this.#list, ...checkRecords(this.#listed(), uses));
  }

  #listed(): Listed {
    return { entity: this.#entity, records: this.#records, raw: this.#raw };
  }

  async #checkSince(): Promise<void> {
    const { items, since } = this.#entity.list!;
    if (!since) return;
    const trial = planSince(this.#records, since, Date.now());
    if ('notChecked' in trial) return this.#report('since', this.#list, trial);
    const [exchange] = await this.#send('since', ['list', 'since', 'query'], 1, async () => {
      // The client subtracts the overlap.
      const from = new Date(trial.start + since.overlap).toISOString();
      for await (const _ of this.#options.client.list(this.#entity.name, { since: from })) break;
    });
    if (!exchange) return;
    const found = await this.#normalized(rawItems(exchange, items));
    this.#report('since', answered(exchange, found), checkSince(since, trial, found));
  }

  async #checkRead(): Promise<void> {
    const listed = fullest(this.#records);
    if (!listed) return this.#report('read', this.#list, { notChecked: 'the list gave no record to read' });
    let record: SystemRecord | undefined;
    // A record that is read through a list may be asked for by its own path as well.
    const [exchange] = await this.#send('read', ['read', 'path'], 2, async () => {
      record = await this.#options.client.read(this.#entity.name, listed.id);
    });
    if (!exchange) return;
    const { request, status = 'no answer' } = exchange;
    const remarks = checkRead(this.#entity, listed, record, this.#options.uses);
    this.#report('read', { request, answer: String(status) }, ...remarks);
  }

  async #checkFind(field: string): Promise<void> {
    const { find, name } = this.#entity;
    const operation = `find by ${field}`;
    const sought = searchable(this.#records, field);
    if (!sought) return this.#report(operation, this.#list, { notChecked: 'no record of the list has a value there' });
    const [exchange] = await this.#send(operation, ['find', 'by', field], 1, async () => {
      await this.#options.client.find(name, field, String(readPath(sought.data, field)).trim());
    });
    if (!exchange) return;
    const found = await this.#normalized(rawItems(exchange, find!.items));
    this.#report(operation, answered(exchange, found), checkFind(field, sought, this.#records, found));
  }

  /**
   * Sends one operation.
   * @returns its exchanges; none where it failed, which is then reported
   */
  async #send(operation: string, at: YamlPath, most: number, work: () => Promise<void>): Promise<readonly Exchange[]> {
    this.#options.onOperation?.(operation);
    const { exchanges, error } = await this.#options.recorder.record(most, work);
    const { system, name: entity } = this.#entity;
    for (const { request, status } of exchanges) this.#requests.push({ system, entity, operation, request, status });
    if (error === undefined) return exchanges;
    if (OUTSIDE.has(error.code) || (operation === 'list' && error.code === 'SYSTEM_UNAVAILABLE')) throw error;
    const asked: Answered = { request: exchanges.at(-1)?.request ?? operation, answer: answerOf(error) };
    if (error.code === 'OPERATION_UNSUPPORTED') this.#report(operation, asked, { notChecked: error.message });
    else
      this.#report(operation, asked, {
        severity: 'problem',
        kind: 'refused',
        at,
        message: `The request is not answered as declared: the system may not know a parameter, or not take its value.${CONSEQUENCE[operation] ?? ''}`,
        remedy: COMPARE_API,
      });
    return [];
  }

  #report(operation: string, asked: Answered, ...results: readonly (Remark | Unchecked | undefined)[]): void {
    const { system, name: entity } = this.#entity;
    for (const result of results) {
      if (result === undefined) continue;
      if ('notChecked' in result) {
        this.#notChecked.push({ system, entity, operation, reason: result.notChecked });
        continue;
      }
      const { at, ...remark } = result;
      const { file, line, column } = 'file' in at ? at : this.#options.place(at);
      this.#findings.push({ ...remark, system, entity, operation, ...asked, file, line, column });
    }
  }

  async #normalized(raw: readonly unknown[]): Promise<SystemRecord[]> {
    const records: SystemRecord[] = [];
    for (const item of raw) {
      try {
        records.push(await toRecord(this.#entity, item));
      } catch {
        // Records that cannot be read are counted where the list is checked.
      }
    }
    return records;
  }
}

const rawItems = ({ body }: Exchange, items: string): JsonObject[] => itemsOf(body, items).filter(isObject);

const answered = ({ request, status }: Exchange, found: readonly SystemRecord[]): Answered => ({
  request,
  answer: `${status}, ${count(found.length, 'record')}`,
});

const answerOf = ({ message, context: { status } }: TandemError): string =>
  status === undefined || message.includes(`(${status}`) ? message : `${status}, ${message}`;
