import { globMatches } from './glob.ts';
import { keyOf, unreachable } from './model.ts';
import type { Policy } from './policy.ts';
import type { Restart } from './verdict.ts';

/** A restart, and what decided when it comes. */
export interface Placed extends Restart {
  /** The first that says something of it: a failure before, its priority, a rule of the policy, else the age of its oldest Pod. */
  readonly placedBy: string;
}

type Rule = Policy['order'][number];

/**
 * In the order in which they go: those that failed before come last; then priority, the policy's rules one after the other,
 * the oldest Pod, the name.
 */
export function inOrder(restarts: readonly Restart[], rules: readonly Rule[]): Placed[] {
  return restarts
    .map(restart => ({ restart, ranks: ranksOf(restart, rules) }))
    .toSorted((a, b) => compare(a.ranks, b.ranks) || byName(a.restart, b.restart))
    .map(({ restart }) => ({ ...restart, placedBy: placedBy(restart, rules) }));
}

function ranksOf(restart: Restart, rules: readonly Rule[]): readonly number[] {
  const { failedBefore, oldestPod, workload } = restart;
  return [
    Number(failedBefore),
    -priorityOf(restart),
    ...rules.map(rule => placeOf(workload, rule) ?? Number.POSITIVE_INFINITY),
    oldestPod,
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((rank, place) => rank !== b[place]);
  return index < 0 ? 0 : (a[index] ?? 0) < (b[index] ?? 0) ? -1 : 1;
}

/** Its place in the rule's list, undefined when it is not there. */
function placeOf({ namespace, labels }: Restart['workload'], rule: Rule): number | undefined {
  const place =
    rule.kind === 'label'
      ? rule.values.findIndex(value => Object.hasOwn(labels, rule.label) && labels[rule.label] === value)
      : rule.namespaces.findIndex(glob => globMatches(glob, namespace));
  return place < 0 ? undefined : place;
}

function placedBy(restart: Restart, rules: readonly Rule[]): string {
  if (restart.failedBefore) return 'failed before';
  const priority = priorityOf(restart);
  if (priority !== 0) return `priority ${priority}`;
  const rule = rules.find(one => placeOf(restart.workload, one) !== undefined);
  switch (rule?.kind) {
    case undefined:
      return 'age';
    case 'label':
      return `${rule.label}=${restart.workload.labels[rule.label]}`;
    case 'namespaces':
      return `namespace ${rule.namespaces[placeOf(restart.workload, rule) ?? 0]}`;
    default:
      return unreachable(rule);
  }
}

/** `nightshift/priority`: an integer, higher first; anything else counts as 0. */
function priorityOf({ workload }: Restart): number {
  const text = workload.priority?.trim() ?? '';
  return /^[+-]?\d{1,9}$/.test(text) ? Number(text) : 0;
}

export function byName(a: Pick<Restart, 'workload'>, b: Pick<Restart, 'workload'>): number {
  const [left, right] = [keyOf(a.workload), keyOf(b.workload)];
  return left < right ? -1 : Number(left > right);
}
