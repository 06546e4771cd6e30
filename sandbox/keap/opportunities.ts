import type { JsonObject } from '../kit/json.ts';
import { checkCustomFields, customFields } from './custom-fields.ts';
import type { Contact, Opportunity } from './data.ts';
import { both, entity } from './entity.ts';
import { boolean, type Field, FieldError, number, recordId, text, time } from './fields.ts';
import { absent, compared, exact, type Filter, idList, wildcard } from './filter.ts';
import { readPhone } from './slots.ts';
import type { KeapStore } from './store.ts';

const writable: Record<string, Field> = {
  opportunity_title: text(),
  contact_id: recordId,
  stage_id: recordId,
  user_id: recordId,
  affiliate_id: recordId,
  estimated_close_time: time,
  next_action_time: time,
  next_action_notes: text(),
  opportunity_notes: text(),
  projected_revenue_low: number,
  projected_revenue_high: number,
  include_in_forecast: boolean,
  custom_fields: customFields,
};

/** The legacy names beside them need a feature that this account does not have. */
const optional = ['custom_fields', 'created_by', 'last_updated_by', 'status_id'];

const contactOf = (opportunity: Opportunity, store: KeapStore) => store.contacts.get(opportunity.contact_id);
const nameOf = (contact: Contact | undefined) =>
  [contact?.given_name, contact?.family_name].filter(Boolean).join(' ') || undefined;

/** Refused beside a filter with which it cannot be used together. */
function notBeside(other: string, filter: Filter<Opportunity>): Filter<Opportunity> {
  return (clause, store, clauses) => {
    if (clauses.some(({ name }) => name === other))
      throw new FieldError(`filter ${clause.name} and ${other} cannot be used together.`);
    return filter(clause, store, clauses);
  };
}

function readContact(id: string, contact: Contact | undefined, store: KeapStore): JsonObject {
  const address = contact?.addresses?.[0];
  const phone = contact?.phone_numbers?.[0];
  return withoutEmpty({
    id,
    email: contact?.email_addresses?.[0]?.email,
    first_name: contact?.given_name,
    last_name: contact?.family_name,
    company_name: contact?.company && store.companies.get(contact.company.id)?.company_name,
    job_title: contact?.job_title,
    phone_number: phone && readPhone(phone).number,
    city: address?.locality,
    state: address?.region_code?.split('-')[1],
  });
}

const withoutEmpty = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));

export const opportunities = entity<Opportunity>({
  plural: 'opportunities',
  singular: 'opportunity',
  writable: both(writable),
  mask: Object.keys(writable),
  required: ['opportunity_title', 'contact_id', 'stage_id'],
  fields: { list: optional, read: optional, create: optional, update: optional },
  shows: (name, _operation, asked) => !optional.includes(name) || asked?.has(name) === true,
  order: {
    next_action_time: (opportunity) => opportunity.next_action_time,
    contact_name: (opportunity, store) => nameOf(contactOf(opportunity, store)),
    opportunity_title: (opportunity) => opportunity.opportunity_title,
    created_time: (opportunity) => opportunity.created_time,
    update_time: (opportunity) => opportunity.last_updated_time,
  },
  filters: {
    stage_id: exact((opportunity) => opportunity.stage_id),
    user_id: exact((opportunity) => opportunity.user_id),
    contact_id: exact((opportunity) => opportunity.contact_id),
    opportunity_title: wildcard((opportunity) => opportunity.opportunity_title),
    affiliate_id: exact((opportunity) => opportunity.affiliate_id),
    opportunity_id: notBeside(
      'ids',
      compared((opportunity) => opportunity.id),
    ),
    ids: notBeside('opportunity_id', idList(100)),
    contact_phone: wildcard((opportunity, store) => contactOf(opportunity, store)?.phone_numbers?.[0]?.number),
    contact_city: wildcard((opportunity, store) => contactOf(opportunity, store)?.addresses?.[0]?.locality),
    contact_state: wildcard(
      (opportunity, store) => contactOf(opportunity, store)?.addresses?.[0]?.region_code?.split('-')[1],
    ),
    projected_revenue_high: compared((opportunity) => opportunity.projected_revenue_high),
    projected_revenue_low: compared((opportunity) => opportunity.projected_revenue_low),
    lead_source_name: absent,
  },
  check: (record, store) => {
    const { contact_id, stage_id, custom_fields } = record as Opportunity;
    if (!store.contacts.has(contact_id)) throw new FieldError(`contact_id: there is no contact ${contact_id}.`);
    if (!store.stages.has(stage_id)) throw new FieldError(`stage_id: there is no stage ${stage_id}.`);
    checkCustomFields('opportunities', custom_fields, store);
  },
  read: ({ contact_id, stage_id, user_id, ...rest }, store): JsonObject => {
    const stage = store.stages.get(stage_id);
    return {
      ...rest,
      contact: readContact(contact_id, store.contacts.get(contact_id), store),
      stage: {
        id: stage_id,
        ...(stage && {
          name: stage.name,
          details: {
            probability: stage.probability,
            stage_order: stage.order,
            target_num_days: stage.target_number_days,
            checklist_items: [],
          },
        }),
      },
      ...(user_id !== undefined && { user: { id: user_id } }),
    };
  },
  end: 'empty',
  next: 'token',
});
