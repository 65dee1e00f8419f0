import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/** `SECURITY.md` names for each claim the test that shows it: a file, and parts of names in it. */

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const text = read('SECURITY.md').replaceAll(/\s+/g, ' ');
const claims = [...text.matchAll(/`(test\/[\w./-]+)`((?:,? "[^"]+")+)/g)].flatMap(
  ({ index, 1: file = '', 2: names = '' }) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ at: index, file, name })),
);

test('every test that SECURITY.md names is there', () => {
  const mentions = [...text.matchAll(/`test\/[^`]+`/g)].length;
  assert.equal(new Set(claims.map(({ at }) => at)).size, mentions, 'each file with a name');
  assert.ok(claims.length > 30, `${claims.length} claims`);
  for (const { file, name } of claims) assert.ok(read(file).includes(name), `${file} has no "${name}"`);
});
