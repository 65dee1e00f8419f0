import type { Strategy } from '../domain/model.ts';
import { at, countAt, listAt, numberAt, textAt, textsAt } from './json.ts';
import type { Resource } from './resource.ts';

/** A Rollout of Argo Rollouts, as its controller of 1.10 reads it and writes about it. */

export const ROLLOUTS: Resource = {
  name: 'rollouts.argoproj.io',
  group: 'argoproj.io',
  plural: 'rollouts',
  root: '/apis/argoproj.io/v1alpha1',
  namespaced: true,
  custom: true,
};

/** Its controller evicts every Pod that was created before this time, and makes new ones of the same template. */
export const RESTART_AT = ['spec', 'restartAt'];

/** The label that tells its ReplicaSets apart, and ends their names. */
export const ROLLOUT_HASH = 'rollouts-pod-template-hash';

/** Of the Pods that are there, without a surge: as many at once as may be unavailable, one at least. */
export function strategyOfRollout(object: unknown, replicas: number): Strategy {
  const ref = at(object, 'spec', 'workloadRef');
  if (ref !== undefined && ref !== null) {
    return { kind: 'templateElsewhere', of: `${textAt(ref, 'kind') ?? ''} ${textAt(ref, 'name') ?? ''}` };
  }
  return { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: atOnce(object, replicas) };
}

/** rollout/restart.go, and MaxUnavailable in utils/replicaset: shares round down, and `25` as a text is a share as well. */
function atOnce(object: unknown, replicas: number): number {
  const strategy = at(object, 'spec', 'strategy', 'blueGreen') ?? at(object, 'spec', 'strategy', 'canary');
  const percent = /^(\d{1,3})%?$/.exec(textAt(strategy, 'maxUnavailable') ?? '25%')?.[1] ?? '0';
  const bound = numberAt(strategy, 'maxUnavailable') ?? Math.floor((Number(percent) * replicas) / 100);
  return Math.max(1, Math.min(bound, replicas));
}

/** It is a text; 0 where it is no number. */
export function observedGenerationOf(status: unknown): number {
  const text = textAt(status, 'observedGeneration') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/**
 * What it has to be brought through before it is healthy, as a phrase; undefined when it is, and where its counters of
 * replicas tell all. The order of checks is that of its controller (utils/rollout CalculateRolloutPhase).
 */
export function rolloutAwaits(object: unknown): string | undefined {
  const status = at(object, 'status');
  const message = textAt(status, 'message') ?? '';
  if (at(status, 'abort') === true) return `its update was aborted: ${message}`;
  const invalid = listAt(status, 'conditions').find(condition => textAt(condition, 'type') === 'InvalidSpec');
  if (invalid !== undefined) return `Argo Rollouts does not take its spec: ${textAt(invalid, 'message') ?? ''}`;
  const [pause] = listAt(status, 'pauseConditions');
  if (pause !== undefined) return `its ${updateOf(object)} is paused: ${textAt(pause, 'reason') ?? ''}`;
  const hash = textAt(status, 'currentPodHash');
  const isActive = textAt(status, 'blueGreen', 'activeSelector') === hash;
  if (hash !== textAt(status, 'stableRS') || (isBlueGreen(object) && !isActive)) {
    return `its ${updateOf(object)} is under way: ${message}`;
  }
  const restartAt = textAt(object, ...RESTART_AT);
  if (restartAt !== undefined && !isSameTime(restartAt, textAt(status, 'restartedAt'))) {
    return `its restart of ${restartAt} is under way`;
  }
  const phase = textAt(status, 'phase');
  return phase === 'Healthy' || !countersAreGood(object)
    ? undefined
    : `it is ${phase ?? 'without a phase'}: ${message}`;
}

const isBlueGreen = (object: unknown): boolean => at(object, 'spec', 'strategy', 'blueGreen') !== undefined;

/** With the step of a canary that it is at. */
function updateOf(object: unknown): string {
  if (isBlueGreen(object)) return 'blue-green update';
  const steps = listAt(object, 'spec', 'strategy', 'canary', 'steps').length;
  const index = numberAt(object, 'status', 'currentStepIndex');
  return index === undefined || steps === 0
    ? 'canary update'
    : `canary update (step ${Math.min(index + 1, steps)} of ${steps})`;
}

function isSameTime(one: string, other: string | undefined): boolean {
  return other !== undefined && (one === other || Date.parse(one) === Date.parse(other));
}

/** A Pod that is missing or not available yet is no rollout, and shows in the counters. */
function countersAreGood(object: unknown): boolean {
  const wanted = numberAt(object, 'spec', 'replicas') ?? 1;
  const count = (name: string): number => countAt(object, 'status', name);
  const [replicas, updated, available] = [count('replicas'), count('updatedReplicas'), count('availableReplicas')];
  return updated >= wanted && available >= updated && replicas <= updated;
}

/** What it puts on the Pods of the version that serves, beside their template. */
export function lastingMetadataOf(object: unknown) {
  const strategy = at(object, 'spec', 'strategy');
  const metadata = at(strategy, 'blueGreen', 'activeMetadata') ?? at(strategy, 'canary', 'stableMetadata');
  return { labels: textsAt(metadata, 'labels'), annotations: textsAt(metadata, 'annotations') };
}
