/** What can be wrong with windows. */
import { type Case, SMALL_POLICY, swap } from '../policy-build.ts';

const WINDOW = '{ name: nights, opens: 0 1 * * *, lasts: 4h }';
const NAME = 'a name of 1 to 63 characters';
const WINDOW_KEYS = 'a mapping (keys: lasts, name, opens)';
const ONE_KEY = 'one of the keys lasts, name, opens';
const SPAN = 'a duration from 1s to 366d';
const ZONE = 'a time zone by its IANA name';
const DATE = 'a date or date-time of the calendar without a zone';
const EITHER = 'either opens and lasts or from and until';

const deny = (window: string): string => swap('stale:', `  deny:\n    - ${window}\nstale:`);
const zone = (text: string): string => swap('  allow:', `  timeZone: ${text}\n  allow:`);

export const WINDOWS: readonly Case[] = [
  [
    'no windows',
    `‸${SMALL_POLICY}`.replace(/windows:[^]*stale/, 'stale'),
    'windows',
    'a mapping (keys: allow, deny, timeZone)',
    'nothing',
  ],
  [
    'no allow',
    swap(`windows:\n  allow:\n    - ${WINDOW}`, '‸windows: { timeZone: UTC }'),
    'windows.allow',
    'a list of windows, at least one',
    'nothing',
  ],
  [
    'an empty allow',
    swap(`allow:\n    - ${WINDOW}`, 'allow: ‸[]'),
    'windows.allow',
    'a list of windows, at least one',
    '[]',
  ],
  ['a mapping for allow', swap(`allow:\n    - ${WINDOW}`, `allow: ‸${WINDOW}`), 'windows.allow', 'a list of windows'],
  ['always for allow', swap(`allow:\n    - ${WINDOW}`, 'allow: ‸always'), 'windows.allow', 'a list of windows'],
  ['an empty item', swap(WINDOW, `${WINDOW}\n    -‸`), 'windows.allow[1]', WINDOW_KEYS, 'null'],
  ['a cron text for a window', swap(WINDOW, '‸"0 1 * * *"'), 'windows.allow[0]', WINDOW_KEYS],
  ['no name', swap(WINDOW, '‸{ opens: 0 1 * * *, lasts: 4h }'), 'windows.allow[0].name', NAME, 'nothing'],
  ['an empty name', swap('name: nights', 'name: ‸""'), 'windows.allow[0].name', NAME],
  ['a number for a name', swap('name: nights', 'name: ‸7'), 'windows.allow[0].name', NAME, '7'],
  ['a long name', swap('name: nights', `name: ‸${'n'.repeat(64)}`), 'windows.allow[0].name', NAME],
  [
    'an escape code in a name',
    swap('name: nights', 'name: ‸"a\\e[31mb"'),
    'windows.allow[0].name',
    'it has control characters',
    '"a\\u001b[31mb"',
  ],
  [
    'no opening',
    swap('opens: 0 1 * * *, ', '').replace('{ name', '‸{ name'),
    'windows.allow[0].opens',
    'a cron expression',
    'nothing',
  ],
  ['four cron fields', swap('0 1 * * *', '‸0 1 * *'), 'windows.allow[0].opens', 'it has 4 fields'],
  ['six cron fields', swap('0 1 * * *', '‸0 0 1 * * *'), 'windows.allow[0].opens', 'it has 6 fields'],
  ['hour 24', swap('0 1 * * *', '‸0 24 * * *'), 'windows.allow[0].opens', '24 is not within 0-23'],
  ['a day that never comes', swap('0 1 * * *', '‸0 1 30 2 *'), 'windows.allow[0].opens', 'it can never open'],
  ['a macro', swap('0 1 * * *', '‸"@daily"'), 'windows.allow[0].opens', 'macros such as "@daily" are not read'],
  ['an hour for cron', swap('0 1 * * *', '‸1'), 'windows.allow[0].opens', 'a cron expression', '1'],
  ['no length', swap(', lasts: 4h', '').replace('{ name', '‸{ name'), 'windows.allow[0].lasts', SPAN, 'nothing'],
  ['a length without unit', swap('4h', '‸4'), 'windows.allow[0].lasts', 'such as 90s, 15m, 1h30m or 7d', '4'],
  ['a length of nothing', swap('4h', '‸0s'), 'windows.allow[0].lasts', SPAN],
  ['a negative length', swap('4h', '‸-4h'), 'windows.allow[0].lasts', SPAN],
  ['an unknown unit', swap('4h', '‸4w'), 'windows.allow[0].lasts', SPAN, '"4w"'],
  ['a fraction', swap('4h', '‸1.5h'), 'windows.allow[0].lasts', SPAN],
  [
    'longer than the gap',
    swap('4h', '‸24h1s'),
    'windows.allow[0].lasts',
    'at most 1d, the shortest time between two openings of 0 1 * * *',
    '"24h1s"',
  ],
  [
    'longer than the shortest gap',
    swap('0 1 * * *, lasts: 4h', '"0 1,5 * * 1-5", lasts: ‸4h30m'),
    'windows.allow[0].lasts',
    'at most 4h',
  ],
  ['an unknown key of a window', swap('lasts: 4h', 'lasts: 4h, ‸closes: 5h'), 'windows.allow[0].closes', ONE_KEY],
  ['dates in allow', swap('lasts: 4h', 'lasts: 4h, ‸from: 2026-12-20'), 'windows.allow[0].from', ONE_KEY],
  [
    'a name that stands twice in allow',
    swap(WINDOW, `${WINDOW}\n    - { name: ‸nights, opens: 0 12 * * *, lasts: 1h }`),
    'windows.allow[1].name',
    'a name that no other window has',
  ],
  [
    'a deny named like an allow',
    deny('{ name: ‸nights, from: 2026-12-20, until: 2027-01-06 }'),
    'windows.deny[0].name',
    'a name that no other window has',
  ],
  ['an unknown zone', zone('‸Europe/Atlantis'), 'windows.timeZone', ZONE],
  ['the zone of the machine', zone('‸local'), 'windows.timeZone', ZONE],
  ['an offset', zone('‸+02:00'), 'windows.timeZone', ZONE],
  ['an offset from UTC', zone('‸UTC+2'), 'windows.timeZone', ZONE],
  ['an empty zone', swap('  allow', '  ‸timeZone:\n  allow'), 'windows.timeZone', ZONE, 'null'],
  ['a misspelt zone key', swap('  allow', '  ‸timezone: UTC\n  allow'), 'windows.timezone', '(did you mean timeZone?)'],
  ['a deny of nothing', deny('‸{ name: x }'), 'windows.deny[0]', EITHER, '{"name":"x"}'],
  ['a deny of half', deny('‸{ name: x, from: 2026-12-20 }'), 'windows.deny[0]', EITHER],
  [
    'a deny of both',
    deny('‸{ name: x, from: 2026-12-20, until: 2026-12-24, opens: 0 1 * * *, lasts: 1h }'),
    'windows.deny[0]',
    EITHER,
  ],
  [
    'a deny of one and a half',
    deny('‸{ name: x, from: 2026-12-20, until: 2026-12-24, lasts: 1h }'),
    'windows.deny[0]',
    EITHER,
  ],
  [
    'a deny longer than its gap',
    deny('{ name: x, opens: 0 0 28 * *, lasts: ‸29d }'),
    'windows.deny[0].lasts',
    'at most 28d',
  ],
  [
    'a deny that ends before it begins',
    deny('{ name: x, from: 2026-12-20, until: ‸2026-12-19 }'),
    'windows.deny[0].until',
    'a date or date-time after from',
  ],
  [
    'a deny that ends as it begins',
    deny('{ name: x, from: 2026-12-20, until: ‸2026-12-20T00:00 }'),
    'windows.deny[0].until',
    'a date or date-time after from',
  ],
  ['a date that never was', deny('{ name: x, from: ‸2026-02-30, until: 2026-03-02 }'), 'windows.deny[0].from', DATE],
  [
    'a date with a zone',
    deny('{ name: x, from: 2026-02-20, until: ‸2026-03-02T10:00Z }'),
    'windows.deny[0].until',
    DATE,
  ],
  [
    'a year for a date',
    deny('{ name: x, from: ‸2026, until: 2026-03-02 }'),
    'windows.deny[0].from',
    'such as 2026-12-20 or 2026-12-20T18:00',
    '2026',
  ],
];
