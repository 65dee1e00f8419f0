import type { Bench, Judged } from './bench.ts';
import type { Start } from './checkpoint.ts';
import { newestReplicaSet } from './drift.ts';
import {
  keyOf,
  type Autoscaler,
  type LeaveReason,
  type Reason,
  type ReplicaSetRef,
  type StaleReason,
  type Way,
  type Workload,
} from './model.ts';
import { isOfRestart } from './newness.ts';
import { ownRecord, type RestartRecord } from './record.ts';
import { isRollingOut } from './rollout.ts';
import { isOwed, isSameWorkload, isSeenToTheEnd } from './starts.ts';
import { hasContainer, namedContainers, stalenessOf, type AgeReference } from './staleness.ts';
import { fought, untouchable, vetoOf, type Circumstances } from './vetoes.ts';
import { isSameWant, wantFor } from './want.ts';
import { obstacleTo, wayOf } from './way.ts';

/** What is decided about one workload, and why. */
export type Verdict = Restart | Leave | InFlight;

export interface Restart extends Reason<StaleReason> {
  readonly kind: 'restart';
  readonly workload: Workload;
  /** Creation of its oldest live Pod, milliseconds since the epoch. */
  readonly oldestPod: number;
  /** What is wanted of it: the record keeps it (drift.ts, `wantFor`). */
  readonly want: string;
  readonly way: Way;
  /** Why by that way, '' where there is nothing to say. */
  readonly because: string;
  /** Of its newest Pod. */
  readonly replicaSet: ReplicaSetRef;
  /** Containers whose image is asked about and that its Pods have: the new ones have to have them, too. */
  readonly has: readonly string[];
  readonly autoscaler: Autoscaler | undefined;
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

/** One workload's verdict: what is ours and unfinished first, then the vetoes, then the criteria. */
export function judge(judged: Judged, bench: Bench): Verdict {
  const { workload, pods, injection } = judged;
  const { configChanges } = bench;
  const record = withItsEnd(ownRecord(workload, bench.by), bench.past.get(keyOf(workload)));
  const age = ageReference(record, bench);
  const { namespace, kind } = workload;
  const evidence = { namespace, kind, pods, age, injection, configChanges };
  const staleness = stalenessOf(evidence, bench.policy.stale);
  const choice = wayOf(workload, staleness.kind === 'stale' ? staleness.way : undefined, bench.policy);
  const circumstances = { bench, staleness, choice, want: wantFor(bench.want, injection) };
  const isOdd = record?.replicas !== undefined && !isOwed(workload, bench);
  if (record !== undefined && !isOdd && mayGoOn(judged, record, bench) && isUnfinished(judged, record, circumstances)) {
    return { kind: 'inFlight', workload, record };
  }
  const veto = vetoOf(judged, record, circumstances);
  const { want } = circumstances;
  if (veto !== undefined || staleness.kind !== 'stale' || choice.kind !== 'way') {
    return { kind: 'leave', workload, ...(veto ?? { why: 'fresh', detail: '' }) };
  }
  return {
    kind: 'restart',
    workload,
    why: staleness.why,
    detail: staleness.detail,
    way: choice.way,
    because: choice.because,
    oldestPod: Math.min(...pods.map(pod => pod.createdAt)),
    want,
    replicaSet: newestReplicaSet(pods),
    has: namedContainers(bench.policy.stale).filter(name => pods.some(pod => hasContainer(pod, name))),
    autoscaler: judged.autoscaler,
    failedBefore: record?.outcome === 'failed',
  };
}

/** Of a restart by another way than a rollout, whose end stands in the checkpoint and could not be written on the workload any more. */
function withItsEnd(record: RestartRecord | undefined, past: Start | undefined): RestartRecord | undefined {
  const isOpen = record?.way !== undefined && record.outcome === undefined && past?.at === record.at;
  const outcome = isOpen ? ENDS.find(end => end === past.outcome) : undefined;
  return record !== undefined && outcome !== undefined ? { ...record, outcome } : record;
}

const ENDS = ['failed', 'ineffective', 'denied', 'reverted'] as const;

/**
 * A rollout goes on by itself. By the other ways more would be done to it, so that whatever forbids to begin forbids to go on:
 * a selection, an annotation, a policy that does not go that way any more, an autoscaler before its spare Pod is there.
 */
function mayGoOn(judged: Judged, { way, replicas }: RestartRecord, bench: Bench): boolean {
  if (way === undefined) return true;
  const isFought = way === 'replace' && replicas === undefined && fought(judged, bench) !== undefined;
  return (
    untouchable(judged, bench) === undefined &&
    obstacleTo(way, judged.workload, bench.policy) === undefined &&
    !isFought
  );
}

/** Pods that carry the T of this sweep never match what comes with time: age, and configuration that changes. */
export function ageReference(record: RestartRecord | undefined, { sweep }: Pick<Bench, 'sweep'>): AgeReference {
  return { begin: sweep.begin, restartedAt: record?.sweep === sweep.id ? record.at : undefined };
}

/**
 * Ours is in flight while it has no outcome and is not complete, or complete with live Pods that lack T (where the template
 * has it) or that match a criterion under an unchanged `want`; and while it has one Pod more than is wanted. A sweep closes only when nothing is in flight, so a record of an earlier sweep is
 * of a restart that ended; what happens to that workload since (a scale-up, a lost node, Pods that aged) is not ours.
 */
function isUnfinished(
  { workload, pods }: Judged,
  record: RestartRecord,
  { bench, staleness, want }: Circumstances,
): boolean {
  if (record.replicas !== undefined && record.outcome === undefined) return true;
  if (record.outcome !== undefined || workload.replicas === 0) return false;
  const past = bench.past.get(keyOf(workload));
  if (isSeenToTheEnd(past, record)) return false;
  const thisSweep = record.sweep === bench.sweep.id;
  // It was named before T was known, and the run may have died before it saved T.
  const unfinished =
    past !== undefined && past.outcome === undefined && isSameWorkload(past, workload) && past.at <= record.at;
  if (!thisSweep && !unfinished && !bench.pastUnknown) return false;
  if (isRollingOut(workload)) return true;
  // Of those that nobody remembers any more, one that lost a Pod since is not in flight: a node may be gone.
  // A StatefulSet and a DaemonSet count a Pod on its way out as available.
  const isAvailable = Math.min(workload.status.availableReplicas, pods.length) >= workload.replicas;
  if (!isAvailable && (unfinished || bench.pastUnknown)) return true;
  // A rollout is done when its old Pods are gone, whoever looks; later ones on their way out are none of ours.
  if (unfinished && (workload.status.terminatingReplicas ?? 0) > 0) return true;
  const restart = { kind: workload.kind, at: record.at };
  if (record.way === undefined && !pods.every(pod => isOfRestart(pod, restart))) return true;
  if (!thisSweep || !isSameWant(record.want, want)) return false;
  return staleness.kind === 'stale' || (staleness.kind === 'unknown' && unfinished);
}
