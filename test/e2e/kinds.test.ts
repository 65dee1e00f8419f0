/** StatefulSets and DaemonSets, by the controllers of a real control plane. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DeploymentWishes, ofKind, settledKinds } from '../cluster/fleet.ts';
import { SIDECAR } from '../cluster/injector.ts';
import { until } from '../cluster/until.ts';
import { applyBudget } from './budgets.ts';
import { podsOf } from './pods.ts';
import { leftByName, outcomesByName, quickPolicy, Site, type SiteOptions } from './site.ts';
import { injectedSite, upgrade } from './upgraded.ts';

const ALL = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;
const RIGHTS: SiteOptions = { kinds: ['statefulsets', 'daemonsets'] };

type Other = 'StatefulSet' | 'DaemonSet';

const policyOf = (site: Site, changes: Readonly<Record<string, unknown>> = {}) =>
  quickPolicy(site, { select: { kinds: ALL, namespaces: { include: site.namespaces } }, ...changes });

async function deployOther(site: Site, kind: Other, wishes: Omit<DeploymentWishes, 'namespace'>): Promise<void> {
  const [namespace = ''] = site.namespaces;
  await site.cluster.kubectlApply(JSON.stringify(ofKind(kind, { namespace, ...wishes })));
  await settledKinds(site.cluster, namespace);
}

/** The T of each Pod, once each. */
async function restartsIn(site: Site, name: string): Promise<readonly (string | undefined)[]> {
  const pods = await podsOf(site, name);
  return [...new Set(pods.map(({ metadata }) => metadata.annotations?.['kubectl.kubernetes.io/restartedAt']))];
}

describe('StatefulSets and DaemonSets', { concurrency: 4 }, () => {
  test('are restarted like Deployments, each once, and namesakes are told apart', async () => {
    const site = await Site.open(RIGHTS);
    await site.deploy(site.deployment({ name: 'web', replicas: 2 }));
    await deployOther(site, 'StatefulSet', { name: 'db', replicas: 3 });
    await deployOther(site, 'StatefulSet', {
      name: 'cache',
      replicas: 3,
      spec: { podManagementPolicy: 'Parallel' },
    });
    await deployOther(site, 'DaemonSet', { name: 'agent' });
    await deployOther(site, 'DaemonSet', {
      name: 'surging',
      spec: { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
    });
    await site.age();
    const { code, report, worker } = await site.run(policyOf(site));
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    const told = report.outcomes.map(({ kind, name, outcome }) => `${kind} ${name} ${outcome}`);
    assert.deepEqual(told.toSorted(), [
      'DaemonSet agent restarted',
      'DaemonSet surging restarted',
      'Deployment web restarted',
      'StatefulSet cache restarted',
      'StatefulSet db restarted',
    ]);
    for (const { name, available } of report.outcomes) {
      assert.ok(available !== undefined && available.least >= available.promised, name);
    }
    for (const name of ['db', 'cache', 'agent', 'surging']) {
      const seen = await restartsIn(site, name);
      assert.equal(seen.length, 1, name);
      assert.match(seen[0] ?? '', /^2/);
    }
    const patches = (await site.requests()).filter(({ verb, code: answer }) => verb === 'patch' && answer === 200);
    assert.equal(patches.length, 5);
  });

  test('are left alone where the policy does not name their kind, and are not even read', async () => {
    const site = await Site.open();
    await site.deploy(site.deployment({ name: 'web' }));
    await deployOther(site, 'StatefulSet', { name: 'db', replicas: 2 });
    await site.age();
    const { report } = await site.run(quickPolicy(site));
    assert.deepEqual(outcomesByName(report), { web: 'restarted' });
    assert.deepEqual(await restartsIn(site, 'db'), [undefined]);
    assert.ok((await site.requests()).every(({ resource }) => resource !== 'statefulsets'));
  });

  test('of one name are two workloads', async () => {
    const site = await Site.open(RIGHTS);
    await site.deploy(site.deployment({ name: 'twin', replicas: 1, spec: twin('deployment') }));
    await deployOther(site, 'StatefulSet', { name: 'twin', replicas: 2, spec: twin('set') });
    await site.age();
    const { code, report, worker } = await site.run(policyOf(site));
    assert.equal(code, 0, worker.stderr());
    assert.deepEqual(report.outcomes.map(({ kind, outcome }) => `${kind} ${outcome}`).toSorted(), [
      'Deployment restarted',
      'StatefulSet restarted',
    ]);
    const checkpoint = await site.checkpoint();
    const named = checkpoint.starts.map(({ workload }) => workload).toSorted();
    assert.deepEqual(named, [`${site.namespaces[0]}/twin`, `${site.namespaces[0]}/twin (StatefulSet)`]);
  });

  test('whose template does not reach every Pod are left where there are rollouts only, and so is a StatefulSet of one', async () => {
    const site = await Site.open(RIGHTS);
    await deployOther(site, 'StatefulSet', { name: 'canary', replicas: 2, spec: partition(1) });
    await deployOther(site, 'StatefulSet', { name: 'by-hand', replicas: 2, spec: onDelete });
    await deployOther(site, 'DaemonSet', { name: 'by-hand-too', spec: onDelete });
    await deployOther(site, 'StatefulSet', { name: 'single', replicas: 1 });
    await site.age();
    const { code, report } = await site.run(policyOf(site, { restart: { way: 'rollout' } }));
    assert.equal(code, 0);
    assert.deepEqual(leftByName(report, site), {
      'by-hand': 'wayImpossible',
      'by-hand-too': 'wayImpossible',
      canary: 'wayImpossible',
      single: 'wouldCauseDowntime',
    });
    assert.deepEqual(report.outcomes, []);
  });

  test('of which a budget wants all Pods are left where that is a quorum, and rolled out where it may be missed', async () => {
    const site = await Site.open(RIGHTS);
    await deployOther(site, 'StatefulSet', { name: 'db', replicas: 3 });
    await deployOther(site, 'StatefulSet', { name: 'cache', replicas: 3 });
    await applyBudget(site, { app: 'db', minAvailable: 3 });
    await applyBudget(site, { app: 'cache', minAvailable: 2 });
    await site.age();
    const { code, report } = await site.run(policyOf(site));
    assert.equal(code, 0);
    assert.deepEqual(outcomesByName(report), { cache: 'restarted' });
    const [left] = report.left.filter(({ namespace, name }) => namespace === site.namespaces[0] && name === 'db');
    assert.equal(left?.why, 'budgetForbids');
    assert.match(left.detail, /its rollout takes 1 at a time, and PodDisruptionBudget \S+\/db lets 0 be missing now/);
  });

  test('that do not start stop the sweep with that reason, and the other Pods go on serving', async () => {
    const site = await Site.open(RIGHTS);
    await deployOther(site, 'StatefulSet', {
      name: 'db',
      replicas: 3,
      whenRestarted: 'image-pull',
      annotations: { 'nightshift/priority': '9' },
    });
    await deployOther(site, 'DaemonSet', { name: 'agent' });
    await site.age();
    const { code, report } = await site.run(policyOf(site));
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { db: 'failed(imagePull)' });
    const path = `/apis/apps/v1/namespaces/${site.namespaces[0]}/statefulsets/db`;
    const { status } = await site.cluster.api<{ status: { availableReplicas: number } }>(path);
    assert.equal(status.availableReplicas, 2);
    assert.deepEqual(await restartsIn(site, 'agent'), [undefined]);
  });

  test('that somebody changes meanwhile are superseded, that somebody takes back are reverted', async () => {
    const site = await Site.open(RIGHTS);
    const slow = { podAnnotations: { 'test.nightshift/delay': '2s' } };
    await deployOther(site, 'StatefulSet', { name: 'db', replicas: 2, ...slow });
    await deployOther(site, 'DaemonSet', { name: 'agent', ...slow });
    await site.age();
    const file = site.policyFile(policyOf(site, { batches: { sizes: [2], pause: '0s' } }));
    const worker = site.start(['run', '--policy', file, '--output', 'json']);
    const [namespace = ''] = site.namespaces;
    await until('both to be restarted', async () => (await restartsIn(site, 'db')).length === 2);
    await site.cluster.kubectl('-n', namespace, 'set', 'image', 'statefulset/db', 'app=example.test/app:2');
    await until('the other to be restarted', async () => (await restartsIn(site, 'agent')).length === 2);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': null };
    await site.cluster.api(`/apis/apps/v1/namespaces/${namespace}/daemonsets/agent`, {
      method: 'PATCH',
      body: { spec: { template: { metadata: { annotations } } } },
    });
    assert.equal(await worker.ended, 0);
    const outcomes = [...worker.stdout().matchAll(/"name":"(db|agent)","[^}]*?"outcome":"(\w+)"/g)];
    const last = Object.fromEntries(outcomes.map(([, name, outcome]) => [name, outcome]));
    assert.deepEqual(last, { agent: 'reverted', db: 'superseded' });
  });

  test('drift from what a new Pod would get is found by trying one, claims and names notwithstanding', async () => {
    const site = await injectedSite({ ...RIGHTS, also: ['create pods'] });
    const [namespace = ''] = site.namespaces;
    const volume = (index: number) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${namespace}-${index}` },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/tmp' },
        storageClassName: namespace,
      },
    });
    await site.cluster.kubectlApply([0, 1].map(index => JSON.stringify(volume(index))).join('\n---\n'));
    const claim = {
      metadata: { name: 'data' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: namespace,
        resources: { requests: { storage: '1Gi' } },
      },
    };
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const template = {
      metadata: { labels: { app: 'db' } },
      spec: { containers: [{ name: 'app', image: 'example.test/app:1', volumeMounts }] },
    };
    await deployOther(site, 'StatefulSet', {
      name: 'db',
      replicas: 2,
      spec: { volumeClaimTemplates: [claim], template },
    });
    await deployOther(site, 'DaemonSet', { name: 'agent' });
    const drift = policyOf(site, { stale: [{ injection: 'drift' }] });
    const fresh = await site.run(drift);
    assert.deepEqual(leftByName(fresh.report, site), { agent: 'fresh', db: 'fresh' });
    await upgrade(site);
    const { code, report, worker } = await site.run(drift);
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(outcomesByName(report), { agent: 'restarted', db: 'restarted' });
    const again = await site.run(drift);
    assert.deepEqual(leftByName(again.report, site), { agent: 'fresh', db: 'fresh' });
    const images = (await podsOf(site, 'db')).map(({ spec }) => spec.containers.find(({ name }) => name === SIDECAR));
    assert.equal(new Set(images.map(container => container?.image)).size, 1);
  });
});

const onDelete = { updateStrategy: { type: 'OnDelete' } };
const partition = (ordinal: number) => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: ordinal } },
});

/** Selectors must not overlap. */
function twin(which: string) {
  const labels = { app: 'twin', which };
  return {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] } },
  };
}
