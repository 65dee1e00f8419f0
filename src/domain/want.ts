import { createHash } from 'node:crypto';
import type { Injection } from './drift.ts';
import { unreachable } from './model.ts';
import type { Criterion, Policy } from './policy.ts';

/** What a restart is for, as a hash: nothing is restarted twice in a sweep for the same. */

/**
 * A short hash of what the policy wants to be gone: the same for two stale lists that mean the same, whatever the order.
 * Eight hex digits tell apart the few lists that one cluster sees.
 */
export function wantOf({ stale }: Pick<Policy, 'stale'>): string {
  const criteria = stale.map(criterion => JSON.stringify(criterionKey(criterion))).toSorted();
  return createHash('sha256').update(criteria.join('\n')).digest('hex').slice(0, 8);
}

function criterionKey(criterion: Criterion): readonly unknown[] {
  switch (criterion.kind) {
    case 'podOlderThan':
      return [criterion.kind, criterion.age];
    case 'containerImage':
      return [criterion.kind, criterion.container, criterion.imageNot];
    case 'injection':
      return [criterion.kind, criterion.containers, criterion.fields];
    case 'configChanged':
      return [criterion.kind, criterion.volumes, criterion.secrets];
    default:
      return unreachable(criterion);
  }
}

/** What was wanted of one workload: the hash of the criteria, and of what admission adds to it where they ask for that. */
export function wantFor(want: string, injection: Injection | undefined): string {
  return injection === undefined || injection.kind === 'unknown' ? want : `${want}.${injection.resolved}`;
}

/** Whether what admission adds is what it was when a restart was recorded. */
export function isStillWanted(recorded: string, now: Injection): boolean {
  return now.kind === 'unknown' || recorded.split('.')[1] === now.resolved;
}

/** Whether a restart was for what is wanted now; where nobody knows what admission adds, the criteria decide. */
export function isSameWant(recorded: string, now: string): boolean {
  return now.includes('.') ? recorded === now : recorded.split('.')[0] === now;
}
