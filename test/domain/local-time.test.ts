import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLocalTime, wallTime } from '../../src/domain/local-time.ts';

for (const [text, shown] of [
  ['2026-12-20', '2026-12-20T00:00:00.000Z'],
  ['2026-12-20T18:00', '2026-12-20T18:00:00.000Z'],
  ['2026-12-20 18:00', '2026-12-20T18:00:00.000Z'],
  ['2026-12-20T18:00:30', '2026-12-20T18:00:30.000Z'],
  ['1970-01-01', '1970-01-01T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2026-12-31T23:59:59', '2026-12-31T23:59:59.000Z'],
] as const) {
  test(`${text} is a local time`, () => {
    const time = parseLocalTime(text);
    assert.ok(time);
    assert.equal(new Date(wallTime(time)).toISOString(), shown);
  });
}

for (const text of [
  '',
  '2026',
  '2026-12',
  '2026-2-3',
  '20261220',
  '2026-02-29',
  '2026-04-31',
  '2026-13-01',
  '2026-00-10',
  '2026-01-00',
  '2026-12-20T24:00',
  '2026-12-20T18',
  '2026-12-20T18:60',
  '2026-12-20T18:00:60',
  '2026-12-20T18:00:00Z',
  '2026-12-20T18:00+02:00',
  '2026-12-20T18:00:00.5',
  ' 2026-12-20',
  '2026-12-20\n',
  '0026-12-20',
  '1969-12-31',
  '10000-01-01',
]) {
  test(`${JSON.stringify(text)} is no local time`, () => assert.equal(parseLocalTime(text), undefined));
}
