import type { ContainerImage, Needs, Pod, Trouble, WorkloadRef } from '../domain/model.ts';
import { RESTARTED_AT } from '../domain/model.ts';
import { ROLLOUT_HASH } from './argo-rollouts.ts';
import type { Interner } from './interner.ts';
import { readsOf } from './config.ts';
import { at, listAt, numberAt, textAt } from './json.ts';
import { kindOf } from './kinds.ts';
import { projectShape } from './pod-shape.ts';
import { isBeingDeleted, LONGEST_VALUE } from './workload-projection.ts';

/** The labels by which kinds tell their ReplicaSets apart. */
const TEMPLATE_HASHES = [
  { kind: 'Deployment', label: 'pod-template-hash' },
  { kind: 'Rollout', label: ROLLOUT_HASH },
] as const;
/** What every container says on its way to a first start. */
const STARTING = new Set(['PodInitializing', 'ContainerCreating']);
const HEALTHY: readonly Trouble[] = [];
const NOTHING: readonly string[] = [];

/** A Pod as the API server sends it, reduced to what nightshift judges. Never throws. */
export function projectPod(pod: unknown, interner: Interner, needs: Needs): Pod {
  const created = Date.parse(textAt(pod, 'metadata', 'creationTimestamp') ?? '');
  const restartedAt = textAt(pod, 'metadata', 'annotations', RESTARTED_AT)?.slice(0, LONGEST_VALUE);
  const controller = controllerOf(pod);
  const replicaSet = interner.replicaSet(textAt(controller, 'name') ?? '', textAt(controller, 'uid') ?? '');
  return {
    name: textAt(pod, 'metadata', 'name') ?? '',
    uid: textAt(pod, 'metadata', 'uid') ?? '',
    ready: isReady(pod),
    createdAt: Number.isNaN(created) ? 0 : created,
    restartedAt: restartedAt === undefined ? undefined : interner.text(restartedAt),
    terminating: isBeingDeleted(pod),
    replicaSet,
    images: imagesOf(pod, interner),
    shape: needs.shapes ? projectShape(pod, interner, namesOf(pod, controller)) : undefined,
    reads: needs.config ? interner.list(readsOf(pod, needs)) : NOTHING,
    troubles: troublesOf(pod),
  };
}

/** What is another text in each Pod, or after each restart, wherever it is written. */
function namesOf(pod: unknown, controller: unknown): readonly string[] {
  switch (textAt(controller, 'kind')) {
    case 'ReplicaSet':
      return [textAt(controller, 'name') ?? '', textAt(controller, 'uid') ?? ''];
    case 'StatefulSet':
      return [textAt(pod, 'metadata', 'name') ?? ''];
    default:
      return [];
  }
}

function isReady(pod: unknown): boolean {
  return listAt(pod, 'status', 'conditions').some(
    condition => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}

/** Whether its containers have ended for good. Such Pods stay listed until somebody removes them. */
export function isTerminal(pod: unknown): boolean {
  const phase = textAt(pod, 'status', 'phase');
  return phase === 'Succeeded' || phase === 'Failed';
}

/**
 * The workload that the Pod belongs to. A Deployment's has the ReplicaSet `DEPLOYMENT-<pod-template-hash>` as its
 * controller, and so has a Rollout's, by a label of another name. Undefined for any other Pod, also for one of an adopted ReplicaSet of another name: that costs a read to
 * find out.
 */
export function controlledBy(pod: unknown): Pick<WorkloadRef, 'kind' | 'name'> | undefined {
  const controller = controllerOf(pod);
  const name = textAt(controller, 'name') ?? '';
  const kind = textAt(controller, 'kind');
  if (kind !== 'ReplicaSet') {
    const known = kindOf(kind);
    const isOfReplicaSets = TEMPLATE_HASHES.some(hashed => hashed.kind === known);
    return known === undefined || isOfReplicaSets ? undefined : { kind: known, name };
  }
  for (const hashed of TEMPLATE_HASHES) {
    const hash = textAt(pod, 'metadata', 'labels', hashed.label);
    const suffix = `-${hash}`;
    if (hash !== undefined && hash !== '' && name.endsWith(suffix)) {
      return { kind: hashed.kind, name: name.slice(0, -suffix.length) };
    }
  }
  return undefined;
}

function controllerOf(pod: unknown): unknown {
  return listAt(pod, 'metadata', 'ownerReferences').find(owner => at(owner, 'controller') === true);
}

function imagesOf(pod: unknown, interner: Interner): readonly ContainerImage[] {
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')];
  const ids = new Map(statuses.map(status => [textAt(status, 'name'), textAt(status, 'imageID')] as const));
  const containers = [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')].map(
    container => ({
      container: textAt(container, 'name') ?? '',
      image: textAt(container, 'image') ?? '',
      imageId: ids.get(textAt(container, 'name')) || undefined,
    }),
  );
  return interner.images(containers);
}

function troublesOf(pod: unknown): readonly Trouble[] {
  const troubles = [...unschedulable(pod), ...containerTroubles(pod)];
  return troubles.length === 0 ? HEALTHY : troubles;
}

function unschedulable(pod: unknown): readonly Trouble[] {
  return listAt(pod, 'status', 'conditions')
    .filter(
      condition =>
        textAt(condition, 'type') === 'PodScheduled' &&
        textAt(condition, 'status') === 'False' &&
        textAt(condition, 'reason') === 'Unschedulable',
    )
    .map(condition => ({ kind: 'unschedulable', message: textAt(condition, 'message') ?? '' }));
}

/** In the order in which containers start: init containers (native sidecars among them) first. */
function containerTroubles(pod: unknown): readonly Trouble[] {
  const sidecars = new Set(
    listAt(pod, 'spec', 'initContainers')
      .filter(container => textAt(container, 'restartPolicy') === 'Always')
      .map(container => textAt(container, 'name')),
  );
  const ofInit = listAt(pod, 'status', 'initContainerStatuses').map(status =>
    troubleOf(status, !sidecars.has(textAt(status, 'name'))),
  );
  const ofOthers = listAt(pod, 'status', 'containerStatuses').map(status => troubleOf(status, false));
  return [...ofInit, ...ofOthers].filter(trouble => trouble !== undefined);
}

function troubleOf(status: unknown, init: boolean): Trouble | undefined {
  const container = textAt(status, 'name') ?? '';
  const restarts = numberAt(status, 'restartCount') ?? 0;
  const reason = textAt(status, 'state', 'waiting', 'reason');
  const last = at(status, 'lastState', 'terminated');
  if (reason !== undefined && reason !== '' && !STARTING.has(reason)) {
    const message = textAt(status, 'state', 'waiting', 'message') ?? '';
    return { kind: 'waiting', container, init, reason, message, exitCode: numberAt(last, 'exitCode'), restarts };
  }
  // Between a failure and the kubelet's next decision it is ended, between two failures it runs.
  const failed = at(status, 'state', 'terminated') ?? (at(status, 'ready') === true ? undefined : last);
  const exitCode = numberAt(failed, 'exitCode') ?? 0;
  if (exitCode === 0) return undefined;
  return {
    kind: 'waiting',
    container,
    init,
    reason: 'Error',
    message: textAt(failed, 'message') ?? '',
    exitCode,
    restarts,
  };
}
