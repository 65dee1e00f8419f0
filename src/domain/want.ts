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
      return [criterion.kind, criterion.containers, criterion.fields, criterion.mayLack];
    case 'configChanged':
      return [criterion.kind, criterion.volumes, criterion.secrets];
    default:
      return unreachable(criterion);
  }
}

/**
 * What is wanted of one workload: the hash of the criteria, and where they ask for it those of what admission makes: of its
 * containers with their images, then of everything else.
 */
export function wantFor(want: string, injection: Injection | undefined): string {
  if (injection === undefined || injection.kind === 'unknown') return want;
  return [want, injection.resolved.containers, injection.resolved.settings].join('.');
}

/** The part of a want that is the criteria's. */
export const criteriaOf = (want: string): string => want.split('.')[0] ?? '';

/**
 * Whether a restart was for what is wanted now: the same criteria and, as far as both are known, the same containers and
 * images. Settings alone make no other want, or an injector that writes something new each time would have a fleet
 * restarted at every tick; a change of them has to wait until retryAfter has passed.
 */
export function isSameWant(recorded: string, now: string): boolean {
  const [criteria, containers] = recorded.split('.');
  const [criteriaNow, containersNow] = now.split('.');
  if (criteria !== criteriaNow) return false;
  return containers === undefined || containersNow === undefined || containers === containersNow;
}
