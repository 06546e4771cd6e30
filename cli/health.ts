/** Health of a running Tandem as people read it. */
export interface Health {
  readonly status: 'ready' | 'degraded' | 'down';
  readonly version: string;
  readonly workers: boolean;
  readonly redis: { readonly state: string; readonly warnings: readonly string[] };
  readonly config: { readonly version: string; readonly mappings: number; readonly problems: readonly string[] };
  readonly brakes?: readonly string[];
  readonly warnings?: readonly string[];
  readonly notes?: readonly string[];
  readonly systems: Readonly<
    Record<
      string,
      {
        readonly state: string;
        readonly at?: string;
        readonly since?: string;
        readonly next?: string;
        readonly reason?: string;
      }
    >
  >;
}

/** What is to be said of systems: nothing of those that answer. */
export const systemNotes = ({ systems }: Health): string[] =>
  Object.entries(systems).flatMap(([name, { state, at, since, next, reason }]) => {
    if (state === 'unauthorized' || state === 'refusing')
      return [`${reason ?? name} since ${since}; it is tried again at ${next}`];
    if (state === 'down') return [`${name} is down since ${since}: its work waits; it is tried again at ${next}`];
    if (state === 'read-only')
      return [`${name} takes no writes since ${since}: they wait; one is tried again at ${next}`];
    if (state === 'failing') return [`${name}: the last call failed${at === undefined ? '' : ` (${at})`}`];
    return [];
  });
