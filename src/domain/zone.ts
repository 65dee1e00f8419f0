import { wallTime } from './local-time.ts';

/** How the clocks of a time zone run, asked of Intl and of nothing else. */

/** Instants, from inclusive to exclusive, in milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Instants between two clock changes: wall time = instant + offset. */
export interface Stretch extends Span {
  /** Milliseconds ahead of UTC. */
  readonly offset: number;
  /** Milliseconds of wall time that the clocks jumped over at `from`; 0 where they did not, or went back. */
  readonly skipped: number;
}

const DAY_MS = 86_400_000;

/** More than any offset (LMT of Manila: 16 h) and than any jump (Samoa in 2011: 24 h). */
const AROUND_MS = 2 * DAY_MS;

/**
 * The stretches of a zone that cover a span, in order, cut off at its ends. A clock change at exactly `span.from`
 * shows as `skipped` of the first one. Throws a RangeError for a zone that Intl does not know.
 */
export function* stretches(timeZone: string, span: Span): Generator<Stretch> {
  const days = daysOf(timeZone);
  // From the day before when it begins at UTC midnight: a change on that stroke is filed under the day it ends.
  const firstDay = Math.ceil(span.from / DAY_MS) - 1;
  let { from } = span;
  let { offset } = days(firstDay);
  let skipped = 0;
  for (let day = firstDay; day * DAY_MS < span.to; day += 1) {
    for (const change of days(day).changes) {
      if (change.at >= span.to) break;
      if (change.at > from) yield { from, to: change.at, offset, skipped };
      if (change.at >= from) skipped = Math.max(0, change.offset - offset);
      from = Math.max(from, change.at);
      offset = change.offset;
    }
  }
  if (from < span.to) yield { from, to: span.to, offset, skipped };
}

/** The first instant at which the zone's clocks show this wall time or a later one: for a skipped one, the jump. */
export function firstReached(timeZone: string, wall: number): number {
  for (const { from, to, offset } of stretches(timeZone, { from: wall - AROUND_MS, to: wall + AROUND_MS })) {
    if (to + offset > wall) return Math.max(from, wall - offset);
  }
  return wall + AROUND_MS;
}

/** The instant from which on the zone's clocks never again show an earlier wall time than this one. */
export function lastReached(timeZone: string, wall: number): number {
  let reached = wall - AROUND_MS;
  for (const { from, to, offset } of stretches(timeZone, { from: wall - AROUND_MS, to: wall + AROUND_MS })) {
    if (from + offset < wall) reached = Math.min(to, wall - offset);
  }
  return reached;
}

/** What the clocks were ahead of UTC at an instant, or from it on. */
interface Reading {
  readonly at: number;
  readonly offset: number;
}

/** A day of UTC: the offset at its start and each change after that, one on the stroke of its end included. */
interface ZoneDay {
  readonly offset: number;
  readonly changes: readonly Reading[];
}

/** Zone rules stand still while a process runs, and asking Intl is what costs: each day of a zone is asked once. */
const zones = new Map<string, (day: number) => ZoneDay>();

function daysOf(timeZone: string): (day: number) => ZoneDay {
  const known = zones.get(timeZone);
  if (known) return known;
  const format = clockOf(timeZone);
  const days = new Map<number, ZoneDay>();
  const readings = new Map<number, Reading>();
  const startOf = (day: number) => remembered(readings, day, () => readingAt(format, day * DAY_MS));
  const dayOf = (day: number) =>
    remembered(days, day, () => ({
      offset: startOf(day).offset,
      changes: changesBetween(format, startOf(day), startOf(day + 1)),
    }));
  zones.set(timeZone, dayOf);
  return dayOf;
}

function remembered<T>(values: Map<number, T>, key: number, value: () => T): T {
  const known = values.get(key);
  if (known !== undefined) return known;
  const fresh = value();
  values.set(key, fresh);
  return fresh;
}

/**
 * Halves the time between two readings until each change is known to the millisecond. Two changes within a day of
 * UTC that undo each other would stay unseen; the tz database has no two within six days of each other since 1970.
 */
function changesBetween(format: Intl.DateTimeFormat, start: Reading, end: Reading): readonly Reading[] {
  if (start.offset === end.offset) return [];
  if (end.at - start.at === 1) return [end];
  const middle = readingAt(format, Math.floor((start.at + end.at) / 2));
  return [...changesBetween(format, start, middle), ...changesBetween(format, middle, end)];
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
}

function readingAt(format: Intl.DateTimeFormat, at: number): Reading {
  const shown: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) shown[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = shown;
  return { at, offset: wallTime({ year, month, day, hour, minute, second }) - Math.floor(at / 1_000) * 1_000 };
}
