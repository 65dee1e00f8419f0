import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Labels, parseSelector, type Selector, selectorMatches } from '../../src/domain/selector.ts';

function selectorOf(text: string): Selector {
  const parsed = parseSelector(text);
  assert.ok(!('problem' in parsed), `${text}: ${JSON.stringify(parsed)}`);
  return parsed;
}

const WEB = { tier: 'web', env: 'prod', 'example.com/team': 'shop', bare: '' };

const TABLE: readonly { text: string; yes?: readonly Labels[]; no?: readonly Labels[] }[] = [
  { text: 'tier=web', yes: [WEB], no: [{}, { tier: 'api' }, { tier: '' }] },
  { text: 'tier==web', yes: [WEB], no: [{ tier: 'api' }] },
  { text: 'tier!=web', yes: [{}, { tier: 'api' }], no: [WEB] },
  { text: 'tier in (web, api)', yes: [WEB, { tier: 'api' }], no: [{}, { tier: 'db' }] },
  { text: 'tier notin (web,api)', yes: [{}, { tier: 'db' }], no: [WEB, { tier: 'api' }] },
  { text: 'tier', yes: [WEB, { tier: '' }], no: [{}, { Tier: 'web' }] },
  { text: '!tier', yes: [{}], no: [WEB, { tier: '' }] },
  { text: '! tier', yes: [{}], no: [WEB] },
  { text: 'bare=', yes: [WEB], no: [{}, { bare: 'x' }] },
  { text: 'bare=,tier', yes: [WEB], no: [{ bare: '' }] },
  { text: 'example.com/team=shop', yes: [WEB], no: [{ team: 'shop' }] },
  { text: ' tier = web , env in( prod ) ', yes: [WEB], no: [{ tier: 'web' }] },
  {
    text: 'tier=web,env!=test,!gone',
    yes: [WEB],
    no: [
      { ...WEB, gone: '' },
      { ...WEB, env: 'test' },
    ],
  },
  { text: 'a=b,c!=d,tier in (web, api),!x,y', yes: [{ a: 'b', tier: 'web', y: '' }], no: [{ a: 'b', tier: 'web' }] },
  { text: 'in in (notin)', yes: [{ in: 'notin' }], no: [{ in: 'in' }] },
  { text: 'tier in (web),tier notin (api)', yes: [WEB], no: [{ tier: 'api' }] },
  { text: 'constructor', no: [{}] },
  { text: `${'k'.repeat(63)}=${'v'.repeat(63)}`, yes: [{ ['k'.repeat(63)]: 'v'.repeat(63) }] },
];

for (const { text, yes = [], no = [] } of TABLE) {
  test(`the selector "${text.slice(0, 40)}" means what it means to kubectl`, () => {
    const selector = selectorOf(text);
    for (const labels of yes) assert.equal(selectorMatches(selector, labels), true, JSON.stringify(labels));
    for (const labels of no) assert.equal(selectorMatches(selector, labels), false, JSON.stringify(labels));
  });
}

test('no requirement selects everything', () => {
  assert.equal(selectorMatches([], {}), true);
  assert.equal(selectorMatches([], WEB), true);
});

test('two spellings of one selector are equal', () => {
  assert.deepEqual(selectorOf('b in (y, x,y),a=1'), selectorOf(' a == 1 , b in (x,y)'));
  assert.deepEqual(selectorOf('a=1'), [{ kind: 'in', key: 'a', values: ['1'] }]);
});

const PROBLEMS: readonly (readonly [string, string])[] = [
  ['', 'it is empty'],
  [' \t', 'it is empty'],
  ['a,', 'it ends where a label key should be'],
  [',a', '"," stands where a label key'],
  ['a b', '"b" stands where "," or the end'],
  ['a=b c', '"c" stands where "," or the end'],
  ['a in b', '"b" stands where "(" should be'],
  ['a in (b', 'it ends where ")" should be'],
  ['a in (b c)', '"c" stands where ")" should be'],
  ['a in ()', '")" stands where a value should be'],
  ['a in (b,)', '")" stands where a value should be'],
  ['a notin', 'it ends where "(" should be'],
  ['a=b)', '")" stands where "," or the end'],
  ['!a=b', '"=" stands where "," or the end'],
  ['!', 'it ends where a label key'],
  ['!!a', '"!" stands where a label key'],
  ['=b', '"=" stands where a label key'],
  ['a=!b', '"!" stands where "," or the end'],
  ['a>5', '"<" and ">" are not supported'],
  ['a<5', '"<" and ">" are not supported'],
  ['-a=b', '"-a" is not a label key'],
  ['a_=b', '"a_" is not a label key'],
  ['a/b/c=d', '"a/b/c" is not a label key'],
  ['/a', '"/a" is not a label key'],
  ['a/', '"a/" is not a label key'],
  ['Example.com/a', 'is not a label key'],
  ['a'.repeat(64), 'is not a label key'],
  [`${'a'.repeat(254)}/b`, 'is not a label key'],
  ['a=b/c', '"b/c" is not a label value'],
  ['a=*', '"*" is not a label value'],
  ['a=-b', '"-b" is not a label value'],
  ['a in (b, ü)', '"ü" is not a label value'],
  [`a=${'b'.repeat(64)}`, 'is not a label value'],
  ['a,!a', 'no label a can meet all of it'],
  ['a=b,!a', 'no label a can meet all of it'],
  ['a=b,a=c', 'no label a can meet all of it'],
  ['x,a in (b,c),a notin (c,b)', 'no label a can meet all of it'],
];

for (const [text, problem] of PROBLEMS) {
  test(`the selector ${JSON.stringify(text.slice(0, 40))} is refused`, () => {
    const parsed = parseSelector(text);
    assert.ok('problem' in parsed, 'it was accepted');
    assert.ok(parsed.problem.includes(problem), parsed.problem);
  });
}
