import { unreachable, WAYS, type Strategy, type Way, type Workload } from './model.ts';
import { mayEvict, mayReplace, type Policy } from './policy.ts';
import { availabilityFloor, surgeOf, whyNoRollout } from './rollout.ts';

/** How one workload is to be restarted, and why so; or why none of the ways is open to it. */
export type Choice =
  | { readonly kind: 'way'; readonly way: Way; readonly because: string }
  | { readonly kind: 'impossible'; readonly detail: string };

/** What somebody asks for. */
type Asked = Policy['restart']['way'];

/**
 * The workload's own annotation first, then the criterion that it matches, then the policy. Whoever says auto leaves it to
 * what the workload is.
 */
export function wayOf(workload: Workload, ofCriterion: Asked | undefined, policy: Policy): Choice {
  const asked = askedFor(workload, ofCriterion, policy);
  if (asked === undefined) {
    const detail = `its annotation nightshift/way says "${workload.way ?? ''}", expected is auto, ${WAYS.join(', ')}`;
    return { kind: 'impossible', detail };
  }
  const { way, because } = asked;
  if (way === 'auto') return automatic(workload, policy);
  const obstacle = obstacleTo(way, workload, policy);
  if (obstacle === undefined) return { kind: 'way', way, because };
  return { kind: 'impossible', detail: `${because}, but ${obstacle}` };
}

function askedFor({ way }: Workload, ofCriterion: Asked | undefined, { restart }: Policy) {
  if (way !== undefined) {
    const known = (['auto', ...WAYS] as const).find(one => one === way);
    return known && { way: known, because: `its annotation asks for ${known}` };
  }
  if (ofCriterion !== undefined) return { way: ofCriterion, because: `its criterion asks for ${ofCriterion}` };
  return { way: restart.way, because: `the policy asks for ${restart.way}` };
}

/** Why that way is not open to it, undefined where it is. */
export function obstacleTo(way: Way, workload: Workload, policy: Policy): string | undefined {
  switch (way) {
    case 'rollout':
      return whyNoRollout(workload);
    case 'evict':
      if (workload.kind === 'Rollout') return 'its own controller evicts the Pods of a Rollout (way rollout)';
      return mayEvict(policy) ? undefined : 'the policy does not allow that (restart.way, restart.mayReplace)';
    case 'replace':
      if (workload.kind !== 'Deployment') return 'only a Deployment may have one Pod more for a while';
      return mayReplace(policy) ? undefined : 'the policy does not allow that (restart.mayReplace)';
    default:
      return unreachable(way);
  }
}

/**
 * Recreate says that two must never run at once, so a second Pod is only for those that somebody has named or allowed
 * (restart.mayReplace).
 */
function automatic(workload: Workload, policy: Policy): Choice {
  const why = whyNoRollout(workload);
  if (why !== undefined) {
    return mayEvict(policy) && workload.kind !== 'Rollout'
      ? { kind: 'way', way: 'evict', because: why }
      : { kind: 'impossible', detail: why };
  }
  const isLeftWithout = meansDowntime(workload, 'rollout') && !mayBeDown(workload, policy);
  return isLeftWithout && workload.kind === 'Deployment' && policy.restart.mayReplace
    ? { kind: 'way', way: 'replace', because: 'a rollout would leave no Pod of it' }
    : { kind: 'way', way: 'rollout', because: '' };
}

/** Whether it may be without any available Pod for a while. */
export const mayBeDown = ({ downtimeAllowed }: Workload, { availability }: Policy): boolean =>
  downtimeAllowed || availability.downtime === 'allow';

/** A restart means downtime iff no replica is promised to stay available. */
export const meansDowntime = ({ replicas, strategy }: Workload, way: Way): boolean =>
  promisedBy(way, replicas, strategy) <= 0;

/** The fewest available replicas that this way promises meanwhile, of so many that are wanted. */
export function promisedBy(way: Way, replicas: number, strategy: Strategy): number {
  switch (way) {
    case 'rollout':
      return availabilityFloor(replicas, strategy);
    case 'evict':
      return replicas - evictedAtOnce(replicas, strategy);
    case 'replace':
      return replicas;
    default:
      return unreachable(way);
  }
}

/** As many as its rolling update would take, but never all of them, and one where it says nothing. */
function evictedAtOnce(replicas: number, strategy: Strategy): number {
  if (strategy.kind !== 'rollingUpdate') return 1;
  return Math.max(1, Math.min(replicas - availabilityFloor(replicas, strategy), replicas - 1));
}

/** How many Pods beside those that are wanted it adds. */
export function addedBy(way: Way, workload: Pick<Workload, 'replicas' | 'strategy'>): number {
  switch (way) {
    case 'rollout':
      return surgeOf(workload);
    case 'evict':
      return 0;
    case 'replace':
      return 1;
    default:
      return unreachable(way);
  }
}
