import type { PodShape } from './shape.ts';

/**
 * The words of nightshift, as types. Everything here is a projection: only what a verdict, a restart or a
 * report needs is kept of an API object, so that a large cluster fits into a small Pod.
 */

/** What is restarted, the first where nothing else is said. */
export const KINDS = ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout'] as const;
export type Kind = (typeof KINDS)[number];

/** Where an object lives. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** Where a workload lives. Names are unique in a namespace for one kind. */
export interface WorkloadRef extends ObjectRef {
  readonly kind: Kind;
}

/** Its name among those of a namespace: with the kind where it is no Deployment. */
export const titleOf = ({ name, kind }: WorkloadRef): string => (kind === 'Deployment' ? name : `${name} (${kind})`);

/** The key under which maps hold a workload, and how a person reads it: `NAMESPACE/NAME`, or `NAMESPACE/NAME (KIND)`. */
export const keyOf = (ref: WorkloadRef): string => `${ref.namespace}/${titleOf(ref)}`;

/** What a person calls it, whatever its kind: `NAMESPACE/NAME`. */
export const isCalled = ({ namespace, name }: ObjectRef, text: string): boolean => `${namespace}/${name}` === text;

/** The annotation that a restart sets on the Pod template, the same as `kubectl rollout restart`. */
export const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
/** The record: what nightshift did to this workload last, as compact JSON on the workload itself. */
export const LAST_RESTART = 'nightshift/last-restart';
/** `never` opts out: on a workload, its Pod template or its Namespace. */
export const RESTART_OPT_OUT = 'nightshift/restart';
/** `allow`, on a workload: it may be restarted although no Pod of it is there meanwhile. */
export const DOWNTIME = 'nightshift/downtime';
/** A way to restart it, on a workload; else the policy says. */
export const WAY = 'nightshift/way';
/** An integer; higher goes first. */
export const PRIORITY = 'nightshift/priority';

/**
 * How the Pods of a workload come to be new ones. By its own rollout, after a change of its template; or with the template
 * as it is, by evictions, one after the other, each after the replacement of the one before; or so with one Pod more
 * than it wants meanwhile.
 */
export const WAYS = ['rollout', 'replace', 'evict'] as const;
export type Way = (typeof WAYS)[number];

/** A Deployment, StatefulSet, DaemonSet or Rollout (Argo Rollouts), reduced to what is judged and watched. */
export interface Workload extends WorkloadRef {
  readonly uid: string;
  /** The version that was read. A restart is conditional on it. */
  readonly resourceVersion: string;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the workload and of its Pod template: `nightshift/restart: never` on either. */
  readonly optedOut: boolean;
  /** `nightshift/downtime: allow` on the workload. */
  readonly downtimeAllowed: boolean;
  /** `nightshift/way` as it stands there, undefined when absent. */
  readonly way: string | undefined;
  /** `nightshift/priority` as it stands there, undefined when absent. */
  readonly priority: string | undefined;
  /** `nightshift/last-restart` as it stands there, undefined when absent. */
  readonly record: string | undefined;
  /** The controller that it belongs to, undefined for one of its own: whatever is changed in it that one may change back. */
  readonly owner: Owner | undefined;
  readonly deleting: boolean;
  readonly paused: boolean;
  /** spec.replicas, 1 when absent. */
  readonly replicas: number;
  readonly strategy: Strategy;
  /** spec.selector as a label selector string, for listing its Pods. */
  readonly selector: string;
  /** The template's `kubectl.kubernetes.io/restartedAt`, of a Rollout `spec.restartAt`; undefined when absent. */
  readonly restartedAt: string | undefined;
  /** Hash of spec.template without restartedAt: two equal hashes mean that nothing else changed in it. */
  readonly template: string;
  /** spec.template as deflated JSON, for a dry run of a Pod; undefined where nobody needs it. */
  readonly podTemplate: Uint8Array | undefined;
  /** Grows with each new or returned Pod template: `deployment.kubernetes.io/revision`, 0 when absent; of other kinds the generation. */
  readonly revision: number;
  /** What its controller has still to do, where the counters of the status do not tell; undefined for most kinds. */
  readonly awaits: string | undefined;
  readonly status: RolloutStatus;
}

/** What an owner reference says. */
export interface Owner {
  /** `KIND.GROUP`: `Kafka.kafka.strimzi.io`; the kind alone for the core group. */
  readonly kind: string;
  readonly name: string;
}

/** The strategy with what decides about downtime; percentages as they stand in the spec. */
export type Strategy =
  | { readonly kind: 'recreate' }
  /** Pods are made anew when somebody deletes them. */
  | { readonly kind: 'onDelete' }
  /** A StatefulSet whose Pods below this ordinal keep their template. */
  | { readonly kind: 'partitioned'; readonly partition: number }
  /** A Rollout whose Pod template is another object's: `Deployment web`. */
  | { readonly kind: 'templateElsewhere'; readonly of: string }
  | { readonly kind: 'rollingUpdate'; readonly maxSurge: number | string; readonly maxUnavailable: number | string };

/** A HorizontalPodAutoscaler, which may change the replicas of its workload at any time. */
export interface Autoscaler {
  readonly name: string;
  /** Replicas that it leaves at least, 1 when absent, and at most. */
  readonly min: number;
  readonly max: number;
  /** When it changed the replicas last, milliseconds since the epoch; undefined for never. */
  readonly lastScaled: number | undefined;
}

/** The counters of `kubectl rollout status`, zero when the API server leaves them out. */
export interface RolloutStatus {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly availableReplicas: number;
  /** Pods on their way out; undefined where the API server does not serve the field (before 1.35). */
  readonly terminatingReplicas: number | undefined;
  /** The condition of type Progressing. */
  readonly progressing: Condition | undefined;
  /** The message of a true ReplicaFailure condition (quota, admission), undefined otherwise. */
  readonly replicaFailure: string | undefined;
}

export interface Condition {
  readonly reason: string;
  readonly message: string;
  readonly lastUpdateTime: string;
}

/** A Pod of the workload, not terminal. It is *live* unless it is terminating. */
export interface Pod {
  readonly name: string;
  readonly uid: string;
  /** Its condition Ready is true. */
  readonly ready: boolean;
  /** Milliseconds since the epoch, 0 where the API server does not tell. */
  readonly createdAt: number;
  /** The restartedAt annotation that it got from its template; no word of a restart for Pods of a Rollout (newness.ts). */
  readonly restartedAt: string | undefined;
  /** It has a deletionTimestamp. */
  readonly terminating: boolean;
  /** The ReplicaSet that controls it, or the StatefulSet or DaemonSet itself. */
  readonly replicaSet: ReplicaSetRef;
  /** Containers and initContainers with the image that the spec names. */
  readonly images: readonly ContainerImage[];
  /** What admission may have put into it; undefined where nobody needs to know. */
  readonly shape: PodShape | undefined;
  /** What it read when it started, as `configmap/NAME` and `secret/NAME`; empty where nobody needs to know. */
  readonly reads: readonly string[];
  /** What keeps it from running, in the order containers start; empty for a healthy Pod. */
  readonly troubles: readonly Trouble[];
}

export interface ContainerImage {
  readonly container: string;
  readonly image: string;
  /** What the node says it runs, with its digest; undefined before the first start. */
  readonly imageId: string | undefined;
}

export interface ReplicaSetRef {
  /** `WORKLOAD-<pod-template-hash>`. */
  readonly name: string;
  readonly uid: string;
}

/** What has to be known, because the policy asks for it: the rest is not read, or not kept. */
export interface Needs {
  readonly kinds: readonly Kind[];
  /** Pod templates and what admission makes of them. */
  readonly shapes: boolean;
  /** What Pods read when they started, and when that changed; with mounted volumes; with Secrets. */
  readonly config: boolean;
  readonly volumes: boolean;
  readonly secrets: boolean;
}

/** When the data of ConfigMaps and Secrets changed last: `configmap/NAMESPACE/NAME` -> milliseconds since the epoch. */
export type ConfigChanges = ReadonlyMap<string, number>;

/**
 * A container that waits for a reason or that ended with an error, or a Pod that no node takes. The words are those of
 * kubelet and scheduler; `Error` stands for a container that failed and is ended or running again, but not ready.
 */
export type Trouble =
  | { readonly kind: 'unschedulable'; readonly message: string }
  | {
      readonly kind: 'waiting';
      readonly container: string;
      readonly init: boolean;
      readonly reason: string;
      readonly message: string;
      /** Of the last termination, undefined when it never ran. */
      readonly exitCode: number | undefined;
      /** How often it was started again. */
      readonly restarts: number;
    };

/** What nightshift needs to know of a Namespace. */
export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly optedOut: boolean;
  readonly deleting: boolean;
}

/** Why a workload is stale. Closed sets of codes: log, report, Event, record and docs share them. */
export const STALE_REASONS = ['podTooOld', 'containerImage', 'injectionDrift', 'configChanged'] as const;
export type StaleReason = (typeof STALE_REASONS)[number];

/** Why a workload is left alone. */
export type LeaveReason =
  | 'fresh'
  | 'optedOut'
  | 'notSelected'
  | 'ownedByAnother'
  | 'paused'
  | 'zeroReplicas'
  | 'beingDeleted'
  | 'rolloutInProgress'
  | 'notHealthy'
  | 'podsUnknown'
  | 'unknown'
  | 'failedBefore'
  | 'ineffectiveBefore'
  | 'revertedBefore'
  | 'deniedBefore'
  | 'restartedThisSweep'
  | 'restartedBefore'
  | 'clockAhead'
  | 'wouldCauseDowntime'
  | 'wayImpossible'
  | 'scaledLately'
  | 'budgetForbids'
  | 'quotaTooSmall';

/** Why a restart failed. */
export type FailureReason =
  | 'crashLoopBackOff'
  | 'imagePull'
  | 'containerConfig'
  | 'initContainer'
  | 'progressDeadline'
  | 'unschedulable'
  | 'failedCreate'
  | 'timeout'
  | 'notProven';

/** What became of a restart. `interrupted`: the run ended first, the rollout is still in flight. */
export const OUTCOMES = [
  'restarted',
  'failed',
  'undone',
  'ineffective',
  'reverted',
  'superseded',
  'gone',
  'denied',
  'interrupted',
] as const;
export type OutcomeKind = (typeof OUTCOMES)[number];

/** A code and the sentence that goes with it. */
export interface Reason<Code extends string> {
  readonly why: Code;
  readonly detail: string;
}

/** The end of every switch over a union: a new member that nobody handles is a type error here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
