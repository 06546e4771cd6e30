/** What people did, and so what must hold once all is quiet. Knows nothing of how the engine works. */
import type { MergedForm } from '../../../sandbox/kit/behaviours.ts';
import { type Kind, kinds, type Place, type RecordData, type Stores } from './things.ts';

export interface Edit {
  readonly place: Place;
  readonly value: string;
  /** What the author of the edit had before their eyes. */
  readonly saw: string;
  /** Epoch ms. */
  readonly at: number;
}

export interface FieldHistory {
  /** The value on which all places agreed when it was last quiet; undefined before the first time. */
  settled: string | undefined;
  /** Edits since then, oldest first. */
  edits: Edit[];
}

export interface Thing {
  readonly name: string;
  readonly kind: Kind;
  /** Places in which people created it; the other places are the engine's to fill. */
  readonly origins: Set<Place>;
  /** Places in which people deleted it, and whether it had been quiet since its creation by then. */
  readonly deleted: Map<Place, 'fresh' | 'settled'>;
  readonly fields: Map<string, FieldHistory>;
  /** People decided that deletes, this one among them, are not to follow. */
  discarded: boolean;
  /** The other system refuses it as it is. */
  spoilt: boolean;
  /** Places in which its record was merged into that of another thing. */
  readonly merged: Map<Place, MergedForm>;
  /** The thing into which it was merged there. */
  readonly mergedInto: Map<Place, string>;
  /** It was in step in all its places once. */
  settled: boolean;
}

export interface Model {
  /** Edits that a write without a condition overtook; see overtaken.ts. */
  overtaken: number;
  /** Edits that people made. */
  edits: number;
  /** Issues that stood when all was quiet. */
  issues: number;
  /** Brakes that people answered. */
  brakes: number;
  /** Creates of which people had to find out the result. */
  doubts: number;
  readonly things: ReadonlyMap<string, Thing>;
  created(kind: Kind, name: string, origins: readonly Place[]): Thing;
  /** Notes an edit of one field; `before` is the record as the editor saw it, undefined at its creation. */
  edited(
    thing: Thing,
    field: string,
    place: Place,
    value: string,
    before: RecordData | undefined,
    stores: Stores,
  ): void;
}

export function createModel(): Model {
  const things = new Map<string, Thing>();
  const model: Model = {
    things,
    overtaken: 0,
    edits: 0,
    issues: 0,
    brakes: 0,
    doubts: 0,
    created(kind, name, origins) {
      const fields = Object.keys(kinds[kind].fields).map((field): [string, FieldHistory] => [
        field,
        { settled: undefined, edits: [] },
      ]);
      const thing: Thing = {
        name,
        kind,
        origins: new Set(origins),
        deleted: new Map(),
        fields: new Map(fields),
        discarded: false,
        spoilt: false,
        merged: new Map(),
        mergedInto: new Map(),
        settled: false,
      };
      things.set(name, thing);
      return thing;
    },
    edited(thing, field, place, value, before, stores) {
      const access = kinds[thing.kind].fields[field]?.at[place];
      const history = thing.fields.get(field);
      if (!access || !history) throw new Error(`${thing.name} has no ${field} in ${place}`);
      // An empty place at creation is no edit: it says nothing about the value.
      if (before === undefined && value === '') return;
      model.edits++;
      history.edits.push({ place, value, saw: before === undefined ? '' : access.get(before, stores), at: Date.now() });
    },
  };
  return model;
}
