import { CronExpressionParser } from 'cron-parser';

/**
 * When something opens, on the wall clock: minutes that match five cron fields. cron-parser reads the fields;
 * which instants they mean in a zone is for window.ts, because its own next() and prev() err around clock changes.
 */
export interface Cron {
  readonly kind: 'cron';
  /** As it was written, without spaces around it. */
  readonly text: string;
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  /** 1 to 12. */
  readonly months: readonly number[];
  /** 0 (Sunday) to 6. */
  readonly weekdays: readonly number[];
  /** Both day fields are restricted: then a day matches when either does (crontab(5)), else when both do. */
  readonly eitherDay: boolean;
}

/** Why a text is no cron expression for us, as a sentence without a capital and a full stop. */
export interface CronProblem {
  readonly kind: 'problem';
  readonly problem: string;
}

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Names that stand for numbers, the first one for `from`. */
  readonly names: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', from: 0, to: 59, names: [] },
  { name: 'hour', from: 0, to: 23, names: [] },
  { name: 'day-of-month', from: 1, to: 31, names: [] },
  { name: 'month', from: 1, to: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { name: 'day-of-week', from: 0, to: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
];

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The parser's own limit; more than all values of all fields written out. */
const LONGEST_TEXT = 1_024;

/**
 * The expression, or the first thing that is wrong with it. Stricter than cron-parser, which takes an empty text
 * for every minute, three fields for five, six for seconds, a step of 90 minutes for every hour and `janfeb` for
 * December: a window that opens when nobody meant it to is worse than a policy that is refused.
 *
 * A day field of every second day counts as restricted, as in Kubernetes' own CronJobs; a step of one as `*`.
 */
export function parseCron(text: string): Cron | CronProblem {
  const source = text.trim();
  const texts = source.split(/\s+/);
  const wrong = wholeProblem(source, texts) ?? firstFieldProblem(texts);
  if (wrong !== undefined) return { kind: 'problem', problem: wrong };
  try {
    const { minute, hour, dayOfMonth, month, dayOfWeek } = CronExpressionParser.parse(texts.join(' ')).fields;
    return {
      kind: 'cron',
      text: source,
      minutes: numbers(minute.values),
      hours: numbers(hour.values),
      daysOfMonth: numbers(dayOfMonth.values),
      months: numbers(month.values),
      weekdays: numbers(numbers(dayOfWeek.values).map(day => day % 7)),
      eitherDay: isRestricted(texts[2]) && isRestricted(texts[4]),
    };
  } catch (error) {
    return { kind: 'problem', problem: parserProblem(error instanceof Error ? error.message : String(error)) };
  }
}

/** True when it opens at some time of this day. `midnight` is the wall time (see local-time.ts) of its 00:00. */
export function opensOn(cron: Cron, midnight: number): boolean {
  const date = new Date(midnight);
  if (!cron.months.includes(date.getUTCMonth() + 1)) return false;
  const dayOfMonth = cron.daysOfMonth.includes(date.getUTCDate());
  const weekday = cron.weekdays.includes(date.getUTCDay());
  return cron.eitherDay ? dayOfMonth || weekday : dayOfMonth && weekday;
}

/** The wall-clock times of a day at which it opens, in milliseconds after midnight, ascending, never empty. */
export function openingTimes(cron: Cron): readonly number[] {
  return cron.hours.flatMap(hour => cron.minutes.map(minute => (hour * 60 + minute) * MINUTE_MS));
}

/**
 * Milliseconds on the wall clock between two successive openings where they are closest, over all years to come.
 * Clock changes are left out: what lasts no longer than this may still overlap itself by an hour once a year.
 */
export function shortestNominalGap(cron: Cron): number {
  const times = openingTimes(cron);
  const [first = 0, last = first] = [times[0], times.at(-1)];
  const nextDay = shortestDayGap(cron) * DAY_MS + first - last;
  return times.reduce((gap, time, index) => Math.min(gap, index > 0 ? time - (times[index - 1] ?? 0) : gap), nextDay);
}

/** Any two neighbouring years (weekday of 1 January, leap or not) come up in 28; the ends need one more on each side. */
const SAMPLE = { from: Date.UTC(2000, 0, 1), to: Date.UTC(2031, 0, 1) };

function shortestDayGap(cron: Cron): number {
  let shortest = Number.POSITIVE_INFINITY;
  let previous = Number.NEGATIVE_INFINITY;
  for (let day = SAMPLE.from; day < SAMPLE.to && shortest > 1; day += DAY_MS) {
    if (!opensOn(cron, day)) continue;
    shortest = Math.min(shortest, (day - previous) / DAY_MS);
    previous = day;
  }
  return shortest;
}

function wholeProblem(source: string, texts: readonly string[]): string | undefined {
  const five = `five fields are needed: ${FIELDS.map(field => field.name).join(' ')}`;
  if (source === '') return `it is empty; ${five}`;
  if (source.length > LONGEST_TEXT) return `it is longer than ${LONGEST_TEXT} characters`;
  if (source.startsWith('@')) return `macros such as ${quoted(source)} are not read; ${five}`;
  if (/^(CRON_)?TZ=/.test(source)) return 'the time zone does not belong here; it is set for all windows in timeZone';
  if (texts.length === 6) return `it has 6 fields, and seconds are not read; ${five}`;
  if (texts.length !== 5) return `it has ${texts.length} ${texts.length === 1 ? 'field' : 'fields'}; ${five}`;
  return undefined;
}

function firstFieldProblem(texts: readonly string[]): string | undefined {
  for (const [index, field] of FIELDS.entries()) {
    for (const item of (texts[index] ?? '').split(',')) {
      const wrong = itemProblem(field, item);
      if (wrong !== undefined) return `${quoted(item)} in the ${field.name} field: ${wrong}`;
    }
  }
  return undefined;
}

/** What is wrong with one item of a list: `*`, `5`, `mon`, `1-5`, each but a single value with a step behind it. */
function itemProblem(field: Field, item: string): string | undefined {
  const parts = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(item);
  const from = parts?.[1] === undefined ? field.from : valueOf(field, parts[1]);
  const to = parts?.[2] === undefined ? undefined : valueOf(field, parts[2]);
  if (!parts || from === undefined || (parts[2] !== undefined && to === undefined)) {
    const names = field.names.length > 0 ? `, names (${field.names[1]})` : '';
    return `only *, numbers${names}, ranges (1-5), lists (1,3) and steps (*/2) are read; not ? L W # H`;
  }
  const outside = [from, to].find(value => value !== undefined && (value < field.from || value > field.to));
  if (outside !== undefined) return `${outside} is not within ${field.from}-${field.to}`;
  if (to !== undefined && from > to) return `the range runs backwards; ${forwards({ field, from, to })}`;
  if (parts[3] === undefined) return undefined;
  const step = Number(parts[3]);
  if (parts[1] !== undefined && to === undefined) {
    return `crons differ on a step after a single value; write ${from}-${field.to}/${step}`;
  }
  const most = field.name === 'day-of-week' ? 7 : field.to - field.from + 1;
  return step >= 1 && step <= most ? undefined : `a step is within 1-${most}, it counts inside the field only`;
}

function forwards({ field, from, to }: { field: Field; from: number; to: number }): string {
  if (field.name === 'day-of-week' && to === 0) return `write ${from}-7`;
  const lastOfField = field.name === 'day-of-week' ? 6 : field.to;
  return `write ${rangeText(from, lastOfField)},${rangeText(field.from, to)}`;
}

const rangeText = (from: number, to: number): string => (from === to ? `${from}` : `${from}-${to}`);

/** The number that a value stands for, in bounds or not; undefined when it is neither a number nor a name. */
function valueOf(field: Field, text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const index = field.names.indexOf(text.toLowerCase());
  return index >= 0 ? field.from + index : undefined;
}

/** What the parser still refuses after our own look, in our words. */
function parserProblem(message: string): string {
  if (/duplicate values/.test(message)) return 'a list names the same value twice (Sunday is both 0 and 7)';
  if (/explicit day of month/.test(message)) return 'it can never open: no month that it names has such a day';
  return `it cannot be read: ${message}`;
}

const isRestricted = (text: string | undefined): boolean => text !== '*' && text !== '*/1';

/** Ascending and each once. Letters never come through our own look at the fields. */
const numbers = (values: readonly unknown[]): readonly number[] =>
  [...new Set(values.filter(value => typeof value === 'number'))].toSorted((a, b) => a - b);

const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
