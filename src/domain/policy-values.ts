/** The kinds of text, number and mapping that a policy is made of, each with the phrase that says what was expected. */
import * as z from 'zod';
import { parseCron } from './cron.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { simplestGlob } from './glob.ts';
import { formatImage, parseImagePattern } from './image.ts';
import { parseLocalTime } from './local-time.ts';
import { WAYS } from './model.ts';
import { parseSelector } from './selector.ts';

/** `problem` says more than what was expected, where there is more to say. */
type Reading<T> = { readonly value: T } | { readonly problem: string | undefined };

interface Wording {
  /** For editors and `helm lint`: coarser than the reader, in what JavaScript and Go both understand. */
  readonly pattern: RegExp;
  readonly expected: string;
}

/** Keeps every reader cheap, whatever a text does to it. */
const LONGEST_TEXT = 2000;

/** Text that is read into a value of its own. The reader is asked first, because it knows better words. */
function text<T>({ pattern, expected }: Wording, read: (text: string) => Reading<T>) {
  return z
    .string({ error: expected })
    .meta({ pattern: pattern.source })
    .transform((source, context) => {
      const reading =
        source.length > LONGEST_TEXT ? { problem: `it is longer than ${LONGEST_TEXT} characters` } : read(source);
      if ('value' in reading && pattern.test(source)) return reading.value;
      const why = 'problem' in reading && reading.problem !== undefined ? `: ${reading.problem}` : '';
      context.issues.push({ code: 'custom', message: expected + why, input: source });
      return z.NEVER;
    });
}

/** Text that stays as it is. */
const plain = (wording: Wording) => text(wording, value => ({ value }));

const DAY = 24 * 60 * 60 * 1000;

/** Milliseconds, from `least` to `most`. */
function duration({ least, most }: { readonly least: number; readonly most: number }) {
  const expected = `a duration from ${formatDuration(least)} to ${formatDuration(most)}, such as 90s, 15m, 1h30m or 7d`;
  return text({ pattern: /^([0-9]+[dhms])+$/, expected }, source => {
    const value = parseDuration(source);
    return value !== undefined && value >= least && value <= most ? { value } : { problem: undefined };
  });
}

/** How long something lasts or how old it is. */
export const age = () => duration({ least: 1000, most: 366 * DAY });
/** What a run waits for. More than a day is a slip, and more than 24 days would overflow the timers of Node. */
export const wait = ({ least }: { readonly least: number }) => duration({ least, most: DAY });

/** A number of things. Without a limit of its own it is beyond any cluster. */
export function count(most = 1_000_000) {
  const error = `a whole number from 1 to ${most}`;
  return z.int({ error }).min(1, { error }).max(most, { error });
}

export const cron = () =>
  text(
    {
      pattern: /^\s*\S+(\s+\S+){4}\s*$/,
      expected: 'a cron expression such as 0 1 * * 1-5',
    },
    source => {
      const parsed = parseCron(source);
      return parsed.kind === 'cron' ? { value: parsed } : parsed;
    },
  );

export const localTime = () =>
  text(
    {
      pattern: /^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$/,
      expected: 'a date or date-time of the calendar without a zone, such as 2026-12-20 or 2026-12-20T18:00',
    },
    source => {
      const value = parseLocalTime(source);
      return value === undefined ? { problem: undefined } : { value };
    },
  );

/** Intl takes offsets (`+02:00`) for zones; they have no daylight saving, so nobody means them. */
export const timeZone = () =>
  text(
    {
      pattern: /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/,
      expected: 'a time zone by its IANA name, such as Europe/Berlin or UTC',
    },
    source => (isZone(source) ? { value: source } : { problem: undefined }),
  );

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export const selector = () =>
  text({ pattern: /\S/, expected: 'a label selector such as "app=web,tier in (a, b),!legacy"' }, source => {
    const parsed = parseSelector(source);
    return 'problem' in parsed ? parsed : { value: parsed };
  });

/** A name for people, without what would disturb a log line or a terminal. */
export const title = () =>
  text({ pattern: /^\S(.{0,61}\S)?$/, expected: 'a name of 1 to 63 characters in one line' }, source =>
    /\p{Cc}/u.test(source) ? { problem: 'it has control characters' } : { value: source },
  );

/** How to restart, or that nightshift finds out. */
export const way = () =>
  z.enum(['auto', ...WAYS], { error: `auto, ${WAYS.slice(0, -1).join(', ')} or ${WAYS.at(-1)}` });

export const containerName = () =>
  plain({
    pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    expected: 'the name of a container, such as istio-proxy',
  });

/** `KIND.GROUP` of any controller, or `*`. */
export const kindName = () =>
  plain({
    pattern: /^(\*|[A-Za-z][A-Za-z0-9-]{0,62}(\.[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?)$/,
    expected: 'KIND.GROUP, such as Kafka.kafka.strimzi.io, or *',
  });

export const labelKey = () =>
  plain({
    pattern: /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    expected: 'the key of a label, such as tier',
  });

export const labelValue = () =>
  plain({
    pattern: /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/,
    expected: 'the value of a label, such as web',
  });

/** A reference, spelled out with its registry and tag, in which * stands for any text. */
export const image = () =>
  text(
    {
      pattern: /^[A-Za-z0-9*][A-Za-z0-9._/:@*-]{0,999}$/,
      expected: 'an image reference such as docker.io/istio/proxyv2:1.24.2, in which * stands for any text',
    },
    source => {
      const reference = parseImagePattern(source);
      return 'problem' in reference ? reference : { value: formatImage(reference) };
    },
  );

/** A glob that some Namespace name could match: lower-case letters, digits, hyphens and stars. */
export const namespaceGlob = () =>
  text(
    {
      pattern: /^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$/,
      expected: 'a Namespace name in which * stands for any text, such as team-*',
    },
    source => (lengthWithoutStars(source) <= 63 ? { value: simplestGlob(source) } : { problem: undefined }),
  );

/** `NAMESPACE/NAME` of one workload. */
export const workloadName = () =>
  text(
    {
      pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
      expected: 'NAMESPACE/NAME, such as istio-system/istiod',
    },
    source => {
      const [namespace = '', name = ''] = source.split('/');
      return { value: { namespace, name } };
    },
  );

/** `NAMESPACE/NAME`, each a glob of its own, so that a star never reaches over the slash. */
export const workloadGlob = () =>
  text(
    {
      pattern: /^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?\/[a-z0-9*]([a-z0-9*.-]*[a-z0-9*])?$/,
      expected: 'NAMESPACE/NAME in which * stands for any text, such as shop/old-*',
    },
    source => {
      const [namespace = '', name = ''] = source.split('/').map(simplestGlob);
      if (namespace === '*' && name === '*') return { problem: 'this one would exclude every workload' };
      const matchable = lengthWithoutStars(namespace) <= 63 && lengthWithoutStars(name) <= 253;
      return matchable ? { value: { namespace, name } } : { problem: undefined };
    },
  );

const lengthWithoutStars = (glob: string): number => glob.replaceAll('*', '').length;

/**
 * A mapping with these keys and no others. For unknown keys the message is the list of known ones, from which
 * policy.ts makes a sentence for each.
 */
export function mapping<Shape extends z.ZodRawShape>(shape: Shape, hint = '') {
  const keys = Object.keys(shape).toSorted().join(', ');
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? keys : `a mapping (keys: ${keys})${hint}`),
  });
}

/** A list of any length. */
export const list = <Item extends z.ZodType>(item: Item, of: string) => z.array(item, { error: `a list of ${of}` });

/** A list of at least one. */
export const someOf = <Item extends z.ZodType>(item: Item, of: string) =>
  list(item, `${of}, at least one`).min(1, { error: `a list of ${of}, at least one` });
