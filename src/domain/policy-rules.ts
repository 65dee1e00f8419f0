/**
 * What must hold between the keys of a policy. zod looks at such rules only when nothing else is wrong; ours name what
 * they need (`given`), so that all problems are reported at once. What they did not ask for may be anything.
 */
import type * as z from 'zod';
import { type Cron, shortestNominalGap } from './cron.ts';
import { formatDuration } from './duration.ts';
import { mayOverlap } from './image.ts';
import { type LocalTime, wallTime } from './local-time.ts';

type Rule<T> = (value: T, context: z.core.$RefinementCtx) => void;

/** In a mapping where these keys are there and right. */
export const given = (...keys: readonly string[]) => ({
  when: ({ value, issues }: z.core.ParsePayload): boolean =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    keys.every(key => key in value && !issues.some(issue => issue.path?.[0] === key)),
});

/** In a list, whatever its items are. */
export const givenList = { when: ({ value }: z.core.ParsePayload): boolean => Array.isArray(value) };

/** Keys that go together, and with none of another kind. */
export interface KeysOfOneKind {
  readonly needs: readonly string[];
  readonly may?: readonly string[];
}

const keysOf = ({ needs, may = [] }: KeysOfOneKind): readonly string[] => [...needs, ...may];

/** The keys that stand there must be all of one kind and none of another. */
export function oneKindOf(kinds: readonly KeysOfOneKind[]): Rule<object> {
  return (value, context) => {
    const begun = kinds.filter(kind => keysOf(kind).some(key => key in value));
    if (begun.length === 1 && begun[0]?.needs.every(key => key in value) === true) return;
    const choices = kinds.map(({ needs }) => needs.join(' and '));
    const message = `either ${choices.slice(0, -1).join(', or ')} or ${choices.at(-1) ?? ''}`;
    context.addIssue({ code: 'custom', message });
  };
}

/** The same of one kind for JSON Schema. */
export function onlyKeysOf(kind: KeysOfOneKind, kinds: readonly KeysOfOneKind[]): object {
  const others = kinds.filter(other => other !== kind).flatMap(keysOf);
  return { required: kind.needs, not: { anyOf: others.map(key => ({ required: [key] })) } };
}

interface Recurring {
  readonly opens?: Cron | undefined;
  readonly lasts?: number | undefined;
}

/** What opens again before it has closed was not meant to be written so; closing and opening at once is. */
export const lastsNoLongerThanTheGap: Rule<Recurring> = ({ opens, lasts }, context) => {
  if (opens === undefined || lasts === undefined) return;
  const gap = shortestNominalGap(opens);
  if (lasts <= gap) return;
  const message = `at most ${formatDuration(gap)}, the shortest time between two openings of ${opens.text}`;
  context.addIssue({ code: 'custom', path: ['lasts'], message });
};

interface Once {
  readonly from?: LocalTime | undefined;
  readonly until?: LocalTime | undefined;
}

export const fromIsBeforeUntil: Rule<Once> = ({ from, until }, context) => {
  if (from === undefined || until === undefined || wallTime(from) < wallTime(until)) return;
  context.addIssue({ code: 'custom', path: ['until'], message: 'a date or date-time after from' });
};

/** Occurrences are told apart by name in logs and in the checkpoint. */
export const namesAreUnique: Rule<unknown> = (windows, context) => {
  const seen = new Set<unknown>();
  for (const list of ['allow', 'deny']) {
    for (const [index, window] of items(member(windows, list)).entries()) {
      const name = member(window, 'name');
      if (typeof name === 'string' && seen.has(name)) {
        context.addIssue({ code: 'custom', path: [list, index, 'name'], message: 'a name that no other window has' });
      }
      seen.add(name);
    }
  }
};

export const kubeIsNamedInFull: Rule<{ readonly include: readonly string[] }> = ({ include }, context) => {
  for (const [index, glob] of include.entries()) {
    if (!/^kube-.*\*/.test(glob)) continue;
    const message = 'kube- Namespaces named in full, one by one, because they are excluded otherwise';
    context.addIssue({ code: 'custom', path: ['include', index], message });
  }
};

interface Globs {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export const excludeLeavesSomething: Rule<Globs> = ({ include, exclude }, context) => {
  const included = new Set(include);
  for (const [index, glob] of exclude.entries()) {
    if (glob !== '*' && !included.has(glob)) continue;
    const message = 'a glob that leaves something of each glob in include';
    context.addIssue({ code: 'custom', path: ['exclude', index], message });
  }
};

/** Any one criterion is enough, so all lists for one container must share an image, or nothing is ever fresh. */
export const someImageIsFresh: Rule<readonly unknown[]> = (criteria, context) => {
  /** For each container every way to take one pattern of each of its lists, as long as all of them may mean one image. */
  const fresh = new Map<string, readonly (readonly string[])[]>();
  for (const [index, criterion] of criteria.entries()) {
    const container = member(criterion, 'container');
    if (member(criterion, 'kind') !== 'containerImage' || typeof container !== 'string') continue;
    const images = items(member(criterion, 'imageNot')).filter(image => typeof image === 'string');
    const shared = (fresh.get(container) ?? [[]]).flatMap(chosen =>
      images.filter(image => chosen.every(other => mayOverlap(image, other))).map(image => [...chosen, image]),
    );
    if (shared.length === 0) {
      const message = `an image that the earlier entries for ${container} name too; without one, every Pod stays stale`;
      context.addIssue({ code: 'custom', path: [index, 'imageNot'], message });
    }
    fresh.set(container, shared.slice(0, MOST_WAYS));
  }
};

/** Beyond so many nobody wrote a policy by hand. */
const MOST_WAYS = 1000;

interface Rollout {
  readonly timeout: number;
  readonly soak: number;
}

export const timeoutOutlastsSoak: Rule<Rollout> = ({ timeout, soak }, context) => {
  if (timeout > soak) return;
  const message = `a timeout (${formatDuration(timeout)}) longer than the soak (${formatDuration(soak)})`;
  context.addIssue({ code: 'custom', message });
};

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
