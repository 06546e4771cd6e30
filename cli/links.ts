/** Links as the server tells them. */
import { type Client, path, query } from './client.ts';

export interface Link {
  /** The id of the record on each side, by the side's name. */
  readonly ids: Readonly<Record<string, string>>;
  readonly held?: {
    readonly kind: string;
    readonly code?: string;
    readonly property?: string;
    readonly reason: string;
  };
  readonly lost?: readonly {
    readonly at: string;
    readonly property: string;
    readonly side: string;
    readonly value?: unknown;
  }[];
}

/** Up to `most` links of a mapping, in no order. */
export async function listLinks(
  client: Client,
  mapping: string,
  most: number,
): Promise<{ links: Link[]; more: boolean }> {
  const links: Link[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.get<{ links: Link[]; next?: string }>(
      `${path('links', mapping)}${query({ limit: Math.min(Math.max(most, 1), 500), cursor })}`,
    );
    links.push(...page.links);
    cursor = page.next;
  } while (cursor !== undefined && links.length < most);
  return { links: links.slice(0, most), more: cursor !== undefined || links.length > most };
}
