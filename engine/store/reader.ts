/** Reads what is stored of records: their links, their entries without a link, what is open about them. */
import { otherSide, type SideIndex } from '../types.ts';
import { kindOf, parseOpen, quietIssue } from './issue-codec.ts';
import { decodeLink, setNumber } from './link-codec.ts';
import type { StoreContext } from './store-context.ts';
import type { FoundRecord, Link, OpenEntry } from './types.ts';
import { decodeUnlinked, type UnlinkedEntry } from './unlinked-codec.ts';
import { textOfWaiting, unpackWaiting } from './waiting-codec.ts';
import { staleWord, type Words } from './words.ts';

/** Records read in one round trip. */
const BATCH = 500;
/** A definition set that goes between two reads goes with the value that named it: seldom, and not twice in a row. */
const TRIES = 3;

/** Everything stored about a record. */
export interface StoredRecord {
  readonly link?: Link;
  readonly unlinked?: UnlinkedEntry;
  /** Under its own key, and under that of its link's record on side 0. */
  readonly open: OpenEntry;
  readonly openOfLink: OpenEntry;
}

type Row<Open> = [first: Buffer | null, link: Buffer | null, entry: Buffer | null, open: Open];

export function createReader(context: StoreContext) {
  return {
    decode: (values: readonly { id: string; value: Buffer }[]) => decode(context.words, values),

    async lookup(side: SideIndex, ids: readonly string[]): Promise<FoundRecord[]> {
      const found = await rows<Buffer | null>(context, side, ids, false);
      return found.map(({ row: [, , value, open], link }) => {
        const unlinked = value ? decodeUnlinked(value) : undefined;
        const issue = kindOf(open?.toString() ?? unlinked?.issue?.kind ?? '');
        return { ...(link ? { link } : {}), ...(unlinked ? { unlinked } : {}), ...(issue ? { issue } : {}) };
      });
    },

    async records(side: SideIndex, ids: readonly string[]): Promise<StoredRecord[]> {
      const found = await rows<(Buffer | null)[]>(context, side, ids, true);
      const entries = found.map(({ row }) => (row[2] ? decodeUnlinked(row[2]) : undefined));
      const waiting = found.flatMap(({ row }) => row[3].slice(2).flatMap((value) => (value ? [value] : [])));
      const texts = await context.words.texts([
        ...entries.flatMap((entry) => (entry?.issue ? [entry.issue.text] : [])),
        ...waiting.map(textOfWaiting),
      ]);
      const openOf = (value: Buffer | null | undefined, waits: Buffer | null | undefined): OpenEntry => {
        const open = parseOpen(value?.toString());
        const issue = waits ? unpackWaiting(waits, texts) : undefined;
        return issue ? { ...open, issue } : open;
      };
      return found.map(({ row, link }, i) => {
        const [own, ofLink, waits, linkWaits] = row[3];
        const open = openOf(own, waits);
        const quiet = quietIssue(entries[i], texts);
        return {
          ...(link ? { link } : {}),
          ...(entries[i] ? { unlinked: entries[i] } : {}),
          open: quiet ? { ...open, issue: quiet } : open,
          openOfLink: openOf(ofLink, linkWaits),
        };
      });
    },

    async counterpart(side: SideIndex, id: string): Promise<string | undefined> {
      const [found] = await this.lookup(side, [id]);
      return found?.link?.ids[otherSide(side)];
    },

    /** Counterparts in the order of the ids. */
    async counterparts(side: SideIndex, ids: readonly string[]): Promise<(string | null)[]> {
      return (await this.lookup(side, ids)).map(({ link }) => link?.ids[otherSide(side)] ?? null);
    },

    async record(side: SideIndex, id: string): Promise<StoredRecord> {
      return (await this.records(side, [id]))[0]!;
    },
  };
}

export type Reader = ReturnType<typeof createReader>;

/** @returns undefined where the definition set of one of them is gone: they are to be read again */
async function decode(words: Words, values: readonly { id: string; value: Buffer }[]): Promise<Link[] | undefined> {
  const sets = await words.sets(values.map(({ value }) => setNumber(value)));
  const links: Link[] = [];
  for (const { id, value } of values) {
    const set = sets.get(setNumber(value));
    if (!set) return undefined;
    links.push(decodeLink(id, value, set));
  }
  return links;
}

async function rows<Open>({ scripts, words }: StoreContext, side: SideIndex, ids: readonly string[], full: boolean) {
  const found: { row: Row<Open>; link: Link | undefined }[] = [];
  for (let i = 0; i < ids.length; i += BATCH) {
    const some = ids.slice(i, i + BATCH);
    for (let left = TRIES; ; left--) {
      const batch = await scripts.run<Row<Open>[]>('lookup', String(side), full ? 'full' : '', ...some);
      const linked = batch.flatMap(([first, value]) => (first && value ? [{ id: first.toString(), value }] : []));
      const links = await decode(words, linked);
      if (links) {
        let next = 0;
        for (const row of batch) found.push({ row, link: row[1] ? links[next++] : undefined });
        break;
      }
      if (left === 0) throw staleWord();
    }
  }
  return found;
}
