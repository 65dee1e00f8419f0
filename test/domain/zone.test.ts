import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstReached, lastReached, stretches } from '../../src/domain/zone.ts';
import { instantText } from './window-build.ts';

const HOUR = 3_600_000;

/** Each stretch as `from, hours ahead of UTC, minutes skipped`. */
const stretchTexts = (zone: string, from: string, to: string): readonly string[] =>
  [...stretches(zone, { from: Date.parse(from), to: Date.parse(to) })].map(
    stretch => `${instantText(stretch.from)} ${stretch.offset / HOUR} ${stretch.skipped / 60_000}`,
  );

for (const { because, zone, from, to, expected } of [
  {
    because: 'a year of Berlin has three stretches',
    zone: 'Europe/Berlin',
    from: '2026-01-01T00:00Z',
    to: '2027-01-01T00:00Z',
    expected: ['2026-01-01T00:00Z 1 0', '2026-03-29T01:00Z 2 60', '2026-10-25T01:00Z 1 0'],
  },
  {
    because: 'what begins with a change knows what it skipped',
    zone: 'Europe/Berlin',
    from: '2026-03-29T01:00Z',
    to: '2026-03-29T02:00Z',
    expected: ['2026-03-29T01:00Z 2 60'],
  },
  {
    because: 'what begins after a change does not',
    zone: 'Europe/Berlin',
    from: '2026-03-29T01:00:00.001Z',
    to: '2026-03-29T02:00Z',
    expected: ['2026-03-29T01:00:00.001Z 2 0'],
  },
  {
    because: 'what ends with a change does not see it',
    zone: 'Europe/Berlin',
    from: '2026-03-29T00:00Z',
    to: '2026-03-29T01:00Z',
    expected: ['2026-03-29T00:00Z 1 0'],
  },
  {
    because: 'a change on the stroke of UTC midnight is seen from there',
    zone: 'Asia/Jerusalem',
    from: '2026-03-27T00:00Z',
    to: '2026-03-28T00:00Z',
    expected: ['2026-03-27T00:00Z 3 60'],
  },
  {
    because: 'a change on the stroke of UTC midnight ends what comes before',
    zone: 'Asia/Jerusalem',
    from: '2026-03-26T23:59:59.999Z',
    to: '2026-03-27T00:00:00.001Z',
    expected: ['2026-03-26T23:59:59.999Z 2 0', '2026-03-27T00:00Z 3 60'],
  },
  {
    because: 'a zone without changes is one stretch',
    zone: 'Asia/Kolkata',
    from: '2026-01-01T00:00Z',
    to: '2031-01-01T00:00Z',
    expected: ['2026-01-01T00:00Z 5.5 0'],
  },
  {
    because: 'Samoa jumped over a day',
    zone: 'Pacific/Apia',
    from: '2011-12-30T00:00Z',
    to: '2011-12-31T00:00Z',
    expected: ['2011-12-30T00:00Z -10 0', '2011-12-30T10:00Z 14 1440'],
  },
  {
    because: 'an empty span has none',
    zone: 'Europe/Berlin',
    from: '2026-03-29T01:00Z',
    to: '2026-03-29T01:00Z',
    expected: [],
  },
]) {
  test(because, () => assert.deepEqual(stretchTexts(zone, from, to), expected));
}

test('a zone that Intl does not know is a RangeError', () => {
  assert.throws(() => stretchTexts('Europe/Atlantis', '2026-01-01', '2026-01-02'), RangeError);
});

for (const { because, zone, wall, first, last } of [
  {
    because: 'an ordinary time is reached once',
    zone: 'Europe/Berlin',
    wall: '2026-05-05T12:00Z',
    first: '2026-05-05T10:00Z',
    last: '2026-05-05T10:00Z',
  },
  {
    because: 'a skipped time is reached at the jump',
    zone: 'Europe/Berlin',
    wall: '2026-03-29T02:30Z',
    first: '2026-03-29T01:00Z',
    last: '2026-03-29T01:00Z',
  },
  {
    because: 'a time that comes twice is reached twice',
    zone: 'Europe/Berlin',
    wall: '2026-10-25T02:30Z',
    first: '2026-10-25T00:30Z',
    last: '2026-10-25T01:30Z',
  },
  {
    because: 'the time that clocks go back to is reached for good when it is first',
    zone: 'Europe/Berlin',
    wall: '2026-10-25T02:00Z',
    first: '2026-10-25T00:00Z',
    last: '2026-10-25T00:00Z',
  },
  {
    because: 'the time that clocks go back from is reached once, after the second round',
    zone: 'Europe/Berlin',
    wall: '2026-10-25T03:00Z',
    first: '2026-10-25T02:00Z',
    last: '2026-10-25T02:00Z',
  },
  {
    because: 'a time of the day that Samoa never had is reached at the jump',
    zone: 'Pacific/Apia',
    wall: '2011-12-30T09:00Z',
    first: '2011-12-30T10:00Z',
    last: '2011-12-30T10:00Z',
  },
]) {
  test(`${because} (${zone} ${wall.slice(0, 16)})`, () => {
    assert.equal(instantText(firstReached(zone, Date.parse(wall))), first);
    assert.equal(instantText(lastReached(zone, Date.parse(wall))), last);
  });
}
