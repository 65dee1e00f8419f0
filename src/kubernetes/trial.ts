import type { Admission } from '../domain/drift.ts';
import { unreachable, type ReplicaSetRef, type Workload } from '../domain/model.ts';
import type { Clock } from '../ports.ts';
import { NotPermitted } from '../ports.ts';
import { refuserOf } from './access.ts';
import { isSuccess, messageOf } from './answer.ts';
import { ROLLOUT_HASH } from './argo-rollouts.ts';
import { Interner } from './interner.ts';
import { at, isRecord, textsAt } from './json.ts';
import { projectShape } from './pod-shape.ts';
import type { Call } from './resource.ts';
import { firstPodOf, podTemplateOf, resourceOf } from './kinds.ts';
import { permissionOf, PODS } from './resource.ts';
import type { Transport } from './transport.ts';
import { failureOf, ONE_TRIAL } from './transport.ts';
import { unpacked } from './workload-projection.ts';

/** The server, or a webhook on its way, may be busy or restarting; more often than so it is down. */
const ATTEMPTS = 3;
/** However long the server asks us to wait, between two attempts and in all. */
const MAX_WAIT = 10_000;
const PATIENCE = 30_000;

/**
 * What a Pod of the workload would be now: a dry run, which goes through all of admission and creates nothing. Throws
 * `NotPermitted`; every other refusal is an answer, in the words of whoever refused (a quota, a webhook that is down, one
 * that supports no dry run).
 */
export async function tryPod(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  { workload, replicaSet }: { readonly workload: Workload; readonly replicaSet: ReplicaSetRef },
): Promise<Admission> {
  const template = await templateOf(workload, transport);
  if (template === undefined) return { kind: 'refused', message: 'it was deleted' };
  const call: Call = {
    verb: 'create',
    resource: PODS,
    namespace: workload.namespace,
    query: { dryRun: 'All', fieldManager: 'kube-controller-manager', timeout: '30s' },
    body: podOf(template, workload, replicaSet),
  };
  const began = clock.elapsed();
  for (let attempt = 1; ; attempt++) {
    const answer = await transport.attempt(call, ONE_TRIAL, transport.interrupted);
    if (answer.kind === 'answered') {
      const { status, body } = answer;
      if (isSuccess(status)) {
        const interner = new Interner();
        const itself = namesOf(workload, replicaSet);
        const pod = projectShape(body, interner, itself);
        return { kind: 'admitted', template: projectShape(template, interner, itself), pod };
      }
    }
    const refused = answer.kind === 'answered' && answer.status === 403 ? answer : undefined;
    const refuser = refused && (await refuserOf(transport, call, refused));
    if (refuser === 'rbac') throw new NotPermitted(permissionOf(call));
    const isUnsure = refused !== undefined && refuser === undefined;
    const { message, again, retryAfter } = failureOf(answer);
    // A webhook that fails is an error 500, which repeats would only multiply.
    const isWebhook = answer.kind === 'answered' && answer.status === 500;
    const isOver = attempt === ATTEMPTS || clock.elapsed() - began > PATIENCE || transport.interrupted.aborted;
    if (!(again || isUnsure) || isWebhook || isOver) {
      return { kind: 'refused', message: answer.kind === 'answered' ? messageOf(answer.status, answer.body) : message };
    }
    const wait = Math.min(MAX_WAIT, Math.max(transport.backoff(attempt), retryAfter ?? 0));
    await clock.sleep(wait, transport.interrupted);
  }
}

/** A large inventory keeps it where it is needed; a watch does not. Undefined when the workload is gone. */
async function templateOf({ podTemplate, namespace, name, kind }: Workload, transport: Transport): Promise<unknown> {
  if (podTemplate !== undefined) return unpacked(podTemplate);
  const { status, body } = await transport.read({ verb: 'get', resource: resourceOf(kind), namespace, name });
  return isSuccess(status) ? podTemplateOf(body, kind) : undefined;
}

/**
 * As its controller sends it (pkg/controller/controller_utils.go GetPodFromTemplate), because injectors go by the owner, the
 * hash and the missing name. But for blockOwnerDeletion: where OwnerReferencesPermissionEnforcement is on (OpenShift) it
 * needs a right of its own, and no injector reads it. And but for the name of a StatefulSet's Pod, which is taken.
 */
function podOf(template: unknown, workload: Workload, replicaSet: ReplicaSetRef): unknown {
  const metadata = at(template, 'metadata');
  const { kind, name, uid, labels } = controllerOf(workload, replicaSet);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(isRecord(metadata) ? { annotations: metadata['annotations'], finalizers: metadata['finalizers'] } : {}),
      namespace: workload.namespace,
      generateName: `${name}-`,
      labels: { ...textsAt(metadata, 'labels'), ...labels },
      ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid, controller: true }],
    },
    spec: at(template, 'spec'),
  };
}

/** Who would create the Pod, and what it adds to its labels. */
function controllerOf({ kind, name, uid }: Workload, replicaSet: ReplicaSetRef) {
  switch (kind) {
    case 'Deployment': {
      const hash = replicaSet.name.slice(replicaSet.name.lastIndexOf('-') + 1);
      return { ...replicaSet, kind: 'ReplicaSet', labels: { 'pod-template-hash': hash } };
    }
    case 'Rollout': {
      const hash = replicaSet.name.slice(replicaSet.name.lastIndexOf('-') + 1);
      return { ...replicaSet, kind: 'ReplicaSet', labels: { [ROLLOUT_HASH]: hash } };
    }
    case 'StatefulSet': {
      const labels = {
        'statefulset.kubernetes.io/pod-name': firstPodOf(name),
        'apps.kubernetes.io/pod-index': '0',
      };
      return { kind, name, uid, labels };
    }
    case 'DaemonSet':
      return { kind, name, uid, labels: {} };
    default:
      return unreachable(kind);
  }
}

/** What is another text in each Pod (pod-projection.ts), in the one that is tried. */
function namesOf({ kind, name }: Workload, replicaSet: ReplicaSetRef): readonly string[] {
  if (kind === 'Deployment' || kind === 'Rollout') return [replicaSet.name, replicaSet.uid];
  return kind === 'StatefulSet' ? [firstPodOf(name)] : [];
}
