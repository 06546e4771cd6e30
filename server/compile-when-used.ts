/**
 * Compiles a schema when the first request or response needs it, and once per process, by its text: routes build the same
 * schema again, and to compile those of all routes took 1.2 s of each start. There are as many texts as schemas in the contract.
 * @returns for a schema, what gives the compiled one
 */
export function compileWhenUsed<T>(compile: (schema: object) => T): (schema: object) => () => T {
  const compiled = new Map<string, T>();
  return (schema) => {
    let own: T | undefined;
    return () => {
      if (own !== undefined) return own;
      const text = JSON.stringify(schema);
      own = compiled.get(text) ?? compile(schema);
      compiled.set(text, own);
      return own;
    };
  };
}
