import { movedLately } from './autoscaler.ts';
import type { Bench, Judged } from './bench.ts';
import { forbiddenByBudget } from './budget.ts';
import { formatDuration } from './duration.ts';
import { formatInstant, isTakenBack, parseInstant } from './instant.ts';
import { isCalled, keyOf, unreachable, type LeaveReason, type Reason, type Way, type Workload } from './model.ts';
import { namespaceSelected, ownerSelected, workloadSelected } from './policy.ts';
import { quotaTooSmall } from './quota.ts';
import { owedRecord, ownRecord, tookEffectSince, type RestartRecord } from './record.ts';
import { isRollingOut, whyNoEviction, whyNoRollout } from './rollout.ts';
import { isOwed, isSeenToTheEnd } from './starts.ts';
import type { Staleness } from './staleness.ts';
import { isSameWant, wantFor } from './want.ts';
import { mayBeDown, meansDowntime, type Choice } from './way.ts';

/** Why a workload is left alone, each with its own reason. */

const HOUR = 3_600_000;
/** Of an object (apimachinery pkg/util/validation, a DNS subdomain). */
const LONGEST_NAME = 253;

/** What one workload is judged by, besides what it is. */
export interface Circumstances {
  readonly bench: Bench;
  readonly staleness: Staleness;
  readonly choice: Choice;
  /** Of this workload. */
  readonly want: string;
}

type Veto = Reason<LeaveReason> | undefined;

/** The first reason to leave it alone, undefined when it is stale and willing. */
export function vetoOf(judged: Judged, record: RestartRecord | undefined, circumstances: Circumstances): Veto {
  const { workload } = judged;
  const { bench } = circumstances;
  return (
    untouchable(judged, bench) ??
    endedBefore(judged, record, circumstances) ??
    unsettled(judged, record, circumstances) ??
    doneThisSweep(judged, record, circumstances) ??
    notStale(circumstances) ??
    restartedBefore(judged, record, circumstances) ??
    rememberedEnd(workload, record, circumstances) ??
    unwise(workload, circumstances) ??
    notReplaced(judged, circumstances) ??
    withoutBudget(judged, circumstances) ??
    withoutRoom(judged, circumstances)
  );
}

/** What neither Pods nor criteria would change. */
export function untouchable(
  { workload, namespace }: Pick<Judged, 'workload' | 'namespace'>,
  { policy, only }: Pick<Bench, 'policy' | 'only'>,
): Veto {
  const { uid, resourceVersion } = workload;
  const isTooLong = [workload.namespace, workload.name].some(name => name.length > LONGEST_NAME);
  if (isTooLong || [workload.namespace, workload.name, uid, resourceVersion].includes('')) {
    return { why: 'unknown', detail: 'the API server does not tell which object it is: a restart could hit another' };
  }
  if (only !== undefined && !isCalled(workload, only)) {
    return { why: 'notSelected', detail: `--only ${only}` };
  }
  if (namespace === undefined || namespace.deleting) {
    return { why: 'beingDeleted', detail: 'its namespace is being deleted' };
  }
  if (!namespaceSelected(policy, namespace)) return { why: 'notSelected', detail: 'its namespace is not selected' };
  if (!workloadSelected(policy, workload)) return { why: 'notSelected', detail: 'its name or labels are not selected' };
  const { owner } = workload;
  if (owner !== undefined && !ownerSelected(policy, owner)) {
    const detail = `it belongs to ${owner.kind} ${owner.name}, which may take a restart back; select.workloads.owners would name it`;
    return { why: 'ownedByAnother', detail };
  }
  if (namespace.optedOut) return { why: 'optedOut', detail: 'its namespace is annotated nightshift/restart: never' };
  if (workload.optedOut) return { why: 'optedOut', detail: 'it is annotated nightshift/restart: never' };
  if (workload.deleting) return { why: 'beingDeleted', detail: 'it has a deletion timestamp' };
  if (workload.paused) return { why: 'paused', detail: `${resumeOf(workload)} would bring it back` };
  if (workload.replicas === 0) return { why: 'zeroReplicas', detail: 'it has no Pods to restart' };
  // There is no template to try a Pod of, nor to see a change in.
  if (workload.strategy.kind === 'templateElsewhere') {
    return { why: 'wayImpossible', detail: whyNoRollout(workload) ?? '' };
  }
  return undefined;
}

const resumeOf = ({ kind }: Workload): string =>
  kind === 'Rollout' ? 'kubectl argo rollouts promote' : 'kubectl rollout resume';

/** Left across sweeps until the template or the criteria change, or, but for ineffective, retryAfter has passed. */
function endedBefore(
  { workload }: Judged,
  record: RestartRecord | undefined,
  { bench, staleness, want }: Circumstances,
): Veto {
  if (record?.outcome === undefined || !isSameWant(record.want, want)) return undefined;
  // A failed rollout that came up by itself since is a good one.
  if (staleness.kind === 'fresh' && !isRollingOut(workload)) return undefined;
  const otherSettings = record.want !== want && isRetryDue(record.at, bench);
  if (record.outcome === 'ineffective' && !otherSettings) {
    const still = staleness.kind === 'stale' ? staleness.detail : 'not known to be fresh';
    return { why: 'ineffectiveBefore', detail: `restarted ${record.at} and still ${still}` };
  }
  if (isRetryDue(record.at, bench)) return undefined;
  const { outcome = 'failed', at, reason = outcome } = record;
  return { why: `${outcome}Before`, detail: `${reason} at ${at}, retried after ${retryTime(at, bench)}` };
}

function unsettled(
  { workload, pods }: Judged,
  record: RestartRecord | undefined,
  { bench, choice }: Circumstances,
): Veto {
  const { policy, by } = bench;
  const { status, replicas, strategy } = workload;
  const owed = owedRecord(workload, by);
  if (owed !== undefined && !isOwed(workload, bench)) {
    const detail =
      `its record says that it wants ${owed.replicas} Pods and has one more, and nobody knows of that (kubectl rollout ` +
      'undo?): kubectl annotate it nightshift/last-restart- if it wants what it has, else scale it';
    return { why: 'unknown', detail };
  }
  if (owed !== undefined) {
    return { why: 'rolloutInProgress', detail: 'it has one Pod more than it wants, which is to be taken back first' };
  }
  const isHeldBack = strategy.kind === 'onDelete' && status.updatedReplicas < replicas;
  if (isHeldBack && choice.kind === 'way' && choice.way === 'evict') {
    const detail = 'its template has changed, and OnDelete leaves it to people when its Pods get the new one';
    return { why: 'rolloutInProgress', detail };
  }
  // Our own failed rollout is still half done, and a retry is the way out of it.
  if (record?.outcome !== 'failed' || record.undone === true) {
    if (isRollingOut(workload)) {
      return {
        why: 'rolloutInProgress',
        detail: workload.awaits ?? `${status.updatedReplicas} of ${replicas} Pods are of the newest template`,
      };
    }
    if (policy.availability.unhealthy === 'skip' && status.availableReplicas < replicas) {
      return { why: 'notHealthy', detail: `${status.availableReplicas} of ${replicas} Pods are available` };
    }
  }
  const isRollout = choice.kind === 'way' && choice.way === 'rollout';
  const stalls = isRollout ? whyNoEviction(workload) : undefined;
  if (stalls !== undefined) return { why: 'notHealthy', detail: stalls };
  if (pods.length < status.replicas) {
    return {
      why: 'podsUnknown',
      detail: `${pods.length} of ${status.replicas} Pods belong to a ReplicaSet of its name`,
    };
  }
  return undefined;
}

function doneThisSweep(judged: Judged, record: RestartRecord | undefined, { bench, want }: Circumstances): Veto {
  return record !== undefined &&
    !isHalfDone(record, judged, bench) &&
    record.outcome === undefined &&
    record.sweep === bench.sweep.id &&
    isSameWant(record.want, want)
    ? { why: 'restartedThisSweep', detail: `restarted at ${record.at}` }
    : undefined;
}

function notStale({ staleness }: Circumstances): Veto {
  switch (staleness.kind) {
    case 'fresh':
      return { why: 'fresh', detail: 'no live Pod matches a criterion' };
    case 'unknown':
      return { why: 'unknown', detail: staleness.detail };
    case 'stale':
      return undefined;
    default:
      return unreachable(staleness);
  }
}

/**
 * Restarted well for the same, and stale again: something changes live Pods after their start, or what admission makes
 * changes all the time. Once in retryAfter is enough.
 */
function restartedBefore(
  judged: Judged,
  record: RestartRecord | undefined,
  { bench, staleness, want }: Circumstances,
): Veto {
  if (record === undefined || record.outcome !== undefined || staleness.kind !== 'stale') return undefined;
  const isOfTime = staleness.why === 'podTooOld' || staleness.why === 'configChanged';
  if (isOfTime || !isSameWant(record.want, want) || isRetryDue(record.at, bench)) return undefined;
  if (isHalfDone(record, judged, bench)) return undefined;
  const again = `restarted ${record.at} and stale again: ${staleness.detail}`;
  return { why: 'restartedBefore', detail: `${again}; left until ${retryTime(record.at, bench)}` };
}

/**
 * Where the template stays as it is, only the age of a Pod tells that its turn did not come: by two clocks, so that whoever
 * remembers its end knows better.
 */
function isHalfDone(record: RestartRecord, { workload, pods }: Judged, bench: Bench): boolean {
  if (record.way === undefined || isSeenToTheEnd(bench.past.get(keyOf(workload)), record)) return false;
  return pods.some(({ createdAt }) => createdAt < (parseInstant(record.at) ?? 0));
}

/**
 * Restarted, well or not, for the same containers and images less than retryAfter ago: whether settings are other ones now
 * changes nothing yet.
 */
export function settingsHaveToWait(
  { workload, injection }: Pick<Judged, 'workload' | 'injection'>,
  bench: Pick<Bench, 'by' | 'policy' | 'now' | 'want'>,
): boolean {
  const record = ownRecord(workload, bench.by);
  return (
    record !== undefined && isSameWant(record.want, wantFor(bench.want, injection)) && !isRetryDue(record.at, bench)
  );
}

/** Only the checkpoint knows of a restart that was undone with its record, or that was never let through. */
function rememberedEnd(workload: Workload, record: RestartRecord | undefined, { bench, want }: Circumstances): Veto {
  // What was wanted then is written on it, and is not what is wanted now.
  if (record !== undefined && !isSameWant(record.want, want)) return undefined;
  const past = bench.past.get(keyOf(workload));
  if (past === undefined || !workload.uid.startsWith(past.uid) || past.template !== workload.template) return undefined;
  // What admission made then is not remembered: where that counts, time has to do.
  const isBound = past.outcome === 'ineffective' && !bench.policy.stale.some(({ kind }) => kind === 'injection');
  if (!isBound && isRetryDue(past.at, bench)) return undefined;
  if (past.outcome === 'ineffective') return { why: 'ineffectiveBefore', detail: `restarted ${past.at} to no effect` };
  const until = `left until ${retryTime(past.at, bench)}`;
  if (past.outcome === 'denied')
    return { why: 'deniedBefore', detail: `the API server refused it at ${past.at}, ${until}` };
  if (past.outcome === 'failed') return { why: 'failedBefore', detail: `failed at ${past.at}, ${until}` };
  const tookEffect =
    past.outcome === undefined
      ? tookEffectSince({ ...past, by: bench.by }, workload)
      : workload.revision > past.revision && past.outcome !== 'superseded' && past.outcome !== 'gone';
  // By the other ways T stands in the record only.
  const isGone = past.inPlace === undefined && record?.at !== past.at && isTakenBack(workload.restartedAt, past.at);
  if (past.outcome === 'reverted' || (tookEffect && isGone)) {
    return { why: 'revertedBefore', detail: `restarted at ${past.at} and taken back by somebody, ${until}` };
  }
  return undefined;
}

function unwise(workload: Workload, { bench: { policy, now }, choice }: Circumstances): Veto {
  const standing = workload.restartedAt === undefined ? undefined : parseInstant(workload.restartedAt);
  if (standing !== undefined && standing > now + HOUR) {
    return {
      why: 'clockAhead',
      detail: `restartedAt is ${formatDuration(Math.floor((standing - now) / 1000) * 1000)} ahead of this clock`,
    };
  }
  if (choice.kind === 'impossible') return { why: 'wayImpossible', detail: choice.detail };
  if (!mayBeDown(workload, policy) && meansDowntime(workload, choice.way)) {
    return { why: 'wouldCauseDowntime', detail: downtimeOf(workload, choice.way) };
  }
  return undefined;
}

function notReplaced(judged: Judged, { bench, choice }: Circumstances): Veto {
  return choice.kind === 'way' && choice.way === 'replace' ? fought(judged, bench) : undefined;
}

/** What an autoscaler would do to one Pod more than it wants. */
export function fought(
  { workload, autoscaler }: Pick<Judged, 'workload' | 'autoscaler'>,
  bench: Pick<Bench, 'now'>,
): Veto {
  if (autoscaler === undefined) return undefined;
  const { name, max, lastScaled = 0 } = autoscaler;
  if (workload.replicas >= max) {
    const detail = `autoscaler ${name} allows no more than ${max} Pods, and replace needs one more for a while`;
    return { why: 'wayImpossible', detail };
  }
  if (!movedLately(autoscaler, bench.now)) return undefined;
  const detail = `autoscaler ${name} scaled it at ${formatInstant(lastScaled)}, and may do so again`;
  return { why: 'scaledLately', detail };
}

function withoutBudget({ workload, budgets }: Judged, { choice }: Circumstances): Veto {
  return choice.kind === 'way' ? forbiddenByBudget(workload, { way: choice.way, budgets }) : undefined;
}

function withoutRoom({ workload, shortages }: Judged, { choice }: Circumstances): Veto {
  return choice.kind === 'way' ? quotaTooSmall(workload, choice.way, shortages) : undefined;
}

function downtimeOf({ kind, strategy }: Workload, way: Way): string {
  if (way === 'evict') return 'its only Pod would be evicted';
  if (strategy.kind === 'recreate') return 'strategy Recreate';
  const unavailable = 'its strategy lets every replica be unavailable';
  return kind === 'Rollout' ? `${unavailable}: Argo Rollouts evicts before it makes new Pods` : unavailable;
}

const isRetryDue = (at: string, { policy, now }: Pick<Bench, 'policy' | 'now'>): boolean =>
  now >= (parseInstant(at) ?? 0) + policy.onFailure.retryAfter;

const retryTime = (at: string, { policy }: Bench): string =>
  formatInstant((parseInstant(at) ?? 0) + policy.onFailure.retryAfter);
