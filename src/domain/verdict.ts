import type { Start } from './checkpoint.ts';
import { formatDuration } from './duration.ts';
import { isSameWant, newestReplicaSet, wantFor, type Injection } from './drift.ts';
import { formatInstant, isTakenBack, parseInstant } from './instant.ts';
import {
  keyOf,
  type ConfigChanges,
  type LeaveReason,
  type Namespace,
  type Pod,
  type Reason,
  type ReplicaSetRef,
  type StaleReason,
  unreachable,
  type Workload,
} from './model.ts';
import { namespaceSelected, workloadSelected, type Policy } from './policy.ts';
import { ownRecord, type RestartRecord } from './record.ts';
import { isRollingOut, wouldCauseDowntime } from './rollout.ts';
import { stalenessOf, type AgeReference, type Staleness } from './staleness.ts';

/** What is decided about one workload, and why. */
export type Verdict = Restart | Leave | InFlight;

export interface Restart extends Reason<StaleReason> {
  readonly kind: 'restart';
  readonly workload: Workload;
  /** Creation of its oldest live Pod, milliseconds since the epoch. */
  readonly oldestPod: number;
  /** What is wanted of it: the record keeps it (drift.ts, `wantFor`). */
  readonly want: string;
  /** Of its newest Pod. */
  readonly replicaSet: ReplicaSetRef;
  /** Its last restart failed: it goes last, and is no canary while there is another. */
  readonly failedBefore: boolean;
}

export interface Leave extends Reason<LeaveReason> {
  readonly kind: 'leave';
  readonly workload: Workload;
}

/** A restart of ours that an earlier run did not see to its end. */
export interface InFlight {
  readonly kind: 'inFlight';
  readonly workload: Workload;
  readonly record: RestartRecord;
}

/** What a verdict is made from, apart from the workload and its Pods. */
export interface Bench {
  readonly policy: Policy;
  /** As the look at the cluster showed them: what changes later belongs to the next sweep. */
  readonly configChanges: ConfigChanges;
  /** Hash of the criteria (policy.ts, `wantOf`). */
  readonly want: string;
  /** `NAMESPACE/CHECKPOINT`. */
  readonly by: string;
  readonly sweep: { readonly id: string; readonly begin: number };
  /** The starts that the checkpoint remembers for this `want`, by workload key. */
  readonly past: ReadonlyMap<string, Start>;
  /** The checkpoint was empty: records of any sweep may be of a run that died. */
  readonly pastUnknown: boolean;
  /** Wall clock, milliseconds. */
  readonly now: number;
  /** `--only`: nothing else is selected. */
  readonly only: string | undefined;
}

export interface Judged {
  readonly workload: Workload;
  /** Live Pods. */
  readonly pods: readonly Pod[];
  /** Undefined when the namespace is gone. */
  readonly namespace: Namespace | undefined;
  /** What came of trying one of its Pods; undefined where no criterion asks for it. */
  readonly injection: Injection | undefined;
}

const HOUR = 3_600_000;

/** One workload's verdict: what is ours and unfinished first, then the vetoes, then the criteria. */
export function judge(judged: Judged, bench: Bench): Verdict {
  const { workload, pods, injection } = judged;
  const { configChanges } = bench;
  const record = ownRecord(workload, bench.by);
  const age = ageReference(record, bench);
  const evidence = { namespace: workload.namespace, pods, age, injection, configChanges };
  const circumstances = {
    bench,
    staleness: stalenessOf(evidence, bench.policy.stale),
    want: wantFor(bench.want, injection),
  };
  if (record !== undefined && isUnfinished(judged, record, circumstances)) {
    return { kind: 'inFlight', workload, record };
  }
  const veto =
    untouchable(judged, bench) ??
    endedBefore(judged, record, circumstances) ??
    unsettled(judged, record, bench) ??
    doneThisSweep(record, circumstances) ??
    notStale(circumstances) ??
    rememberedEnd(workload, record, circumstances) ??
    unwise(workload, bench);
  const { staleness, want } = circumstances;
  if (veto !== undefined || staleness.kind !== 'stale') {
    return { kind: 'leave', workload, ...(veto ?? { why: 'fresh', detail: '' }) };
  }
  return {
    kind: 'restart',
    workload,
    why: staleness.why,
    detail: staleness.detail,
    oldestPod: Math.min(...pods.map(pod => pod.createdAt)),
    want,
    replicaSet: newestReplicaSet(pods),
    failedBefore: record?.outcome === 'failed',
  };
}

/** What one workload is judged by, besides what it is. */
interface Circumstances {
  readonly bench: Bench;
  readonly staleness: Staleness;
  /** Of this workload. */
  readonly want: string;
}

/** Pods that carry the T of this sweep never match what comes with time: age, and configuration that changes. */
export function ageReference(record: RestartRecord | undefined, { sweep }: Pick<Bench, 'sweep'>): AgeReference {
  return { begin: sweep.begin, restartedAt: record?.sweep === sweep.id ? record.at : undefined };
}

type Veto = Reason<LeaveReason> | undefined;

/**
 * Ours is in flight while it has no outcome and is not complete, or complete with live Pods that lack T or that match a
 * criterion under an unchanged `want`. A sweep closes only when nothing is in flight, so a record of an earlier sweep is
 * of a restart that ended; what happens to that workload since (a scale-up, a lost node, Pods that aged) is not ours.
 */
function isUnfinished(
  { workload, pods }: Judged,
  record: RestartRecord,
  { bench, staleness, want }: Circumstances,
): boolean {
  if (record.outcome !== undefined || workload.replicas === 0) return false;
  const past = bench.past.get(keyOf(workload));
  const remembered = past?.at === record.at;
  if (remembered && past.outcome === 'restarted') return false;
  const thisSweep = record.sweep === bench.sweep.id;
  const unfinished = remembered && past.outcome === undefined;
  if (!thisSweep && !unfinished && !bench.pastUnknown) return false;
  if (isRollingOut(workload) || workload.status.availableReplicas < workload.replicas) return true;
  if (pods.some(pod => pod.restartedAt !== record.at)) return true;
  if (!thisSweep || !isSameWant(record.want, want)) return false;
  return staleness.kind === 'stale' || (staleness.kind === 'unknown' && unfinished);
}

/** What neither Pods nor criteria would change. */
export function untouchable(
  { workload, namespace }: Pick<Judged, 'workload' | 'namespace'>,
  { policy, only }: Pick<Bench, 'policy' | 'only'>,
): Veto {
  if (only !== undefined && only !== keyOf(workload)) {
    return { why: 'notSelected', detail: `--only ${only}` };
  }
  if (namespace === undefined || namespace.deleting) {
    return { why: 'beingDeleted', detail: 'its namespace is being deleted' };
  }
  if (!namespaceSelected(policy, namespace)) return { why: 'notSelected', detail: 'its namespace is not selected' };
  if (!workloadSelected(policy, workload)) return { why: 'notSelected', detail: 'its name or labels are not selected' };
  if (namespace.optedOut) return { why: 'optedOut', detail: 'its namespace is annotated nightshift/restart: never' };
  if (workload.optedOut) return { why: 'optedOut', detail: 'it is annotated nightshift/restart: never' };
  if (workload.deleting) return { why: 'beingDeleted', detail: 'it has a deletion timestamp' };
  if (workload.paused) return { why: 'paused', detail: 'kubectl rollout resume would bring it back' };
  if (workload.replicas === 0) return { why: 'zeroReplicas', detail: 'it has no Pods to restart' };
  return undefined;
}

/** Left across sweeps until the template or the criteria change, or, but for ineffective, retryAfter has passed. */
function endedBefore(
  { workload }: Judged,
  record: RestartRecord | undefined,
  { bench, staleness, want }: Circumstances,
): Veto {
  if (record?.outcome === undefined || !isSameWant(record.want, want)) return undefined;
  // A failed rollout that came up by itself since is a good one.
  if (staleness.kind === 'fresh' && !isRollingOut(workload)) return undefined;
  if (record.outcome === 'ineffective') {
    const still = staleness.kind === 'stale' ? staleness.detail : 'not known to be fresh';
    return { why: 'ineffectiveBefore', detail: `restarted ${record.at} and still ${still}` };
  }
  if (isRetryDue(record.at, bench)) return undefined;
  return {
    why: 'failedBefore',
    detail: `${record.reason ?? 'failed'} at ${record.at}, retried after ${retryTime(record.at, bench)}`,
  };
}

function unsettled({ workload, pods }: Judged, record: RestartRecord | undefined, { policy }: Bench): Veto {
  const { status, replicas } = workload;
  // Our own failed rollout is still half done, and a retry is the way out of it.
  if (record?.outcome !== 'failed') {
    if (isRollingOut(workload)) {
      return {
        why: 'rolloutInProgress',
        detail: `${status.updatedReplicas} of ${replicas} Pods are of the newest template`,
      };
    }
    if (policy.availability.unhealthy === 'skip' && status.availableReplicas < replicas) {
      return { why: 'notHealthy', detail: `${status.availableReplicas} of ${replicas} Pods are available` };
    }
  }
  if (pods.length < status.replicas) {
    return {
      why: 'podsUnknown',
      detail: `${pods.length} of ${status.replicas} Pods belong to a ReplicaSet of its name`,
    };
  }
  return undefined;
}

function doneThisSweep(record: RestartRecord | undefined, { bench, want }: Circumstances): Veto {
  return record !== undefined &&
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

/** Only the checkpoint knows of a restart that was undone with its record, or that was never let through. */
function rememberedEnd(workload: Workload, record: RestartRecord | undefined, { bench, want }: Circumstances): Veto {
  // What was wanted then is written on it, and is not what is wanted now.
  if (record !== undefined && !isSameWant(record.want, want)) return undefined;
  const past = bench.past.get(keyOf(workload));
  if (past === undefined || !workload.uid.startsWith(past.uid) || past.template !== workload.template) return undefined;
  if (past.outcome === 'ineffective') return { why: 'ineffectiveBefore', detail: `restarted ${past.at} to no effect` };
  if (isRetryDue(past.at, bench)) return undefined;
  const until = `left until ${retryTime(past.at, bench)}`;
  if (past.outcome === 'denied')
    return { why: 'deniedBefore', detail: `the API server refused it at ${past.at}, ${until}` };
  if (past.outcome === 'failed') return { why: 'failedBefore', detail: `failed at ${past.at}, ${until}` };
  const tookEffect = workload.revision > past.revision && past.outcome !== 'superseded' && past.outcome !== 'gone';
  if (past.outcome === 'reverted' || (tookEffect && isTakenBack(workload.restartedAt, past.at))) {
    return { why: 'revertedBefore', detail: `restarted at ${past.at} and taken back by somebody, ${until}` };
  }
  return undefined;
}

function unwise(workload: Workload, { policy, now }: Bench): Veto {
  const standing = workload.restartedAt === undefined ? undefined : parseInstant(workload.restartedAt);
  if (standing !== undefined && standing > now + HOUR) {
    return {
      why: 'clockAhead',
      detail: `restartedAt is ${formatDuration(Math.floor((standing - now) / 1000) * 1000)} ahead of this clock`,
    };
  }
  if (policy.availability.downtime === 'skip' && !workload.downtimeAllowed && wouldCauseDowntime(workload)) {
    return {
      why: 'wouldCauseDowntime',
      detail:
        workload.strategy.kind === 'recreate' ? 'strategy Recreate' : 'its strategy lets every replica be unavailable',
    };
  }
  return undefined;
}

const isRetryDue = (at: string, { policy, now }: Bench): boolean =>
  now >= (parseInstant(at) ?? 0) + policy.onFailure.retryAfter;

const retryTime = (at: string, { policy }: Bench): string =>
  formatInstant((parseInstant(at) ?? 0) + policy.onFailure.retryAfter);
