// Custom fields: their model (`GET /v2/{entity}/model`), the check of their values, and filters by their names.

import type { FastifyInstance } from 'fastify';
import { isObject } from '../kit/json.ts';
import { type CustomField, type CustomFieldModel, recordTypes } from './data.ts';
import { badRequest } from './errors.ts';
import { FieldError, list, object, oneOf, recordId, text } from './fields.ts';
import { compared, equalsOnly, type Filter, timeCompared, wildcard } from './filter.ts';
import { checkQuery } from './parameters.ts';
import type { KeapStore } from './store.ts';

const like = (types: string) => types.split(' ');
const texts = like('TEXT TEXT_AREA NAME EMAIL PHONE_NUMBER WEBSITE SOCIAL_SECURITY_NUMBER DROPDOWN RADIO STATE');
const numbers = like('WHOLE_NUMBER DECIMAL_NUMBER CURRENCY PERCENT YEAR MONTH DAY_OF_WEEK USER');
const dates = like('DATE DATE_TIME');
const multiple = like('LIST_BOX USER_LIST_BOX');
const fieldTypes = [...texts, ...numbers, ...dates, ...multiple, 'DRILLDOWN', 'YES_NO'];

/** Custom fields as they are written: whole, so that a field that is not listed is removed. */
export const customFields = list(
  object({ id: recordId, content: (value) => value }, (value, name) => {
    if (value.id === undefined) throw new FieldError(`${name}.id is required.`);
    return value;
  }),
);

/** @throws FieldError on a field that the account does not have, or a value that its type does not take */
export function checkCustomFields(entity: string, values: readonly CustomField[] | undefined, store: KeapStore): void {
  for (const { id, content } of values ?? []) {
    const model = modelOf(entity, store).find((field) => field.id === id);
    if (!model) throw new FieldError(`custom_fields: there is no field ${id}.`);
    if (texts.includes(model.field_type) && content !== undefined) text(65_535)(content, `custom_fields ${id}`);
  }
}

function modelOf(entity: string, store: KeapStore): CustomFieldModel[] {
  const type = Object.entries(recordTypes).find(([plural]) => plural === entity)?.[1];
  return store.customFields.values().filter((field) => field.record_type === type);
}

/** The filter by a custom field of this name, in whatever case; undefined where there is none. */
export function customFilter<R>(entity: string, name: string, store: KeapStore): Filter<R> | undefined {
  const model = modelOf(entity, store).find((field) => field.field_name.toLowerCase() === name.toLowerCase());
  if (!model) return undefined;
  const { id, field_type } = model;
  const of = (record: R) =>
    (record as { custom_fields?: CustomField[] }).custom_fields?.find((field) => field.id === id)?.content;
  const asText = (record: R) => (of(record) === undefined ? undefined : String(of(record)));
  if (numbers.includes(field_type)) return compared(asText);
  if (dates.includes(field_type)) return timeCompared(of);
  if (texts.includes(field_type)) return wildcard(asText);
  return (clause) => {
    equalsOnly(clause);
    return (record) => [of(record)].flat().map(String).includes(clause.value);
  };
}

export function addModelRoutes(app: FastifyInstance, base: string, store: KeapStore): void {
  for (const [entity, record_type] of Object.entries(recordTypes)) {
    app.get(`${base}/${entity}/model`, async (request) => {
      checkQuery(request, entity, []);
      return {
        custom_fields: modelOf(entity, store),
        optional_properties: entity === 'contacts' ? ['custom_fields'] : [],
      };
    });
    app.post<{ Body: unknown }>(`${base}/${entity}/model/customFields`, async (request, reply) => {
      checkQuery(request, entity, []);
      const { label, field_type, options, group_id } = newField(entity, request.body);
      const id = String(store.customFields.takeId());
      const made: CustomFieldModel = {
        ...{ id, label, record_type, field_type, field_name: `${label.replace(/\W/g, '')}${id}` },
        ...(options && { options: options.map((option, i) => ({ id: String(i + 1), label: option.label })) }),
        ...(group_id !== undefined && { group_id }),
      };
      store.customFields.put(made);
      return reply.code(201).send(made);
    });
  }
}

type NewField = Pick<CustomFieldModel, 'label' | 'field_type' | 'group_id'> & { options?: { label: string }[] };

const request = object({
  label: text(),
  field_type: oneOf(fieldTypes),
  options: list(object({ label: text() })),
  group_id: text(),
  user_group_id: text(),
});

function newField(entity: string, body: unknown): NewField {
  try {
    const given = request(isObject(body) ? body : {}, 'body');
    if (!isObject(given) || given.label === undefined || given.field_type === undefined)
      throw new FieldError('label and field_type are required.');
    // As `request` has checked it.
    return given as NewField;
  } catch (error) {
    throw error instanceof FieldError ? badRequest(entity, 'customFields', error.message) : error;
  }
}
