import type { Checkpoint, Start } from './checkpoint.ts';
import { formatInstant } from './instant.ts';
import { keyOf, type Workload, type WorkloadRef } from './model.ts';
import { owedRecord, type RestartRecord } from './record.ts';

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
  const spare = (workload: Workload) => (isSpare(checkpoint, workload) ? { spare: true as const } : {});
  return {
    ...checkpoint,
    starts: [
      ...checkpoint.starts.filter(({ workload }) => !named.has(workload)),
      ...workloads.map(workload => ({ ...startOf(workload, formatInstant(now)), ...spare(workload) })),
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
export function markStarted(
  checkpoint: Checkpoint,
  workload: Workload,
  { at, way }: Pick<RestartRecord, 'at' | 'way'>,
): Checkpoint {
  return {
    ...checkpoint,
    // It may have been judged again since it was named.
    starts: checkpoint.starts.map(start =>
      isSameWorkload(start, workload) ? { ...startOf(workload, at), ...spareOf(start), ...inPlace(way) } : start,
    ),
  };
}

/** As a part of a start. */
export const inPlace = (way: RestartRecord['way']): Pick<Start, 'inPlace'> =>
  way === undefined ? {} : { inPlace: true };

const spareOf = ({ spare }: Start): Pick<Start, 'spare'> => (spare === undefined ? {} : { spare });

/** It is about to have one Pod more than it wants: whoever comes next has to look there, whatever becomes of this run. */
export function markSpare(checkpoint: Checkpoint, workload: Workload, at: string): Checkpoint {
  const isKnown = checkpoint.starts.some(start => isSameWorkload(start, workload));
  const starts = isKnown ? checkpoint.starts : [...checkpoint.starts, startOf(workload, at)];
  return {
    ...checkpoint,
    starts: starts.map(start => (isSameWorkload(start, workload) ? { ...start, spare: true as const } : start)),
  };
}

const isMarked = (start: Start, workload: Workload): boolean => start.spare === true && isSameWorkload(start, workload);

export function isSpare({ starts }: Checkpoint, workload: Workload): boolean {
  return starts.some(start => isMarked(start, workload));
}

/**
 * Whether one Pod more than the workload wants is ours, as its record says: not where the checkpoint, which is told before,
 * knows of none. `kubectl rollout undo` brings back records of long ago, with the replicas that were wanted then.
 */
export function isOwed(
  workload: Workload,
  {
    by,
    past,
    pastUnknown,
  }: { readonly by: string; readonly past: ReadonlyMap<string, Start>; readonly pastUnknown: boolean },
): boolean {
  const record = owedRecord(workload, by);
  if (record === undefined) return false;
  const start = past.get(keyOf(workload));
  const isKnown = start !== undefined && isMarked(start, workload);
  return pastUnknown || isKnown || workload.replicas !== record.replicas + 1;
}

/** It has what it wants again. */
export function withoutSpare(checkpoint: Checkpoint, ref: WorkloadRef): Checkpoint {
  return {
    ...checkpoint,
    starts: checkpoint.starts.map(({ spare, ...start }) =>
      spare === undefined || start.workload === keyOf(ref) ? start : { ...start, spare },
    ),
  };
}

/** Where one Pod too many may be: only Deployments can have one. */
export const spares = ({ starts }: Checkpoint): readonly WorkloadRef[] =>
  starts.flatMap(({ workload, spare }) => {
    const [namespace = '', name = ''] = workload.split('/');
    return spare === undefined ? [] : [{ kind: 'Deployment' as const, namespace, name }];
  });

/** Forgets those of the names that never started. */
export function dropUnstarted(checkpoint: Checkpoint, unstarted: ReadonlySet<string>): Checkpoint {
  return {
    ...checkpoint,
    starts: checkpoint.starts.filter(
      ({ outcome, workload, spare }) => outcome !== undefined || spare === true || !unstarted.has(workload),
    ),
  };
}

/** Whether a run has seen that restart to its good end. */
export function isSeenToTheEnd(start: Start | undefined, { at }: Pick<RestartRecord, 'at'>): boolean {
  return start?.at === at && start.outcome === 'restarted';
}

/** A workload that was deleted and created again is another one. */
export function isSameWorkload(start: Start, workload: Workload): boolean {
  return start.workload === keyOf(workload) && workload.uid.startsWith(start.uid);
}
