/** What a preview in a thread may ask: links, and the systems for reading. */
import { convertContext, type Engine, type Host, type Mapping, mappingScope, TandemError } from '../engine/index.ts';

export function previewHost(engine: Engine, mapping: Mapping): Host {
  const { functions, reference, lookup, lookupId, takeWait } = convertContext(
    mappingScope(engine.context({ owner: 'preview' }), mapping),
  );
  return {
    async read(side, id) {
      const { name, system, entity } = mapping.sides[side];
      const found = await engine.client(system.name).read(entity.name, id);
      if (found) return found;
      throw new TandemError('SYSTEM_NOT_FOUND', `${name} has no record "${id}" of ${entity.name}.`, {
        mapping: mapping.name,
        side: name,
        id,
      });
    },
    async link(side, name, id) {
      const found = await functions(side).link(name, id);
      const wait = takeWait?.();
      if (wait) throw wait;
      return found;
    },
    record: (side, entity, id) => functions(side).record(entity, id),
    find: (side, entity, query) => functions(side).find(entity, query),
    reference(name, from, id) {
      const property = mapping.properties.find((one) => one.name === name);
      return reference(property!, from, id);
    },
    lookup,
    lookupId,
    counterpart: (side, id) => engine.links(mapping.name).reader.counterpart(side, id),
  };
}
