/** Links as the server tells them. */
import type { Link, LinkPage } from '../../api/index.ts';
import { type Client, path, query } from '../http-client.ts';

/** Up to `most` links of a mapping, in no order. */
export async function listLinks(
  client: Client,
  mapping: string,
  most: number,
): Promise<{ links: Link[]; more: boolean }> {
  const links: Link[] = [];
  let cursor: string | undefined;
  do {
    const page: LinkPage = await client.get<LinkPage>(
      `${path('links', mapping)}${query({ limit: Math.min(Math.max(most, 1), 500), cursor })}`,
    );
    links.push(...page.links);
    cursor = page.next;
  } while (cursor !== undefined && links.length < most);
  return { links: links.slice(0, most), more: cursor !== undefined || links.length > most };
}
