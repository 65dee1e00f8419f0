import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globMatches, simplestGlob } from '../../src/domain/glob.ts';

const TABLE: readonly { glob: string; yes?: readonly string[]; no?: readonly string[] }[] = [
  { glob: 'shop', yes: ['shop'], no: ['', 'sho', 'shops', 'my-shop', 'SHOP'] },
  { glob: '*', yes: ['', 'shop', 'a-b.c'] },
  { glob: 'team-*', yes: ['team-', 'team-a', 'team-a-b'], no: ['team', 'my-team-a'] },
  { glob: '*-legacy', yes: ['-legacy', 'a-legacy'], no: ['legacy', 'a-legacy-b'] },
  { glob: 'a*b*c', yes: ['abc', 'a1b2c', 'abbc', 'abcbc'], no: ['acb', 'ab', 'abcd', 'xabc'] },
  { glob: '*web*', yes: ['web', 'my-web-1'], no: ['we-b', ''] },
  { glob: 'ab*ba', yes: ['abba', 'ab-ba'], no: ['aba', 'ab', 'abab'] },
  { glob: 'aa*aa*aa', yes: ['aaaaaa', 'aa-aa-aa'], no: ['aaaaa', 'aaaa'] },
  { glob: '**', yes: ['', 'x'] },
  { glob: '', yes: [''], no: ['x'] },
  { glob: 'a.b', yes: ['a.b'], no: ['axb'] },
  { glob: '[ab]?+$', yes: ['[ab]?+$'], no: ['a', 'ab'] },
];

for (const { glob, yes = [], no = [] } of TABLE) {
  test(`the glob ${JSON.stringify(glob)} matches the whole text`, () => {
    for (const text of yes) assert.equal(globMatches(glob, text), true, `matches ${JSON.stringify(text)}`);
    for (const text of no) assert.equal(globMatches(glob, text), false, `does not match ${JSON.stringify(text)}`);
  });
}

test('a hostile glob is answered at once, where backtracking would never end', () => {
  assert.equal(globMatches(`${'*a'.repeat(900)}*b`, 'a'.repeat(2000)), false);
});

test('repeated stars are one star', () => {
  assert.equal(simplestGlob('a***b**'), 'a*b*');
});
