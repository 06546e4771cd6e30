/** What every step of sync needs: the configuration it began with, the systems, the links, a way to queue more work. */
import type { Config, Mapping, Property } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { ExpressionFunctions } from '../expression/expression.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { Links } from '../links/links.ts';
import type { PropertyDecision } from '../merge/merge.ts';
import type { SystemClient } from '../systems/client.ts';
import type { SideIndex, SystemRecord } from '../types.ts';
import type { ConvertContext, ReferenceAnswer } from './convert.ts';

export interface SyncContext {
  /** The version in force when the work began; it does not change under it. */
  readonly config: Config;
  client(system: string): SystemClient;
  links(mapping: string): Links;
  /** Makes the fingerprints that are stored, with the key of this installation. */
  readonly fingerprinter: Fingerprinter;
  /** Queues a reconcile of each record; at most one waits per link. */
  enqueue(mapping: string, side: SideIndex, ids: readonly string[]): Promise<void>;
  /** A record was written: other mappings of its entity have work too, and should not wait for an event to tell them. */
  touched(mapping: Mapping, side: SideIndex, id: string): Promise<void>;
  /** Names whoever does this work, for claims. */
  readonly owner: string;
  /** The job that does this work, so that a failed one can go once its record is mended. */
  readonly job: string | undefined;
  /** Epoch ms when the oldest run of a mapping that is under way began; undefined when none is. */
  runSince(mapping: string): Promise<number | undefined>;
  /** Which decisions of this one link a person made: the brake neither counts nor holds those, but all others. */
  readonly person?: ((decision: PropertyDecision) => boolean) | undefined;
  /** Only tell what would be done. */
  readonly dry: boolean;
  /** How long claims last unless they are extended, in ms; default 60,000. */
  readonly claimTtl?: number | undefined;
  /** Awaited at each named moment, so that tests can end the process there; unset in production. */
  readonly step?: ((name: Step) => Promise<void>) | undefined;
}

/** The moments between two effects outside: a process that ends at any of them must leave nothing undone and nothing done twice. */
export type Step =
  | 'before-intent'
  | 'after-intent'
  | 'after-post'
  | 'before-link'
  | 'after-link'
  | 'before-update'
  | 'after-update'
  | 'before-base'
  | 'after-base';

export interface Reference {
  readonly mapping: string;
  readonly side: SideIndex;
  readonly id: string;
}

/** Conversions of one reconcile. `missing` collects the records that had no link when they were asked for. */
export function convertContext(
  context: Pick<SyncContext, 'config' | 'client' | 'links' | 'fingerprinter'>,
  mapping: Mapping,
): ConvertContext & { readonly missing: Reference[] } {
  const missing: Reference[] = [];

  const counterpart = async (reference: Reference): Promise<string | undefined> => {
    const id = await context.links(reference.mapping).counterpart(reference.side, reference.id);
    if (id === undefined) missing.push(reference);
    return id;
  };

  const functions = (side: SideIndex): ExpressionFunctions => {
    const { system } = mapping.sides[side];
    const client = context.client(system.name);
    return {
      async link(name, id) {
        const other = context.config.mappings.get(name);
        const from = other?.sides.find((candidate) => candidate.system.name === system.name);
        if (!from)
          throw new TandemError(
            'CONFIG_REFERENCE',
            `$link: there is no mapping "${name}" with a side in "${system.name}".`,
          );
        return counterpart({ mapping: name, side: from.index, id: String(id) });
      },
      record: async (entity, id) => (await client.read(entity, String(id)))?.data,
      async find(entity, query) {
        const [first, ...rest] = Object.entries(query);
        if (!first) throw new TandemError('EXPRESSION_FAILED', '$find needs at least one field to search by.');
        const found = await client.find(entity, first[0], String(first[1]));
        return found
          .map((record) => record.data)
          .filter((data) => rest.every(([field, value]) => String(data[field]) === String(value)));
      },
    };
  };

  const lookupRecords = async (side: SideIndex, entity: string): Promise<readonly SystemRecord[]> => {
    const { system } = mapping.sides[side];
    const records = await context.client(system.name).cached(entity);
    if (records.length > 0) return records;
    // A slip of the system, which must not fail every record that names one of them.
    throw new TandemError('SYSTEM_BAD_RESPONSE', `${system.name} has no ${entity} at all.`, {
      system: system.name,
      entity,
    });
  };

  return {
    fingerprinter: context.fingerprinter,
    missing,
    functions,
    async reference(property: Property, from: SideIndex, id: string): Promise<ReferenceAnswer> {
      const { mapping: name, sides } = property.reference!;
      const reference = { mapping: name, side: sides[from], id };
      const linked = await counterpart(reference);
      if (linked !== undefined) return { id: linked };
      const held = await context.links(name).held(reference.side, id);
      // What a brake holds is not settled: it may be linked yet.
      return held && held.code !== 'BRAKE_ON' ? 'settled' : 'pending';
    },
    async lookup(side, { entity, field }, id) {
      const records = await lookupRecords(side, entity);
      return records.find((record) => record.id === id)?.data[field];
    },
    async lookupId(side, { entity, field }, value) {
      const records = await lookupRecords(side, entity);
      return records.find((record) => String(record.data[field]) === String(value))?.id;
    },
  };
}
