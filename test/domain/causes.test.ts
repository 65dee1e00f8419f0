import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commonCauses } from '../../src/domain/causes.ts';
import { aLeave, aRestart } from '../build.ts';

const stale = (name: string, why: 'podTooOld' | 'injectionDrift', detail: string) => ({
  ...aRestart({ name }),
  why,
  detail,
});
const unknown = (name: string, detail = 'nobody answers') => ({ ...aLeave('unknown', { name }), detail });

test('what many are stale for is told once, and what few are stale for in their places', () => {
  const many = ['a', 'b', 'c'].map(name => stale(name, 'injectionDrift', 'proxy runs proxy:1'));
  const few = ['d', 'e'].map(name => stale(name, 'injectionDrift', 'proxy runs proxy:0'));
  assert.deepEqual(commonCauses({ batches: [many, few], left: [] }), [
    { why: 'injectionDrift', detail: 'proxy runs proxy:1', count: 3, example: 'shop/a' },
  ]);
});

test('that Pods grow old is no common cause', () => {
  const old = ['a', 'b', 'c'].map(name => stale(name, 'podTooOld', 'old'));
  assert.deepEqual(commonCauses({ batches: [old], left: [] }), []);
});

test('why nothing is known is told however few it concerns, the most frequent first', () => {
  const left = [unknown('a', 'quota'), unknown('b'), unknown('c'), aLeave('paused')];
  assert.deepEqual(
    commonCauses({ batches: [], left }).map(({ detail, count, example }) => [detail, count, example]),
    [
      ['nobody answers', 2, 'shop/b'],
      ['quota', 1, 'shop/a'],
    ],
  );
});

test('one cause is told once although the words name each Pod, or each connection', () => {
  const quota = ['a', 'b', 'c'].map(name => unknown(name, `pods "${name}-6c9d5f-x7f2" is forbidden: exceeded quota`));
  const resets = ['d', 'e'].map((name, index) => unknown(name, `read tcp 10.0.0.1:4000${index}: reset`));
  assert.deepEqual(
    commonCauses({ batches: [], left: [...quota, ...resets] }).map(({ count, example }) => [count, example]),
    [
      [3, 'shop/a'],
      [2, 'shop/d'],
    ],
  );
});
