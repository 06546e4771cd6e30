/**
 * Mappings that were in force and whose file is missing now: nothing of theirs is lost, and nothing is done. A person
 * restores the file, or retires the mapping.
 */
import type { Mapping } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import type { KeptSide } from '../store/followed.ts';
import type { Pair } from '../types.ts';

/** A mapping that was in force and has no usable file now, or one whose retirement is not finished. */
export interface MissingMapping {
  readonly name: string;
  /** undefined where no worker ever noted them. */
  readonly sides: Pair<KeptSide> | undefined;
  /** Links that are paused. */
  readonly links: number;
  /** Records with an issue, a decision of a person or a pending create. */
  readonly records: number;
  /** Its retirement was begun, and is to be finished. */
  readonly retiring: boolean;
  /** A mapping in force with the same two sides: the name may have been changed by mistake. */
  readonly renamed: string | undefined;
}

export const keptSides = ({ sides: [a, b] }: Mapping): Pair<KeptSide> => [keptSide(a), keptSide(b)];

const keptSide = ({ name, system, entity }: Mapping['sides'][number]): KeptSide => ({
  name,
  system: system.name,
  entity: entity.name,
});

/** Not those that another process still works on, as during a roll-out. */
export async function missingMappings(engine: Engine): Promise<MissingMapping[]> {
  const { mappings } = engine.config.current();
  const [known, processes] = await Promise.all([engine.retirements.known(), engine.versions.processes()]);
  const worked = new Set(processes.flatMap((one) => (one.workers ? Object.keys(one.mappings) : [])));
  const found = await Promise.all(
    known.map(async (name): Promise<MissingMapping | undefined> => {
      const retiring = (await engine.retirements.get(name)) !== undefined;
      if (!retiring && (mappings.has(name) || worked.has(name))) return undefined;
      const links = engine.links(name);
      const [count, records, { sides }] = await Promise.all([
        links.links.count(),
        links.issues.openCount(),
        links.progress.followed(),
      ]);
      return { name, sides, links: count, records, retiring, renamed: sides && likeIt(engine, name, sides) };
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** Whether somebody should decide: what has neither links nor records of its own can be made again. */
export const wantsDecision = ({ links, records, retiring }: MissingMapping): boolean =>
  links > 0 || records > 0 || retiring;

/** Logs what is missing: at the start, and when a file disappears. */
export async function tellMissing(engine: Engine): Promise<void> {
  for (const one of (await missingMappings(engine)).filter(wantsDecision))
    engine.logger.warn({ mapping: one.name, links: one.links, code: 'MAPPING_MISSING' }, missingReason(one));
}

/** What is wrong, and the two ways out. */
export function missingReason({ name, links, retiring, renamed }: MissingMapping): string {
  const retire = `tandem mapping retire ${name}`;
  if (retiring) return `The mapping ${name} is being retired, which was not finished: run "${retire}" again.`;
  const hint = renamed
    ? ` The mapping ${renamed} has the same two sides: if only the name was changed, change it back.`
    : '';
  const paused = `${links} ${links === 1 ? 'link is' : 'links are'} paused`;
  return `The file of the mapping ${name} is missing or cannot be used: ${paused}, and nothing is lost.${hint} Restore the file, or run "${retire}".`;
}

/**
 * A mapping whose file is missing, with links, that has the same two sides as this one, which has none: most likely the
 * name was changed, and a first sync would match and create what is linked already.
 */
export async function formerOf(engine: Engine, mapping: Mapping): Promise<MissingMapping | undefined> {
  if ((await engine.links(mapping.name).links.count()) > 0) return undefined;
  return (await missingMappings(engine)).find((one) => one.links > 0 && one.sides && areSame(one.sides, mapping));
}

function likeIt(engine: Engine, name: string, sides: Pair<KeptSide>): string | undefined {
  const { mappings } = engine.config.current();
  return [...mappings.values()].find((mapping) => mapping.name !== name && areSame(sides, mapping))?.name;
}

function areSame(sides: Pair<KeptSide>, mapping: Mapping): boolean {
  const key = (all: Pair<KeptSide>): string =>
    all
      .map(({ system, entity }) => `${system} ${entity}`)
      .sort()
      .join('\n');
  return key(sides) === key(keptSides(mapping));
}
