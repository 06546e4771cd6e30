/** What is known of an expression before it runs. */
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { type Analysis, analyse, type Fault, RECORD_FUNCTION } from '../../../engine/expression/analyse.ts';
import { BUILTINS, VOLATILE } from '../../../engine/expression/builtins.ts';

function analysed(source: string): Analysis & { faults: Fault[] } {
  const faults: Fault[] = [];
  return { ...analyse(jsonata(source).ast(), (fault) => faults.push(fault)), faults };
}

const nothing = { link: [], record: [], find: [], volatile: [], account: false, comparesNull: false };

describe('calls', () => {
  it.each<[string, Partial<Analysis['calls']>]>([
    ['a & b', {}],
    ['$link("m", id)', { link: ['m'] }],
    ['$record("e", id)', { record: ['e'] }],
    ['$find("e", {"a": 1})', { find: ['e'] }],
    ['"m" ~> $link(id)', { link: ['m'] }],
    ['$link("m", 1) & $link("m", 2) & $link("n", 3)', { link: expect.arrayContaining(['m', 'n']) as string[] }],
    ['$link(name, 1)', {}],
    ['$link(1, 1)', {}],
    ['name ~> $link("m")', {}],
    ['$link', {}],
    ['$link()', {}],
    ['"link"("m", 1)', {}],
    ['$map(ids, $link("m", ?))', { link: ['m'] }],
    ['($link := function($x) { $x }; $link("m"))', {}],
    ['function($find) { $find("m") }', {}],
    ['$now() & $random()', { volatile: expect.arrayContaining(['now', 'random']) as string[] }],
    ['$millis() + $shuffle([1])[0]', { volatile: expect.arrayContaining(['millis', 'shuffle']) as string[] }],
    ['$map(a, $random)', { volatile: ['random'] }],
    ['($now := 1; $now)', {}],
    ['$account().currency', { account: true }],
    ['($account := 1; $account)', {}],
    ['a = null', { comparesNull: true }],
    ['null = a', { comparesNull: true }],
    ['a != null', { comparesNull: true }],
    ['b[a != null].c', { comparesNull: true }],
    ['a = "null"', {}],
    ['a = "="', {}],
    ['a < b and c = true', {}],
    ['a & null', {}],
    ['a in [null]', {}],
  ])('are found in %s', (source, expected) => {
    const { calls, faults } = analysed(source);
    expect(calls).toEqual({ ...nothing, ...expected });
    expect(faults).toEqual([]);
  });

  it('tell each name once', () => {
    expect(analysed('$link("m", 1) & $link("m", 2) & $now() & $now()').calls).toMatchObject({
      link: ['m'],
      volatile: ['now'],
    });
  });
});

describe('$record', () => {
  const names = (source: string): unknown[] => {
    const ast = jsonata(source).ast();
    analyse(ast, () => {});
    const found: unknown[] = [];
    JSON.stringify(ast, (_, value) => {
      if (value?.type === 'variable') found.push(value.value);
      return value;
    });
    return found;
  };

  it('gets another name where it is called as a function', () => {
    expect(names('$record("e", 1)')).toEqual([RECORD_FUNCTION]);
    expect(names('$record("e", ?)')).toEqual([RECORD_FUNCTION]);
    expect(names('$record.name')).toEqual(['record']);
    expect(names('$link("m", 1)')).toEqual(['link']);
    expect(names('($record := $f; $record("e"); $f := 1)')).not.toContain(RECORD_FUNCTION);
  });

  it('is known as a value, also in an expression that is analysed a second time', () => {
    const ast = jsonata('$record("e", $record.id)').ast();
    const faults: Fault[] = [];
    analyse(ast, (fault) => faults.push(fault));
    analyse(ast, (fault) => faults.push(fault));
    expect(faults).toEqual([]);
  });
});

describe('names', () => {
  it.each([
    '$ & $$ & $$.a',
    '($x := 1; $x)',
    '$map([1], function($v, $i) { $v + $i })',
    'items#$i.($i)',
    'items[a > 1]#$i.($i)',
    '$sum#$i(1)',
    'a@$v.($v)',
    '$link & $find & $record',
    '$uppercase',
  ])('are known in %s', (source) => expect(analysed(source).faults).toEqual([]));

  it('of every function of JSONata are known', () => {
    for (const name of BUILTINS) expect(analysed(`$${name}`).faults).toEqual([]);
    for (const name of VOLATILE) expect(analysed(`$${name}`).calls.volatile).toEqual([name]);
  });

  it.each<[string, string, number]>([
    ['$nope', '$nope is not known.', 0],
    ['1 + $nope', '$nope is not known.', 4],
    ['"nope" & $nope', '$nope is not known.', 9],
    ['$uppercas(a)', '$uppercas is not known; did you mean $uppercase?', 0],
    ['$lnik("m", 1)', '$lnik is not known; did you mean $link?', 0],
    ['($total := 1; $totl)', '$totl is not known; did you mean $total?', 14],
    ['$eval("1")', '$eval is not available: it would run the values of records as code.', 0],
    ['a & $eval(b)', '$eval is not available: it would run the values of records as code.', 4],
    ['uppercase(a)', '"uppercase" is no function; write $uppercase(…) with a dollar sign.', 0],
    ['1 + upercase(a)', '"upercase" is no function; write $uppercase(…) with a dollar sign.', 4],
    ['link("m", 1)', '"link" is no function; write $link(…) with a dollar sign.', 0],
    ['whatever(a)', '"whatever" is no function; write $whatever(…) with a dollar sign.', 0],
    ['$map(a, upper(?))', '"upper" is no function; write $upper(…) with a dollar sign.', 8],
  ])('are refused where they are unknown: %s', (source, message, position) =>
    expect(analysed(source).faults).toEqual([{ message, position }]),
  );

  it('a method of an object may be called', () => {
    expect(analysed('(a.b)(1)').faults).toEqual([]);
    expect(analysed('a.b(1)').faults).not.toEqual([]);
    expect(analysed('a^(b)(1)').faults).toEqual([]);
  });
});

describe('regular expressions', () => {
  it.each([
    ['$match(a, /x(?=y)/)', 10],
    ['/(a)\\1/', 0],
  ])('that cannot run are refused: %s', (source, position) => {
    const { faults } = analysed(source);
    expect(faults).toHaveLength(1);
    expect(faults[0]!.message).toMatch(/^The regular expression .* cannot be used/);
    expect(faults[0]!.position).toBe(position);
  });

  it('that can run are accepted', () => expect(analysed('$match(a, /x+/i)').faults).toEqual([]));
});

describe('the input', () => {
  it.each([
    ['a.b', false],
    ['a.b[]', true],
    ['a[]', true],
    ['a[].b', true],
    ['$map(a[], $string)', true],
    ['[a, b]', false],
    ['a[0].b', false],
  ])('of %s is marked: %s', (source, expected) => expect(analysed(source).marksInput).toBe(expected));
});
