/** Lengths of time as people write them in a policy: `90s`, `15m`, `1h30m`, `7d`. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Beyond a leap year a duration in a policy is a slip of the pen (`3650d`), and dates would overflow. */
const LONGEST = 366 * DAY;

const GRAMMAR = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/**
 * Milliseconds of a duration, or undefined when the text is none: whole numbers with the units d, h, m and s,
 * each at most once and in this order, nothing else, at most 366 days. `0s` is a duration.
 */
export function parseDuration(text: string): number | undefined {
  const parts = GRAMMAR.exec(text);
  if (!parts) return undefined;
  const count = (index: number) => Number(parts[index] ?? 0);
  const ms = count(1) * DAY + count(2) * HOUR + count(3) * MINUTE + count(4) * SECOND;
  return ms <= LONGEST ? ms : undefined;
}

/**
 * A duration for people, as `parseDuration` reads it: `1h30m`, `7d`, `0s`. Rounded to whole seconds,
 * which come back as they were; a negative one has a minus in front, which is for reading only.
 */
export function formatDuration(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / SECOND);
  if (seconds === 0) return '0s';
  const text = [
    { unit: 'd', count: Math.floor(seconds / 86_400) },
    { unit: 'h', count: Math.floor(seconds / 3_600) % 24 },
    { unit: 'm', count: Math.floor(seconds / 60) % 60 },
    { unit: 's', count: seconds % 60 },
  ]
    .filter(({ count }) => count > 0)
    .map(({ unit, count }) => `${count}${unit}`)
    .join('');
  return ms < 0 ? `-${text}` : text;
}
