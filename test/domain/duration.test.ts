import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/domain/duration.ts';

const DAY = 86_400_000;

for (const [text, ms] of [
  ['0s', 0],
  ['1s', 1_000],
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h30m', 5_400_000],
  ['36h', 129_600_000],
  ['7d', 7 * DAY],
  ['1d2h3m4s', DAY + 7_384_000],
  ['007m', 420_000],
  ['366d', 366 * DAY],
  ['365d24h', 366 * DAY],
  ['31622400s', 366 * DAY],
] as const) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
}

for (const text of [
  '',
  ' ',
  '5',
  '5x',
  '5M',
  '5ms',
  '1.5h',
  '-5m',
  '+5m',
  ' 5m',
  '5m ',
  '5m\n',
  '1h 30m',
  '30m1h',
  '1h1h',
  'h',
  'PT5M',
  '1w',
  '٣m',
  '1e3s',
  '366d1s',
  '367d',
  `${'9'.repeat(400)}d`,
]) {
  test(`${JSON.stringify(text.slice(0, 12))} is no duration`, () => assert.equal(parseDuration(text), undefined));
}

for (const [ms, text] of [
  [0, '0s'],
  [499, '0s'],
  [500, '1s'],
  [59_500, '1m'],
  [90_000, '1m30s'],
  [5_400_000, '1h30m'],
  [7 * DAY, '7d'],
  [DAY + 1_000, '1d1s'],
  [-90_000, '-1m30s'],
  [-1, '0s'],
] as const) {
  test(`${ms} ms reads ${text}`, () => assert.equal(formatDuration(ms), text));
}

test('whole seconds come back from their text as they were', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 366 * 86_400 }), seconds => {
      assert.equal(parseDuration(formatDuration(seconds * 1_000)), seconds * 1_000);
    }),
    { seed: 3, numRuns: 500 },
  );
});
