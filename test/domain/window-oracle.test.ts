import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parseCron } from '../../src/domain/cron.ts';
import { type WindowState, openingsBetween, windowAt } from '../../src/domain/window.ts';
import { someWindows, type WindowsText } from './window-build.ts';
import { BEYOND, type Clocks, clocksAround, oracle } from './window-oracle.ts';

const MINUTE = 60_000;
const HOURS = 60;

/** Instants at which clocks change, and some at which they do not. */
const PLACES = [
  ['Europe/Berlin', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['Europe/Berlin', '2026-12-31T23:00Z'],
  ['America/New_York', '2026-03-08T07:00Z'],
  ['America/New_York', '2026-11-01T06:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['America/Santiago', '2026-04-05T03:00Z'],
  ['America/Santiago', '2026-09-06T04:00Z'],
  ['Africa/Cairo', '2026-04-23T22:00Z'],
  ['Africa/Cairo', '2026-10-29T21:00Z'],
  ['America/Havana', '2026-11-01T05:00Z'],
  ['Asia/Jerusalem', '2026-03-27T00:00Z'],
  ['Asia/Kolkata', '2026-02-28T18:30Z'],
  ['Pacific/Chatham', '2026-04-04T14:00Z'],
  ['Pacific/Chatham', '2026-09-26T14:00Z'],
  ['UTC', '2028-02-29T00:00Z'],
] as const;

const tables = new Map<string, Clocks>();
function clocksOf([zone, instant]: readonly [string, string]): Clocks {
  const key = `${zone} ${instant}`;
  const known = tables.get(key) ?? clocksAround(zone, Date.parse(instant));
  tables.set(key, known);
  return known;
}

/** Equal; where the oracle did not see the end, ours must be out of its sight. */
function assertSame(ours: WindowState, theirs: WindowState, sight: number): void {
  const end = ours.kind === 'open' ? ours.closesAt : (ours.opensAt ?? BEYOND);
  const seen = end < sight ? end : BEYOND;
  assert.deepEqual(ours.kind === 'open' ? { ...ours, closesAt: seen } : { ...ours, opensAt: seen }, theirs);
}

/** Policies that meet every hour of a clock change; the fixed days are walked through with each. */
const POLICIES: readonly Omit<WindowsText, 'timeZone'>[] = [
  { allow: ['a: 30 0-3 * * * for 20m', 'b: 0,45 23 * * * for 30m'] },
  { allow: ['a: 0 0 * * * for 240m', 'b: 15 2 * * * for 60m'], deny: ['x: 30 1,2 * * * for 30m'] },
  { allow: ['a: 0 22 * * 0,6 for 360m', 'b: */20 1-3 * * * for 10m'], deny: ['x: 45 */3 * * * for 25m'] },
  { allow: ['a: 0 0 * * * for 1440m'], deny: ['x: 0 3 * * * for 1m'] },
];

describe('window and oracle agree on every quarter of an hour around', () => {
  for (const place of PLACES) {
    test(place.join(' '), () => {
      const clocks = clocksOf(place);
      const range = { first: 1, end: clocks.minutes.length };
      const sight = (clocks.start + range.end) * MINUTE;
      for (const policy of POLICIES) {
        const windows = someWindows({ timeZone: clocks.zone, ...policy });
        const opinion = oracle(policy, clocks, range);
        for (let minute = 30 * HOURS; minute <= 66 * HOURS; minute += 15) {
          for (const edge of [-1, 0]) {
            const now = (clocks.start + minute) * MINUTE + edge;
            assertSame(windowAt(windows, now), opinion(now), sight);
          }
        }
      }
    });
  }
});

const oneOf = (values: readonly string[]) => fc.constantFrom(...values);

const lasts = fc.oneof(fc.constantFrom(1, 10, 60, 90, 240, 360, 1_440), fc.integer({ min: 1, max: 1_500 }));

/** Crons that open near a clock change; days and months are those around it, so that most cases say something. */
function cronNear(middle: number): fc.Arbitrary<string> {
  const dates = [-1, 0, 1].map(days => new Date(middle + days * 24 * HOURS * MINUTE));
  const days = dates.map(date => `${date.getUTCDate()}`);
  const weekdays = dates.map(date => `${date.getUTCDay()}`);
  const minute = fc.oneof(oneOf(['0', '30', '*/20', '15,45', '59', '*']), fc.nat(59).map(String));
  const hour = fc.oneof(oneOf(['*', '0', '1', '2', '3', '23', '0-4', '22-23', '*/3', '1,3']), fc.nat(23).map(String));
  const day = oneOf(['*', '*', '*', '*', '*', '*', '*', '*', ...days, `${days[0]},${days[1]}`, '1-15']);
  const month = oneOf(['*', '*', '*', '*', '*', '*', '*', '*', ...dates.map(date => `${date.getUTCMonth() + 1}`)]);
  const weekday = oneOf(['*', '*', '*', '*', '*', '*', '*', '*', ...weekdays, '1-5', '0,6']);
  return fc
    .tuple(minute, hour, day, month, weekday)
    .map(fields => fields.join(' '))
    .filter(text => parseCron(text).kind === 'cron');
}

function freezeNear(middle: number): fc.Arbitrary<string> {
  const local = (minutes: number) => new Date(middle + minutes * MINUTE).toISOString().slice(0, 16);
  return fc
    .tuple(fc.integer({ min: -36 * HOURS, max: 36 * HOURS }), fc.integer({ min: 1, max: 20 * HOURS }))
    .map(([from, length]) => `${local(from)} until ${local(from + length)}`);
}

const named = (prefix: string) => (texts: string[]) => texts.map((text, index) => `${prefix}${index}: ${text}`);

const someCase = fc.constantFrom(...PLACES).chain(place => {
  const middle = Date.parse(place[1]);
  const recurring = fc.tuple(cronNear(middle), lasts).map(([cron, minutes]) => `${cron} for ${minutes}m`);
  return fc.record({
    place: fc.constant(place),
    allow: fc.array(recurring, { minLength: 1, maxLength: 2 }).map(named('allow')),
    deny: fc.array(fc.oneof(recurring, freezeNear(middle)), { maxLength: 2 }).map(named('deny')),
    minute: fc.integer({ min: -10 * HOURS, max: 10 * HOURS }),
    edge: fc.constantFrom(-1, 0, 1, 30_000),
  });
});

const SEED = 20261123;

test(`window and oracle agree on 3,000 random policies (seed ${SEED})`, () => {
  const kinds = { open: 0, outsideWindows: 0, denied: 0 };
  fc.assert(
    fc.property(someCase, ({ place, allow, deny, minute, edge }) => {
      const clocks = clocksOf(place);
      const now = Date.parse(place[1]) + minute * MINUTE + edge;
      const index = Math.floor(now / MINUTE) - clocks.start;
      // The longest opening lasts 25 hours, so what holds now began in sight.
      const range = { first: index - 26 * HOURS, end: index + 13 * HOURS };
      const state = windowAt(someWindows({ timeZone: clocks.zone, allow, deny }), now);
      assertSame(state, oracle({ allow, deny }, clocks, range)(now), (clocks.start + range.end) * MINUTE);
      kinds[state.kind === 'open' ? 'open' : state.why] += 1;
    }),
    { seed: SEED, numRuns: 3_000 },
  );
  assert.ok(
    Object.values(kinds).every(count => count >= 200),
    JSON.stringify(kinds),
  );
});

test(`walking from state to state meets the open parts of the list (seed ${SEED})`, () => {
  fc.assert(
    fc.property(someCase, ({ place, allow, deny }) => {
      const windows = someWindows({ timeZone: place[0], allow, deny });
      const middle = Date.parse(place[1]);
      const span = { from: middle - 24 * HOURS * MINUTE, to: middle + 24 * HOURS * MINUTE };
      // A window without an end is said to end a year after the question, which differs.
      const within = (at: number) => Math.min(Math.max(at, span.from), span.to);
      const walked: (readonly [number, number])[] = [];
      for (let now = span.from; now < span.to; ) {
        const state = windowAt(windows, now);
        const end = state.kind === 'open' ? state.closesAt : (state.opensAt ?? span.to);
        if (state.kind === 'open') walked.push([now, within(end)]);
        now = end;
      }
      const listed = [...openingsBetween(windows, span)]
        .filter(opening => opening.kind === 'open')
        .map(({ opensAt, closesAt }) => [within(opensAt), within(closesAt)]);
      assert.deepEqual(listed, walked);
    }),
    { seed: SEED, numRuns: 300 },
  );
});
