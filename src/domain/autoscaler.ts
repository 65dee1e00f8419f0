import type { Autoscaler } from './model.ts';

/** So long after a change of the replicas more may follow: the HPA's own window for scaling down, by default. */
const SETTLES = 300_000;

/**
 * Whether the autoscaler changed the replicas less than five minutes ago, on our clock, which may be behind; `now` in
 * milliseconds since the epoch. Without an autoscaler nothing moved.
 */
export function movedLately(autoscaler: Autoscaler | undefined, now: number): boolean {
  const lastScaled = autoscaler?.lastScaled;
  return lastScaled !== undefined && Math.abs(now - lastScaled) < SETTLES;
}
