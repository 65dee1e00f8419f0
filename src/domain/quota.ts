import { unreachable, type LeaveReason, type ObjectRef, type Reason, type Way, type Workload } from './model.ts';
import { formatQuantity } from './quantity.ts';
import { availabilityFloor, surgeOf } from './rollout.ts';
import { selectorMatches, type Labels, type Selector } from './selector.ts';

/** Whether a ResourceQuota lets a rollout make the Pod that it begins with. */

/** Resource, as a quota names it -> quantity in billionths. */
export type Amounts = ReadonlyMap<string, bigint>;

/** A ResourceQuota as its controller sees it. */
export interface Quota extends ObjectRef {
  /** The Pods that it counts, by their scopes; undefined where that cannot be told. */
  readonly counts: Selector | undefined;
  readonly hard: Amounts;
  readonly used: Amounts;
}

/** What one Pod of a workload counts for. */
export interface PodUsage {
  readonly amounts: Amounts;
  /** `Terminating`, `BestEffort`, and `PriorityClass` with its value: those that hold. */
  readonly scopes: Labels;
}

/** Pods that are to come. */
export interface Newcomers {
  readonly usage: PodUsage;
  readonly count: number;
}

/** What a quota lacks for Pods that are to come, in billionths. */
export interface Shortage {
  readonly quota: string;
  readonly resource: string;
  readonly needed: bigint;
  /** Less than nothing where more is used than allowed. */
  readonly left: bigint;
  readonly hard: bigint;
}

/**
 * What the quotas of a namespace lack for all of these Pods. The comparison is that of admission (apiserver
 * pkg/admission/plugin/resourcequota); what a quota does not tell, and whom it counts where that cannot be told, is no
 * shortage: better a restart that waits for its Pod than none.
 */
export function shortagesOf(quotas: readonly Quota[], newcomers: readonly Newcomers[]): readonly Shortage[] {
  return quotas.flatMap(({ name, counts, hard: limits, used: counted }) => {
    const ours = newcomers.filter(({ usage }) => counts !== undefined && selectorMatches(counts, usage.scopes));
    return [...limits].flatMap(([resource, hard]) => {
      const needed = ours.reduce((sum, one) => sum + takenBy(one, resource), 0n);
      const used = counted.get(resource);
      if (used === undefined || needed <= 0n) return [];
      const left = hard - used;
      return needed <= left ? [] : [{ quota: name, resource, needed, left, hard }];
    });
  });
}

const takenBy = ({ usage, count }: Newcomers, resource: string): bigint =>
  (usage.amounts.get(resource) ?? 0n) * BigInt(Math.ceil(count));

/**
 * Whether a restart cannot begin without one Pod more than there are: with one, it goes on, however slowly. Where Pods may
 * be unavailable the controller takes an old one away first, and Pods beyond those that are wanted (of a rollout that
 * failed) make room likewise.
 */
export function needsRoom(workload: Workload, way: Way): boolean {
  const { replicas, strategy, status } = workload;
  switch (way) {
    case 'rollout':
      return surgeOf(workload) > 0 && availabilityFloor(replicas, strategy) >= replicas && status.replicas <= replicas;
    case 'evict':
      return false;
    case 'replace':
      return true;
    default:
      return unreachable(way);
  }
}

/** So many shortages are told. */
const TOLD = 3;

/** Why a workload is left that has no room to begin; undefined where there is enough, or where none is needed. */
export function quotaTooSmall(
  workload: Workload,
  way: Way,
  shortages: readonly Shortage[],
): Reason<LeaveReason> | undefined {
  if (shortages.length === 0 || !needsRoom(workload, way)) return undefined;
  const more = shortages.length > TOLD ? [`and ${shortages.length - TOLD} more`] : [];
  const lacks = [...shortages.slice(0, TOLD).map(wordsOf), ...more].join('; ');
  return { why: 'quotaTooSmall', detail: `no room for the Pod that its restart begins with: ${lacks}` };
}

function wordsOf({ quota, resource, needed, left, hard }: Shortage): string {
  const of = (amount: bigint, round: 'up' | 'down'): string => formatQuantity(amount, resource, round);
  const rest = left > 0n ? of(left, 'down') : 'nothing';
  return `ResourceQuota ${quota} has ${rest} of ${of(hard, 'down')} left for ${resource}, ${of(needed, 'up')} is needed`;
}
