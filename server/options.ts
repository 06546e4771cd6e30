/** What a server is made with, and what every route gets. */
import type { FastifyBaseLogger, FastifyPluginAsync, FastifyTypeProvider, RawServerDefault } from 'fastify';
import type { Static, TSchema } from '../api/index.ts';
import type { Engine, LiveEvents } from '../engine/index.ts';
import type { Metrics } from './metrics.ts';

export interface ServerOptions {
  /** Reads; undefined or '': see `apiToken`. */
  readonly readToken?: string | undefined;
  /** Operates, and reads too. Without any token everything is open, and `listen` takes loopback addresses only. */
  readonly apiToken?: string | undefined;
  /** A pino logger, or whether to log to standard output. Default: no log. */
  readonly logger?: FastifyBaseLogger | boolean | undefined;
  /** Version of Tandem. */
  readonly version: string;
  /** The secret part of the webhook URL of a system; undefined where it takes none. */
  webhookKey(system: string): string | undefined;
  /** Whether this process has workers too; shown by health. */
  readonly workers: boolean;
  /** Whether the process was told to stop: it is not ready any more, while it finishes what is under way. */
  readonly stopping?: (() => boolean) | undefined;
  /** Only health and metrics, for a process that serves nothing else; default: every route. */
  readonly healthOnly?: boolean | undefined;
  /** Those wired into `createEngine`; default: new ones, which count nothing by themselves. */
  readonly metrics?: Metrics | undefined;
  readonly events?: LiveEvents | undefined;
  /** Drafts and previews that are tried at once (default 2), and milliseconds of computing for each (default 10,000). */
  readonly drafts?: { readonly atOnce?: number | undefined; readonly timeout?: number | undefined } | undefined;
  /** Addresses of reverse proxies whose X-Forwarded-* headers are believed; default: none. */
  readonly trustProxy?: boolean | string | readonly string[] | undefined;
}

/** What each plugin of `routes/` is registered with. */
export interface RouteDeps {
  readonly engine: Engine;
  readonly options: ServerOptions;
  readonly metrics: Metrics;
  readonly events: LiveEvents;
}

/** What a route is sent has the type of its schemas, and so has what it answers. */
export interface Contract extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  readonly serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
}

/** A plugin of `routes/`. */
export type Routes = FastifyPluginAsync<RouteDeps, RawServerDefault, Contract>;
/** What the routes of a file are registered on. */
export type App = Parameters<Routes>[0];
