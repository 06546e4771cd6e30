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
}

/** The lines of the guide, ready to print. */
export function guide({ keap, shop, tandem }: Apis, example: Example): string[] {
  const keapRoot = keap.url.replace(/\/crm\/rest$/, '');
  const json = `-H 'content-type: application/json'`;
  const keapAuth = `-H 'x-keap-api-key: ${example.keapKey}'`;
  const shopAuth = `-H 'authorization: Bearer ${example.shopToken}'`;
  const { company, order, failed } = example;
  const heading = (text: string) => ['', pc.bold(text)];
  return [
    ...heading('Open in a browser'),
    `  ${keapRoot}/   Keap: look and edit`,
    `  ${shop.url}/   the shop: look and edit`,
    `  ${tandem.url}/queues/board   the queues`,
    `  ${tandem.url}/docs   Tandem's HTTP surface`,
    ...heading('Edit a company in Keap and see it in the shop'),
    `  curl -s -X PATCH '${keap.url}/v2/companies/${company.keap}?update_mask=notes' ${keapAuth} ${json} -d '{"notes":"Called on Monday"}'`,
    `  curl -s '${shop.url}/customers/${company.shop}' ${shopAuth}`,
    ...heading('Edit an order in the shop and see it in Keap'),
    `  curl -s -X PATCH '${shop.url}/orders/${order.shop}' ${shopAuth} ${json} -d '{"status":"completed","next_step":"Send the invoice"}'`,
    `  curl -s '${keap.url}/v2/opportunities/${order.keap}' ${keapAuth}`,
    ...heading('Change the rules without a restart'),
    `  edit ${example.mappingFile}, for example: give the property "notes" a  convert: { customwebshop: $uppercase($) }`,
    `  curl -s '${tandem.url}/mappings/company-customer'      the version in force, and problems if the edit is not valid`,
    `  then edit the company again, as above`,
    ...heading('Look at what failed, and try it again'),
    `  curl -s '${tandem.url}/queues/reconcile-company-customer/jobs?state=failed'`,
    ...(failed
      ? [
          `  ${pc.dim(`job ${failed.job}: ${failed.reason}`)}`,
          `  curl -s -X POST '${tandem.url}/queues/${failed.queue}/jobs/${failed.job}/retry'`,
        ]
      : []),
    `  curl -s '${tandem.url}/reviews'      what a person must decide`,
    ...heading('Start a run by hand'),
    `  curl -s -X POST '${tandem.url}/triggers' ${json} -d '{"scan":"full"}'`,
    `  curl -s '${tandem.url}/runs'`,
    '',
    pc.bold('Ctrl-C ends everything and leaves nothing behind.'),
  ];
}
