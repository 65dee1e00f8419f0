import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { countedCodes, plural, table } from '../../src/terminal/table.ts';

describe('a table', () => {
  test('has columns as wide as their widest cell, and no blanks at the end of a line', () => {
    assert.equal(
      table(
        ['NAME', 'WHY'],
        [
          ['a', 'paused'],
          ['a-long-name', ''],
        ],
      ),
      ['NAME          WHY', 'a             paused', 'a-long-name'].join('\n'),
    );
  });

  test('without rows is its heading', () => assert.equal(table(['A', 'B'], []), 'A   B'));

  test('leaves out what has no column, and fills what is missing', () => {
    assert.equal(table(['A', 'B'], [['1']]), 'A   B\n1');
  });

  for (const [what, cell] of [
    ['a line break', 'a\nb'],
    ['an escape sequence', 'a\u001b[2Jb'],
    ['a carriage return', 'a\rb'],
    ['a line separator', 'a\u2028b'],
    ['a change of direction', 'a\u202eb'],
  ] as const) {
    test(`shows ${what} in a name without obeying it`, () => {
      const lines = table(['NAME'], [[cell]]).split('\n');
      assert.equal(lines.length, 2);
      assert.match(lines[1] ?? '', /^a[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+b$/u);
    });
  }
});

test('one is singular, everything else plural', () => {
  assert.deepEqual(
    [0, 1, 2].map(count => plural(count, 'restart')),
    ['0 restarts', '1 restart', '2 restarts'],
  );
  assert.equal(plural(2, 'batch', 'batches'), '2 batches');
});

test('codes are counted, the most frequent first, then by name', () => {
  assert.equal(countedCodes(['paused', 'fresh', 'optedOut', 'fresh']), '2 fresh, 1 optedOut, 1 paused');
  assert.equal(countedCodes([]), '');
});
