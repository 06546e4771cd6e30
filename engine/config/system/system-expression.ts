/** An expression of a system file. */
import { asTandemError } from '../../errors.ts';
import { compileExpression } from '../../expression/compile.ts';
import type { Expression } from '../../expression/expression.ts';
import type { Report } from '../report.ts';
import type { YamlPath } from '../yaml.ts';

/** @param account whether `$account()` may be called */
export function expression(source: string, report: Report, path: YamlPath, account?: boolean): Expression {
  try {
    const compiled = compileExpression(source);
    const { link, record, find } = compiled.calls;
    if (compiled.calls.account && !account)
      report.add(
        'CONFIG_EXPRESSION',
        path,
        account === undefined
          ? 'Only "denormalize" can call $account().'
          : '$account() needs the key "account" of the system file.',
      );
    if (link.length + record.length + find.length > 0)
      report.add(
        'CONFIG_EXPRESSION',
        path,
        '$link, $record and $find are for mappings; a system file cannot call them.',
      );
    return compiled;
  } catch (error) {
    report.addError(path, asTandemError(error));
    return { source, evaluate: async () => undefined };
  }
}
