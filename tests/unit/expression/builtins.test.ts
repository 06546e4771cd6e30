/** The functions that are bounded do what JSONata's own do. */
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../../engine/expression/compile.ts';

const settle = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    const value = await work();
    return JSON.stringify(value === undefined ? 'nothing' : value);
  } catch (error) {
    return (error as { message: string }).message.replace(/\.? Expression: .*/s, '').replace(/\.$/, '');
  }
};

describe('as JSONata', () => {
  it.each([
    '$pad("a", 3)',
    '$pad("a", -3)',
    '$pad("a", 3, "xy")',
    '$pad("a", -3, "xy")',
    '$pad(missing, 3)',
    '"a" ~> $pad(4, "#")',
    's.$pad(4)',
    '$join(["a", "b"])',
    '$join(["a", "b"], "-")',
    '$join("a")',
    '$join(missing)',
    '$join(missing, "-")',
    '$join([])',
    '["a", "b"] ~> $join("+")',
    '$string(1)',
    '$string("a")',
    '$string({"a": [1, "x", null]})',
    '$string({"a": [1, 2]}, true)',
    '$string(missing)',
    '$string([])',
    '$string(function($x) { $x })',
    '$string($uppercase)',
    '$string({"f": $uppercase, "g": function($x) { $x }})',
    's.$string()',
    'n.$string()',
    '$distinct([1, 1, "a", "a", {"x": 1}, {"x": 1}])',
    '$distinct(missing)',
    '$distinct("a")',
    '$sort([3, 1, 2])',
    '$sort(["b", "a"])',
    '$sort([3, 1, 2], function($a, $b) { $a < $b })',
    '$sort(missing)',
    '$sort(7)',
    '$sort([{"a": 1}, {"a": 2}])',
    '[2, 1] ~> $sort()',
    '{"a": 1, "b": 2, "c": 3} ~> $sift(function($v, $k) { $v > 1 and $k != "c" })',
    '$sift(function($v) { $v = 7 })',
    '$sift({"a": 1}, function($v) { $v > 1 })',
    '$sift(missing, function($v) { true })',
    '$toMillis("2020-01-01T00:00:00.000Z")',
    '$toMillis("2020-01-01")',
    '$toMillis("03/12/2018", "[D01]/[M01]/[Y0001]")',
    '$toMillis(missing)',
    '$toMillis(missing, "[Y]")',
    'd.$toMillis()',
    // Applied in part, a function is given what its signature would refuse.
    '($f := $join(?, "-"); $f(["a", "b"]))',
    '($f := $join(?, "-"); $f([1, null, "a"]))',
    '($f := $join(?, "-"); $f(1))',
    '($f := $join(["a", "b"], ?); $f(1))',
    '($f := $sift(?, function($v) { $v > 1 }); $f({"a": 1, "b": 2}))',
    '($f := $sift(?, function($v) { true }); $f(null))',
    '($f := $sift(?, function($v) { true }); $f(7))',
    '($f := $toMillis(?, "[Y]"); $f("2020"))',
    '($f := $toMillis(?, "[Y]"); $f(2020))',
    '($f := $toMillis(?, "[Y]"); $f(missing))',
    '($f := $toMillis("2020", ?); $f(missing))',
    '($f := $pad(?, 3); $f("a"))',
    '($f := $distinct(?); $f([1, 1]))',
    '($f := $sort(?); $f([2, 1]))',
  ])('%s', async (source) => {
    const input = { s: 'text', n: 7, d: '2020-01-01' };
    const mine = await settle(() => compileExpression(source).evaluate(input));
    const theirs = await settle(() => jsonata(source).evaluate(structuredClone(input)));
    expect(mine).toBe(theirs);
  });
});
