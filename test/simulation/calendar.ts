/**
 * When starts are allowed, worked out in another way than the code under test does it: day by day, from the offsets that
 * the zone's clock shows, for the few kinds of windows that a simulation draws.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Opens every day, or on one weekday (0 is Sunday), at a local time. */
export interface Daily {
  readonly hour: number;
  readonly minute: number;
  readonly weekday: number | undefined;
  /** Milliseconds. */
  readonly lasts: number;
}

export interface Windows {
  readonly timeZone: string;
  readonly allow: readonly Daily[];
  readonly deny: readonly Daily[];
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** All openings and denials within some days. */
export class Calendar {
  readonly #allowed: readonly Span[];
  readonly #denied: readonly Span[];

  constructor({ timeZone, allow, deny }: Windows, { from, to }: Span) {
    const spans = (windows: readonly Daily[]): Span[] =>
      windows.flatMap(window =>
        openings(timeZone, window, { from: from - 2 * DAY, to: to + 2 * DAY }).map(opensAt => ({
          from: opensAt,
          to: opensAt + window.lasts,
        })),
      );
    this.#allowed = spans(allow).toSorted((a, b) => a.from - b.from);
    this.#denied = spans(deny);
  }

  /** When the occurrence opened in which a start is allowed at an instant; undefined where none is. */
  occurrenceAt(instant: number): number | undefined {
    const holds = ({ from, to }: Span): boolean => from <= instant && instant < to;
    return this.#denied.some(holds) ? undefined : this.#allowed.find(holds)?.from;
  }

  /** Openings after an instant, joined where they touch; denials cut nothing off. */
  *nights(after: number): Generator<Span> {
    let night: { from: number; to: number } | undefined;
    for (const { from, to } of this.#allowed) {
      if (from < after) continue;
      if (night !== undefined && from <= night.to) night.to = Math.max(night.to, to);
      else {
        if (night !== undefined) yield night;
        night = { from, to };
      }
    }
  }
}

function openings(timeZone: string, { hour, minute, weekday }: Daily, span: Span): number[] {
  const found = new Set<number>();
  for (let day = Math.floor(span.from / DAY) * DAY; day <= span.to; day += DAY) {
    if (weekday !== undefined && new Date(day).getUTCDay() !== weekday) continue;
    const wall = day + hour * HOUR + minute * MINUTE;
    const offsets = new Set([offsetAt(timeZone, wall - DAY), offsetAt(timeZone, wall + DAY)]);
    const instants = [...offsets].map(offset => wall - offset).filter(at => at + offsetAt(timeZone, at) === wall);
    for (const at of instants.length > 0 ? instants : [jumpBetween(timeZone, wall - DAY, wall + DAY)]) found.add(at);
  }
  return [...found];
}

/** The minute at which the clock changes. */
function jumpBetween(timeZone: string, from: number, to: number): number {
  const before = offsetAt(timeZone, from);
  let [low, high] = [from / MINUTE, to / MINUTE];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(timeZone, middle * MINUTE) === before) low = middle;
    else high = middle;
  }
  return high * MINUTE;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/** Local minus UTC, milliseconds. */
function offsetAt(timeZone: string, instant: number): number {
  if (timeZone === 'UTC') return 0;
  const key = `${timeZone} ${instant}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    formats.set(timeZone, format);
  }
  const name = format.formatToParts(instant).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d+):(\d+)/.exec(name) ?? [];
  const offset = (sign === '-' ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
  offsets.set(key, offset);
  return offset;
}
