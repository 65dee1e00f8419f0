import type { Checkpoint, Start, Stop, Sweep } from './checkpoint.ts';
import { formatInstant, isTakenBack } from './instant.ts';
import { keyOf, type OutcomeKind, type Workload } from './model.ts';
import type { Policy } from './policy.ts';
import { ownRecord } from './record.ts';
import type { Outcome } from './report.ts';
import type { Verdict } from './verdict.ts';
import type { Occurrence } from './window.ts';

/** How runs, starts and outcomes change the checkpoint: pure steps, each from one checkpoint to the next. */

/** Reverts in a sweep, and ineffective restarts in a row, that stop it: the cause is not the workload. */
const REVERTS = 3;
const INEFFECTIVE_IN_ROW = 2;
const ROLLOUTS_KEPT = 25;

/** How many starts are named in one save, and how much of the checkpoint's 16 KiB they may take. */
const NAMED_AT_ONCE = 50;
const NAMED_BYTES = 10 * 1024;
/** What a start takes besides the workload's name. */
const START_BYTES = 140;

/** Uids are kept as their first eight digits. */
const UID_DIGITS = 8;

/** The stop that still holds, undefined when there is none or its end has come. */
export function stopInForce(
  checkpoint: Checkpoint,
  now: { readonly policy: Policy; readonly want: string; readonly occurrence: Occurrence },
): Stop | undefined {
  const { stop } = checkpoint;
  if (stop === null) return undefined;
  if (stop.why !== 'failures') return stop.want === now.want ? stop : undefined;
  if (now.policy.onFailure.resume === 'manual') return stop;
  return formatInstant(now.occurrence.opensAt) > stop.at ? undefined : stop;
}

/** In another occurrence failures and the ramp start again; so do they after a stop. While a stop holds nothing changes. */
export function enterOccurrence(
  checkpoint: Checkpoint,
  now: { readonly policy: Policy; readonly occurrence: Occurrence; readonly want: string },
): Checkpoint {
  if (stopInForce(checkpoint, now) !== undefined) return checkpoint;
  const { name } = now.occurrence;
  const opensAt = formatInstant(now.occurrence.opensAt);
  const same =
    checkpoint.occurrence?.opensAt === opensAt && checkpoint.occurrence.name === name && checkpoint.stop === null;
  const sameWant = checkpoint.want === now.want;
  const anew = checkpoint.stop !== null || !sameWant;
  return {
    ...checkpoint,
    stop: null,
    occurrence: same ? checkpoint.occurrence : { name, opensAt, failures: 0, done: 0 },
    want: now.want,
    sweep: checkpoint.sweep && (anew ? { ...checkpoint.sweep, ineffectiveInRow: 0, reverts: 0 } : checkpoint.sweep),
    // What ended under other criteria does not bind the new ones.
    starts: sameWant ? checkpoint.starts : checkpoint.starts.filter(({ outcome }) => outcome === undefined),
  };
}

/** `resume`: the stop is forgotten, and the ramp starts with its canary again. */
export function resume(checkpoint: Checkpoint): Checkpoint {
  return {
    ...checkpoint,
    stop: null,
    occurrence: checkpoint.occurrence && { ...checkpoint.occurrence, failures: 0, done: 0 },
    sweep: checkpoint.sweep && { ...checkpoint.sweep, ineffectiveInRow: 0, reverts: 0 },
  };
}

/** A sweep that begins with this run. */
export function newSweep(begin: number): Sweep {
  return {
    id: formatInstant(begin),
    total: 0,
    remaining: 0,
    counts: {},
    rolloutSeconds: [],
    ineffectiveInRow: 0,
    reverts: 0,
  };
}

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

function startOf(workload: Workload, at: string): Start {
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

export function markStarted(checkpoint: Checkpoint, workload: Workload, at: string): Checkpoint {
  return {
    ...checkpoint,
    // It may have been judged again since it was named.
    starts: checkpoint.starts.map(start => (isSameWorkload(start, workload) ? startOf(workload, at) : start)),
  };
}

/** Forgets names that never started. */
export function dropUnstarted(checkpoint: Checkpoint, inFlight: ReadonlySet<string>): Checkpoint {
  return {
    ...checkpoint,
    starts: checkpoint.starts.filter(({ outcome, workload }) => outcome !== undefined || inFlight.has(workload)),
  };
}

const isSameWorkload = (start: Start, workload: Workload): boolean =>
  start.workload === keyOf(workload) && workload.uid.startsWith(start.uid);

/**
 * Settles starts whose outcome nobody saw, because the run died: by the record on the workload, or, where the record is
 * gone, by its revision, which has grown iff a Pod template took effect since the start was named.
 */
export function reconcile(
  checkpoint: Checkpoint,
  verdicts: readonly Verdict[],
  now: { readonly by: string; readonly now: number },
): Checkpoint {
  const byKey = new Map(verdicts.map(verdict => [keyOf(verdict.workload), verdict]));
  const settled = checkpoint.starts.map(start => settle(start, byKey.get(start.workload), now.by));
  const adopted = verdicts.filter(
    verdict => verdict.kind === 'inFlight' && !isRemembered(checkpoint, verdict.workload),
  );
  const done = settled.filter((start, index) => isNews(start, checkpoint.starts[index], 'restarted'));
  // What was restarted in an earlier sweep may be replaced for a hundred good reasons since.
  const reverted = settled.filter(
    (start, index) =>
      isNews(start, checkpoint.starts[index], 'reverted') && (start?.at ?? '') >= (checkpoint.sweep?.id ?? '~'),
  );
  const reverts = (checkpoint.sweep?.reverts ?? 0) + reverted.length;
  const stop = reverted.length > 0 && reverts >= REVERTS ? revertsStop(reverted.at(-1)?.workload ?? '', now.now) : null;
  return {
    ...checkpoint,
    starts: [
      ...settled.filter(start => start !== undefined),
      // Of a run whose checkpoint was deleted.
      ...adopted.flatMap(({ workload, ...verdict }) =>
        verdict.kind === 'inFlight'
          ? [{ ...startOf(workload, verdict.record.at), template: verdict.record.template }]
          : [],
      ),
    ],
    occurrence: checkpoint.occurrence && {
      ...checkpoint.occurrence,
      done: checkpoint.occurrence.done + done.filter(start => isOfOccurrence(checkpoint, start?.at ?? '')).length,
    },
    sweep: checkpoint.sweep && { ...checkpoint.sweep, reverts },
    stop: checkpoint.stop ?? (stop && { ...stop, want: checkpoint.want }),
  };
}

const isNews = (settled: Start | undefined, before: Start | undefined, outcome: OutcomeKind): boolean =>
  settled?.outcome === outcome && before?.outcome !== outcome;

const isRemembered = (checkpoint: Checkpoint, workload: Workload): boolean =>
  checkpoint.starts.some(start => isSameWorkload(start, workload));

/** What was started before the occurrence opened proves nothing about it: its ramp begins with its own canary. */
export function isOfOccurrence({ occurrence }: Checkpoint, at: string): boolean {
  return occurrence !== null && at >= occurrence.opensAt;
}

function settle(start: Start, verdict: Verdict | undefined, by: string): Start | undefined {
  if (start.outcome !== undefined && start.outcome !== 'restarted') return start;
  if (verdict === undefined || !isSameWorkload(start, verdict.workload)) return start.outcome && start;
  const { workload } = verdict;
  if (verdict.kind === 'inFlight') return { ...start, at: verdict.record.at, outcome: undefined };
  const record = ownRecord(workload, by);
  if (record !== undefined && record.at >= start.at) {
    return { ...start, at: record.at, outcome: record.outcome ?? 'restarted' };
  }
  const takenBack =
    workload.revision > start.revision &&
    workload.template === start.template &&
    isTakenBack(workload.restartedAt, start.at);
  if (takenBack) return { ...start, outcome: 'reverted' };
  return start.outcome && start;
}

/** Every workload of the sweep that is restarted by now, counted from the workloads themselves. */
export function countSweep(checkpoint: Checkpoint, verdicts: readonly Verdict[]): Checkpoint {
  if (checkpoint.sweep === null) return checkpoint;
  const { counts } = checkpoint.sweep;
  const restarted = verdicts.filter(verdict => verdict.kind === 'leave' && verdict.why === 'restartedThisSweep').length;
  const remaining = verdicts.filter(verdict => verdict.kind !== 'leave').length;
  const total = Math.max(checkpoint.sweep.total, restarted + remaining);
  return { ...checkpoint, sweep: { ...checkpoint.sweep, remaining, total, counts: { ...counts, restarted } } };
}

/** What an outcome means for the sweep, the ramp and the stop. A failure of the same start counts once. */
export function recordOutcome(
  checkpoint: Checkpoint,
  outcome: Outcome,
  now: { readonly policy: Policy; readonly want: string; readonly at: string; readonly now: number },
): Checkpoint {
  const key = keyOf(outcome);
  const known = checkpoint.starts.find(start => start.workload === key && outcome.uid.startsWith(start.uid));
  const again = known !== undefined && known.outcome === outcome.outcome && known.at === now.at;
  if (outcome.outcome === 'interrupted') return checkpoint;
  const counted: Checkpoint = {
    ...checkpoint,
    sweep: checkpoint.sweep && (again ? checkpoint.sweep : countOutcome(checkpoint.sweep, outcome)),
    occurrence: checkpoint.occurrence && {
      ...checkpoint.occurrence,
      failures: checkpoint.occurrence.failures + Number(outcome.outcome === 'failed' && !again),
      // Only a restart that went well proves anything to the next batch.
      done: checkpoint.occurrence.done + Number(outcome.outcome === 'restarted' && isOfOccurrence(checkpoint, now.at)),
    },
    starts: checkpoint.starts.map(start =>
      start === known ? { ...start, at: now.at, outcome: outcome.outcome } : start,
    ),
  };
  return { ...counted, stop: counted.stop ?? stopAfter(counted, outcome, now) };
}

function countOutcome(sweep: Sweep, { outcome, seconds }: Outcome): Sweep {
  return {
    ...sweep,
    remaining: Math.max(0, sweep.remaining - 1),
    counts: { ...sweep.counts, [outcome]: (sweep.counts[outcome] ?? 0) + 1 },
    rolloutSeconds:
      outcome === 'restarted' ? [...sweep.rolloutSeconds, seconds].slice(-ROLLOUTS_KEPT) : sweep.rolloutSeconds,
    ineffectiveInRow:
      outcome === 'ineffective' ? sweep.ineffectiveInRow + 1 : outcome === 'restarted' ? 0 : sweep.ineffectiveInRow,
    reverts: sweep.reverts + Number(outcome === 'reverted'),
  };
}

function stopAfter(
  { occurrence, sweep }: Checkpoint,
  outcome: Outcome,
  { policy, want, now }: { readonly policy: Policy; readonly want: string; readonly now: number },
): Stop | null {
  const at = formatInstant(now);
  if (outcome.outcome === 'failed' && (occurrence?.failures ?? 0) >= policy.onFailure.stopAfter) {
    return { at, why: 'failures', detail: `${keyOf(outcome)} failed: ${outcome.why ?? ''}: ${outcome.detail}`, want };
  }
  if (outcome.outcome === 'ineffective' && (sweep?.ineffectiveInRow ?? 0) >= INEFFECTIVE_IN_ROW) {
    const detail = `${INEFFECTIVE_IN_ROW} restarts in a row changed nothing, the last of ${keyOf(outcome)}: ${outcome.detail}; mend the criteria or the injector`;
    return { at, why: 'ineffective', detail, want };
  }
  if (outcome.outcome === 'reverted' && (sweep?.reverts ?? 0) >= REVERTS) {
    return { ...revertsStop(keyOf(outcome), now), want };
  }
  return null;
}

function revertsStop(last: string, now: number): Omit<Stop, 'want'> {
  const detail = `${REVERTS} restarts were taken back, the last of ${last}; let your GitOps tool ignore the restartedAt annotation`;
  return { at: formatInstant(now), why: 'reverts', detail };
}

/** The median of this sweep's rollouts in milliseconds, undefined before the first. */
export function typicalRollout(checkpoint: Checkpoint): number | undefined {
  const seconds = checkpoint.sweep?.rolloutSeconds.toSorted((a, b) => a - b) ?? [];
  const middle = seconds[Math.floor(seconds.length / 2)];
  return middle === undefined ? undefined : middle * 1000;
}
