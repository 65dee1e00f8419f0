import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { formatInstant, isTakenBack, nextRestartedAt, parseInstant, isNewerThan } from '../../src/domain/instant.ts';

const at = (text: string): number => Date.parse(text);

describe('an instant as text', () => {
  for (const [milliseconds, text] of [
    [0, '1970-01-01T00:00:00Z'],
    [999, '1970-01-01T00:00:00Z'],
    [1000, '1970-01-01T00:00:01Z'],
    [at('2026-11-24T01:00:00.999Z'), '2026-11-24T01:00:00Z'],
    [at('9999-12-31T23:59:59Z'), '9999-12-31T23:59:59Z'],
  ] as const) {
    test(`${milliseconds} ms is ${text}`, () => assert.equal(formatInstant(milliseconds), text));
  }

  test('whole seconds come back as they were', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), seconds => {
        assert.equal(parseInstant(formatInstant(seconds * 1000)), seconds * 1000);
      }),
      { seed: 3 },
    );
  });
});

describe('the API server takes any string, and only RFC 3339 is a time', () => {
  for (const [text, utc] of [
    ['2026-11-24T01:00:00Z', '2026-11-24T01:00:00Z'],
    ['2026-11-24T02:00:00+01:00', '2026-11-24T01:00:00Z'],
    ['2026-11-23T15:15:00-09:45', '2026-11-24T01:00:00Z'],
    ['2026-11-24T01:00:00.25Z', '2026-11-24T01:00:00.250Z'],
  ] as const) {
    test(`${text} is ${utc}`, () => assert.equal(parseInstant(text), at(utc)));
  }
  for (const text of [
    '',
    'now',
    '1700000000',
    '2026-11-24',
    '2026-11-24T01:00:00',
    '2026-11-24 01:00:00Z',
    '2026-11-24T01:00Z',
    '2026-13-24T01:00:00Z',
    '2026-11-24T25:00:00Z',
    ' 2026-11-24T01:00:00Z',
    '2026-11-24T01:00:00Z\n',
  ]) {
    test(`${JSON.stringify(text)} is no time`, () => assert.equal(parseInstant(text), undefined));
  }
});

describe('T is now in whole seconds, and a second later than what stands there', () => {
  const now = at('2026-11-24T01:10:00.400Z');
  for (const [standing, t] of [
    [undefined, '2026-11-24T01:10:00Z'],
    ['no time', '2026-11-24T01:10:00Z'],
    ['1700000000', '2026-11-24T01:10:00Z'],
    ['2026-11-01T01:00:00Z', '2026-11-24T01:10:00Z'],
    ['2026-11-24T01:09:59Z', '2026-11-24T01:10:00Z'],
    ['2026-11-24T01:10:00Z', '2026-11-24T01:10:01Z'],
    ['2026-11-24T01:10:01Z', '2026-11-24T01:10:02Z'],
    ['2026-11-24T02:10:00+01:00', '2026-11-24T01:10:01Z'],
    ['2026-11-24T01:40:00Z', '2026-11-24T01:40:01Z'],
    ['2026-11-24T01:10:00.900Z', '2026-11-24T01:10:02Z'],
  ] as const) {
    test(`it is ${t} after ${standing ?? 'nothing'}`, () => assert.equal(nextRestartedAt(now, standing), t));
  }
});

test('T is never less than a second later than what stands there', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000, max: 100_000 }), fc.boolean(), (ahead, zone) => {
      const now = at('2026-11-24T01:10:00.400Z');
      const utc = new Date(now + ahead).toISOString();
      const standing = zone ? utc : utc.replace('Z', '+00:00');
      assert.ok(at(nextRestartedAt(now, standing)) >= at(standing) + 1000, standing);
    }),
    { seed: 3, numRuns: 300 },
  );
});

describe('T is taken back', () => {
  const t = '2026-11-24T01:10:00Z';
  for (const { standing, taken, because } of [
    { standing: undefined, taken: true, because: 'when it is gone' },
    { standing: '', taken: true, because: 'when nothing is left of it' },
    { standing: 'yesterday', taken: true, because: 'when there is no time any more' },
    { standing: '2026-11-24T01:09:59Z', taken: true, because: 'when there is an older value' },
    { standing: '2026-11-24T01:10:00Z', taken: false, because: 'unless it stands there' },
    { standing: '2026-11-24T02:10:00+01:00', taken: false, because: 'unless it stands there in another zone' },
    { standing: '2026-11-24T01:10:01Z', taken: false, because: 'unless somebody restarted it again' },
  ]) {
    test(because, () => assert.equal(isTakenBack(standing, t), taken));
  }
});

test('a value is newer than what stood there when it is a time, and a later one', () => {
  for (const [value, before, expected] of [
    ['2026-11-24T01:00:00Z', '2026-11-24T00:00:00Z', true],
    ['2026-11-24T01:00:00Z', '2026-11-24T01:00:00Z', false],
    ['2026-11-24T01:00:00Z', '2026-11-24T02:00:00Z', false],
    ['2026-11-24T01:00:00Z', undefined, true],
    ['2026-11-24T01:00:00Z', 'never', true],
    ['never', undefined, false],
    [undefined, undefined, false],
  ] as const) {
    assert.equal(isNewerThan(value, before), expected, `${value} after ${before}`);
  }
});
