import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from '../../src/domain/spelling.ts';

const KEYS = ['allow', 'deny', 'timeZone', 'from', 'until'];

const TABLE: readonly (readonly [word: string, meant: string | undefined])[] = [
  ['alow', 'allow'],
  ['Allow', 'allow'],
  ['allows', 'allow'],
  ['timezone', 'timeZone'],
  ['tmieZone', 'timeZone'],
  ['dny', 'deny'],
  ['form', undefined],
  ['x', undefined],
  ['', undefined],
  ['schedule', undefined],
  ['a'.repeat(100_000), undefined],
];

for (const [word, meant] of TABLE) {
  test(`${JSON.stringify(word.slice(0, 20))} was ${meant === undefined ? 'nothing that we know' : `meant to be ${meant}`}`, () => {
    assert.equal(closest(word, KEYS), meant);
  });
}
