/** What conversions of one mapping ask of the world: links of other mappings, small entities, records by id or query. */
import type { Property } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { ExpressionFunctions } from '../expression/expression.ts';
import { isOnDemand, isSettled } from '../merge/unit.ts';
import { otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import type { ConvertContext, ReferenceAnswer } from './convert.ts';
import type { Reference } from './facts.ts';
import type { MappingScope } from './scope.ts';

export type ConversionScope = Pick<MappingScope, 'mapping' | 'config' | 'clientOf' | 'linksOf' | 'fingerprinter'>;

/**
 * Conversions of one reconcile. `missing` collects the records that had no link when they were asked for. Its functions
 * read Redis and the systems, and throw what these throw.
 */
export function convertContext(scope: ConversionScope): ConvertContext & { readonly missing: Reference[] } {
  const { mapping, clientOf, fingerprinter } = scope;
  const missing: Reference[] = [];
  const refer: Refer = (record) => referred(scope, missing, record);
  let waits: TandemError | undefined;

  const lookupRecords = async (side: SideIndex, entity: string): Promise<readonly SystemRecord[]> => {
    const { system } = mapping.sides[side];
    const records = await clientOf(system.name).cached(entity);
    if (records.length > 0) return records;
    // A slip of the system, which must not fail every record that names one of them.
    throw new TandemError('SYSTEM_BAD_RESPONSE', `${system.name} has no ${entity} at all.`, {
      system: system.name,
      entity,
    });
  };

  return {
    fingerprinter,
    missing,
    functions: (side) => expressionFunctions(scope, refer, (reason) => (waits = reason), side),
    takeWait() {
      const reason = waits;
      waits = undefined;
      return reason;
    },
    reference(property: Property, from: SideIndex, id: string): Promise<ReferenceAnswer> {
      const { mapping: name, sides } = property.reference!;
      return refer({ mapping: name, side: sides[from], id });
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

type Refer = (record: Omit<Reference, 'settled'>) => Promise<ReferenceAnswer>;

/** The counterpart of a record through the links of its mapping. @param missing gets the record where it has none */
async function referred(
  { linksOf, config }: ConversionScope,
  missing: Reference[],
  record: Omit<Reference, 'settled'>,
): Promise<ReferenceAnswer> {
  const links = linksOf(record.mapping);
  const [found] = await links.reader.lookup(record.side, [record.id]);
  const link = found?.link;
  // Whether a link is in doubt, its issue tells: only one in review, or left as it was, has to be read.
  const doubtful = link !== undefined && (found?.issue === 'review' || found?.issue === 'orphaned');
  const issue =
    link && !doubtful
      ? undefined
      : (await links.issues.open(link ? 0 : record.side, link ? link.ids[0] : record.id)).issue;
  // The record that is referred to has the id of the linked one, and is another.
  const reused = issue?.code === 'ID_REUSED';
  if (link && !reused) return { id: link.ids[otherSide(record.side)] };
  const mapping = config.mappings.get(record.mapping);
  const onDemand = link === undefined && mapping !== undefined && isOnDemand(mapping, record.side);
  const settled = isSettled(issue, onDemand);
  // What is created on demand is looked at once this record waits for it, also where it was decided otherwise a moment ago.
  missing.push({ ...record, settled: onDemand ? issue?.kind === 'orphaned' : settled });
  // Whose the link of a reused id is, a person decides: until then nothing takes its place.
  return settled && !link ? 'settled' : 'pending';
}

/** What expressions call that read from a side. */
function expressionFunctions(
  { mapping, config, clientOf }: ConversionScope,
  refer: Refer,
  wait: (reason: TandemError) => void,
  side: SideIndex,
): ExpressionFunctions {
  const { system } = mapping.sides[side];
  const client = clientOf(system.name);
  return {
    async link(name, id) {
      const other = config.mappings.get(name);
      const from = other?.sides.find((candidate) => candidate.system.name === system.name);
      if (!other || !from)
        throw new TandemError(
          'CONFIG_REFERENCE',
          `$link: there is no mapping "${name}" with a side in "${system.name}".`,
        );
      const answer = await refer({ mapping: name, side: from.index, id: String(id) });
      if (typeof answer === 'object') return answer.id;
      // Without waiting for it, nobody would refer to it. The others that the expression names are asked for at once.
      if (answer === 'pending' && isOnDemand(other, from.index)) {
        const words = `$link: the record has no counterpart in "${name}" yet, which is created on demand.`;
        wait(new TandemError('REFERENCE_WAITING', words, { id: String(id), pending: true }));
      }
      return undefined;
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
}
