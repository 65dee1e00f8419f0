import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { EMPTY, type Checkpoint, type Start, type Sweep } from '../src/domain/checkpoint.ts';
import { formatInstant } from '../src/domain/instant.ts';
import { newSweep } from '../src/domain/ledger.ts';
import {
  keyOf,
  type Autoscaler,
  type ContainerImage,
  type Namespace,
  type Needs,
  type Pod,
  type RolloutStatus,
  type Trouble,
  type Way,
  type Workload,
} from '../src/domain/model.ts';
import { parsePolicy, type Policy } from '../src/domain/policy.ts';
import { parseQuantity } from '../src/domain/quantity.ts';
import type { Amounts, PodUsage, Quota } from '../src/domain/quota.ts';
import { wantOf } from '../src/domain/want.ts';
import { formatRecord, type RestartRecord } from '../src/domain/record.ts';
import type { Outcome } from '../src/domain/report.ts';
import type { Bench, Judged } from '../src/domain/bench.ts';
import type { InFlight, Leave, Restart } from '../src/domain/verdict.ts';

/**
 * One night in a small shop, and a builder for each thing in it. What a test does not name is ordinary: the workload
 * `shop/web` has three healthy Pods that were made a month ago, and the policy calls Pods stale after a week.
 */

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The window opens and the sweep begins. */
export const BEGIN = Date.parse('2026-11-24T01:00:00Z');
/** Ten minutes later: the present of the tests. */
export const NOW = BEGIN + 10 * MINUTE;
export const SWEEP = formatInstant(BEGIN);
/** T of a restart of this sweep. */
export const T = formatInstant(BEGIN + 5 * MINUTE);
/** When the Pods were made. */
export const LAST_MONTH = BEGIN - 30 * DAY;
export const BY = 'ops/nightshift-checkpoint';
export const RUN = '20261124T011000Z-beef';
export const OCCURRENCE = { name: 'nights', opensAt: BEGIN };

/** A document as people write it, every key of which can be given; windows are open from 01:00 to 05:00 UTC. */
export function aPolicy(document: Readonly<Record<string, unknown>> = {}): Policy {
  const parsed = parsePolicy(policyText(document));
  return parsed.kind === 'valid' ? parsed.policy : assert.fail(JSON.stringify(parsed.problems));
}

/** JSON is YAML. */
export function policyText(document: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    apiVersion: 'nightshift/v1alpha1',
    kind: 'RestartPolicy',
    windows: { allow: [{ name: 'nights', opens: '0 1 * * *', lasts: '4h' }] },
    stale: [{ podOlderThan: '7d' }],
    ...document,
  });
}

/** The `stale` list that looks for the sidecar `proxy:2`. */
export const WANTS_PROXY_2 = [{ container: 'proxy', imageNot: ['proxy:2'] }];

/** The hash of the criteria of a policy without further words. */
export const WANT = wantOf(aPolicy());

export type GivenWorkload = Partial<Omit<Workload, 'status'>> & { readonly status?: Partial<RolloutStatus> };

/** A Deployment whose rollout is complete, whatever its number of replicas. */
export function aWorkload({ status, ...given }: GivenWorkload = {}): Workload {
  const { namespace = 'shop', name = 'web', replicas = 3, generation = 7 } = given;
  return {
    kind: 'Deployment',
    namespace,
    name,
    uid: uidOf(`${namespace}/${name}`),
    resourceVersion: '100',
    generation,
    labels: { app: name },
    optedOut: false,
    downtimeAllowed: false,
    way: undefined,
    priority: undefined,
    record: undefined,
    owner: undefined,
    deleting: false,
    paused: false,
    replicas,
    strategy: { kind: 'rollingUpdate', maxSurge: '25%', maxUnavailable: '25%' },
    selector: `app=${name}`,
    restartedAt: undefined,
    template: 'template-1',
    podTemplate: undefined,
    revision: 4,
    awaits: undefined,
    ...given,
    status: {
      observedGeneration: generation,
      replicas,
      updatedReplicas: replicas,
      availableReplicas: replicas,
      terminatingReplicas: 0,
      progressing: { reason: 'NewReplicaSetAvailable', message: '', lastUpdateTime: formatInstant(LAST_MONTH) },
      replicaFailure: undefined,
      ...status,
    },
  };
}

const uidOf = (key: string): string =>
  `${createHash('sha256').update(key).digest('hex').slice(0, 8)}-0000-4000-8000-000000000000`;

/** The workload with a restart of ours in force, complete: the record fits its template. */
export function aRestarted(given: GivenWorkload = {}, record: Partial<RestartRecord> = {}): Workload {
  const ours = aRecord({ template: given.template ?? 'template-1', ...record });
  return aWorkload({ restartedAt: ours.at, record: formatRecord(ours), revision: 5, ...given });
}

export function aRecord(given: Partial<RestartRecord> = {}): RestartRecord {
  return {
    at: T,
    by: BY,
    run: RUN,
    sweep: SWEEP,
    why: 'podTooOld',
    want: WANT,
    template: 'template-1',
    ...given,
  };
}

/** Of containers that are called like their images: `app` and `proxy`. */
export const imagesOf = (...images: readonly string[]): ContainerImage[] =>
  images.map(image => ({ container: image.split(':')[0] ?? '', image, imageId: undefined }));

export function aPod(given: Partial<Pod> = {}): Pod {
  return {
    name: 'web-1-a',
    uid: `uid of ${given.name ?? 'web-1-a'}`,
    ready: given.troubles === undefined,
    createdAt: LAST_MONTH,
    restartedAt: undefined,
    terminating: false,
    replicaSet: { name: 'web-1', uid: 'replicaset-1' },
    images: imagesOf('app:1', 'proxy:1'),
    shape: undefined,
    reads: [],
    troubles: [],
    ...given,
  };
}

/** Of a policy that asks for images and ages only. */
export const NO_NEEDS: Needs = { kinds: ['Deployment'], shapes: false, config: false, volumes: false, secrets: false };

/** Pods of one workload, all alike but for their names. */
export const somePods = (count: number, given: Partial<Pod> = {}): Pod[] =>
  Array.from({ length: count }, (_, index) => aPod({ name: `web-1-${index}`, ...given }));

/** A Pod that T's rollout made. */
export const aFreshPod = (given: Partial<Pod> = {}): Pod =>
  aPod({
    createdAt: Date.parse(T),
    restartedAt: T,
    images: imagesOf('app:1', 'proxy:2'),
    ...given,
  });

export const aTrouble = (given: Partial<Trouble & { kind: 'waiting' }> = {}): Trouble => ({
  kind: 'waiting',
  container: 'app',
  init: false,
  reason: 'CrashLoopBackOff',
  message: 'back-off 10s',
  exitCode: 1,
  restarts: 3,
  ...given,
});

export const aNamespace = (given: Partial<Namespace> = {}): Namespace => ({
  name: 'shop',
  labels: {},
  optedOut: false,
  deleting: false,
  ...given,
});

export function aBench(given: Partial<Bench> = {}): Bench {
  const policy = given.policy ?? aPolicy();
  return {
    policy,
    configChanges: new Map(),
    want: wantOf(policy),
    by: BY,
    sweep: { id: SWEEP, begin: BEGIN },
    past: new Map(),
    pastUnknown: false,
    now: NOW,
    only: undefined,
    ...given,
  };
}

/** The workload with as many stale Pods as its status counts. */
export function aJudged(given: Partial<Judged> = {}): Judged {
  const workload = given.workload ?? aWorkload();
  return {
    workload,
    pods: somePods(workload.status.replicas),
    namespace: aNamespace({ name: workload.namespace }),
    injection: undefined,
    autoscaler: undefined,
    budgets: [],
    shortages: [],
    ...given,
  };
}

/** Quantities as people write them. */
export const amountsOf = (texts: Readonly<Record<string, string>>): Amounts =>
  new Map(Object.entries(texts).map(([name, text]) => [name, parseQuantity(text) ?? assert.fail(text)] as const));

/** Of `shop`, for all of its Pods, with room for one more. */
export function aQuota({
  hard = { pods: '4' },
  used = { pods: '3' },
  ...given
}: Partial<Omit<Quota, 'hard' | 'used'>> & {
  readonly hard?: Readonly<Record<string, string>>;
  readonly used?: Readonly<Record<string, string>>;
} = {}): Quota {
  return { namespace: 'shop', name: 'compute', counts: [], ...given, hard: amountsOf(hard), used: amountsOf(used) };
}

export const aUsage = (amounts: Readonly<Record<string, string>> = { pods: '1' }): PodUsage => ({
  amounts: amountsOf(amounts),
  scopes: {},
});

/** Of `shop/web`, which it scaled an hour ago. */
export const anAutoscaler = (given: Partial<Autoscaler> = {}): Autoscaler => ({
  name: 'web',
  min: 2,
  max: 10,
  lastScaled: NOW - HOUR,
  ...given,
});

/** A workload that is to be restarted. */
export function aRestart({
  oldestPod = LAST_MONTH,
  failedBefore = false,
  by: way = 'rollout',
  autoscaler,
  ...given
}: GivenWorkload &
  Partial<Pick<Restart, 'oldestPod' | 'failedBefore' | 'autoscaler'>> & { readonly by?: Way } = {}): Restart {
  const workload = aWorkload(given);
  const replicaSet = { name: `${workload.name}-1`, uid: 'replicaset-1' };
  return {
    kind: 'restart',
    workload,
    why: 'podTooOld',
    detail: 'old',
    oldestPod,
    want: WANT,
    way,
    because: '',
    replicaSet,
    has: [],
    autoscaler,
    failedBefore,
  };
}

export const aLeave = (why: Leave['why'], given: GivenWorkload = {}): Leave => ({
  kind: 'leave',
  workload: aWorkload(given),
  why,
  detail: `left: ${why}`,
});

/** A restart of ours that nobody saw end. */
export function anInFlight(given: GivenWorkload = {}, record: Partial<RestartRecord> = {}): InFlight {
  const updated = { updatedReplicas: 1, ...given.status };
  return { kind: 'inFlight', workload: aRestarted({ ...given, status: updated }, record), record: aRecord(record) };
}

export function anOutcome(given: Partial<Outcome> = {}): Outcome {
  const { namespace = 'shop', name = 'web' } = given;
  return {
    kind: 'Deployment',
    uid: uidOf(keyOf({ kind: 'Deployment', namespace, name })),
    outcome: 'restarted',
    detail: '',
    seconds: 40,
    ...given,
    namespace,
    name,
  };
}

/** A start of `shop/web` (or another) in this sweep. */
export const aStart = (given: Partial<Start> = {}): Start => ({
  workload: 'shop/web',
  uid: uidOf(given.workload ?? 'shop/web').slice(0, 8),
  at: T,
  template: 'template-1',
  revision: 4,
  ...given,
});

export const aSweep = (given: Partial<Sweep> = {}): Sweep => ({ ...newSweep(BEGIN), ...given });

/** In the middle of a night: a sweep and an occurrence are open. */
export function aCheckpoint(given: Partial<Checkpoint> = {}): Checkpoint {
  return {
    ...EMPTY,
    save: { run: 'the run before', number: 8 },
    want: WANT,
    sweep: aSweep(),
    occurrence: { name: OCCURRENCE.name, opensAt: formatInstant(OCCURRENCE.opensAt), failures: 0, done: 0 },
    ...given,
  };
}
