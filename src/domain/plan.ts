import { byName, inOrder, type Placed } from './order.ts';
import type { Policy } from './policy.ts';
import type { InFlight, Leave, Verdict } from './verdict.ts';

/** What a run is going to do, as a value: made purely, printed by `plan`, carried out by `run`. */
export interface Plan {
  /** Restarts of an earlier run, awaited before and beside the batches and counted against every limit. */
  readonly inFlight: readonly InFlight[];
  readonly batches: readonly (readonly Placed[])[];
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
export function makePlan(verdicts: readonly Verdict[], ramp: Ramp, order: Policy['order'] = []): Plan {
  const inFlight = verdicts.filter(verdict => verdict.kind === 'inFlight');
  return {
    inFlight,
    batches: cutIntoBatches(
      inOrder(
        verdicts.filter(verdict => verdict.kind === 'restart'),
        order,
      ),
      ramp,
    ),
    left: verdicts.filter(verdict => verdict.kind === 'leave').toSorted(byName),
  };
}

/**
 * Batches of the ramp's sizes from its place on; the last size repeats. A batch that earlier runs began is filled up
 * first, so that a run that resumes does not widen it.
 */
function cutIntoBatches(restarts: readonly Placed[], ramp: Ramp): Placed[][] {
  const batches: Placed[][] = [];
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
