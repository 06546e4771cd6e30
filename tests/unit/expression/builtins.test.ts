/** The functions that are bounded do what JSONata's own do. */
import fc from 'fast-check';
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
    '$toMillis("12th March 2018", "[D1o] [MNn] [Y]")',
    '$toMillis("MON, 12 mar 2018 3:04:05 pm", "[FN,3-3], [D] [Mn,3-3] [Y] [h]:[m]:[s] [P]")',
    '$toMillis("20180312T101112.5+0200", "[Y0001][M01][D01]T[H01][m01][s01].[f1][Z0101t]")',
    '$toMillis("two thousand and eighteen", "[Yw]")',
    '$toMillis("mmxviii/iii/xii", "[Yi]/[Mi]/[Di]")',
    '$toMillis("2018 aaa!", "[Y] [Ma][Da][da]")',
    '$toMillis("2018", "[M]")',
    '$toMillis("2018", "[Y")',
    '$toMillis("2018+01", "[Y][Z01(01]")',
    '$fromMillis(1521801216617, "[FNn], [D1o] [MNn] [Y0001]")',
    '$fromMillis(1521801216617, "[Y]", "+0200")',
    '$fromMillis(1521801216617)',
    '$fromMillis(missing, "[Y]")',
    '$formatInteger(1234, "#,##0")',
    '$formatInteger(1234, "w")',
    '$parseInteger("1,234", "#,##0")',
    '$parseInteger("one thousand", "w")',
    '$formatNumber(1234.5, "#,##0.00")',
    '$formatNumber(1234.5, "#.##0,00", {"decimal-separator": ",", "grouping-separator": "."})',
    '$now("[Y]") = $fromMillis($millis(), "[Y]")',
    '$toMillis($now()) = $millis()',
    '($f := $now(?, "+0000"); $f("[Y]") = $now("[Y]"))',
    '$zip([1, 2], [3, 4, 5])',
    '$map([1, 2, {"a": 3}], $string)',
    '$map(["b", "a"], $uppercase)',
    '$reduce([1, 2, 3], $append)',
    '$reduce(["b", "a"], $uppercase)',
    '$filter([0, 1], $boolean)',
    '$clone({"a": [1]})',
    '{"a": 1} ~> |$|{"b": 2}|',
    '$match("abab", /a(b)/)',
    '$match("abab", /a(b)/, 1)',
    '$replace("abab", /a(b)/, "$1-")',
    '$replace("abab", "a", "c", 1)',
    '$replace("abab", /a/, function($m) { $uppercase($m.match) })',
    '$split("a, b;c", /[,;] */)',
    '$split("a b", " ")',
    '$contains("abc", /B/i)',
    '$contains("abc", "b")',
    '$match("aXb", function($s) { {"match": "X", "start": 1, "end": 2, "groups": [], "next": function() { missing }} })',
    '$match("abc", /x*/)',
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
    '($f := $replace(?, /a/, "b"); $f("aa"))',
    '($f := $match(?, /a/); $f("aa"))',
    '($f := $substring(?, 1); $f("abc"))',
    '$distinct([{"a": 1, "b": 2}, {"b": 2, "a": 1}, [1, 2], [2, 1], [1, 2], null, "null", 1, "1", true, "true"])',
    '$distinct([$uppercase, $uppercase, $lowercase]) ~> $count()',
    '$count($distinct($.(function($x) { $x })))',
    '$sort([3, "a"])',
    '$sort([true, false])',
    '$sort(["é", "e", "z", "Z"])',
    '$sort([{"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 3}], function($l, $r) { $l.a > $r.a })',
    '($f := $sort(?); $f([2, 1]))',
  ])('%s', async (source) => {
    const input = { s: 'text', n: 7, d: '2020-01-01' };
    const mine = await settle(() => compileExpression(source).evaluate(input));
    const theirs = await settle(() => jsonata(source).evaluate(structuredClone(input)));
    expect(mine).toBe(theirs);
  });

  it('$distinct and $sort work for any values', async () => {
    const distinct = compileExpression('$distinct(list)');
    const sort = compileExpression('$sort(list, function($a, $b) { $length($string($a)) > $length($string($b)) })');
    const value = fc.jsonValue({ maxDepth: 2 }).filter((one) => !JSON.stringify(one).includes('_'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(value, fc.constantFrom(1, '1', null, [], {}, [1], { a: 1 }))),
        async (list) => {
          for (const mine of [distinct, sort]) {
            const theirs = jsonata(mine.source).evaluate({ list: structuredClone(list) });
            expect(await settle(() => mine.evaluate({ list }))).toBe(await settle(() => theirs));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('an expression leaves the global RegExp as it is', async () => {
    const { RegExp: before } = globalThis;
    await compileExpression('$toMillis("2018", "[Y]")').evaluate({});
    await settle(() => compileExpression('$toMillis("2018", "[Y,[")').evaluate({}));
    expect(globalThis.RegExp).toBe(before);
  });
});
