import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plus, problemsOf } from './policy-build.ts';

test('a text that nests too deeply is refused where it does', () => {
  const [, tooDeep] = problemsOf(plus(`onFailure: { stopAfter: ${'['.repeat(20)}${']'.repeat(20)} }`));
  assert.equal(tooDeep?.path, `onFailure.stopAfter${'[0]'.repeat(15)}`);
  assert.match(tooDeep.expected, /at most 16 levels/);
});

test('of a broken line only the first complaint of the parser is passed on', () => {
  assert.equal(problemsOf('a: "b" c: d\n"e" "f" "g"\n').length, 2);
});
