import { type Cron, openingTimes, opensOn } from './cron.ts';
import { type Span, stretches } from './zone.ts';

/** Something that opens again and again and stays open for `lasts` milliseconds of elapsed time. */
export interface Recurrence {
  readonly opens: Cron;
  readonly lasts: number;
}

const DAY_MS = 86_400_000;

/**
 * The openings of a recurrence that begin in the span, in order of their beginnings. Time is walked on the line of
 * instants and the wall clock read from it: a minute that comes twice opens twice by itself, and what a jump
 * skipped opens at the jump. Those of one day that touch or overlap come as one, so that a window that opens
 * every minute costs no more than one that opens once.
 */
export function* openings(timeZone: string, recurrence: Recurrence, span: Span): Generator<Span> {
  const { opens, lasts } = recurrence;
  const times = openingTimes(opens);
  const wholeDay = runsOf(times, lasts);
  for (const { from, to, offset, skipped } of stretches(timeZone, span)) {
    const wall = { from: from + offset, to: to + offset };
    if (skipped > 0 && opensWithin(opens, { from: wall.from - skipped, to: wall.from })) {
      yield { from, to: from + lasts };
    }
    for (let midnight = midnightBefore(wall.from); midnight < wall.to; midnight += DAY_MS) {
      if (!opensOn(opens, midnight)) continue;
      const isWhole = midnight >= wall.from && midnight + DAY_MS <= wall.to;
      const runs = isWhole ? wholeDay : runsOf(timesWithin(times, midnight, wall), lasts);
      for (const run of runs) {
        yield { from: midnight + run.first - offset, to: midnight + run.last - offset + lasts };
      }
    }
  }
}

/** When the earliest opening that is still open at `now` opened; undefined when none is open. */
export function openSince(timeZone: string, recurrence: Recurrence, now: number): number | undefined {
  const [earliest] = openings(timeZone, recurrence, { from: now - recurrence.lasts + 1, to: now + 1 });
  return earliest?.from;
}

/**
 * The spans of several ordered sources as one line on which none touches another, in order. Empty ones are left out.
 * Nothing is pulled before it is needed: the sources may reach years ahead.
 */
export function* joined(sources: readonly Iterator<Span, unknown>[]): Generator<Span> {
  const heads = sources.map(source => ({ source, span: nextSpan(source) }));
  let line: Span | undefined;
  for (;;) {
    let earliest: { readonly source: Iterator<Span, unknown>; span: Span | undefined } | undefined;
    for (const head of heads) {
      if (head.span && (!earliest?.span || head.span.from < earliest.span.from)) earliest = head;
    }
    if (!earliest?.span) break;
    const { span } = earliest;
    if (line && span.from > line.to) {
      yield line;
      line = span;
    } else {
      line = { from: line?.from ?? span.from, to: Math.max(line?.to ?? span.to, span.to) };
    }
    earliest.span = nextSpan(earliest.source);
  }
  if (line) yield line;
}

function nextSpan(source: Iterator<Span, unknown>): Span | undefined {
  for (let next = source.next(); !next.done; next = source.next()) {
    if (next.value.from < next.value.to) return next.value;
  }
  return undefined;
}

/** Times of day whose openings touch or overlap, by the first and the last of them. */
interface Run {
  readonly first: number;
  readonly last: number;
}

function runsOf(times: readonly number[], lasts: number): readonly Run[] {
  const runs: Run[] = [];
  for (const time of times) {
    const run = runs.at(-1);
    if (run && time - run.last <= lasts) runs[runs.length - 1] = { first: run.first, last: time };
    else runs.push({ first: time, last: time });
  }
  return runs;
}

/** The times of the day that begins at `midnight` that lie within a span of wall time. */
function timesWithin(times: readonly number[], midnight: number, wall: Span): readonly number[] {
  return times.filter(time => wall.from <= midnight + time && midnight + time < wall.to);
}

function opensWithin(opens: Cron, wall: Span): boolean {
  const times = openingTimes(opens);
  for (let midnight = midnightBefore(wall.from); midnight < wall.to; midnight += DAY_MS) {
    if (opensOn(opens, midnight) && timesWithin(times, midnight, wall).length > 0) return true;
  }
  return false;
}

const midnightBefore = (wall: number): number => Math.floor(wall / DAY_MS) * DAY_MS;
