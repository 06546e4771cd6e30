// Creates, changes and quiet scans beside the bare cost of the same calls; npm run build first
//
// Companies of Keap come into the shop. For each kind of work: how many per second, what part that is of a bare loop of the
// same calls in the same run, calls to the systems, Redis commands and CPU of the worker per record. Medians of the rounds.
// npm run bench speed -- --records 3000 --rounds 3 --json
import { parseArgs } from 'node:util';
import { createLab, each, median, runToEnd, timed } from './lab/lab.ts';
import { startStandIns, startTandem } from './lab/stand-ins.ts';
import { company } from './lab/work.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '3000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const RECORDS = Number(values.records);
const ROUNDS = Number(values.rounds);
const MAPPING = 'company-customer';
const AT_ONCE = 10;
const FIELDS = 'company_name,website,notes,address,email_address,phone_number,update_time';

interface Figures {
  readonly perSecond: number;
  /** Part of the speed of the bare loop. */
  readonly ofBare: number;
  readonly calls: number;
  readonly redis: number;
  readonly cpuMs: number;
  /** CPU of the bare loop per record, in ms. */
  readonly bareCpuMs: number;
}

/** How long the bare loop takes, in seconds, and the CPU that this process uses for it, in ms. */
async function bare(work: () => Promise<unknown>): Promise<{ seconds: number; cpuMs: number }> {
  const before = process.cpuUsage();
  const seconds = await timed(work);
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpuMs: (user + system) / 1_000 };
}

/** One round, with a Redis and systems of its own. */
// Over 60 lines: one round of measurements. Each needs the systems and the records as the last one left them.
async function round(): Promise<{
  first: Figures;
  change: Figures;
  quiet: Figures;
  bytesPerLink: number;
}> {
  const lab = await createLab();
  try {
    const { keap, shop, env, close } = await startStandIns(lab);
    const ids: string[] = [];
    await each(RECORDS, AT_ONCE, async (i) => {
      ids[i] = (await keap.call<{ id: string }>('POST', '/crm/rest/v2/companies', company(i))).data.id;
    });
    const tandem = await startTandem(lab, env);
    const measure = async (
      body: object,
    ): Promise<{ seconds: number; rest: Omit<Figures, 'perSecond' | 'ofBare' | 'bareCpuMs'> }> => {
      const before = [await keap.calls(), await shop.calls(), await lab.commands(), await tandem.cpu()] as const;
      const seconds = await timed(() => runToEnd(tandem.url, MAPPING, body));
      return {
        seconds,
        rest: {
          calls: ((await keap.calls()) - before[0] + (await shop.calls()) - before[1]) / RECORDS,
          redis: ((await lab.commands()) - before[2]) / RECORDS,
          cpuMs: ((await tandem.cpu()) - before[3]) / RECORDS,
        },
      };
    };
    const first = await measure({ scan: 'full' });
    const bytesPerLink = (await lab.stateBytes()) / RECORDS;
    const quiet = await measure({ scan: 'full' });
    await each(RECORDS, AT_ONCE, (i) =>
      keap.call('PATCH', `/crm/rest/v2/companies/${ids[i]}?update_mask=notes`, { notes: `edited ${i}` }),
    );
    const change = await measure({ scan: 'changes' });

    const customers: { id: number; note: string }[] = [];
    const listShop = async (into?: typeof customers): Promise<void> => {
      for (let page = 1; ; page++) {
        const { data } = await shop.call<typeof customers>('GET', `/customers?per_page=100&sort=id&page=${page}`);
        into?.push(...data);
        if (data.length < 100) return;
      }
    };
    await listShop(customers);
    const arrived = customers.filter(({ note }) => /^edited /.test(note)).length;
    if (arrived !== RECORDS)
      throw new Error(`Only ${arrived} of ${RECORDS} edits arrived: these figures mean nothing.`);
    const listBoth = async (): Promise<void> => {
      await listShop();
      let token = '';
      do {
        const path = `/crm/rest/v2/companies?page_size=1000&fields=${FIELDS}${token === '' ? '' : `&page_token=${token}`}`;
        const { data } = await keap.call<{ next_page_token?: string }>('GET', path);
        token = data.next_page_token ?? '';
      } while (token !== '');
    };
    const patch = async (i: number, words: string): Promise<void> => {
      const path = `/customers/${customers[i]!.id}`;
      const { headers } = await shop.call('GET', path);
      await shop.call('PATCH', path, { note: `${words} ${i}` }, { 'if-match': String(headers.etag) });
    };
    const post = (i: number) =>
      shop.call('POST', '/customers', {
        company: `Bare ${i}`,
        email: `bare${i}@x.example`,
        billing: { city: 'Berlin', country: 'DE' },
      });
    await listBoth();
    const bareScan = await bare(listBoth);
    await each(RECORDS, AT_ONCE, (i) => patch(i, 'warm'));
    const bareChange = await bare(() => each(RECORDS, AT_ONCE, (i) => patch(i, 'bare')));
    const bareCreate = await bare(() => each(RECORDS, AT_ONCE, post));
    await close();
    const figures = ({ seconds, rest }: typeof first, loop: typeof bareScan, records = RECORDS): Figures => ({
      perSecond: records / seconds,
      ofBare: loop.seconds / seconds,
      bareCpuMs: loop.cpuMs / records,
      calls: (rest.calls * RECORDS) / records,
      redis: (rest.redis * RECORDS) / records,
      cpuMs: (rest.cpuMs * RECORDS) / records,
    });
    return {
      first: figures(first, bareCreate),
      change: figures(change, bareChange),
      quiet: figures(quiet, bareScan, 2 * RECORDS),
      bytesPerLink,
    };
  } finally {
    await lab.close();
  }
}

const rounds: Awaited<ReturnType<typeof round>>[] = [];
for (let i = 0; i < ROUNDS; i++) {
  if (!values.json) process.stderr.write(`round ${i + 1} of ${ROUNDS} ...\n`);
  rounds.push(await round());
}
const of = (kind: 'first' | 'change' | 'quiet'): Figures => {
  const figure = (name: keyof Figures): number => median(rounds.map((one) => one[kind][name]));
  return {
    perSecond: figure('perSecond'),
    ofBare: figure('ofBare'),
    calls: figure('calls'),
    redis: figure('redis'),
    cpuMs: figure('cpuMs'),
    bareCpuMs: figure('bareCpuMs'),
  };
};
const result = {
  records: RECORDS,
  rounds: ROUNDS,
  create: of('first'),
  change: of('change'),
  quiet: of('quiet'),
  bytesPerLink: median(rounds.map(({ bytesPerLink }) => bytesPerLink)),
};
if (values.json) console.log(JSON.stringify(result));
else {
  const row = (name: string, { perSecond, ofBare, calls, redis, cpuMs, bareCpuMs }: Figures, target: string): string =>
    `| ${name} | ${perSecond.toFixed(0)} | ${ofBare.toFixed(2)} | ${calls.toFixed(2)} | ${redis.toFixed(0)} | ${cpuMs.toFixed(2)} | ${bareCpuMs.toFixed(2)} | ${target} |`;
  console.log(
    [
      `| ${RECORDS} records, medians of ${ROUNDS} | per second | of the bare loop | calls | Redis commands | CPU of the worker, ms | CPU of the bare loop, ms | target |`,
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
      row('a create, found by a full scan', result.create, '0.3 of the bare loop, 1.2 calls, 1.8 ms'),
      row('a change, found by a scan', result.change, '0.4 of the bare loop, 2.1 calls, 30 commands, 0.9 ms'),
      row('a quiet full scan, per record read', result.quiet, '0.4 of the bare loop'),
      '',
      `Redis per link: ${result.bytesPerLink.toFixed(0)} B (target 400 B)`,
    ].join('\n'),
  );
}
