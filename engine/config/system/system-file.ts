/** A system file: as it is given, and its content once the schema of the format has let it through. */
import type { Form } from '../../expression/forms.ts';
import type { JsonObject } from '../../types.ts';
import type { Env } from '../env.ts';
import type { AuthConfig, JsonSchema, PagingConfig } from '../types.ts';

/** The entity schemas by name (`keap/companies`), each with its text, or undefined where the file is faulty. */
export type EntitySchemas = ReadonlyMap<string, { readonly schema: JsonSchema; readonly text: string } | undefined>;

export interface SystemInput {
  readonly file: string;
  readonly text: string;
  readonly env: Env;
  /** JSON Schema of the file format. */
  readonly format: JsonSchema;
  readonly schemas: EntitySchemas;
}

export interface OperationFile {
  method?: string;
  path: string;
  query?: Record<string, string | number | boolean>;
}
type SearchFile = Record<string, Record<string, string | number | boolean>>;
export interface EntityFile {
  title?: string;
  fields?: Record<string, { title: string }>;
  schema: string;
  id: string;
  modified?: string;
  created?: string;
  deleted?: { field: string; values?: (string | number | boolean)[] };
  archived?: { field: string; values?: (string | number | boolean)[] };
  normalize?: string;
  denormalize?: string;
  optional?: { param: string; names?: string[] };
  cache?: string;
  lag?: string;
  equal?: Form[];
  list?: OperationFile & {
    items?: string;
    paging: PagingConfig & { first?: number };
    since?: { kind: 'filter' | 'newest-first'; query: Record<string, string | number | boolean>; overlap?: string };
  };
  read?: OperationFile & { items?: string; exists?: string };
  find?: OperationFile & { items?: string; by: SearchFile; unsafe?: string; prefix?: SearchFile };
  create?: OperationFile & { idempotency?: string; answer?: 'record' | 'id' };
  update?: OperationFile & {
    mask?: string;
    maskStyle?: 'comma' | 'repeat';
    nested?: 'whole' | 'merge';
    version?: string;
    answer?: 'record' | 'none';
  };
  delete?: OperationFile;
  events?: string[];
}
interface QuotaFile {
  remaining: string;
  part?: number;
  reset?: string;
  window?: string;
}
export interface SystemFile {
  system: string;
  title?: string;
  description?: string;
  connector?: string;
  baseUrl: string;
  auth: AuthConfig;
  headers?: Record<string, string>;
  timeout?: string;
  concurrency?: number;
  limits?: { requests: number; per: string }[];
  quota?: QuotaFile | QuotaFile[];
  retry?: { statuses?: number[] };
  errors?: { throttled?: string; message?: string };
  account?: OperationFile & { cache?: string };
  entities: Record<string, EntityFile>;
  webhooks?: {
    events: string;
    handshake?: string;
    signature?: { header: string; secret: string; format: 'hex' | 'base64' | 'timestamped'; tolerance?: string };
    register?: {
      list: OperationFile & { items?: string };
      create: OperationFile & { body: JsonObject };
      remove?: OperationFile;
      fields: { key: string; event: string; url: string; status?: string };
      verify?: OperationFile & { when: string[] };
    };
  };
}
