/** That the modules whose code runs as they load do load: where one does not, all other test files have no test that could fail. */
import { expect, it } from 'vitest';

it('the module of built-in functions loads, and finds the functions of JSONata that it bounds', async () => {
  const { boundBuiltins } = await import('../../../engine/expression/builtins.ts');
  expect(boundBuiltins).toBeTypeOf('function');
});
