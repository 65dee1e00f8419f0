import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cron as Croner } from 'croner';
import * as fc from 'fast-check';
import { type Cron, openingTimes, opensOn, parseCron, shortestNominalGap } from '../../src/domain/cron.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function cron(text: string): Cron {
  const parsed = parseCron(text);
  if (parsed.kind === 'problem') assert.fail(`${text}: ${parsed.problem}`);
  return parsed;
}

/** The wall-clock minutes of a span of days at which it opens, as `MM-DDTHH:MM`. */
function openings(text: string, { from, days }: { from: string; days: number }): readonly string[] {
  const parsed = cron(text);
  return Array.from({ length: days }, (_, day) => Date.parse(from) + day * DAY)
    .filter(midnight => opensOn(parsed, midnight))
    .flatMap(midnight => openingTimes(parsed).map(time => new Date(midnight + time).toISOString().slice(5, 16)));
}

test('a cron keeps its fields and its text', () => {
  assert.deepEqual(cron(' 0,30 1-3 * JAN-mar  1-5\n'), {
    kind: 'cron',
    text: '0,30 1-3 * JAN-mar  1-5',
    minutes: [0, 30],
    hours: [1, 2, 3],
    daysOfMonth: Array.from({ length: 31 }, (_, index) => index + 1),
    months: [1, 2, 3],
    weekdays: [1, 2, 3, 4, 5],
    eitherDay: false,
  });
});

test('Sunday is kept as 0, however it was written', () => {
  assert.deepEqual(cron('0 0 * * 5-7').weekdays, [0, 5, 6]);
  assert.deepEqual(cron('0 0 * * 7').weekdays, [0]);
});

for (const text of [
  '*/60 * * * *',
  '0 */24 * * *',
  '0 0 * * */7',
  '5-5 * * * *',
  '007 * * * *',
  '0 0 29 2 *',
  '0\t0  1 1 *',
]) {
  test(`${JSON.stringify(text)} is taken`, () => assert.equal(parseCron(text).kind, 'cron'));
}

// January 2026 begins on a Thursday.
for (const { text, days, expected, because } of [
  { text: '0 1 * * 1-5', days: 5, expected: ['01-01T01:00', '01-02T01:00', '01-05T01:00'], because: 'weekdays only' },
  { text: '0 0 * * 0', days: 12, expected: ['01-04T00:00', '01-11T00:00'], because: 'Sunday is 0' },
  { text: '0 0 * * 7', days: 12, expected: ['01-04T00:00', '01-11T00:00'], because: 'Sunday is 7' },
  { text: '0 0 * * 6-7', days: 6, expected: ['01-03T00:00', '01-04T00:00'], because: 'a range may end in Sunday' },
  { text: '0 0 * * sat', days: 7, expected: ['01-03T00:00'], because: 'days have names' },
  {
    text: '5-59/20 3 1 * *',
    days: 3,
    expected: ['01-01T03:05', '01-01T03:25', '01-01T03:45'],
    because: 'steps count from the start',
  },
  {
    text: '0 0 3 * 5',
    days: 6,
    expected: ['01-02T00:00', '01-03T00:00'],
    because: 'both day fields restricted: either',
  },
  {
    text: '0 0 */2 * 5',
    days: 4,
    expected: ['01-01T00:00', '01-02T00:00', '01-03T00:00'],
    because: 'a stepped star is a restriction',
  },
  { text: '0 0 */1 * 5', days: 9, expected: ['01-02T00:00', '01-09T00:00'], because: 'a step of one is none' },
  { text: '0 0 2 * */1', days: 9, expected: ['01-02T00:00'], because: 'a step of one is none, in weekdays too' },
  { text: '0 0 31 1,2 *', days: 90, expected: ['01-31T00:00'], because: 'a month without the day is passed over' },
  { text: '0 0 30 2 1', days: 39, expected: ['02-02T00:00'], because: 'the weekday remains when the day cannot be' },
] as const) {
  test(`${text}: ${because}`, () => {
    assert.deepEqual(openings(text, { from: '2026-01-01', days }), expected);
  });
}

for (const [text, part] of [
  ['', /empty; five fields are needed: minute hour day-of-month month day-of-week/],
  [' \t', /empty/],
  ['*', /1 field; five/],
  ['0 1 * *', /4 fields; five/],
  ['0 0 1 * * *', /6 fields, and seconds are not read/],
  ['0 0 1 * * * 2026', /7 fields/],
  ['@daily', /macros such as "@daily" are not read/],
  ['@reboot', /macros/],
  ['TZ=UTC 0 1 * * *', /time zone/],
  ['CRON_TZ=Europe/Berlin 0 1 * * *', /time zone/],
  ['60 * * * *', /"60" in the minute field: 60 is not within 0-59/],
  ['0 24 * * *', /"24" in the hour field: 24 is not within 0-23/],
  ['0 0 0 * *', /day-of-month field: 0 is not within 1-31/],
  ['0 0 32 * *', /32 is not within 1-31/],
  ['0 0 * 13 *', /13 is not within 1-12/],
  ['0 0 * * 8', /8 is not within 0-7/],
  ['0 0-24 * * *', /24 is not within/],
  ['99999999999999999999 * * * *', /is not within 0-59/],
  ['0 22-4 * * *', /runs backwards; write 22-23,0-4/],
  ['0 23-0 * * *', /write 23,0/],
  ['0 0 * * fri-sun', /write 5-7/],
  ['0 0 * * sat-mon', /write 6,0-1/],
  ['0 0 * nov-feb *', /write 11-12,1-2/],
  ['*/0 * * * *', /a step is within 1-60/],
  ['*/90 * * * *', /a step is within 1-60, it counts inside the field only/],
  ['0 */25 * * *', /within 1-24/],
  ['5/10 * * * *', /write 5-59\/10/],
  ['*/5/2 * * * *', /only \*/],
  ['* * L * *', /"L" in the day-of-month field: only .* are read; not \? L W # H/],
  ['* * 15W * *', /"15W"/],
  ['* * LW * *', /"LW"/],
  ['* * * * 5L', /"5L"/],
  ['* * * * 5#2', /"5#2"/],
  ['* * ? * *', /"\?"/],
  ['* * * * ?', /"\?" in the day-of-week/],
  ['H H * * *', /"H" in the minute field/],
  ['H(0-30) 1 * * *', /"H\(0-30\)"/],
  ['0 0 1 janfeb *', /"janfeb"/],
  ['0 0 1 january *', /names \(feb\)/],
  ['0 0 1 mon *', /"mon" in the month field/],
  ['jan * * * *', /"jan" in the minute field: only \*, numbers, ranges/],
  ['-1 * * * *', /"-1"/],
  ['1- * * * *', /"1-"/],
  ['1-2-3 * * * *', /"1-2-3"/],
  ['1,,2 * * * *', /"" in the minute/],
  [', * * * *', /""/],
  ['1.5 * * * *', /"1\.5"/],
  ['0x1 * * * *', /"0x1"/],
  ['1e1 * * * *', /"1e1"/],
  ['١ * * * *', /only \*/],
  ['** * * * *', /"\*\*"/],
  ['*-5 * * * *', /only \*/],
  ['constructor * * * *', /only \*/],
  ['0 0 * * 0,7', /same value twice/],
  ['1,1 * * * *', /same value twice/],
  ['*,5 * * * *', /same value twice/],
  ['0 0 30 2 *', /can never open/],
  ['0 0 31 4,6,9,11 *', /can never open/],
  ['0 0 30-31 feb *', /can never open/],
  [`${'1,'.repeat(600)}1 * * * *`, /longer than 1024/],
  [`${'x'.repeat(100)} * * * *`, /"x{40}\.\.\."/],
] as const) {
  test(`${JSON.stringify(text.slice(0, 40))} is refused in words of a person`, () => {
    const parsed = parseCron(text);
    assert.equal(parsed.kind, 'problem');
    assert.match(parsed.kind === 'problem' ? parsed.problem : '', part);
  });
}

test('no text makes the parser throw or open on no day', () => {
  const piece = fc.constantFrom(
    '*',
    '/',
    '-',
    ',',
    ' ',
    '0',
    '1',
    '7',
    '30',
    '31',
    '2',
    'mon',
    'feb',
    'L',
    '#',
    '?',
    'H',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), pieces => {
      const parsed = parseCron(pieces.join(''));
      if (parsed.kind === 'cron') assert.ok(Number.isFinite(shortestNominalGap(parsed)));
    }),
    { seed: 3, numRuns: 2_000 },
  );
});

for (const [text, gap] of [
  ['* * * * *', MINUTE],
  ['*/20 * * * *', 20 * MINUTE],
  ['0,50 * * * *', 10 * MINUTE],
  ['50 23,0 * * *', HOUR],
  ['0 1 * * *', DAY],
  ['0 1,13 * * *', 12 * HOUR],
  ['0 1 * * 1-5', DAY],
  ['0 22 * * 5', 7 * DAY],
  ['0 22 * * 1,5', 3 * DAY],
  ['0 0,23 * * 1', 23 * HOUR],
  ['0 1,22 * * 1,2', 3 * HOUR],
  ['0 0 28 * *', 28 * DAY],
  ['0 0 1 * *', 28 * DAY],
  ['0 0 31 * *', 31 * DAY],
  ['0 0 30 * *', 30 * DAY],
  ['0 0 29 * *', 29 * DAY],
  ['0 0 1 3 *', 365 * DAY],
  ['0 0 29 2 *', 1_461 * DAY],
  ['0 0 1,31 1 *', 30 * DAY],
  ['0 0 1 1 1', DAY],
  ['0 0 1,29 2,3 *', DAY],
] as const) {
  test(`the openings of ${text} are never nearer than ${gap / HOUR} h`, () => {
    assert.equal(shortestNominalGap(cron(text)), gap);
  });
}

const list = (min: number, max: number) =>
  fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 3 }).map(values => values.join(','));
const star = fc.constant('*');
const anyCron = fc
  .tuple(list(0, 59), list(0, 23), fc.oneof(star, list(1, 28)), fc.oneof(star, list(1, 12)), fc.oneof(star, list(0, 6)))
  .map(fields => fields.join(' '));

test('the shortest gap is that of the whole calendar of 400 years', () => {
  fc.assert(
    fc.property(anyCron, text => {
      const parsed = cron(text);
      let shortest = Number.POSITIVE_INFINITY;
      let previous = Number.NEGATIVE_INFINITY;
      for (let midnight = Date.UTC(1900, 0, 1); midnight < Date.UTC(2301, 0, 1); midnight += DAY) {
        if (!opensOn(parsed, midnight)) continue;
        for (const time of openingTimes(parsed)) {
          shortest = Math.min(shortest, midnight + time - previous);
          previous = midnight + time;
        }
      }
      assert.equal(shortestNominalGap(parsed), shortest);
    }),
    { seed: 3, numRuns: 6 },
  );
});

test('croner agrees on the openings of ordinary days', () => {
  fc.assert(
    fc.property(anyCron, fc.integer({ min: 0, max: 1_000 }), (text, day) => {
      const from = new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10);
      const ours = openings(text, { from, days: 40 }).slice(0, 10);
      const theirs = new Croner(text, { timezone: 'UTC' })
        .nextRuns(10, new Date(Date.parse(from) - 1))
        .filter(date => date.getTime() < Date.parse(from) + 40 * DAY)
        .map(date => date.toISOString().slice(5, 16));
      assert.deepEqual(ours, theirs);
    }),
    { seed: 3, numRuns: 200 },
  );
});
