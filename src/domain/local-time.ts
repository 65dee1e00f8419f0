/** What a clock on the wall shows, without the zone that it hangs in. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const GRAMMAR = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?$/;

/**
 * A local date (its midnight) or date-time, or undefined when the text is none or the calendar has no such
 * moment: `2026-12-20`, `2026-12-20T18:00`, `2026-12-20T18:00:30`. An offset or a Z at its end makes it no local
 * time. Years before 1970 are refused: time zones were another matter then.
 */
export function parseLocalTime(text: string): LocalTime | undefined {
  const parts = GRAMMAR.exec(text);
  if (!parts) return undefined;
  const number = (index: number) => Number(parts[index] ?? 0);
  const time: LocalTime = {
    year: number(1),
    month: number(2),
    day: number(3),
    hour: number(4),
    minute: number(5),
    second: number(6),
  };
  return time.year >= 1970 && survivesTheCalendar(time) ? time : undefined;
}

/** Date.UTC carries what is too large over (30 February becomes 2 March): what exists comes back unchanged. */
function survivesTheCalendar(time: LocalTime): boolean {
  const date = new Date(wallTime(time));
  return (
    date.getUTCMonth() + 1 === time.month &&
    date.getUTCDate() === time.day &&
    date.getUTCHours() === time.hour &&
    date.getUTCMinutes() === time.minute &&
    date.getUTCSeconds() === time.second
  );
}

/**
 * The wall clock as one number: the milliseconds since the epoch that it would show in UTC. Wall times can be
 * compared and subtracted like the faces of clocks; they are instants only together with an offset.
 */
export function wallTime(time: LocalTime): number {
  return Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second);
}
