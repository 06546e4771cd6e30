/** Checks a record against the schema of its entity before it is sent. */

import { nearNumbers } from '../json.ts';
import { wherePath } from './report.ts';
import type { EntityConfig } from './types.ts';
import { schemaFaults } from './validate.ts';

export interface RecordFault {
  /** Path of the value within the record. */
  readonly property: string;
  /** What is wrong, in plain words; never the value itself. */
  readonly message: string;
}

export interface RecordCheck {
  /** True: the record holds changes only, so what is required may be absent. */
  readonly partial: boolean;
  /** Only faults at or under these top-level fields; default: all. */
  readonly paths?: readonly string[];
}

/** @returns what would break the schema; nothing where the record fits */
export function validateRecord(entity: EntityConfig, record: unknown, check: RecordCheck): RecordFault[] {
  const faults: RecordFault[] = [];
  for (const fault of schemaFaults(entity.schema, nearNumbers(record))) {
    const missing = fault.keyword === 'required' && fault.path.length === 0;
    if (missing && check.partial) continue;
    const [name, ...others] = missing ? fault.missing : [];
    const root = missing ? name : fault.path[0];
    if (check.paths && (root === undefined || !check.paths.includes(String(root)))) continue;
    faults.push({
      property: missing ? String(name) : wherePath(fault.path),
      message: !missing ? fault.message : others.length > 0 ? `Is required, or ${others.join(', ')}.` : 'Is required.',
    });
  }
  return faults;
}
