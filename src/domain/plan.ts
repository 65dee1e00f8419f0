import { keyOf } from './model.ts';
import type { InFlight, Leave, Restart, Verdict } from './verdict.ts';

/** What a run is going to do, as a value: made purely, printed by `plan`, carried out by `run`. */
export interface Plan {
  /** Restarts of an earlier run, awaited before and beside the batches and counted against every limit. */
  readonly inFlight: readonly InFlight[];
  readonly batches: readonly (readonly Restart[])[];
  readonly left: readonly Leave[];
}

/** Where the ramp of batch sizes stands. */
interface Ramp {
  readonly sizes: readonly number[];
  /** Restarts since the canary, in flight included. */
  readonly place: number;
  /** After an ineffective restart: one at a time until one is seen to help. */
  readonly probing: boolean;
}

/** Orders and cuts the verdicts. */
export function makePlan(verdicts: readonly Verdict[], ramp: Ramp): Plan {
  const inFlight = verdicts.filter(verdict => verdict.kind === 'inFlight');
  const restarts = verdicts.filter(verdict => verdict.kind === 'restart').toSorted(inOrder);
  return {
    inFlight,
    batches: cutIntoBatches(restarts, ramp),
    left: verdicts.filter(verdict => verdict.kind === 'leave').toSorted(byName),
  };
}

/**
 * Batches of the ramp's sizes from its place on; the last size repeats. A batch that earlier runs began is filled up
 * first, so that a run that resumes does not widen it.
 */
function cutIntoBatches(restarts: readonly Restart[], ramp: Ramp): Restart[][] {
  const batches: Restart[][] = [];
  let { place, probing } = ramp;
  for (let from = 0; from < restarts.length; ) {
    const size = probing ? 1 : leftInBatch(ramp.sizes, place);
    batches.push(restarts.slice(from, from + size));
    from += size;
    place += size;
    probing = false;
  }
  return batches;
}

/** How many more restarts the batch at this place of the ramp takes; at least 1. */
export function leftInBatch(sizes: readonly number[], place: number): number {
  let end = 0;
  for (const size of sizes) {
    end += size;
    if (place < end) return end - place;
  }
  const last = sizes.at(-1) ?? 1;
  return last - ((place - end) % last);
}

/** Those that failed before come last; then priority, the oldest Pod, the name. */
function inOrder(a: Restart, b: Restart): number {
  return (
    Number(a.failedBefore) - Number(b.failedBefore) ||
    priorityOf(b) - priorityOf(a) ||
    a.oldestPod - b.oldestPod ||
    byName(a, b)
  );
}

/** `nightshift/priority`: an integer, higher first; anything else counts as 0. */
function priorityOf({ workload }: Restart): number {
  const text = workload.priority?.trim() ?? '';
  return /^[+-]?\d{1,9}$/.test(text) ? Number(text) : 0;
}

function byName(a: Restart | Leave, b: Restart | Leave): number {
  const [left, right] = [keyOf(a.workload), keyOf(b.workload)];
  return left < right ? -1 : Number(left > right);
}
