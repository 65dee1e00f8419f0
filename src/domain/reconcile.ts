import type { Checkpoint, Start } from './checkpoint.ts';
import { isTakenBack } from './instant.ts';
import { isOfRamp, revertsStop, REVERTS } from './ledger.ts';
import { isCalled, keyOf, type OutcomeKind } from './model.ts';
import { MOST_IN_FLIGHT } from './policy.ts';
import { ownRecord, tookEffectSince, type RestartRecord } from './record.ts';
import { inPlace, isSameWorkload, isSeenToTheEnd, startOf } from './starts.ts';
import type { Verdict } from './verdict.ts';

/** What the workloads say about starts whose end no run has seen. */

/**
 * Settles starts whose outcome nobody saw, because the run died: by the record on the workload, or, where the record is
 * gone or not in force, by its revision, which has grown iff a Pod template took effect since the start was named
 * (`tookEffectSince`). Those in `unread`
 * namespaces wait for a run that may read them, and what is half done and not looked at (`--only`) for one that looks.
 */
export function reconcile(
  checkpoint: Checkpoint,
  verdicts: readonly Verdict[],
  now: {
    readonly by: string;
    readonly now: number;
    readonly unread: ReadonlySet<string>;
    readonly only?: string | undefined;
  },
): Checkpoint {
  const byKey = new Map(verdicts.map(verdict => [keyOf(verdict.workload), verdict]));
  const isSeen = (start: Start): boolean => {
    if (now.unread.has(namespaceOf(start))) return false;
    const verdict = byKey.get(start.workload);
    if (now.only === undefined || verdict === undefined || isCalled(verdict.workload, now.only)) return true;
    return ownRecord(verdict.workload, now.by)?.way === undefined;
  };
  const settled = checkpoint.starts.map(before => ({
    before,
    after: isSeen(before) ? settle(before, byKey.get(before.workload), now.by) : before,
  }));
  const newly = (outcome: OutcomeKind): Start[] =>
    settled
      .filter(({ before, after }) => after?.outcome === outcome && before.outcome !== outcome)
      .flatMap(({ after }) => after ?? []);
  const wantOf = ({ workload }: Start): string | undefined => {
    const verdict = byKey.get(workload);
    return verdict && ownRecord(verdict.workload, now.by)?.want;
  };
  const done = newly('restarted').filter(start =>
    isOfRamp(checkpoint, { at: start.at, for: wantOf(start) ?? checkpoint.want }),
  ).length;
  const { occurrence, sweep } = checkpoint;
  return stopAfterReverts(
    {
      ...checkpoint,
      starts: [...settled.flatMap(({ after }) => after ?? []), ...adopted(checkpoint, verdicts)],
      occurrence: occurrence && { ...occurrence, done: occurrence.done + done },
    },
    // What was restarted in an earlier sweep may have been replaced for a hundred good reasons since.
    sweep === null ? [] : newly('reverted').filter(({ at }) => at >= sweep.id),
    now.now,
  );
}

const namespaceOf = ({ workload }: Start): string => workload.split('/')[0] ?? '';

/** In flight, and unknown to the checkpoint: of a run whose checkpoint was deleted. */
function adopted(checkpoint: Checkpoint, verdicts: readonly Verdict[]): Start[] {
  const room = MOST_IN_FLIGHT - checkpoint.starts.filter(({ outcome }) => outcome === undefined).length;
  return verdicts
    .filter(verdict => verdict.kind === 'inFlight')
    .filter(({ workload }) => !checkpoint.starts.some(start => isSameWorkload(start, workload)))
    .map(({ workload, record }) => ({
      ...startOf(workload, record.at),
      template: record.template,
      ...inPlace(record.way),
    }))
    .slice(0, Math.max(0, room));
}

function stopAfterReverts(checkpoint: Checkpoint, reverted: readonly Start[], now: number): Checkpoint {
  const { sweep, stop, want } = checkpoint;
  const last = reverted.at(-1);
  if (sweep === null || last === undefined) return checkpoint;
  const reverts = sweep.reverts + reverted.length;
  const tooMany = reverts >= REVERTS ? { ...revertsStop(last.workload, now), want } : null;
  return { ...checkpoint, sweep: { ...sweep, reverts }, stop: stop ?? tooMany };
}

function settle(start: Start, verdict: Verdict | undefined, by: string): Start | undefined {
  if (start.outcome !== undefined && start.outcome !== 'restarted') return start;
  if (verdict === undefined || !isSameWorkload(start, verdict.workload)) return isForgotten(start) ? undefined : start;
  const { workload } = verdict;
  if (verdict.kind === 'inFlight') {
    return { ...start, at: verdict.record.at, outcome: undefined, ...inPlace(verdict.record.way) };
  }
  const record = ownRecord(workload, by);
  // An earlier attempt of that start may have taken effect after a later T was noted: it alone has made the revision grow.
  if (record !== undefined && (record.at >= start.at || workload.revision === start.revision + 1)) {
    const isGood = isSeenToTheEnd(start, record) || isDone(record, verdict);
    return {
      ...start,
      at: record.at,
      outcome: record.outcome ?? (isGood ? 'restarted' : 'superseded'),
      ...inPlace(record.way),
    };
  }
  const takenBack =
    start.inPlace === undefined &&
    (start.outcome === 'restarted'
      ? workload.revision > start.revision
      : tookEffectSince({ ...start, by }, workload)) &&
    workload.template === start.template &&
    isTakenBack(workload.restartedAt, start.at);
  if (takenBack) return { ...start, outcome: 'reverted' };
  return isForgotten(start) ? undefined : start;
}

/** A rollout is done when it is not in flight; where the template stays as it is, only the Pods say so. */
const isDone = ({ way }: RestartRecord, verdict: Verdict): boolean =>
  way === undefined || (verdict.kind === 'leave' && (verdict.why === 'restartedThisSweep' || verdict.why === 'fresh'));

/** It never started, or nobody can tell any more, and nothing is owed. */
const isForgotten = (start: Start): boolean => start.outcome === undefined && start.spare === undefined;

/** Every workload of the sweep that is restarted by now, counted from the workloads themselves. */
export function countSweep(checkpoint: Checkpoint, verdicts: readonly Verdict[]): Checkpoint {
  if (checkpoint.sweep === null) return checkpoint;
  const { counts } = checkpoint.sweep;
  const restarted = verdicts.filter(verdict => verdict.kind === 'leave' && verdict.why === 'restartedThisSweep').length;
  const remaining = verdicts.filter(verdict => verdict.kind !== 'leave').length;
  const total = Math.max(checkpoint.sweep.total, restarted + remaining);
  return { ...checkpoint, sweep: { ...checkpoint.sweep, remaining, total, counts: { ...counts, restarted } } };
}
