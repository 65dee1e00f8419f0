import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MUTANTS } from './mutant-list.ts';

const SOURCES = join(import.meta.dirname, '..', '..', 'src');

test('the place of each fault stands in the code, once', () => {
  const wrong = MUTANTS.filter(({ file, is }) => readFileSync(join(SOURCES, file), 'utf8').split(is).length !== 2);
  assert.deepEqual(
    wrong.map(({ fault, file }) => `${file}: ${fault}`),
    [],
  );
});
