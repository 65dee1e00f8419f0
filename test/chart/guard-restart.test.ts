/** What the guard leaves: the worker's own requests, everybody else's, and all of it when it is switched off. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { V1Pod, V1ValidatingAdmissionPolicy } from '@kubernetes/client-node';
import { nextRestartedAt } from '../../src/domain/instant.ts';
import { keyOf, type Kind, RESTARTED_AT, type WorkloadRef } from '../../src/domain/model.ts';
import { formatRecord, type RestartRecord } from '../../src/domain/record.ts';
import type { PatchAnswer } from '../../src/ports.ts';
import { aRecord } from '../build.ts';
import { ApiError, apiServer } from '../cluster/apiserver.ts';
import { deployment, type DeploymentWishes, namespace, ofKind } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { DEPLOYMENTS, WEB } from './guard-attempts.ts';
import { type Bed, GUARD, guardedCluster, tokenIn, valuesOf } from './guard-bed.ts';
import { aPodNamed, PODS } from './guard-means.ts';
import { CHART } from './helm.ts';

let bed: Bed;
before(async () => {
  bed = await guardedCluster();
  await bed.cluster.kubectlApply(JSON.stringify(namespace('willing', { injected: false })));
});
after(() => bed.cluster.stop());

const willing = (name: string, kind: Kind = 'Deployment'): WorkloadRef => ({ kind, namespace: 'willing', name });

/** Judges it and restarts it as a run does: again, when its status has changed in between. */
async function restart(ref: WorkloadRef): Promise<RestartRecord> {
  return until(`${keyOf(ref)} is restarted`, async () => {
    const { answer, record } = await tryRestart(ref);
    return isAccepted(answer) && record;
  });
}

async function tryRestart(ref: WorkloadRef): Promise<{ readonly answer: PatchAnswer; readonly record: RestartRecord }> {
  const workload = await bed.worker.cluster.workload(ref);
  assert.ok(workload);
  const { restartedAt, template } = workload;
  const at = nextRestartedAt(Date.now(), restartedAt);
  const record = aRecord({ at, template, before: restartedAt });
  return { answer: await bed.worker.cluster.restart({ workload, at, record: formatRecord(record) }), record };
}

async function rewrite(ref: WorkloadRef, record: RestartRecord): Promise<void> {
  await until(`the record of ${keyOf(ref)} is rewritten`, async () => {
    const workload = await bed.worker.cluster.workload(ref);
    return workload !== undefined && isAccepted(await bed.worker.cluster.rewriteRecord(workload, formatRecord(record)));
  });
}

function isAccepted(answer: PatchAnswer): boolean {
  assert.ok(answer.kind === 'accepted' || answer.kind === 'conflict', JSON.stringify(answer));
  return answer.kind === 'accepted';
}

const stood = (text: string) => ({ podAnnotations: { [RESTARTED_AT]: text } });
const ANY_TEXT = '"\\u0022\\\n\t\u0001\u007f}, {"at":"ü 🌙"';

describe('the worker restarts, writes down how that ended, and restarts again:', () => {
  const cases: readonly (readonly [what: string, wishes: Partial<DeploymentWishes>])[] = [
    ['one without annotations', {}],
    ['one with annotations of others', { annotations: { owner: 'shop' }, podAnnotations: { scrape: 'yes' } }],
    ['one that kubectl restarted in another zone', stood('2026-11-24T02:05:00+01:00')],
    ['one whose restartedAt has fractions', stood('2026-11-24T01:05:00.999Z')],
    ['one whose restartedAt is in a while', stood(new Date(Date.now() + 1_800_000).toISOString())],
    ['one whose restartedAt is a number', stood('1795482301')],
    ['one whose restartedAt is a day that is none', stood('2026-02-30T00:00:00Z')],
    ['one whose restartedAt is any text', stood(ANY_TEXT)],
    ['one whose restartedAt is a long text', stood('\u0001'.repeat(1_000))],
  ];
  for (const [index, [what, wishes]] of cases.entries()) {
    test(what, async () => {
      const name = `app-${index}`;
      const path = '/apis/apps/v1/namespaces/willing/deployments';
      await bed.cluster.api(path, { method: 'POST', body: deployment({ namespace: 'willing', name, ...wishes }) });
      await restartsTwice(willing(name));
    });
  }

  for (const kind of ['StatefulSet', 'DaemonSet'] as const) {
    test(`a ${kind}`, async () => {
      const path = `/apis/apps/v1/namespaces/willing/${kind.toLowerCase()}s`;
      const body = ofKind(kind, { namespace: 'willing', name: 'other', annotations: { owner: 'shop' } });
      await bed.cluster.api(path, { method: 'POST', body });
      await restartsTwice(willing('other', kind));
    });
  }

  test('one that many have written to, kubectl rollout restart among them', async () => {
    const { cluster } = bed;
    const kubectl = (...words: readonly string[]) => cluster.kubectl('-n', 'willing', ...words);
    const manifest = deployment({ namespace: 'willing', name: 'several', labels: { tier: 'web' } });
    await cluster.kubectlApply(JSON.stringify(manifest));
    await cluster.api('/apis/apps/v1/namespaces/willing/deployments/several?fieldManager=gitops&force=true', {
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: manifest,
    });
    await kubectl('annotate', 'deployment/several', 'owner=shop');
    await kubectl('scale', 'deployment/several', '--replicas=2');
    await kubectl('rollout', 'restart', 'deployment/several');
    await restartsTwice(willing('several'));
    assert.equal(await bed.worker.cluster.ownerOfRestartedAt(willing('several')), 'nightshift');
  });
});

async function restartsTwice(ref: WorkloadRef): Promise<void> {
  const first = await restart(ref);
  await rewrite(ref, { ...first, outcome: 'failed', reason: 'crashLoopBackOff' });
  const second = await restart(ref);
  await rewrite(ref, { ...second, outcome: 'ineffective' });
  assert.equal(second.before, first.at);
}

test('a policy that changes Deployments on update makes the restart denied, and the worker is told what to look for', async () => {
  const { cluster } = bed;
  await cluster.api(DEPLOYMENTS, { method: 'POST', body: deployment({ namespace: 'shop', name: 'stamped' }) });
  await cluster.kubectlApply(mutation.map(object => JSON.stringify(object)).join('\n---\n'));
  const says = /this changes metadata\.annotations\.stamp; if a webhook changes workloads on update, that is what was/;
  await until('the restart to be denied', async () => {
    const { answer } = await tryRestart({ kind: 'Deployment', namespace: 'shop', name: 'stamped' });
    return answer.kind === 'denied' && says.test(answer.message);
  });
});

/** Like a webhook that writes on Deployments whenever they are updated. */
const STAMP = 'JSONPatch{op: "add", path: "/metadata/annotations/stamp", value: "stamped"}';
const mutation = [
  {
    kind: 'MutatingAdmissionPolicy',
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        ],
      },
      matchConditions: [{ name: 'this-one', expression: 'object.metadata.name == "stamped"' }],
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: `[${STAMP}]` } }],
    },
  },
  { kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: 'stamp' } },
].map(object => ({ apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'stamp' }, ...object }));

test('the worker creates Pods as a dry run', async () => {
  const pod = await bed.thief.request<V1Pod>(`${PODS}?dryRun=All`, { method: 'POST', body: aPodNamed('dry') });
  assert.equal(pod.metadata?.name, 'dry');
});

test('the API server finds nothing to warn of in the types of the policy', async () => {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/nightshift-guard.ops';
  const status = await until('the types to be checked', async () => {
    const { metadata, status: now } = await bed.cluster.api<V1ValidatingAdmissionPolicy>(path);
    return now?.observedGeneration === metadata?.generation && now;
  });
  assert.deepEqual(status.typeChecking, {});
});

test('no other account is hindered, whatever its rights', async () => {
  const other = apiServer(
    bed.cluster.server,
    tokenIn(await bed.cluster.kubeconfigFor('ops', 'other')),
    bed.cluster.caFile,
  );
  await other.request(`${WEB}?dryRun=All`, { method: 'PATCH', body: SCALED });
  await other.request(`${PODS}/victim?dryRun=All`, { method: 'DELETE' });
  await other.close();
});
const SCALED = { spec: { replicas: 0 } };

test('a release of the same name in another namespace has a guard of its own, and no rights elsewhere', async () => {
  const { cluster } = bed;
  await cluster.kubectlApply(
    ['other', 'elsewhere'].map(name => JSON.stringify(namespace(name, { injected: false }))).join('\n---\n'),
  );
  const values = valuesOf({ rbac: { namespaces: ['shop'] } });
  await cluster.helm('install', 'nightshift', CHART, '-n', 'other', ...values);
  const thief = apiServer(cluster.server, tokenIn(await cluster.kubeconfigFor('other', 'nightshift')), cluster.caFile);
  const denied = (path: string) => thief.request(path, { method: 'PATCH', body: SCALED });
  await until('its guard to be in force', () =>
    saysOf(denied(`${WEB}?dryRun=All`), GUARD.replaceAll('.ops', '.other')),
  );
  assert.ok(await saysOf(denied(WEB.replace('shop', 'elsewhere')), 'cannot patch resource "deployments"'));
  await thief.close();
  await cluster.helm('uninstall', 'nightshift', '-n', 'other');
  const left = await cluster.kubectl(
    'get',
    'validatingadmissionpolicies,validatingadmissionpolicybindings',
    '-o',
    'name',
  );
  assert.deepEqual(left.match(/[^/\s]+\.other/g), null);
});

async function saysOf(work: Promise<unknown>, words: string): Promise<boolean> {
  return work.then(
    () => false,
    (error: unknown) => error instanceof ApiError && error.message.includes(words),
  );
}

test('switched off it denies nothing, and the notes say what that means', async () => {
  const { cluster, thief, upgrade } = bed;
  const notes = () => cluster.helm('get', 'notes', 'nightshift', '-n', 'ops');
  assert.doesNotMatch(await notes(), /no guard/);
  await upgrade({ guard: { enabled: false } });
  assert.match(await notes(), /There is no guard: guard\.enabled is false\n/);
  const evil = { spec: { template: { spec: { containers: [{ name: 'app', image: 'example.test/evil:1' }] } } } };
  await thief.request(WEB, { method: 'PATCH', body: evil });
  await thief.request(`${WEB}/scale`, { method: 'PATCH', body: SCALED });
  await thief.request(`${PODS}/victim`, { method: 'DELETE' });
  await upgrade({ guard: { enabled: true } });
});
