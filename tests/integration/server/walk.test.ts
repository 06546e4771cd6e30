// The whole surface, walked along its own OpenAPI document: every operation with good and with bad input. A new operation is
// walked without being named here, as long as the names of its parameters have good values below.
import { writeFile } from 'node:fs/promises';
import type { InjectOptions } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { type Answer, API, CRM_KEY, MAPPING, person, READ, type World, world } from './support.ts';
import {
  badInputs,
  checker,
  faultOfProblem,
  type Got,
  Inputs,
  type Operation,
  operationsOf,
  raw,
  type Send,
  type Values,
} from './walk.ts';

afterEach(closeAll);

/** A world in which every operation has something to do. */
async function livelyWorld(): Promise<World> {
  const made = await world({
    crm: [
      ...['1', '2', '3', '4', '5'].map((id) => person(id, `Name ${id}`, `p${id}@x.test`, { note: `from crm ${id}` })),
      ...['61', '62', '63', '64', '65', '66'].map((id) => person(id, '', `bad${id}@x.test`)),
    ],
    shop: [
      // Another note on both sides, decided by a person: reviews.
      ...['1', '2', '3', '4'].map((id) => person(`s${id}`, `Name ${id}`, `p${id}@x.test`, { note: `from shop ${id}` })),
      person('s66', '', 'unlinked@x.test'),
    ],
    mapping: MAPPING,
  });
  await made.work();
  const plan = (await made.call('POST', '/triggers/people', { scan: 'full', plan: true })).body;
  await until(async () => (await made.call('GET', `/runs/${plan.id}`)).body.state === 'done');
  await made.sync();
  await loseAges(made);
  return made;
}

/** Two values that lost a conflict. */
async function loseAges(made: World): Promise<string> {
  const lost = { at: new Date().toISOString(), property: 'age', side: 'crm', rule: 'conflict' };
  const links = made.engine.links('people');
  await links.history.keepOverwritten(
    ['1', 's1'],
    [1, 2].map((value) => ({ ...lost, value })),
  );
  return (await links.history.history('1'))[0]?.id ?? '';
}

const firstOf =
  (made: World, url: string, list: string, wanted: (one: Answer) => boolean = () => true) =>
  () =>
    until(async () => (await made.call('GET', url)).body[list].find(wanted));

/** Good values for what a schema cannot tell, by `operation.parameter` or by the parameter's name. */
// Over 60 lines: one table of values.
const GOOD = (made: World): Values => {
  const failedJob = async () =>
    (await firstOf(made, '/queues/reconcile-people/jobs?state=failed&limit=500', 'jobs')()).id;
  const run = (wanted: (one: Answer) => boolean) => async () => (await firstOf(made, '/runs', 'runs', wanted)()).id;
  const review = async () => (await firstOf(made, '/reviews', 'reviews')()).review;
  const linked = async () =>
    (await firstOf(made, '/links/people', 'links', (one) => one.ids.crm !== '1')()).ids.crm as string;
  return {
    mapping: 'people',
    side: 'crm',
    system: 'crm',
    key: CRM_KEY,
    code: 'VALUE_REQUIRED',
    cursor: '0',
    'getQueue.name': 'scan',
    'listJobs.name': 'reconcile-people',
    'listMarkedRecords.name': 'reconcile-people',
    'getJob.name': 'reconcile-people',
    'getJob.id': failedJob,
    'retryJob.name': 'reconcile-people',
    'retryJob.id': failedJob,
    'discardJob.name': 'reconcile-people',
    'discardJob.id': failedJob,
    'retryFailed.name': 'reconcile-people',
    'promoteJob.name': 'reconcile-people',
    'promoteJob.id': async () => {
      const job = { mapping: 'people', side: 0, id: '404' } as const;
      return (await made.engine.queues.reconcile('people').add('reconcile', job, { delay: 600_000 })).id ?? '';
    },
    'promoteDelayed.name': 'reconcile-people',
    'discardJobs.name': 'reconcile-people',
    'drainQueue.name': 'reconcile-people',
    'getRecordJobs.id': '61',
    before: '2030-01-01T00:00:00Z',
    'pauseQueue.name': 'scan',
    'resumeQueue.name': 'scan',
    'getMapping.name': 'people',
    // One that is being retired, and of which nothing is left.
    'retireMapping.name': async () => {
      await made.engine.retirements.begin('former');
      return 'former';
    },
    'previewRecord.name': 'people',
    'previewRecord.body': { side: 'crm', id: '1' },
    'validateMapping.yaml': MAPPING,
    'trigger.body': { scan: 'full' },
    'getRun.id': run(() => true),
    'getPlan.id': run((one) => one.plan),
    'explainRecord.id': '1',
    'listHistory.id': '1',
    'restoreValue.id': '1',
    'restoreValue.entry': () => loseAges(made),
    'forgetHistory.id': '1',
    'findLinks.id': '1',
    'makeLink.body': { ids: { crm: '66', shop: 's66' } },
    'breakLink.id': linked,
    'resolveReview.id': review,
    'resolveReview.body': { action: 'ignore' },
    'listIssues.id': '61',
    'getError.code': 'NOT_FOUND',
    'webhook.body': { topic: 'thing.changed', id: 1 },
  };
};

/** What nobody asks to end is answered over a real connection, and cut after its head. */
const streams = ({ responses }: Operation): boolean =>
  Object.hasOwn(responses['200']?.content ?? {}, 'text/event-stream');

function sender({ app }: World, base: string): (operation?: Operation) => Send {
  let address = 0;
  const injected: Send = async ({ method, url, headers, payload }) => {
    address++;
    const got = await app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url,
      headers,
      // Each from another address: refusals are counted by it.
      remoteAddress: `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`,
      ...(payload === undefined ? {} : { payload }),
    });
    return {
      status: got.statusCode,
      type: String(got.headers['content-type'] ?? ''),
      text: got.body,
      headers: got.headers,
    };
  };
  const cut: Send = async ({ method, url, headers }) => {
    const end = new AbortController();
    const got = await fetch(`${base}${url}`, { method, headers, signal: end.signal });
    const type = got.headers.get('content-type') ?? '';
    const text = type.startsWith('text/event-stream') ? '' : await got.text();
    end.abort();
    return { status: got.status, type, text, headers: Object.fromEntries(got.headers) };
  };
  return (operation) => (operation && streams(operation) ? cut : injected);
}

const fits = (template: string, path: string): boolean =>
  new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path);

/** What the read token may do although it is no GET. */
const READS = new Set(['validateMapping', 'previewRecord']);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('every operation answers good and bad input as its document says, and never with a failure of its own', async () => {
  const made = await livelyWorld();
  const base = await listen(made.app);
  const document = (await made.call('GET', '/docs/json')).body;
  const operations = operationsOf(document);
  const check = checker(document);
  const send = sender(made, base);
  const inputs = new Inputs(document, GOOD(made));
  const faults: string[] = [];
  let calls = 0;

  const call = async (operation: Operation, what: string, sent: Parameters<Send>[0]): Promise<Got> => {
    calls++;
    const got = await send(operation)(sent);
    const fault = got.status === 500 ? `fails: ${got.text}` : check(operation, got);
    if (fault) faults.push(`${operation.method} ${operation.path} (${operation.id}), ${what}: ${fault}`);
    return got;
  };
  const expecting = (operation: Operation, what: string, got: Got, right: boolean, wanted: string): void => {
    if (!right)
      faults.push(
        `${operation.method} ${operation.path} (${operation.id}), ${what}: ${got.status} instead of ${wanted}: ${got.text.slice(0, 200)}`,
      );
  };

  for (const operation of operations) {
    const token = bearer(operation.method === 'GET' ? READ : API);
    const good = async (what: string, changes = {}) => {
      const { headers, ...request } = await inputs.request(operation, changes);
      return call(operation, what, { ...request, headers: { ...token, ...headers } });
    };
    // Good input: the least, and each optional parameter and every name that it may be.
    let got = await good('good input');
    // A job that is run again between the list and this call has changed or is done by then: the next one is taken.
    const isPast = ({ status, text }: Got) =>
      (status === 409 && text.includes('changed meanwhile')) || (status === 404 && text.includes('There is no job'));
    for (let again = 0; again < 20 && isPast(got); again++) got = await good('good input');
    expecting(operation, 'good input', got, got.status >= 200 && got.status < 300, '2xx');
    for (const { name, in: place, required, schema } of operation.parameters) {
      if (place !== 'query' || required) continue;
      const names = (inputs.resolve(schema).enum as string[] | undefined) ?? [
        await inputs.good(operation, name, schema),
      ];
      for (const value of names) await good(`${name}=${value}`, { parameter: { name, value: String(value) } });
    }
    // Bad input.
    for (const { what, changes, status, mayFit } of await badInputs(inputs, operation)) {
      const answer = await good(what, changes);
      if (status !== undefined) expecting(operation, what, answer, answer.status === status, String(status));
      else if (!mayFit && !operation.path.includes('{'))
        expecting(operation, what, answer, answer.status >= 400, '4xx');
    }
    // Tokens.
    if (!operation.open) {
      const { headers, ...request } = await inputs.request(operation);
      for (const authorization of [
        '',
        'Bearer',
        'Bearer wrong',
        `Basic ${READ}`,
        `Bearer ${READ} x`,
        'Basic !',
        `Bearer ${'x'.repeat(5_000)}`,
      ]) {
        const answer = await call(operation, `authorization: ${authorization.slice(0, 20)}`, {
          ...request,
          headers: { ...headers, ...(authorization ? { authorization } : {}) },
        });
        expecting(operation, `authorization: ${authorization.slice(0, 20)}`, answer, answer.status === 401, '401');
      }
      if (operation.method !== 'GET') {
        const answer = await call(operation, 'read token', { ...request, headers: { ...headers, ...bearer(READ) } });
        const reads = READS.has(operation.id);
        expecting(operation, 'read token', answer, reads ? answer.status < 300 : answer.status === 403, '2xx or 403');
        const foreign = await call(operation, 'page of another origin', {
          ...request,
          headers: { ...headers, ...token, origin: 'https://evil.example' },
        });
        expecting(operation, 'page of another origin', foreign, foreign.status === 403, '403');
      }
    }
  }
  // Wrong methods.
  for (const path of new Set(operations.map((operation) => operation.path))) {
    const there = operations.filter((operation) => operation.path === path);
    const { url } = await inputs.request(there[0]!);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      // `/mappings/validate` is also the address of a mapping of that name.
      if (operations.some((operation) => operation.method === method && fits(operation.path, path))) continue;
      calls++;
      const got = await send()({ method, url: url.split('?', 1)[0]!, headers: bearer(API) });
      const fault =
        got.status === 405 ? faultOfProblem(got) : `answers ${got.status} to ${method}: ${got.text.slice(0, 100)}`;
      const allow = String(got.headers.allow).split(', ');
      if (fault) faults.push(`${path}: ${fault}`);
      else if (!there.every((operation) => allow.includes(operation.method))) faults.push(`${path}: Allow: ${allow}`);
    }
  }
  process.stdout.write(`The walk made ${calls} calls of ${operations.length} operations.\n`);
  expect(faults).toEqual([]);
  expect(calls).toBeGreaterThan(operations.length * 10);
}, 300_000);

test('an operation without known good values for its parameters is reported by name', async () => {
  const operation = operationsOf({
    paths: {
      '/new/{thing}': {
        get: {
          operationId: 'newOne',
          parameters: [{ name: 'thing', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {},
        },
      },
    },
  })[0]!;
  await expect(new Inputs({}, {}).request(operation)).rejects.toThrow(
    /"thing" of the operation "newOne": add "newOne.thing"/,
  );
});

test('every list is given a page at a time: the pages together are the whole', async () => {
  const made = await livelyWorld();
  const document = (await made.call('GET', '/docs/json')).body;
  const inputs = new Inputs(document, GOOD(made));
  // A list of one page tells nothing of paging.
  await writeFile(`${made.root}/mappings/more.yaml`, MAPPING.replace('mapping: people', 'mapping: more'));
  await made.engine.config.reload();
  await made.engine.dirty.mark('people', ['0/901', '1/902'], 600_000);
  const lists = operationsOf(document).filter(({ method, id }) => method === 'GET' && /^(list|find)|Plan$/.test(id));
  const paged: string[] = [];
  for (const operation of lists) {
    const names = operation.parameters.map(({ name }) => name);
    expect({ list: operation.id, names }).toEqual({ list: operation.id, names: expect.arrayContaining(['limit']) });
    const { url } = await inputs.request(operation);
    const at = (query: string) => `${url}${url.includes('?') ? '&' : '?'}${query}`;
    const whole = (await made.call('GET', at('limit=500'))).body;
    const key = Object.keys(whole).find((name) => Array.isArray(whole[name])) ?? '';
    expect({ list: operation.id, more: whole[key].length > 1 }).toEqual({ list: operation.id, more: true });
    const pages: Answer[] = [];
    if (names.includes('cursor')) {
      for (let next: string | undefined = '0'; next !== undefined; ) {
        const { body }: { body: Answer } = await made.call('GET', at(`limit=1&cursor=${next}`));
        pages.push(...body[key]);
        next = body.next;
      }
    } else {
      for (let offset = 0; offset < whole[key].length; offset++) {
        const { body } = await made.call('GET', at(`limit=1&offset=${offset}`));
        expect(body).toMatchObject({ total: whole[key].length, offset, limit: 1 });
        pages.push(...body[key]);
      }
      expect((await made.call('GET', at(`offset=${whole[key].length}`))).body[key]).toEqual([]);
    }
    const plain = (list: Answer[]) =>
      list.map((one) => JSON.stringify({ ...one, oldestWaiting: 0, etaMs: 0, perSecond: 0 }));
    if (names.includes('cursor')) expect(plain(pages).sort()).toEqual(plain(whole[key]).sort());
    else expect(plain(pages)).toEqual(plain(whole[key]));
    paged.push(operation.id);
  }
  expect(paged).toEqual(
    expect.arrayContaining([
      'listRuns',
      'listQueues',
      'listJobs',
      'listMappings',
      'listReviews',
      'listIssues',
      'listIssueReasons',
      'listHistory',
      'findLinks',
      'getPlan',
      'listErrors',
    ]),
  );
});

test('the same trigger at the same moment, many times, is one run', async () => {
  const { call } = await world();
  for (const [url, body] of [
    ['/triggers/people', { scan: 'full' }],
    ['/triggers/people', { scan: 'changes', plan: true }],
    ['/triggers/people', undefined],
  ] as const) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('POST', url, body)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.body.started)).toHaveLength(1);
  }
  const all = await Promise.all(Array.from({ length: 5 }, () => call('POST', '/triggers', { scan: 'full' })));
  // Groups are many, what they do is one: the run of the mapping that is under way.
  expect(new Set(all.flatMap((answer) => answer.body.children)).size).toBe(1);
  expect((await call('GET', '/queues/scan/jobs?state=waiting')).body.total).toBe(3);
});

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400, 'BAD_REQUEST'],
  [
    'headers without end',
    `GET /runs HTTP/1.1\r\nHost: x\r\n${'X-Long: '.padEnd(20_000, 'y')}\r\n\r\n`,
    431,
    'TOO_LARGE',
  ],
  [
    'two lengths',
    'POST /triggers HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    400,
    'BAD_REQUEST',
  ],
  [
    'length and chunks',
    'POST /triggers HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'BAD_REQUEST',
  ],
])('a request with %s gets a problem document', async (_, text, status, code) => {
  const { app } = await world();
  const got = await raw(await listen(app), text);
  expect({ status: got.status, fault: faultOfProblem(got) }).toEqual({ status, fault: undefined });
  expect(JSON.parse(got.text)).toMatchObject({ code });
});
