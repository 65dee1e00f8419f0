import { isOpen, type Checkpoint, type Stop, type Sweep } from './checkpoint.ts';
import { formatInstant, parseInstant } from './instant.ts';
import { keyOf } from './model.ts';
import type { Policy } from './policy.ts';
import type { Outcome } from './report.ts';
import { isSameWant } from './want.ts';
import type { Occurrence } from './window.ts';

/** How occurrences and outcomes change the checkpoint: pure steps, each from one checkpoint to the next. */

/** Reverts in a sweep, and ineffective or denied restarts in a row, that stop it: the cause is not the workload. */
export const REVERTS = 3;
const INEFFECTIVE_IN_ROW = 2;
const DENIED_IN_ROW = 3;
const ROLLOUTS_KEPT = 25;

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
    // Other criteria mean another change to try on a canary.
    occurrence:
      same && checkpoint.occurrence !== null
        ? { ...checkpoint.occurrence, done: sameWant ? checkpoint.occurrence.done : 0 }
        : { name, opensAt, failures: 0, done: 0 },
    want: now.want,
    sweep: checkpoint.sweep && (anew ? withoutSuspicion(checkpoint.sweep) : checkpoint.sweep),
    // What ended under other criteria does not bind the new ones.
    starts: sameWant ? checkpoint.starts : checkpoint.starts.filter(isOpen),
  };
}

/** `resume`: the stop is forgotten, and the ramp starts with its canary again. */
export function resume(checkpoint: Checkpoint): Checkpoint {
  return {
    ...checkpoint,
    stop: null,
    occurrence: checkpoint.occurrence && { ...checkpoint.occurrence, failures: 0, done: 0 },
    sweep: checkpoint.sweep && withoutSuspicion(checkpoint.sweep),
  };
}

/** What counts towards a stop of the sweep is counted from the beginning. */
function withoutSuspicion(sweep: Sweep): Sweep {
  const { deniedInRow: _, ...others } = sweep;
  return { ...others, ineffectiveInRow: 0, reverts: 0 };
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
 * Whether a sweep stays open although nothing is eligible, because of some nothing is known: an injector that is down for a
 * tick must not make reverts and ineffective restarts be counted anew. Not for ever, because ages are measured from its
 * beginning.
 */
export function outlivesUnknown(
  sweep: Sweep,
  { policy, now }: { readonly policy: Policy; readonly now: number },
): boolean {
  return now < (parseInstant(sweep.id) ?? 0) + policy.onFailure.retryAfter;
}

/** What a restart was: T, and what it was for. */
interface Restarted {
  readonly at: string;
  readonly for: string;
  /** Its own PodDisruptionBudget has denied it, or its autoscaler took it back: no word on any other workload. */
  readonly isOfItself?: boolean;
}

/** What an outcome means for the sweep, the ramp and the stop. A failure of the same start counts once. */
export function recordOutcome(
  checkpoint: Checkpoint,
  outcome: Outcome,
  now: { readonly policy: Policy; readonly want: string; readonly now: number } & Restarted,
): Checkpoint {
  const key = keyOf(outcome);
  const known = checkpoint.starts.find(start => start.workload === key && outcome.uid.startsWith(start.uid));
  const again = known !== undefined && known.outcome === outcome.outcome && known.at === now.at;
  if (outcome.outcome === 'interrupted') return checkpoint;
  const counted: Checkpoint = {
    ...checkpoint,
    sweep: checkpoint.sweep && (again ? checkpoint.sweep : countOutcome(checkpoint.sweep, outcome, now)),
    occurrence: checkpoint.occurrence && {
      ...checkpoint.occurrence,
      failures: checkpoint.occurrence.failures + Number(outcome.outcome === 'failed' && !again),
      // Only a restart that went well proves anything to the next batch.
      done: checkpoint.occurrence.done + Number(outcome.outcome === 'restarted' && isOfRamp(checkpoint, now)),
    },
    starts: checkpoint.starts.map(start =>
      start === known ? { ...start, at: now.at, outcome: outcome.outcome } : start,
    ),
  };
  return { ...counted, stop: counted.stop ?? stopAfter(counted, outcome, now) };
}

/** A restart that was counted as one and has been taken back since. */
export function recordRevert(
  checkpoint: Checkpoint,
  outcome: Outcome,
  now: Parameters<typeof recordOutcome>[2],
): Checkpoint {
  const { sweep } = checkpoint;
  const { restarted = 0 } = sweep?.counts ?? {};
  return recordOutcome(
    {
      ...checkpoint,
      sweep: sweep && {
        ...sweep,
        remaining: sweep.remaining + 1,
        counts: { ...sweep.counts, restarted: Math.max(0, restarted - 1) },
      },
    },
    outcome,
    now,
  );
}

function countOutcome(
  { deniedInRow = 0, ...sweep }: Sweep,
  { outcome, seconds }: Outcome,
  { isOfItself = false }: Restarted,
): Sweep {
  const denied = deniedInRow + Number(!isOfItself);
  return {
    ...sweep,
    remaining: Math.max(0, sweep.remaining - 1),
    counts: { ...sweep.counts, [outcome]: (sweep.counts[outcome] ?? 0) + 1 },
    rolloutSeconds:
      outcome === 'restarted' ? [...sweep.rolloutSeconds, seconds].slice(-ROLLOUTS_KEPT) : sweep.rolloutSeconds,
    ineffectiveInRow:
      outcome === 'ineffective' ? sweep.ineffectiveInRow + 1 : outcome === 'restarted' ? 0 : sweep.ineffectiveInRow,
    reverts: sweep.reverts + Number(outcome === 'reverted' && !isOfItself),
    ...(outcome === 'denied' && denied > 0 ? { deniedInRow: denied } : {}),
  };
}

function stopAfter(
  { occurrence, sweep }: Checkpoint,
  outcome: Outcome,
  { policy, want, now }: { readonly policy: Policy; readonly want: string; readonly now: number },
): Stop | null {
  const at = formatInstant(now);
  if (outcome.outcome === 'failed' && (occurrence?.failures ?? 0) >= policy.onFailure.stopAfter) {
    return { at, why: 'failures', detail: `${keyOf(outcome)} failed: ${outcome.why ?? ''}`, want };
  }
  if (outcome.outcome === 'ineffective' && (sweep?.ineffectiveInRow ?? 0) >= INEFFECTIVE_IN_ROW) {
    const detail = `${INEFFECTIVE_IN_ROW} restarts in a row changed nothing, the last of ${keyOf(outcome)}: ${outcome.detail}; mend the criteria or the injector`;
    return { at, why: 'ineffective', detail, want };
  }
  if (outcome.outcome === 'reverted' && (sweep?.reverts ?? 0) >= REVERTS) {
    return { ...revertsStop(keyOf(outcome), now), want };
  }
  if (outcome.outcome === 'denied' && (sweep?.deniedInRow ?? 0) >= DENIED_IN_ROW) {
    const detail = `${DENIED_IN_ROW} restarts in a row were refused; mend the admission policy or webhook that refuses them; the last was ${keyOf(outcome)}: ${outcome.detail}`;
    return { at, why: 'denials', detail, want };
  }
  return null;
}

/** The stop after too many reverts; `last` is the workload that made it so. */
export function revertsStop(last: string, now: number): Omit<Stop, 'want'> {
  const detail = `${REVERTS} restarts were taken back, the last of ${last}; let your GitOps tool ignore the restartedAt annotation, or the replicas of what goes by replace`;
  return { at: formatInstant(now), why: 'reverts', detail };
}

/** The median of this sweep's rollouts in milliseconds, undefined before the first. */
export function typicalRollout(checkpoint: Checkpoint): number | undefined {
  const seconds = checkpoint.sweep?.rolloutSeconds.toSorted((a, b) => a - b) ?? [];
  const middle = seconds[Math.floor(seconds.length / 2)];
  return middle === undefined ? undefined : middle * 1000;
}

/** What was started before the occurrence opened proves nothing about it: its ramp begins with its own canary. */
export function isOfOccurrence({ occurrence }: Pick<Checkpoint, 'occurrence'>, at: string): boolean {
  return occurrence !== null && at >= occurrence.opensAt;
}

/** Nor does a restart for other criteria. */
export function isOfRamp(checkpoint: Pick<Checkpoint, 'occurrence' | 'want'>, restart: Restarted): boolean {
  return isOfOccurrence(checkpoint, restart.at) && isSameWant(restart.for, checkpoint.want);
}
