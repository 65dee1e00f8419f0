import type { Way, Workload } from './model.ts';
import { promisedBy } from './way.ts';

/** The worst moment of a workload in flight. */
export interface Availability {
  /** Replicas that were available then. */
  readonly least: number;
  /** What its strategy, or its way, promises. */
  readonly promised: number;
}

/**
 * How available it is, compared with what its restart promises: never more than was available when it was started, and no
 * more than goes with the fewest replicas that it was to have since.
 */
export function availabilityOf(
  { replicas, strategy, status }: Workload,
  since: { readonly way: Way; readonly replicas: number; readonly available: number },
): Availability {
  const floor = promisedBy(since.way, Math.min(replicas, since.replicas), strategy);
  return { least: status.availableReplicas, promised: Math.min(floor, since.available) };
}

export function isBelowPromise({ least, promised }: Availability): boolean {
  return least < promised;
}

/** The worse of two moments: further below what is promised, else with fewer available. */
export function worse(a: Availability, b: Availability): Availability {
  const [lackA, lackB] = [Math.max(0, a.promised - a.least), Math.max(0, b.promised - b.least)];
  if (lackA !== lackB) return lackA > lackB ? a : b;
  return a.least <= b.least ? a : b;
}
