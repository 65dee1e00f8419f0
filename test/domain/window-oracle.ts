import assert from 'node:assert/strict';
import type { WindowState } from '../../src/domain/window.ts';
import type { WindowsText } from './window-build.ts';

/**
 * A second opinion that shares nothing with the code but the words: it asks Intl for the clock of every minute of
 * four days, matches cron fields by hand, marks minutes, and looks around. Slow and plain.
 */

const MINUTE = 60_000;

/** Minutes of the table on each side of its middle. */
const REACH = 2 * 1_440;

/** Whole minutes of wall time, and what cron asks of it. */
interface Shown {
  readonly wall: number;
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

function shown(wall: number): Shown {
  const date = new Date(wall * MINUTE);
  return {
    wall,
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}

/** What the clocks of a zone show in each minute around an instant. */
export interface Clocks {
  readonly zone: string;
  /** The instant of the first minute, in minutes. */
  readonly start: number;
  readonly minutes: readonly Shown[];
}

export function clocksAround(zone: string, middle: number): Clocks {
  const start = middle / MINUTE - REACH;
  // Swedish writes 2026-03-29 01:59, which Date reads when it is told that it were UTC.
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const minutes = Array.from({ length: 2 * REACH }, (_, index) =>
    shown(Date.parse(`${clock.format((start + index) * MINUTE).replace(' ', 'T')}Z`) / MINUTE),
  );
  return { zone, start, minutes };
}

/** A field by hand: a star, a star with a step (of minutes and hours, which begin with 0), or numbers and ranges. */
function fieldMatcher(field: string): (value: number) => boolean {
  if (field === '*') return () => true;
  const step = Number(/^\*\/(\d+)$/.exec(field)?.[1] ?? 0);
  if (step > 0) return value => value % step === 0;
  const items = field.split(',').map(item => item.split('-').map(Number));
  return value => items.some(([from = 0, to = from]) => from <= value && value <= to);
}

function cronMatcher(cron: string): (at: Shown) => boolean {
  const texts = cron.split(' ');
  const [minute, hour, day, month, weekday] = texts.map(fieldMatcher);
  assert.ok(minute && hour && day && month && weekday);
  const either = texts[2] !== '*' && texts[4] !== '*';
  return at => {
    if (!minute(at.minute) || !hour(at.hour) || !month(at.month)) return false;
    return either ? day(at.day) || weekday(at.weekday) : day(at.day) && weekday(at.weekday);
  };
}

/** For each minute of a range: the index of the earliest opening that is still open in it, or -1. */
interface Marks {
  readonly name: string;
  readonly since: Int32Array;
}

/** Indices of the table, `end` exclusive. */
interface Range {
  readonly first: number;
  readonly end: number;
}

function recurring(text: string, { minutes }: Clocks, { first, end }: Range): Marks {
  const [, name = '', cron = '', lasts = ''] = /^(\S+): (.+) for (\d+)m$/.exec(text) ?? assert.fail(text);
  const matches = cronMatcher(cron);
  const since = new Int32Array(end - first).fill(-1);
  for (let index = first; index < end; index += 1) {
    const [before, now] = [minutes[index - 1], minutes[index]];
    if (!before || !now) assert.fail('the range leaves the table');
    let opens = matches(now);
    for (let skipped = before.wall + 1; skipped < now.wall && !opens; skipped += 1) opens = matches(shown(skipped));
    if (!opens) continue;
    const last = Math.min(index + Number(lasts), end) - 1;
    for (let open = last; open >= index && since[open - first] === -1; open -= 1) since[open - first] = index;
  }
  return { name, since };
}

/** From the first minute that shows a time in the freeze to the last one that does. */
function once(text: string, { minutes }: Clocks, range: Range): Marks {
  const [, name = '', from = '', until = ''] = /^(\S+): (\S+) until (\S+)$/.exec(text) ?? assert.fail(text);
  const [begin, stop] = [Date.parse(`${from}Z`) / MINUTE, Date.parse(`${until}Z`) / MINUTE];
  const first = minutes.findIndex(({ wall }) => wall >= begin);
  const last = minutes.findLastIndex(({ wall }) => wall < stop);
  const since = new Int32Array(range.end - range.first).fill(-1);
  if (first >= 0 && last >= range.first) {
    since.fill(first, Math.max(0, first - range.first), Math.max(0, last + 1 - range.first));
  }
  return { name, since };
}

/** The end of what the oracle says when it lies outside the minutes that it looked at. */
export const BEYOND = Number.MAX_SAFE_INTEGER;

const holds = ({ since }: Marks, at: number): boolean => (since[at] ?? -1) >= 0;

/** Looks at the minutes of `range` and judges instants in it. What began before the range is not seen. */
export function oracle(windows: WindowsText, clocks: Clocks, range: Range): (now: number) => WindowState {
  const allow = windows.allow.map(text => recurring(text, clocks, range));
  const deny = (windows.deny ?? []).map(text =>
    text.includes(' until ') ? once(text, clocks, range) : recurring(text, clocks, range),
  );
  const length = range.end - range.first;
  const allowed = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    for (const one of allow) if (holds(one, at)) allowed[at] = 1;
    for (const one of deny) if (holds(one, at)) allowed[at] = 0;
  }
  const instant = (at: number) => (clocks.start + at) * MINUTE;
  return now => {
    const at = Math.floor(now / MINUTE) - clocks.start - range.first;
    let change = at + 1;
    while (change < length && allowed[change] === allowed[at]) change += 1;
    const end = change < length ? instant(range.first + change) : BEYOND;
    const [occurrence] = allow
      .filter(one => holds(one, at))
      .map(({ name, since }) => ({ name, opensAt: instant(since[at] ?? -1) }))
      .toSorted((a, b) => a.opensAt - b.opensAt);
    const denied = deny.find(one => holds(one, at));
    if (!occurrence) return { kind: 'closed', why: 'outsideWindows', opensAt: end };
    if (denied) return { kind: 'closed', why: 'denied', denyName: denied.name, opensAt: end };
    return { kind: 'open', occurrence, closesAt: end };
  };
}
