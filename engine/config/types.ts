/** What the configuration is once it is loaded: checked, compiled, with every name resolved. Times are in milliseconds. */
import type { Expression } from '../expression/expression.ts';
import type { Form } from '../expression/forms.ts';
import type { WritablePath } from '../expression/path.ts';
import type { ValueType } from '../expression/values.ts';
import type { JsonObject, SideIndex } from '../types.ts';
import type { BrakeConfig } from './brake-limits.ts';
import type { ConflictRule } from './conflict.ts';
import type { CreateRule } from './create-rule.ts';

/** A JSON Schema as an object. */
export type JsonSchema = JsonObject;

// ---------------------------------------------------------------- systems

/**
 * A file of systems/ with the variables of the environment filled in. It holds secrets (`auth`, `headers`, `webhooks`):
 * it is not logged or shown as a whole.
 */
export interface SystemConfig {
  readonly name: string;
  /** Its name in documents for people. */
  readonly title: string;
  readonly description: string;
  readonly file: string;
  /** Hash of the file's text and of the entity schemas: changes whenever one of them does. */
  readonly version: string;
  /** Kind of its connector, see connectors/registry.ts. */
  readonly connector: string;
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly auth: AuthConfig;
  /** Names of the environment variables that `auth` is filled from. */
  readonly credentials: readonly string[];
  /** Headers sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeout: number;
  readonly limits: readonly LimitConfig[];
  /** Requests under way at once, per process. */
  readonly concurrency: number;
  readonly quota: readonly QuotaConfig[];
  readonly retry: RetryConfig;
  readonly errors: ErrorsConfig;
  /** Describes the account itself; `$account()` of `denormalize`. */
  readonly account: AccountConfig | undefined;
  readonly entities: Readonly<Record<string, EntityConfig>>;
  readonly webhooks: WebhookConfig | undefined;
}

export type AuthConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly header: string; readonly value: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | {
      readonly kind: 'oauth2';
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      /** The first refresh token; each later one is kept encrypted in Redis. */
      readonly refreshToken: string;
      readonly scope: string | undefined;
    };

export interface LimitConfig {
  readonly requests: number;
  /** Milliseconds. */
  readonly per: number;
}

/** Headers that state what is left of one quota; when that is 0, all calls wait until `reset`, or until its window ends. */
export interface QuotaConfig {
  readonly remaining: string;
  /** Which of the numbers that the header states, from 0; they are separated by `|`. undefined: it states one. */
  readonly part: number | undefined;
  /** Milliseconds; windows begin at whole multiples since 1970 in UTC. */
  readonly window: number | undefined;
  /** Header with the time of reset: epoch seconds, epoch milliseconds or ISO 8601. */
  readonly reset: string | undefined;
}

/** What the system's errors look like where that is not usual. */
export interface ErrorsConfig {
  /** JSONata over `{ status, headers, body }` that is true where the system asks to slow down, beside 429. */
  readonly throttled: Expression | undefined;
  /** Path of the message in an error's body. */
  readonly message: string | undefined;
}

export interface RetryConfig {
  /** Statuses beside network failures, 429 and 5xx that are transient. */
  readonly statuses: readonly number[];
}

/** Read when it is needed, and kept in memory for `cache` milliseconds. */
export interface AccountConfig extends OperationConfig {
  readonly cache: number;
}

/** An entity of a system file. Paths lead into the normalized record. An operation that is undefined is not offered. */
export interface EntityConfig {
  readonly system: string;
  readonly name: string;
  /** What one record is called in documents for people. */
  readonly title: string;
  /** What fields are called there, by path as the system file writes it. */
  readonly fields: Readonly<Record<string, { readonly title: string }>>;
  /** JSON Schema of the normalized record; `readOnly: true` marks what is never written. */
  readonly schema: JsonSchema;
  readonly id: string;
  /** Path of the time of last modification; undefined where the entity has none. */
  readonly modified: string | undefined;
  /** Path of the time of creation. */
  readonly created?: string | undefined;
  /** How a record shows that it was deleted, though it can still be read. */
  readonly deleted?: MarkConfig | undefined;
  /** How a record shows that it was put away. */
  readonly archived?: MarkConfig | undefined;
  readonly normalize: Expression | undefined;
  /** Makes what is written from the normalized form of it: the way back from `normalize`. */
  readonly denormalize: Expression | undefined;
  /** Properties that answers hold only where the query parameter `param` names them, comma-joined; without `names` all. */
  readonly optional: { readonly param: string; readonly names?: readonly string[] } | undefined;
  /** Milliseconds for which the whole list may be kept in memory (small reference entities such as stages). */
  readonly cache: number | undefined;
  /** Milliseconds for which reads may show a record as it was before a write. */
  readonly lag: number;
  /** Forms of its texts that count as the same. */
  readonly equal: readonly Form[];
  readonly list: ListConfig | undefined;
  readonly read: ReadConfig | undefined;
  readonly find: FindConfig | undefined;
  readonly create: CreateConfig | undefined;
  readonly update: UpdateConfig | undefined;
  readonly delete: OperationConfig | undefined;
  /** Event names of the system's webhooks that concern this entity. */
  readonly events: readonly string[];
}

/** A field of a record that says so where it holds one of these values; without `values`, any but null, false, 0 and ''. */
export interface MarkConfig {
  readonly field: string;
  readonly values: readonly (string | number | boolean)[] | undefined;
}

/** `{id}`, `{since}`, `{value}` in path and query are filled in, URL-encoded. */
export interface OperationConfig {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

export interface ListConfig extends OperationConfig {
  /** Path of the array in the answer; '' where the answer is the array. */
  readonly items: string;
  readonly paging: PagingConfig;
  readonly since: SinceConfig | undefined;
}

/** `size`: records in a full page. What a page may hold follows from it: see connectors/http/response-body.ts. */
export type PagingConfig =
  /** The answer holds a token (path `next`) that the next request sends as `param`; ends when absent or empty. */
  | { readonly kind: 'token'; readonly param: string; readonly next: string; readonly size?: number }
  /** Like token, by the id of the last record. */
  | { readonly kind: 'cursor'; readonly param: string; readonly size?: number }
  /** Ends with a page that holds no record, see pages.ts. `size`: the records that are asked for. */
  | { readonly kind: 'page'; readonly param: string; readonly size: number; readonly first: number }
  | { readonly kind: 'offset'; readonly param: string; readonly size: number }
  /** Follows the `Link: rel="next"` header, on the same host only. */
  | { readonly kind: 'link'; readonly size?: number }
  | { readonly kind: 'none' };

export type SinceConfig =
  /** The system filters: `query` (with `{since}`, ISO 8601) is added to the list's. */
  | { readonly kind: 'filter'; readonly query: Readonly<Record<string, string>>; readonly overlap: number }
  /** No filter: `query` asks for newest first, reading stops at the first record older than since - overlap. */
  | { readonly kind: 'newest-first'; readonly query: Readonly<Record<string, string>>; readonly overlap: number };

export interface ReadConfig extends OperationConfig {
  /** Path of a list in the answer that holds the record; undefined where the answer is the record. */
  readonly items: string | undefined;
  /** Path of the record itself, asked where the list is empty: only a 404 there says that the record does not exist. */
  readonly exists: string | undefined;
}

export interface FindConfig extends OperationConfig {
  readonly items: string;
  /** Path of a field -> the query parameters that search by it, with `{value}`. */
  readonly by: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Characters that the search syntax cannot hold within a value. */
  readonly unsafe: string;
  /** Like `by`, with `{prefix}`: how a value that holds one of them is searched by what stands before it. */
  readonly prefix: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface CreateConfig extends OperationConfig {
  /** Header that makes a repeated create harmless, where the system has one. */
  readonly idempotency: string | undefined;
  /** What the answer holds: the whole record, or only its id (then it is read). */
  readonly answer: 'record' | 'id';
}

export interface UpdateConfig extends OperationConfig {
  /** Query parameter that takes the top-level fields to change. */
  readonly mask: string | undefined;
  /** `comma`: one parameter with all of them; `repeat`: one parameter for each. */
  readonly maskStyle: 'comma' | 'repeat';
  /** `whole`: a nested object is sent with all its fields; `merge`: only the changed ones. PUT sends the whole record. */
  readonly nested: 'whole' | 'merge';
  /** Header that takes the version read (`If-Match`), where the system has one. */
  readonly version: string | undefined;
  readonly answer: 'record' | 'none';
}

export interface WebhookConfig {
  /** JSONata over `{ body, headers }` that yields `[{ event, id }]`. */
  readonly events: Expression;
  /** Header that the system sends at registration and expects back (X-Hook-Secret). */
  readonly handshake: string | undefined;
  readonly signature: SignatureConfig | undefined;
  readonly register: WebhookRegistrationConfig | undefined;
}

export interface SignatureConfig {
  readonly header: string;
  readonly secret: string;
  /** How the header is built: `hex` is the digest of the body; `timestamped` is `t=SECONDS,v1=HEX` over `t.body`. */
  readonly format: 'hex' | 'base64' | 'timestamped';
  /** Milliseconds by which a timestamp may differ from now. */
  readonly tolerance: number;
}

/** How hooks are registered: one per event. Bodies are templates with `{event}`, `{url}` and `{secret}`. */
export interface WebhookRegistrationConfig {
  readonly list: OperationConfig & { readonly items: string };
  readonly create: OperationConfig & { readonly body: JsonObject };
  readonly remove: OperationConfig | undefined;
  /** Paths within one listed hook. */
  readonly fields: {
    readonly key: string;
    readonly event: string;
    readonly url: string;
    readonly status: string | undefined;
  };
  /** Asks the system to verify again a hook whose status is one of `when`. */
  readonly verify: (OperationConfig & { readonly when: readonly string[] }) | undefined;
}

// ---------------------------------------------------------------- mappings

export type DeleteRule = 'keep' | 'propagate' | 'review';
/** Both ways, or the one side that the value flows to. */
export type Direction = 'both' | SideIndex;

/**
 * A file of mappings/, compiled, with its systems and value tables. An edit of any of them makes another one, with
 * another `version`.
 */
export interface Mapping {
  readonly name: string;
  readonly description: string;
  /** Where the description stands in the file; lines and columns count from 1. */
  readonly descriptionAt: { readonly line: number; readonly column: number };
  readonly file: string;
  /** Hash of everything that decides what this mapping does: its file, its value tables, both system files. */
  readonly version: string;
  readonly sides: readonly [MappingSide, MappingSide];
  readonly match: readonly MatchRule[];
  readonly conflict: ConflictRule;
  readonly brake: BrakeConfig;
  readonly properties: readonly Property[];
  readonly schedule: ScheduleConfig;
  /** Mappings whose links this one needs, by name. */
  readonly parents: readonly string[];
  /** 0 for a mapping with no parents, else 1 + the deepest parent: parents first. */
  readonly depth: number;
}

/** One of the two entities of a mapping, and what happens on this side. `when` undefined: all records are in scope. */
export interface MappingSide {
  readonly index: SideIndex;
  /** The name that the mapping file gives this side. */
  readonly name: string;
  readonly system: SystemConfig;
  readonly entity: EntityConfig;
  readonly when: Expression | undefined;
  /** Which missing counterparts are created on this side; undefined: none. */
  readonly create: CreateRule | undefined;
  /** What happens here when the counterpart is deleted on the other side. */
  readonly deletes: DeleteRule;
  /** Where the id of the counterpart is written at creation, so that a lost answer can be looked up. */
  readonly correlate: WritablePath | undefined;
}

/** Records of the two sides with the same key are candidates. One without a key is nobody's candidate by this rule. */
export interface MatchRule {
  /** Both expressions as written; shown to people. */
  readonly name: string;
  readonly keys: readonly [Expression, Expression];
  /** The field by which each side's entity can be searched for this rule; undefined where it cannot. */
  readonly find: readonly [string | undefined, string | undefined];
  /** `link`: exactly one candidate links; `review`: a candidate always goes to review. */
  readonly onMatch: 'link' | 'review';
}

export interface ScheduleConfig {
  /** Milliseconds between scans of changes, and between full scans; undefined: never by itself. */
  readonly changes: number | undefined;
  /** Milliseconds between scans of changes while the webhooks of both systems are registered. */
  readonly webhooks: number | undefined;
  readonly full: number | undefined;
}

/** A row of a mapping, compiled. Pairs are in the order of the sides; `line` and `column` count from 1. */
export interface Property {
  /** Stable within the mapping: the path on the first side, or on the second where the first has none. */
  readonly name: string;
  readonly sides: readonly [PropertySide, PropertySide];
  readonly type: ValueType;
  /** Decimal places that count; undefined: all. */
  readonly scale: number | undefined;
  /** Forms of a text that count as the same: its own, and those of both entities; undefined: none. */
  readonly equal: readonly Form[] | undefined;
  readonly required: boolean;
  readonly direction: Direction;
  readonly conflict: ConflictRule;
  readonly drift: 'keep' | 'revert';
  /** Expression toward each side: `convert[1]` makes side 1's value from side 0's. */
  readonly convert: readonly [Expression | undefined, Expression | undefined];
  readonly values: ValueTable | undefined;
  readonly reference: ReferenceConfig | undefined;
  /** That a value may come back from the other side as another is meant. */
  readonly lossy: boolean;
  readonly line: number;
  readonly column: number;
  /** Equal as long as the same values agree, see definition.ts. */
  readonly definition: string;
}

export interface PropertySide {
  /** As written in the file. */
  readonly source: string;
  /** Set where the value can be written (and read) by a simple path. */
  readonly path: WritablePath | undefined;
  /** Set where the value is computed and so can only be read. */
  readonly expression: Expression | undefined;
  /** Schema of the place written to, where the path leads to one. */
  readonly schema: JsonSchema | undefined;
  /** The value is an id of this entity of the side's system; tables and conversions see that record's `field` instead. */
  readonly lookup: { readonly entity: string; readonly field: string } | undefined;
}

/** Two-way table by the text of `tableKey`. `forward` goes from side 0 to side 1. */
export interface ValueTable {
  readonly name: string;
  readonly forward: ReadonlyMap<string, string | number | boolean>;
  readonly backward: ReadonlyMap<string, string | number | boolean>;
}

export interface ReferenceConfig {
  readonly mapping: string;
  /** Which side of the referred mapping each side of this one is: `sides[0]` belongs to this mapping's side 0. */
  readonly sides: readonly [SideIndex, SideIndex];
  /** Expression toward each side, asked where the referred record has no link; `$` is the source value. */
  readonly fallback: readonly [Expression | undefined, Expression | undefined];
}

// ---------------------------------------------------------------- the whole

/** Everything that runs. A system or mapping whose file has faults is absent. */
export interface Config {
  /** Hash over all versions: equal on every process that runs the same files. */
  readonly version: string;
  readonly systems: ReadonlyMap<string, SystemConfig>;
  readonly mappings: ReadonlyMap<string, Mapping>;
}

/** Something wrong in a file that a person edits. Lines and columns count from 1. */
export interface Problem {
  readonly code: import('../errors.ts').ErrorCode;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the file, in words of the format: `properties[3].values`. */
  readonly where: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
  /** It only follows from faults of another file, and is gone once those are corrected. */
  readonly secondary?: true;
}
