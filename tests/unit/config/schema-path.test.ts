import { expect, it } from 'vitest';
import { schemaPlace } from '../../../engine/config/schema-path.ts';
import { parsePath } from '../../../engine/expression/path.ts';
import type { JsonObject } from '../../../engine/types.ts';

const list = (id: JsonObject): JsonObject => ({
  type: 'object',
  properties: { fields: { type: 'array', items: { type: 'object', properties: { id, content: {} } } } },
});
const place = (id: JsonObject, path: string) => schemaPlace(list(id), parsePath(path)!.steps);

it('an element is selected by a value of the type that its field has', () => {
  expect(place({ type: 'string' }, "fields[id='6'].content")).toMatchObject({ found: true });
  expect(place({ type: ['integer', 'null'] }, 'fields[id=6].content')).toMatchObject({ found: true });
  expect(place({ type: 'number' }, 'fields[id=6.5].content')).toMatchObject({ found: true });
  expect(place({ type: ['string', 'integer'] }, 'fields[id=6].content')).toMatchObject({ found: true });
  expect(place({}, 'fields[id=6].content')).toMatchObject({ found: true });
  expect(place({ type: ['string', 'null'] }, 'fields[id=6].content')).toEqual({
    found: false,
    message: "id of fields is text, so no element equals the number; write fields[id='6'].",
  });
  expect(place({ type: 'integer' }, "fields[id='6'].content")).toEqual({
    found: false,
    message: 'id of fields is a number, so no element equals the text; write fields[id=6].',
  });
});
