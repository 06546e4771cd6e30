// What a first sync costs Keap: calls for 2,000 companies that come into an empty shop; npm run build first
//
// At 240 calls a minute each call per record is hours. Nothing but list pages is needed: each page holds 1,000 companies.
// npm run bench first -- --records 2000 --json
import { parseArgs } from 'node:util';
import { createLab, each, runToEnd, timed } from './lab/lab.ts';
import { startStandIns, startTandem } from './lab/stand-ins.ts';
import { company } from './lab/work.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
  },
});
const RECORDS = Number(values.records);
const PER_MINUTE = 240;

const lab = await createLab();
try {
  const { keap, shop, env, close } = await startStandIns(lab);
  await each(RECORDS, 10, (i) => keap.call('POST', '/crm/rest/v2/companies', company(i)));
  const tandem = await startTandem(lab, env);
  const before = [await keap.calls(), await shop.calls()] as const;
  const seconds = await timed(() => runToEnd(tandem.url, 'company-customer', { scan: 'full' }));
  const calls = { keap: (await keap.calls()) - before[0], shop: (await shop.calls()) - before[1] };
  await close();
  const least = { keap: Math.max(1, Math.ceil(RECORDS / 1_000)), shop: RECORDS + 1 };
  const minutes = calls.keap / PER_MINUTE;
  if (values.json)
    console.log(JSON.stringify({ records: RECORDS, seconds, calls, least, minutesOfKeapQuota: minutes }));
  else
    console.log(
      [
        `| first sync of ${RECORDS} companies | calls to Keap | of Keap's quota, minutes | calls to the shop | seconds |`,
        '| --- | --- | --- | --- | --- |',
        `| Tandem | ${calls.keap} | ${minutes.toFixed(2)} | ${calls.shop} | ${seconds.toFixed(1)} |`,
        `| the least possible | ${least.keap} | ${(least.keap / PER_MINUTE).toFixed(2)} | ${least.shop} | |`,
      ].join('\n'),
    );
} finally {
  await lab.close();
}
