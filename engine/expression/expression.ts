/** A compiled JSONata expression under guardrails (time, depth, sequence length, linear-time regex engine). */

/** What expressions may call beside JSONata's own functions. */
export interface ExpressionFunctions {
  /** Id of the counterpart of `id` (an id of the side the expression reads from) in a mapping; undefined without a link. */
  link(mapping: string, id: string): Promise<string | undefined>;
  /** A record of the system that the expression reads from. */
  record(entity: string, id: string): Promise<unknown>;
  /** Records of that system whose fields equal those of the query. */
  find(entity: string, query: Record<string, unknown>): Promise<unknown[]>;
}

export interface Expression {
  readonly source: string;
  /**
   * @param input what `$` is
   * @param record what `$record` is as a value: the whole source record
   * @param account what `$account()` answers, in expressions of system files
   * @throws TandemError EXPRESSION_FAILED or EXPRESSION_LIMIT
   */
  evaluate(
    input: unknown,
    context?: { record?: unknown; functions?: ExpressionFunctions; account?: () => Promise<unknown> },
  ): Promise<unknown>;
}

/** For places where an expression may call none of them. */
export const noFunctions: ExpressionFunctions = {
  link: async () => undefined,
  record: async () => undefined,
  find: async () => [],
};
