// What to try once the first sync is done: addresses to open, and commands to paste.

import pc from 'picocolors';
import type { Apis } from './apis.ts';

export interface Example {
  /** A company and an order that are linked, and a record that failed. */
  readonly company: { readonly keap: string; readonly shop: string };
  readonly order: { readonly keap: string; readonly shop: string };
  readonly failed: { readonly queue: string; readonly job: string; readonly reason: string } | undefined;
  readonly keapKey: string;
  readonly shopToken: string;
  readonly mappingFile: string;
  /** Where this demo keeps its links. */
  readonly redis: { readonly url: string; readonly prefix: string };
  /** All variables that commands need which write to the stand-ins themselves. */
  readonly variables: Readonly<Record<string, string>>;
  /** The file that Tandem's log goes to while the demo runs. */
  readonly log: string;
}

/** As a shell takes them before a command. */
const assignments = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'`)
    .join(' ');

const testLines = ({ variables }: Example): string[] => [
  `  ${assignments(variables)} npm run -s tandem -- qa --write contact-customer`,
  `  ${pc.dim('Without a name it tests all mappings, which takes some minutes; --report qa.html writes a report.')}`,
];

/** The lines of the guide, ready to print. */
export function guide({ keap, shop, tandem }: Apis, example: Example): string[] {
  const keapRoot = keap.url.replace(/\/crm\/rest$/, '');
  const json = `-H 'content-type: application/json'`;
  const keapAuth = `-H 'x-keap-api-key: ${example.keapKey}'`;
  const shopAuth = `-H 'authorization: Bearer ${example.shopToken}'`;
  const { company, order, failed } = example;
  const curl = "curl -sw '\\n'";
  // A webhook takes a moment, as in real life.
  const editNotes = (notes: string) =>
    `${curl} -X PATCH '${keap.url}/v2/companies/${company.keap}?update_mask=notes' ${keapAuth} ${json} -d '{"notes":"${notes}"}'; sleep 1`;
  const heading = (text: string) => ['', pc.bold(text)];
  return [
    ...heading('Open in a browser'),
    `  ${keapRoot}/   Keap: look and edit`,
    `  ${shop.url}/   the shop: look and edit`,
    `  ${tandem.url}/queues/board   the queues`,
    `  ${tandem.url}/docs   Tandem's HTTP surface`,
    ...heading('Edit a company in Keap and see it in the shop'),
    `  ${editNotes('Called on Monday')}`,
    `  ${curl} '${shop.url}/customers/${company.shop}' ${shopAuth}`,
    ...heading('Edit an order in the shop and see it in Keap'),
    `  ${curl} -X PATCH '${shop.url}/orders/${order.shop}' ${shopAuth} ${json} -d '{"status":"completed","next_step":"Send the invoice"}'; sleep 1`,
    `  ${curl} '${keap.url}/v2/opportunities/${order.keap}' ${keapAuth}`,
    // Before the rules are changed: that gives every failed record another try, under another job.
    ...heading('Look at what failed, and try it again'),
    `  ${curl} '${tandem.url}/queues/reconcile-company-customer/jobs?state=failed'`,
    ...(failed
      ? [
          `  ${pc.dim(`job ${failed.job}: ${failed.reason}`)}`,
          `  ${curl} -X POST '${tandem.url}/queues/${failed.queue}/jobs/${failed.job}/retry'`,
        ]
      : []),
    `  ${curl} '${tandem.url}/reviews' # what a person must decide`,
    ...heading('Change the rules without a restart'),
    `  edit ${example.mappingFile}, for example: give the property "notes" a  convert: { customwebshop: $uppercase($) }`,
    `  ${curl} '${tandem.url}/mappings/company-customer' # the version in force, and problems if the edit is not valid`,
    `  ${editNotes('Called on Tuesday')}`,
    `  ${curl} '${shop.url}/customers/${company.shop}' ${shopAuth}`,
    ...heading('The command line, in another terminal'),
    `  export TANDEM_URL=${tandem.url}`,
    '  npm run -s tandem -- status',
    '  npm run -s tandem -- validate --no-env',
    `  npm run -s tandem -- explain company-customer keap ${company.keap}`,
    `  REDIS_URL=${example.redis.url} TANDEM_PREFIX=${example.redis.prefix} npm run -s tandem -- links export --out links.ndjson`,
    ...heading('Test every row and rule of a mapping, on records that are made for it and removed'),
    ...testLines(example),
    ...heading('Take the shop down, and bring it back'),
    `  ${curl} -X POST '${shop.url}/_sandbox/faults' ${json} -d '{"action":"reset"}' # every call of it fails now`,
    `  TANDEM_URL=${tandem.url} npm run -s tandem -- sync --full # after a while it tells why nothing continues; leave it running`,
    `  ${curl} -X DELETE '${shop.url}/_sandbox/faults' # in another terminal: all continues automatically`,
    `  ${pc.dim('Both stand-ins are one process; the same at')} ${keapRoot}/_sandbox/faults ${pc.dim('takes Keap down.')}`,
    ...heading('Start a run by hand'),
    `  ${curl} -X POST '${tandem.url}/triggers' ${json} -d '{"scan":"full"}'`,
    `  ${curl} '${tandem.url}/runs'`,
    ...heading("Tandem's log"),
    `  tail -f ${example.log}`,
    '',
    pc.bold('Ctrl-C ends everything and leaves nothing behind.'),
  ];
}
