import { wallTime } from './local-time.ts';
import { joined, openings, openSince, type Recurrence } from './openings.ts';
import type { DenyWindow, Windows } from './policy.ts';
import { firstReached, lastReached, type Span } from './zone.ts';

/**
 * Whether a start is allowed now. A window is made of occurrences, each with a beginning and an end on the line of
 * time; nothing here asks what weekday or hour it is *now*. Whoever does finds Friday's `0 22 * * 5` + 6h closed
 * on Saturday at 01:00, open on a Friday at 01:00, and an hour too long or too short on the nights of a clock change.
 */

/** One allow opening, identified by its opensAt (milliseconds since the epoch). */
export interface Occurrence {
  readonly name: string;
  readonly opensAt: number;
}

/**
 * Open: `closesAt` is the next instant at which no start is allowed, a year from now when there is none before.
 * Closed: `opensAt` is the next instant at which one is, undefined when there is none within five years;
 * `denied` when an allow window is open and a deny beats it, `outsideWindows` when none is open, denied or not.
 */
export type WindowState =
  | { readonly kind: 'open'; readonly occurrence: Occurrence; readonly closesAt: number }
  | { readonly kind: 'closed'; readonly why: 'outsideWindows'; readonly opensAt: number | undefined }
  | {
      readonly kind: 'closed';
      readonly why: 'denied';
      readonly denyName: string;
      readonly opensAt: number | undefined;
    };

/** A part of the allow windows in which starts are allowed, or one that a deny takes away. */
export type Opening =
  | { readonly kind: 'open'; readonly name: string; readonly opensAt: number; readonly closesAt: number }
  | {
      readonly kind: 'denied';
      readonly name: string;
      readonly opensAt: number;
      readonly closesAt: number;
      readonly denyName: string;
    };

const DAY_MS = 86_400_000;

const NEAR = 8 * DAY_MS;

/** How far ahead an end is looked for. Only windows without an end come here: `0 * * * *` + 1h. */
const FURTHEST_CLOSE = 366 * DAY_MS;

/** How far ahead an opening is looked for: beyond the next 29 February. */
const FURTHEST_OPEN = 5 * 366 * DAY_MS;

/** The state of the windows at an instant (milliseconds since the epoch). */
export function windowAt(windows: Windows, now: number): WindowState {
  const occurrence = occurrenceAt(windows, now);
  const denyName = occurrence && denyAt(windows, now)?.name;
  if (occurrence && denyName === undefined) {
    const closesAt = boundary(now, FURTHEST_CLOSE, to => nextEnd(windows, { from: now, to }));
    return { kind: 'open', occurrence, closesAt: closesAt ?? now + FURTHEST_CLOSE };
  }
  const opensAt = boundary(now, FURTHEST_OPEN, to => nextStart(windows, { from: now, to }));
  return denyName === undefined
    ? { kind: 'closed', why: 'outsideWindows', opensAt }
    : { kind: 'closed', why: 'denied', denyName, opensAt };
}

/**
 * What there is of the windows in a span, in order, for people: openings that touch or overlap are one, named for
 * the occurrence that counts at its start; where a deny cuts into them, its part is listed and named as well.
 * Parts are whole: the first may begin before the span and the last may end after it (but within a year).
 */
export function* openingsBetween(windows: Windows, span: Span): Generator<Opening> {
  for (const part of parts(windows, { from: span.from, to: span.to + FURTHEST_CLOSE })) {
    if (part.from >= span.to) return;
    const name = occurrenceAt(windows, part.from)?.name ?? '';
    const opening = { name, opensAt: part.from, closesAt: Math.min(part.to, span.to + FURTHEST_CLOSE) };
    if (part.kind === 'open') yield { kind: 'open', ...opening };
    else yield { kind: 'denied', ...opening, denyName: denyAt(windows, part.from)?.name ?? '' };
  }
}

/**
 * What `find` finds before the end of what it was given to look at. A week comes first: nearly every answer is in
 * it, and a year of days costs a hundred times as much.
 */
function boundary(now: number, furthest: number, find: (to: number) => number | undefined): number | undefined {
  for (const to of [now + NEAR, now + furthest]) {
    const found = find(to);
    if (found !== undefined && found < to) return found;
  }
  return undefined;
}

function nextEnd(windows: Windows, span: Span): number | undefined {
  const [part] = parts(windows, span);
  return part?.to;
}

function nextStart(windows: Windows, span: Span): number | undefined {
  for (const part of parts(windows, span)) {
    if (part.kind === 'open') return part.from;
  }
  return undefined;
}

/** Of the allow openings that are open at `now` the one that opened first; of equals, the first in the policy. */
function occurrenceAt(windows: Windows, now: number): Occurrence | undefined {
  let occurrence: Occurrence | undefined;
  for (const allow of windows.allow) {
    const opensAt = openSince(windows.timeZone, allow, now);
    if (opensAt !== undefined && (!occurrence || opensAt < occurrence.opensAt)) {
      occurrence = { name: allow.name, opensAt };
    }
  }
  return occurrence;
}

/** The first deny in the policy that holds at `now`. */
function denyAt({ timeZone, deny }: Windows, now: number): DenyWindow | undefined {
  return deny.find(window => {
    if (window.kind === 'recurring') return openSince(timeZone, window, now) !== undefined;
    const { from, to } = freezeOf(timeZone, window);
    return from <= now && now < to;
  });
}

type Part = Span & { readonly kind: 'open' | 'denied' };

/**
 * The allow windows, joined and cut by the denies, in order: what ends after `span.from` and opens before `span.to`.
 * The first part begins with the occurrence that is open at `span.from`.
 */
function* parts(windows: Windows, span: Span): Generator<Part> {
  const { timeZone, allow } = windows;
  const allowed = joined(allow.map(window => openings(timeZone, window, reachingInto(span, window))));
  let denied: Generator<Span> | undefined;
  let deny: Span | undefined;
  for (const { from, to } of allowed) {
    denied ??= freezes(windows, { from, to: span.to });
    for (let at = from; at < to; ) {
      while (!deny || deny.to <= at) {
        const next = denied.next();
        deny = next.done ? NEVER : next.value;
      }
      const isDenied = deny.from <= at;
      const end = Math.min(to, isDenied ? deny.to : deny.from);
      if (end > span.from) yield { kind: isDenied ? 'denied' : 'open', from: at, to: end };
      at = end;
    }
  }
}

const NEVER: Span = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };

function freezes({ timeZone, deny }: Windows, span: Span): Generator<Span> {
  return joined(
    deny.map(window =>
      window.kind === 'once'
        ? [freezeOf(timeZone, window)].values()
        : openings(timeZone, window, reachingInto(span, window)),
    ),
  );
}

/** Openings that began before a span may last into it. */
const reachingInto = ({ from, to }: Span, { lasts }: Recurrence): Span => ({ from: from - lasts + 1, to });

/**
 * A freeze between two local times. Where clocks go back over one of them it is the longer way: from the first time
 * that `from` is shown until `until` is shown for good, so that a freeze has no hole.
 */
function freezeOf(timeZone: string, window: DenyWindow & { kind: 'once' }): Span {
  return {
    from: firstReached(timeZone, wallTime(window.from)),
    to: lastReached(timeZone, wallTime(window.until)),
  };
}
