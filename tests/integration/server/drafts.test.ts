// What a reader sends to be tried: expressions that never end, and records that make those of the files slow.
import { afterEach, expect, test } from 'vitest';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { MAPPING, person, READ, type World, world } from './support.ts';

afterEach(closeAll);

interface Got {
  readonly status: number;
  readonly type: string;
  readonly retryAfter: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Over a real connection: what blocks the event loop shows there only. */
interface Served extends World {
  readonly base: string;
}

async function served(options: Parameters<typeof world>[0] = {}): Promise<Served> {
  const made = await world(options);
  return { ...made, base: await listen(made.app) };
}

async function post({ base }: Served, path: string, payload: object): Promise<Got> {
  const answer = await fetch(base + path, {
    method: 'POST',
    body: JSON.stringify(payload),
    headers: { authorization: `Bearer ${READ}`, 'content-type': 'application/json' },
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type') ?? '',
    retryAfter: answer.headers.get('retry-after') ?? undefined,
    body: (await answer.json()) as Got['body'],
  };
}

/** How often health is answered while something goes on. */
async function healthDuring({ base }: Served, work: Promise<unknown>): Promise<number> {
  let working = true;
  const ended = work.finally(() => {
    working = false;
  });
  let answered = 0;
  for (; working; answered++) expect((await fetch(`${base}/health/live`)).status).toBe(200);
  await ended;
  return answered;
}

const converting = (expression: string): string =>
  MAPPING.replace(
    '  - crm: name\n    shop: name\n',
    (place) => `${place}    convert: { shop: ${JSON.stringify(expression)}, crm: $ }\n`,
  );

const LETTERS = '[Ya][Ma][Da][da][Wa][wa][Xa][xa][Ha][ha][ma][sa][Ya][Ma][Da][da]';

/** What a reader may write, and what each kept the process from for seconds or for ever when it was evaluated on its event loop. */
const SLOW = {
  'an endless lambda': '($f := function($x) { $f($x) }; $f(1))',
  'a picture of 16 letter components': `$string($toMillis($pad("",120,"a")&"!", "${LETTERS}"))`,
  '$distinct over large objects': '$string($count($distinct([1..1900].{"a": [1..60], "b": $})))',
};

test('while a draft with slow expressions is tried, all else is answered', async () => {
  const made = await served();
  // The thread is started before, for that takes longer than some of these.
  expect((await post(made, '/mappings/validate', { yaml: MAPPING })).body).toMatchObject({ valid: true });
  for (const [name, expression] of Object.entries(SLOW)) {
    const yaml = converting(expression);
    // Some end so soon that a busy machine gives no twenty answers meanwhile: these are tried more than once.
    const tried = async (): Promise<void> => {
      const began = performance.now();
      do expect((await post(made, '/mappings/validate', { yaml })).status).toBe(200);
      while (performance.now() - began < 500);
    };
    expect({ name, answered: (await healthDuring(made, tried())) > 20 }).toEqual({ name, answered: true });
  }
});

test('a draft that takes longer than is declared is ended, and more than are declared at once get 429', async () => {
  const made = await served({ drafts: { atOnce: 2, timeout: 500 } });
  const yaml = converting('($f := function($x) { $f($x) }; $f(1))');
  // Each has a connection of its own: which of three is the last to arrive is not known.
  let requests = 0;
  const both = new Promise<void>((resolve) => {
    made.app.server.on('request', () => {
      if (++requests === 2) resolve();
    });
  });
  const endless = [post(made, '/mappings/validate', { yaml }), post(made, '/mappings/validate', { yaml })];
  await both;
  const refused = await post(made, '/mappings/validate', { yaml });
  expect(refused).toMatchObject({
    status: 429,
    type: expect.stringContaining('application/problem+json'),
    retryAfter: '1',
    body: { code: 'RATE_LIMITED', detail: '2 drafts and previews are being tried already.' },
  });
  expect(await healthDuring(made, Promise.all(endless))).toBeGreaterThan(20);
  for (const { status, body } of await Promise.all(endless))
    expect({ status, body }).toMatchObject({
      status: 422,
      body: { code: 'EXPRESSION_LIMIT', detail: 'It took more than 0.5 s of computing, and was ended.' },
    });
  // Those that were refused may be sent again.
  expect((await post(made, '/mappings/validate', { yaml: MAPPING })).body).toMatchObject({ valid: true });
});

test('a slow preview does not block other requests, and a record that is too large is refused', async () => {
  const slow = MAPPING.replace(
    '  - crm: note\n    shop: note\n    type: string\n    conflict: review\n',
    '  - crm: $string($count(list[$.a in $$.list.b]))\n    shop: note\n    type: string\n    direction: shop\n',
  );
  const made = await served({ crm: [person('1', 'Ann', 'ann@example.com')], mapping: slow });
  const list = Array.from({ length: 3_000 }, (_, i) => ({ a: i, b: -1 - i }));
  const preview = post(made, '/mappings/people/preview', {
    side: 'crm',
    record: { ...person('2', 'Bob', 'bob@example.com'), list },
  });
  expect(await healthDuring(made, preview)).toBeGreaterThan(5);
  expect((await preview).status).toBeLessThan(500);
  expect(await post(made, '/mappings/people/preview', { side: 'crm', id: '1' })).toMatchObject({
    status: 200,
    body: { inScope: true },
  });
  const large = { ...person('2', 'Bob', 'bob@example.com'), list: new Array(60_000).fill(0) };
  expect(await post(made, '/mappings/people/preview', { side: 'crm', record: large })).toMatchObject({
    status: 400,
    body: { code: 'BAD_REQUEST', detail: expect.stringContaining('more than 50000 values') },
  });
});
