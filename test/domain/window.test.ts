import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Opening, openingsBetween, windowAt } from '../../src/domain/window.ts';
import { instantText, someWindows, stateText, type WindowsText } from './window-build.ts';

const stateAt = (windows: WindowsText, at: string | number): string =>
  stateText(windowAt(someWindows(windows), new Date(at).getTime()));

const openingText = (opening: Opening): string => {
  const denied = opening.kind === 'denied' ? `, denied by ${opening.denyName}` : '';
  return `${opening.name} ${instantText(opening.opensAt)} - ${instantText(opening.closesAt)}${denied}`;
};

const openingTexts = (windows: WindowsText, from: string, to: string): readonly string[] => {
  const span = { from: Date.parse(from), to: Date.parse(to) };
  return [...openingsBetween(someWindows(windows), span)].map(openingText);
};

describe('an occurrence has a beginning and an end', () => {
  // Friday 27 November 2026, 22:00 in Berlin is 21:00 in UTC.
  const fridays = { timeZone: 'Europe/Berlin', allow: ['fridays: 0 22 * * 5 for 6h'] };
  const open = 'fridays of 2026-11-27T21:00Z until 2026-11-28T03:00Z';
  const [opensAt, closesAt] = [Date.parse('2026-11-27T21:00Z'), Date.parse('2026-11-28T03:00Z')];
  for (const { at, expected, because } of [
    { at: opensAt - 1, expected: 'outside until 2026-11-27T21:00Z', because: 'it is closed a millisecond before' },
    { at: opensAt, expected: open, because: 'it is open at its first millisecond' },
    { at: opensAt + 1, expected: open, because: 'it is open a millisecond later' },
    { at: Date.parse('2026-11-28T00:30Z'), expected: open, because: 'Friday covers Saturday 01:30' },
    { at: closesAt - 1, expected: open, because: 'it is open at its last millisecond' },
    { at: closesAt, expected: 'outside until 2026-12-04T21:00Z', because: 'it is closed at its end' },
    { at: closesAt + 1, expected: 'outside until 2026-12-04T21:00Z', because: 'it is closed after its end' },
    {
      at: Date.parse('2026-11-27T00:30Z'),
      expected: 'outside until 2026-11-27T21:00Z',
      because: 'Friday 01:30 belongs to no Friday evening',
    },
  ]) {
    test(because, () => assert.equal(stateAt(fridays, at), expected));
  }
});

describe('when clocks change', () => {
  for (const { because, zone, allow, day, expected } of [
    {
      because: 'a skipped minute opens at the jump, and lasts as long as ever',
      zone: 'Europe/Berlin',
      allow: ['a: 30 2 * * * for 1h'],
      day: '2026-03-29',
      expected: ['a 2026-03-29T01:00Z - 2026-03-29T02:00Z'],
    },
    {
      because: 'many skipped minutes open once',
      zone: 'Europe/Berlin',
      allow: ['a: */20 2 * * * for 5m'],
      day: '2026-03-29',
      expected: ['a 2026-03-29T01:00Z - 2026-03-29T01:05Z'],
    },
    {
      because: 'four hours end at 06:00 on the clock in spring',
      zone: 'Europe/Berlin',
      allow: ['a: 0 1 * * * for 4h'],
      day: '2026-03-29',
      expected: ['a 2026-03-29T00:00Z - 2026-03-29T04:00Z'],
    },
    {
      because: 'the last minute before the jump and the first after it open as on any day',
      zone: 'Europe/Berlin',
      allow: ['a: 59 1 * * * for 30s', 'b: 0 3 * * * for 30s'],
      day: '2026-03-29',
      expected: ['a 2026-03-29T00:59Z - 2026-03-29T00:59:30Z', 'b 2026-03-29T01:00Z - 2026-03-29T01:00:30Z'],
    },
    {
      because: 'a minute that comes twice opens twice',
      zone: 'Europe/Berlin',
      allow: ['a: 30 2 * * * for 30m'],
      day: '2026-10-25',
      expected: ['a 2026-10-25T00:30Z - 2026-10-25T01:00Z', 'a 2026-10-25T01:30Z - 2026-10-25T02:00Z'],
    },
    {
      because: 'the two openings of a minute that comes twice may touch',
      zone: 'Europe/Berlin',
      allow: ['a: 30 2 * * * for 1h'],
      day: '2026-10-25',
      expected: ['a 2026-10-25T00:30Z - 2026-10-25T02:30Z'],
    },
    {
      because: 'a whole day leaves an hour closed on the long one',
      zone: 'Europe/Berlin',
      allow: ['a: 0 0 * * * for 1d'],
      day: '2026-10-25',
      expected: ['a 2026-10-23T22:00Z - 2026-10-25T22:00Z'],
    },
    {
      because: 'New York jumps at its own hour',
      zone: 'America/New_York',
      allow: ['a: 15 2 * * * for 1h'],
      day: '2026-03-08',
      expected: ['a 2026-03-08T07:00Z - 2026-03-08T08:00Z'],
    },
    {
      because: 'New York has its hour twice',
      zone: 'America/New_York',
      allow: ['a: 30 1 * * 0 for 30m'],
      day: '2026-11-01',
      expected: ['a 2026-11-01T05:30Z - 2026-11-01T06:00Z', 'a 2026-11-01T06:30Z - 2026-11-01T07:00Z'],
    },
    {
      because: 'Lord Howe goes back half an hour',
      zone: 'Australia/Lord_Howe',
      allow: ['a: 15,45 1 * * * for 10m'],
      day: '2026-04-05',
      expected: [
        'a 2026-04-04T14:15Z - 2026-04-04T14:25Z',
        'a 2026-04-04T14:45Z - 2026-04-04T14:55Z',
        'a 2026-04-04T15:15Z - 2026-04-04T15:25Z',
      ],
    },
    {
      because: 'Lord Howe skips half an hour',
      zone: 'Australia/Lord_Howe',
      allow: ['a: 15,45 2 * * * for 10m'],
      day: '2026-10-04',
      expected: ['a 2026-10-03T15:30Z - 2026-10-03T15:40Z', 'a 2026-10-03T15:45Z - 2026-10-03T15:55Z'],
    },
    {
      because: 'a midnight that Santiago skips belongs to the Sunday that it would have begun',
      zone: 'America/Santiago',
      allow: ['a: 0 0 * * 0 for 2h'],
      day: '2026-09-06',
      expected: ['a 2026-09-06T04:00Z - 2026-09-06T06:00Z'],
    },
    {
      because: 'Saturday 23:30 comes twice in Santiago and midnight once',
      zone: 'America/Santiago',
      allow: ['a: 30 23 * * 6 for 10m', 'b: 0 0 * * 0 for 10m'],
      day: '2026-04-05',
      expected: [
        'a 2026-04-05T02:30Z - 2026-04-05T02:40Z',
        'a 2026-04-05T03:30Z - 2026-04-05T03:40Z',
        'b 2026-04-05T04:00Z - 2026-04-05T04:10Z',
      ],
    },
    {
      because: 'Cairo skips the first hour of a Friday',
      zone: 'Africa/Cairo',
      allow: ['a: 30 0 * * 5 for 1h'],
      day: '2026-04-24',
      expected: ['a 2026-04-23T22:00Z - 2026-04-23T23:00Z'],
    },
    {
      because: 'Jerusalem jumps when it is midnight in UTC',
      zone: 'Asia/Jerusalem',
      allow: ['a: 30 2 * * * for 1h'],
      day: '2026-03-27',
      expected: ['a 2026-03-27T00:00Z - 2026-03-27T01:00Z'],
    },
    {
      because: 'midnight comes twice in Havana',
      zone: 'America/Havana',
      allow: ['a: 0 0 1 * * for 30m'],
      day: '2026-11-01',
      expected: ['a 2026-11-01T04:00Z - 2026-11-01T04:30Z', 'a 2026-11-01T05:00Z - 2026-11-01T05:30Z'],
    },
    {
      because: 'India is half an hour off and never changes',
      zone: 'Asia/Kolkata',
      allow: ['a: 0 1 * * * for 1h'],
      day: '2026-03-29',
      expected: ['a 2026-03-28T19:30Z - 2026-03-28T20:30Z'],
    },
    {
      because: 'Chatham goes back at a quarter to',
      zone: 'Pacific/Chatham',
      allow: ['a: 0 3 * * * for 10m'],
      day: '2026-04-05',
      expected: ['a 2026-04-04T13:15Z - 2026-04-04T13:25Z', 'a 2026-04-04T14:15Z - 2026-04-04T14:25Z'],
    },
    {
      because: 'Chatham jumps at a quarter to',
      zone: 'Pacific/Chatham',
      allow: ['a: 0 3 * * * for 10m'],
      day: '2026-09-27',
      expected: ['a 2026-09-26T14:00Z - 2026-09-26T14:10Z'],
    },
    {
      because: 'the day that Samoa never had opens at the jump over it',
      zone: 'Pacific/Apia',
      allow: ['a: 0 9 30 12 * for 1h'],
      day: '2011-12-30',
      expected: ['a 2011-12-30T10:00Z - 2011-12-30T11:00Z'],
    },
  ]) {
    test(`${because} (${zone}, ${day})`, () => {
      const noonBefore = new Date(Date.parse(`${day}T12:00Z`) - 24 * 3_600_000).toISOString();
      assert.deepEqual(openingTexts({ timeZone: zone, allow }, noonBefore, `${day}T12:00Z`), expected);
    });
  }

  test('the closed hour of the long day ends at midnight', () => {
    const days = { timeZone: 'Europe/Berlin', allow: ['days: 0 0 * * * for 1d'] };
    assert.equal(stateAt(days, '2026-10-25T22:30Z'), 'outside until 2026-10-25T23:00Z');
  });

  test('the hour by which short days overlap belongs to the one that opened first', () => {
    const days = { timeZone: 'Europe/Berlin', allow: ['days: 0 0 * * * for 1d'] };
    assert.match(stateAt(days, '2026-03-29T22:30Z'), /^days of 2026-03-28T23:00Z until 2026-10-25T22:00Z$/);
    assert.match(stateAt(days, '2026-03-29T23:00Z'), /^days of 2026-03-29T22:00Z until/);
  });
});

describe('several windows', () => {
  for (const { because, allow, at, expected } of [
    {
      because: 'overlapping openings count as one, of the one that opened first',
      allow: ['a: 0 1 * * * for 2h', 'b: 0 2 * * * for 3h'],
      at: '2026-05-05T02:30Z',
      expected: 'a of 2026-05-05T01:00Z until 2026-05-05T05:00Z',
    },
    {
      because: 'when the first has ended it is the occurrence of the second',
      allow: ['a: 0 1 * * * for 2h', 'b: 0 2 * * * for 3h'],
      at: '2026-05-05T03:00Z',
      expected: 'b of 2026-05-05T02:00Z until 2026-05-05T05:00Z',
    },
    {
      because: 'touching openings close at the end of the last',
      allow: ['b: 0 3 * * * for 1h', 'a: 0 1 * * * for 2h'],
      at: '2026-05-05T01:00Z',
      expected: 'a of 2026-05-05T01:00Z until 2026-05-05T04:00Z',
    },
    {
      because: 'of two that open at once the first in the policy counts',
      allow: ['b: 0 1 * * * for 1h', 'a: 0 1 * * * for 2h'],
      at: '2026-05-05T01:30Z',
      expected: 'b of 2026-05-05T01:00Z until 2026-05-05T03:00Z',
    },
    {
      because: 'a window inside another does not end it',
      allow: ['long: 0 1 * * * for 8h', 'short: 0 2 * * * for 1h'],
      at: '2026-05-05T02:30Z',
      expected: 'long of 2026-05-05T01:00Z until 2026-05-05T09:00Z',
    },
    {
      because: 'the nearest opening of all is the next',
      allow: ['a: 0 9 * * * for 1h', 'b: 0 7 * * * for 1h'],
      at: '2026-05-05T08:30Z',
      expected: 'outside until 2026-05-05T09:00Z',
    },
    {
      because: 'hours in a row have no end, so one a year ahead is given',
      allow: ['always: 0 * * * * for 1h'],
      at: '2026-05-05T08:30Z',
      expected: 'always of 2026-05-05T08:00Z until 2027-05-06T08:30Z',
    },
    {
      because: 'hours in a row are joined at any distance',
      allow: ['always: 0 * * * * for 1h'],
      at: '2026-05-05T08:00Z',
      expected: 'always of 2026-05-05T08:00Z until 2027-05-06T08:00Z',
    },
    {
      because: 'a minute between two openings is closed',
      allow: ['even: */2 * * * * for 1m'],
      at: '2026-05-05T08:30Z',
      expected: 'even of 2026-05-05T08:30Z until 2026-05-05T08:31Z',
    },
    {
      because: 'minutes that fill the gaps of others have no end either',
      allow: ['even: */2 * * * * for 1m', 'odd: 1-59/2 * * * * for 1m'],
      at: '2026-05-05T08:31:30Z',
      expected: 'odd of 2026-05-05T08:31Z until 2027-05-06T08:31:30Z',
    },
    {
      because: 'the next 29 February is years ahead',
      allow: ['leap: 0 0 29 2 * for 1h'],
      at: '2028-02-29T01:00Z',
      expected: 'outside until 2032-02-29T00:00Z',
    },
  ]) {
    test(because, () => assert.equal(stateAt({ allow }, at), expected));
  }
});

describe('a deny beats every allow', () => {
  const nights = 'nights: 0 1 * * * for 4h';
  const noon = 'noon: 0 12 * * * for 1h';
  for (const { because, allow = [nights], deny, at, expected } of [
    {
      because: 'an occurrence closes where a deny begins',
      deny: ['backup: 0 3 * * * for 1h'],
      at: '2026-05-05T01:30Z',
      expected: 'nights of 2026-05-05T01:00Z until 2026-05-05T03:00Z',
    },
    {
      because: 'inside an occurrence the deny is named, and its end is the next start',
      deny: ['backup: 0 3 * * * for 1h'],
      at: '2026-05-05T03:00Z',
      expected: 'denied by backup until 2026-05-05T04:00Z',
    },
    {
      because: 'after a deny it is still the same occurrence',
      deny: ['backup: 0 3 * * * for 1h'],
      at: '2026-05-05T04:00Z',
      expected: 'nights of 2026-05-05T01:00Z until 2026-05-05T05:00Z',
    },
    {
      because: 'a deny over the beginning does not change when the occurrence opened',
      deny: ['early: 0 0 * * * for 2h'],
      at: '2026-05-05T02:00Z',
      expected: 'nights of 2026-05-05T01:00Z until 2026-05-05T05:00Z',
    },
    {
      because: 'a deny over the end of one night leads to the next',
      deny: ['late: 0 4 * * * for 2h'],
      at: '2026-05-05T04:30Z',
      expected: 'denied by late until 2026-05-06T01:00Z',
    },
    {
      because: 'outside the windows a deny is not the reason, but is passed over',
      deny: ['month-end: 0 0 28 * * for 3d'],
      at: '2026-05-28T12:00Z',
      expected: 'outside until 2026-05-31T01:00Z',
    },
    {
      because: 'denies in a row are passed over together',
      deny: ['one: 0 0 5 5 * for 1d', 'two: 0 0 6 5 * for 1d', 'three: 0 0 7 5 * for 90m'],
      at: '2026-05-05T01:00Z',
      expected: 'denied by one until 2026-05-07T01:30Z',
    },
    {
      because: 'of two denies the first in the policy is named',
      deny: ['short: 0 2 * * * for 10m', 'long: 0 0 * * * for 3h'],
      at: '2026-05-05T02:05Z',
      expected: 'denied by short until 2026-05-05T03:00Z',
    },
    {
      because: 'a deny that ends when the window opens takes nothing',
      deny: ['day: 0 5 * * * for 20h'],
      at: '2026-05-05T01:00Z',
      expected: 'nights of 2026-05-05T01:00Z until 2026-05-05T05:00Z',
    },
    {
      because: 'a deny cuts openings that touch',
      allow: [nights, 'more: 0 5 * * * for 2h'],
      deny: ['backup: 0 6 * * * for 10m'],
      at: '2026-05-05T01:00Z',
      expected: 'nights of 2026-05-05T01:00Z until 2026-05-05T06:00Z',
    },
    {
      because: 'another window than the denied one may be next',
      allow: [nights, noon],
      deny: ['freeze: 2026-05-05 until 2026-05-05T10:00'],
      at: '2026-05-05T03:00Z',
      expected: 'denied by freeze until 2026-05-05T12:00Z',
    },
    {
      because: 'a freeze holds from its first local midnight',
      deny: ['freeze: 2026-12-20 until 2027-01-06'],
      at: '2026-12-20T01:00Z',
      expected: 'denied by freeze until 2027-01-06T01:00Z',
    },
    {
      because: 'a freeze that is over takes nothing',
      deny: ['freeze: 2026-12-20 until 2027-01-06'],
      at: '2027-01-06T01:00Z',
      expected: 'nights of 2027-01-06T01:00Z until 2027-01-06T05:00Z',
    },
    {
      because: 'the next freeze does not matter before it begins',
      deny: ['freeze: 2026-12-20 until 2027-01-06'],
      at: '2026-12-19T04:59:59.999Z',
      expected: 'nights of 2026-12-19T01:00Z until 2026-12-19T05:00Z',
    },
    {
      because: 'when all is denied for ever there is no next opening',
      deny: ['never: 0 0 * * * for 1d'],
      at: '2026-05-05T01:00Z',
      expected: 'denied by never until nobody knows',
    },
  ]) {
    test(because, () => assert.equal(stateAt({ allow, deny }, at), expected));
  }
});

describe('a freeze is in local time', () => {
  const always = 'always: 0 * * * * for 1h';
  for (const { because, zone, freeze, expected } of [
    {
      because: 'its midnights are those of the zone',
      zone: 'Asia/Tokyo',
      freeze: '2026-12-20 until 2026-12-21',
      expected: '2026-12-19T15:00Z - 2026-12-20T15:00Z',
    },
    {
      because: 'a beginning that is skipped is the jump',
      zone: 'Europe/Berlin',
      freeze: '2026-03-29T02:30 until 2026-03-29T04:00',
      expected: '2026-03-29T01:00Z - 2026-03-29T02:00Z',
    },
    {
      because: 'an end that is skipped is the jump',
      zone: 'Europe/Berlin',
      freeze: '2026-03-29T01:00 until 2026-03-29T02:30',
      expected: '2026-03-29T00:00Z - 2026-03-29T01:00Z',
    },
    {
      because: 'a beginning that comes twice is the first',
      zone: 'Europe/Berlin',
      freeze: '2026-10-25T02:30 until 2026-10-25T04:00',
      expected: '2026-10-25T00:30Z - 2026-10-25T03:00Z',
    },
    {
      because: 'an end that comes twice is the second',
      zone: 'Europe/Berlin',
      freeze: '2026-10-25T00:00 until 2026-10-25T02:30',
      expected: '2026-10-24T22:00Z - 2026-10-25T01:30Z',
    },
    {
      because: 'a date ends with it, though its midnight comes back: the next date has begun',
      zone: 'America/Havana',
      freeze: '2026-10-31 until 2026-11-01',
      expected: '2026-10-31T04:00Z - 2026-11-01T04:00Z',
    },
    {
      because: 'a midnight that is skipped is the jump',
      zone: 'America/Santiago',
      freeze: '2026-09-06 until 2026-09-07',
      expected: '2026-09-06T04:00Z - 2026-09-07T03:00Z',
    },
  ]) {
    test(`${because} (${zone})`, () => {
      const windows = { timeZone: zone, allow: [always], deny: [`freeze: ${freeze}`] };
      const denied = openingTexts(windows, '2026-01-01T00:00Z', '2027-01-01T00:00Z').filter(text =>
        /denied/.test(text),
      );
      assert.deepEqual(denied, [`always ${expected}, denied by freeze`]);
    });
  }

  test('one between two times that a jump skips is no time at all', () => {
    const windows = {
      timeZone: 'Europe/Berlin',
      allow: [always],
      deny: ['none: 2026-03-29T02:10 until 2026-03-29T02:50'],
    };
    const expected = 'always of 2026-03-29T00:00Z until 2027-03-30T00:30Z';
    assert.equal(stateAt(windows, '2026-03-29T00:30Z'), expected);
  });
});

describe('the list of openings', () => {
  test('shows what is open and what a deny takes, in order and whole', () => {
    const windows = {
      allow: ['nights: 0 1 * * * for 4h'],
      deny: ['backup: 0 3 5 * * for 1h', 'freeze: 2026-05-06 until 2026-05-07'],
    };
    assert.deepEqual(openingTexts(windows, '2026-05-05T02:00Z', '2026-05-07T02:00Z'), [
      'nights 2026-05-05T01:00Z - 2026-05-05T03:00Z',
      'nights 2026-05-05T03:00Z - 2026-05-05T04:00Z, denied by backup',
      'nights 2026-05-05T04:00Z - 2026-05-05T05:00Z',
      'nights 2026-05-06T01:00Z - 2026-05-06T05:00Z, denied by freeze',
      'nights 2026-05-07T01:00Z - 2026-05-07T05:00Z',
    ]);
  });

  test('leaves out what has ended when it begins and what begins when it ends', () => {
    const windows = { allow: ['nights: 0 1 * * * for 4h'] };
    assert.deepEqual(openingTexts(windows, '2026-05-05T05:00Z', '2026-05-06T01:00Z'), []);
    assert.equal(openingTexts(windows, '2026-05-05T04:59:59.999Z', '2026-05-06T01:00:00.001Z').length, 2);
  });

  test('leaves out what has ended though the next opening touches it', () => {
    const windows = { allow: ['a: 0 1 * * * for 4h', 'b: 0 5 * * * for 1h'] };
    const [first] = openingTexts(windows, '2026-05-05T05:00Z', '2026-05-06T00:00Z');
    assert.equal(first, 'b 2026-05-05T05:00Z - 2026-05-05T06:00Z');
  });

  test('is empty when nothing opens in the span', () => {
    assert.deepEqual(openingTexts({ allow: ['leap: 0 0 29 2 * for 1h'] }, '2026-01-01', '2028-01-01'), []);
  });
});
