/** What the parts of the compiler of a mapping share: the draft, the systems, and the mappings and tables that it may name. */

import type { SideIndex } from '../../types.ts';
import type { Report } from '../report.ts';
import type { TableFile } from '../tables.ts';
import type { EntityConfig, SystemConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { MappingDraft, SideDraft } from './file.ts';

export interface MappingContext {
  readonly systems: ReadonlyMap<string, SystemConfig>;
  /** Systems whose files have faults, by name. */
  readonly faultySystems: ReadonlySet<string>;
  /** All mappings that can be referred to. */
  readonly drafts: ReadonlyMap<string, MappingDraft>;
  /** Mappings whose files cannot be read, by name. */
  readonly faultyMappings: ReadonlySet<string>;
  readonly tables: ReadonlyMap<string, TableFile>;
  readonly faultyTables: ReadonlySet<string>;
}

export interface Compiling {
  readonly draft: MappingDraft;
  readonly context: MappingContext;
  readonly report: Report;
  readonly sides: readonly [ResolvedSide, ResolvedSide];
  readonly needs: { mapping: string; required: boolean; path: YamlPath }[];
  readonly tableTexts: Map<string, string>;
}

export interface ResolvedSide extends SideDraft {
  readonly index: SideIndex;
  readonly config: SystemConfig;
  readonly entityConfig: EntityConfig;
}
