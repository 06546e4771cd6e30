/** A thread for expressions and records that a reader sends: may be ended at any moment, and has nothing but its sources. */
import { parentPort, workerData } from 'node:worker_threads';
import { compileFiles, loadMappingText } from '../config/load.ts';
import type { Mapping } from '../config/types.ts';
import { toRecord } from '../connectors/http/to-record.ts';
import { asTandemError, faultOf, TandemError } from '../errors.ts';
import { unkeyed } from '../expression/values.ts';
import { parseJson, printJson } from '../json.ts';
import type { ConvertContext, ReferenceAnswer } from '../sync/convert.ts';
import { previewRecord } from '../sync/preview.ts';
import { checkRoundTrips } from '../sync/round-trips.ts';
import type { JsonObject, SystemRecord } from '../types.ts';
import {
  type DraftTask,
  type FromThread,
  fromWire,
  type Host,
  type PreviewTask,
  type Results,
  type Sources,
  type ToThread,
  toWire,
} from './protocol.ts';

/** Milliseconds: an answer must not wait for a draft whose expressions are slow. */
const ROUND_TRIPS_PATIENCE = 3_000;
const MAX_ANSWER = 4_000_000;

const port = parentPort!;
const { files, env } = workerData as Sources;
const send = (message: FromThread): void => port.postMessage(message);

/** Compiled before the first task, whose time it would take. */
const { config } = compileFiles(files, env);

const waiting = new Map<number, (answer: ToThread & { kind: 'answer' }) => void>();
let calls = 0;

async function work(task: number, given: DraftTask | PreviewTask): Promise<void> {
  try {
    const json = printJson(given.kind === 'draft' ? await checkDraft(given) : await preview(given, hostOf(task)));
    // The server parses it on its event loop.
    if (json.length > MAX_ANSWER)
      throw new TandemError('EXPRESSION_LIMIT', `What it came to has more than ${MAX_ANSWER} characters.`);
    send({ kind: 'done', task, json });
  } catch (error) {
    send({ kind: 'failed', task, error: toWire(asTandemError(error)) });
  }
}

async function checkDraft({ yaml, file = 'mappings/draft.yaml' }: DraftTask): Promise<Results['draft']> {
  const { mapping, problems } = loadMappingText(yaml, file, files, env);
  const report = mapping
    ? await checkRoundTrips(mapping, { within: ROUND_TRIPS_PATIENCE })
    : { findings: [], notChecked: [] };
  return {
    valid: mapping !== undefined && problems.length === 0,
    ...(mapping ? { mapping: mapping.name } : {}),
    problems,
    warnings: report.findings.filter(({ intended }) => !intended),
    notChecked: report.notChecked,
  };
}

async function preview({ mapping: name, side, id, record: json }: PreviewTask, host: Host): Promise<object> {
  const mapping = config.mappings.get(name);
  if (!mapping) throw new TandemError('NOT_FOUND', `There is no mapping "${name}".`, { mapping: name });
  const record =
    json === undefined
      ? ((await host.read(side, id ?? '')) as SystemRecord)
      : await sentRecord(mapping, side, parseJson(json) as JsonObject);
  const { properties, faults, ...preview } = await previewRecord(mapping, side, record, convertOf(host));
  return {
    ...preview,
    counterpart: await host.counterpart(side, record.id),
    properties: properties.map(({ error, ...property }) => ({
      ...property,
      ...(error ? { fault: faultOf(error) } : {}),
    })),
    faults: faults.map(faultOf),
  };
}

async function sentRecord(mapping: Mapping, side: 0 | 1, record: JsonObject): Promise<SystemRecord> {
  const { name, entity } = mapping.sides[side];
  try {
    // A draft of a record has no id yet.
    return await toRecord(entity, Object.hasOwn(record, entity.id) ? record : { ...record, [entity.id]: 'preview' });
  } catch (cause) {
    const { message } = asTandemError(cause);
    throw new TandemError('BAD_REQUEST', `The record cannot be read as one of ${entity.name} (${name}): ${message}`, {
      mapping: mapping.name,
      cause,
    });
  }
}

const convertOf = (host: Host): ConvertContext => ({
  functions: (side) => ({
    link: (mapping, id) => host.link(side, mapping, id) as Promise<string | undefined>,
    record: (entity, id) => host.record(side, entity, id),
    find: (entity, query) => host.find(side, entity, query) as Promise<unknown[]>,
  }),
  reference: ({ name }, from, id) => host.reference(name, from, id) as Promise<ReferenceAnswer>,
  lookup: host.lookup,
  lookupId: (side, lookup, value) => host.lookupId(side, lookup, value) as Promise<string | undefined>,
  // What is stored is none of a preview's.
  fingerprinter: unkeyed,
});

function hostOf(task: number): Host {
  const call =
    (name: keyof Host) =>
    (...args: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const call = calls++;
        waiting.set(call, ({ json, error }) => {
          if (error) reject(fromWire(error));
          else resolve(json === undefined ? undefined : parseJson(json));
        });
        send({ kind: 'call', task, call, name, args: printJson(args) });
      });
  return {
    read: call('read'),
    link: call('link'),
    record: call('record'),
    find: call('find'),
    reference: call('reference'),
    lookup: call('lookup'),
    lookupId: call('lookupId'),
    counterpart: call('counterpart'),
  };
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'task') void work(message.task, message.work);
  else {
    waiting.get(message.call)?.(message);
    waiting.delete(message.call);
  }
});
send({ kind: 'ready' });
