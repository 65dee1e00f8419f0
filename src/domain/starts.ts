import type { Checkpoint, Start } from './checkpoint.ts';
import { formatInstant } from './instant.ts';
import { keyOf, type Workload } from './model.ts';

/** The names of those that start: written to the checkpoint before anything happens to them. */

/** How many starts are named in one save, and how much of the checkpoint's 16 KiB they may take. */
const NAMED_AT_ONCE = 50;
const NAMED_BYTES = 10 * 1024;
/** What a start takes besides the workload's name. */
const START_BYTES = 140;

/** Uids are kept as their first eight digits. */
const UID_DIGITS = 8;

/**
 * Writes down who may start next, before any of them does. A crash right after leaves names of which the next run
 * learns from the workloads whether they started (`reconcile`).
 */
export function nameStarts(checkpoint: Checkpoint, workloads: readonly Workload[], now: number): Checkpoint {
  const named = new Set(workloads.map(keyOf));
  return {
    ...checkpoint,
    starts: [
      ...checkpoint.starts.filter(({ workload }) => !named.has(workload)),
      ...workloads.map(workload => startOf(workload, formatInstant(now))),
    ],
  };
}

/** A start that has no outcome yet. */
export function startOf(workload: Workload, at: string): Start {
  const { uid, template, revision } = workload;
  return { workload: keyOf(workload), uid: uid.slice(0, UID_DIGITS), at, template, revision };
}

/** As many of the workloads, from the first on, as one save names: 50, or fewer where long names fill the checkpoint. */
export function nameable(workloads: readonly Workload[]): readonly Workload[] {
  let bytes = 0;
  return workloads.slice(0, NAMED_AT_ONCE).filter((workload, index) => {
    bytes += keyOf(workload).length + START_BYTES;
    return index === 0 || bytes <= NAMED_BYTES;
  });
}

/** Whether the workload is named for a start that has no outcome yet. */
export function isNamed(checkpoint: Checkpoint, workload: Workload): boolean {
  return checkpoint.starts.some(start => isSameWorkload(start, workload) && start.outcome === undefined);
}

/** A start goes out with this T. */
export function markStarted(checkpoint: Checkpoint, workload: Workload, at: string): Checkpoint {
  return {
    ...checkpoint,
    // It may have been judged again since it was named.
    starts: checkpoint.starts.map(start => (isSameWorkload(start, workload) ? startOf(workload, at) : start)),
  };
}

/** Forgets those of the names that never started. */
export function dropUnstarted(checkpoint: Checkpoint, unstarted: ReadonlySet<string>): Checkpoint {
  return {
    ...checkpoint,
    starts: checkpoint.starts.filter(({ outcome, workload }) => outcome !== undefined || !unstarted.has(workload)),
  };
}

/** A workload that was deleted and created again is another one. */
export function isSameWorkload(start: Start, workload: Workload): boolean {
  return start.workload === keyOf(workload) && workload.uid.startsWith(start.uid);
}
