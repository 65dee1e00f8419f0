/** Somebody else: what people and controllers do to Deployments while nightshift restarts them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LAST_RESTART, RESTARTED_AT } from '../../src/domain/model.ts';
import type { DeploymentObject } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import type { Site } from './site.ts';

const pathOf = (site: Site, name: string): string =>
  `/apis/apps/v1/namespaces/${site.namespaces[0]}/deployments${name && `/${name}`}`;

/** `kubectl rollout undo` or `restart` of a Deployment. */
export async function rollout(site: Site, verb: 'undo' | 'restart', name: string): Promise<void> {
  await site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'rollout', verb, `deployment/${name}`);
}

/** What Argo CD's self-heal does to keys that Git does not know: a merge patch with a null for each. */
export async function removeOurKeys(site: Site, name: string, keys = [LAST_RESTART, RESTARTED_AT]): Promise<void> {
  const annotations = Object.fromEntries(keys.map(key => [key, null]));
  const body = { metadata: { annotations }, spec: { template: { metadata: { annotations } } } };
  await site.cluster.api(pathOf(site, name), { method: 'PATCH', body });
}

/** A server-side apply, as every controller that keeps to Git does it: by force. */
export async function applyAs(site: Site, manager: string, name: string, manifest: object): Promise<void> {
  const path = `${pathOf(site, name)}?fieldManager=${manager}&force=true`;
  await site.cluster.api(path, { method: 'PATCH', body: manifest, contentType: 'application/apply-patch+yaml' });
}

interface Managed {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly fieldsV1: Fields;
}

interface Fields {
  readonly [field: string]: Fields;
}

/**
 * What Flux does before it applies (kustomize-controller's override managers): what one manager has written becomes the
 * other's own by a patch of managedFields, so that an apply without these fields removes them.
 */
export async function takeOver(site: Site, name: string, from: string, to: string): Promise<void> {
  const { metadata } = await site.cluster.api<{
    metadata: { resourceVersion: string; managedFields: readonly Managed[] };
  }>(pathOf(site, name));
  const { resourceVersion, managedFields } = metadata;
  const isOurs = ({ manager, operation }: Managed): boolean =>
    manager === from || (manager === to && operation === 'Apply');
  const ours = managedFields.filter(entry => isOurs(entry) && entry.subresource === undefined);
  const [first] = ours;
  if (first === undefined) return;
  const fieldsV1 = ours.map(entry => entry.fieldsV1).reduce(union);
  const value = [
    ...managedFields.filter(entry => !ours.includes(entry)),
    { ...first, manager: to, operation: 'Apply', fieldsV1 },
  ];
  const body = [
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'replace', path: '/metadata/managedFields', value },
  ];
  await site.cluster.api(pathOf(site, name), { method: 'PATCH', body, contentType: 'application/json-patch+json' });
}

const union = (a: Fields, b: Fields): Fields => ({
  ...a,
  ...Object.fromEntries(Object.entries(b).map(([key, fields]) => [key, union(a[key] ?? {}, fields)])),
});

/** How the API server answers: with 422 or 403. */
export type Refusal = 'Invalid' | 'Forbidden';

/** A ValidatingAdmissionPolicy that refuses changes of Pod templates in a namespace, or of one Deployment's; it is in force. */
export async function refuseRestarts(
  site: Site,
  namespace: string,
  {
    name,
    reason = 'Invalid',
    message = 'not on my watch',
  }: { readonly name?: string; readonly reason?: Refusal | undefined; readonly message?: string } = {},
): Promise<void> {
  const { cluster } = site;
  const policy = refusalOf(namespace);
  const whose = `object.metadata.namespace == '${namespace}'${name === undefined ? '' : ` && object.metadata.name == '${name}'`}`;
  const resources = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] };
  const objects = [
    {
      ...policy,
      kind: 'ValidatingAdmissionPolicy',
      spec: {
        matchConstraints: { resourceRules: [resources] },
        matchConditions: [{ name: 'these', expression: whose }],
        validations: [{ expression: 'object.spec.template == oldObject.spec.template', message, reason }],
      },
    },
    {
      ...policy,
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: { policyName: policy.metadata.name, validationActions: ['Deny'] },
    },
  ];
  await cluster.kubectlApply(objects.map(object => JSON.stringify(object)).join('\n---\n'));
  await until('the admission policy to refuse', async () => (await refusal(site, namespace)).includes(message));
}

/** Takes it away again. */
export async function allowRestarts(site: Site, namespace: string): Promise<void> {
  const { name } = refusalOf(namespace).metadata;
  for (const kind of ['validatingadmissionpolicybinding', 'validatingadmissionpolicy']) {
    await site.cluster.kubectl('delete', kind, name);
  }
  await until('the admission policy to be gone', async () => (await refusal(site, namespace)) === '');
}

const refusalOf = (namespace: string) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  metadata: { name: `refuse-${namespace}` },
});

/** What the API server says to somebody who would change the Pod templates of a namespace; empty when it has no objection. */
async function refusal({ cluster }: Site, namespace: string): Promise<string> {
  const patch = '{"spec":{"template":{"metadata":{"annotations":{"try":"me"}}}}}';
  const names = (await cluster.kubectl('-n', namespace, 'get', 'deployments', '-o', 'name')).trim().split('\n');
  const words = names.map(name =>
    cluster.kubectl('-n', namespace, 'patch', name, '--dry-run=server', '-p', patch).then(() => '', String),
  );
  return (await Promise.all(words)).join('');
}

export type Due = (deployment: DeploymentObject) => boolean;

export const atOnce: Due = () => true;
/** The rollout has begun: there are new Pods, and old ones. */
export const underWay: Due = ({ metadata, status }) =>
  (status.observedGeneration ?? 0) >= metadata.generation && (status.updatedReplicas ?? 0) > 0;
export const complete: Due = deployment =>
  underWay(deployment) &&
  deployment.status.updatedReplicas === deployment.spec.replicas &&
  deployment.status.availableReplicas === deployment.spec.replicas &&
  deployment.status.replicas === deployment.spec.replicas;

export async function deploymentOf(site: Site, name: string): Promise<DeploymentObject> {
  return site.cluster.api(pathOf(site, name));
}

/** Resolves once the rollout of that Deployment has begun: before, there is nothing to undo. */
export async function seenUnderWay(site: Site, name: string): Promise<void> {
  await until(`the rollout of ${name}`, async () => underWay(await deploymentOf(site, name)));
}

/**
 * A controller that acts on each restart once, when it is due (and so many milliseconds later), until the block ends,
 * which throws what it could not do.
 */
export function onEachRestart(
  site: Site,
  due: Due,
  act: (name: string) => Promise<void>,
  milliseconds = 0,
): AsyncDisposable & { readonly acted: readonly string[] } {
  const over = new AbortController();
  // In whole seconds, like the restarts: what stands there already is not for us.
  const began = Math.floor(Date.now() / 1000) * 1000;
  const acted: string[] = [];
  const seen = new Set<string>();
  const work: Promise<void>[] = [];
  const answer = async (name: string): Promise<void> => {
    await sleep(milliseconds);
    // Others write to it, too: a conflict is no reason to give up.
    await until(`somebody to act on ${name}`, () => act(name).then(() => true));
    acted.push(name);
  };
  const follow = async (): Promise<void> => {
    const events = site.cluster.watch<{ object: DeploymentObject }>(`${pathOf(site, '')}?watch=1`, over.signal);
    for await (const { object } of events) {
      const { uid, name } = object.metadata;
      const at = object.spec.template.metadata.annotations?.[RESTARTED_AT];
      if (at === undefined || Date.parse(at) < began || !due(object)) continue;
      if (!seen.has(uid + at)) work.push(answer(name));
      seen.add(uid + at);
    }
  };
  const following = follow();
  return {
    acted,
    async [Symbol.asyncDispose]() {
      over.abort();
      await following;
      await Promise.all(work);
    },
  };
}
