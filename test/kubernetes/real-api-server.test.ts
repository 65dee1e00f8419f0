/** The edge against a real API server, as the service account that the chart would make. */
import assert from 'node:assert/strict';
import { NO_NEEDS } from '../build.ts';
import { after, before, describe, it } from 'node:test';
import { LAST_RESTART, type Workload } from '../../src/domain/model.ts';
import type { ConnectOptions, Kubernetes } from '../../src/kubernetes/connect.ts';
import { connect } from '../../src/kubernetes/connect.ts';
import type { WatchBookmark, WorkloadChange } from '../../src/ports.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { startCluster } from '../cluster/cluster.ts';
import { deployment, namespace } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { realClock } from './real-clock.ts';

let bed: Cluster;
let kubernetes: Kubernetes;
const opened: Kubernetes[] = [];

/** Connected as this service account of the namespace `night`. */
async function as(serviceAccount: string, options: Partial<ConnectOptions> = {}): Promise<Kubernetes> {
  const kubeconfig = await bed.kubeconfigFor('night', serviceAccount);
  const connected = connect({ kubeconfig, env: {}, clock: realClock, checkpoint: 'checkpoint', ...options });
  opened.push(connected);
  return connected;
}

const ref = (name: string) => ({ kind: 'Deployment' as const, namespace: 'shop', name });
async function judged(name: string): Promise<Workload> {
  const workload = await kubernetes.cluster.workload(ref(name));
  assert.ok(workload, `${name} is there`);
  return workload;
}
const T = '2026-11-23T01:00:00Z';
const order = (workload: Workload) => ({ workload, at: T, record: `{"at":"${T}"}` });

/** Judges and restarts it, again when its status has changed in between. */
async function restarted(name: string) {
  return until(`${name} is restarted`, async () => {
    const workload = await judged(name);
    const answer = await kubernetes.cluster.restart(order(workload));
    assert.ok(answer.kind === 'accepted' || answer.kind === 'conflict', JSON.stringify(answer));
    return answer.kind === 'accepted' && { workload, answer };
  });
}

before(async () => {
  // As managed clusters have it: it breaks HTTP/2 clients.
  bed = await startCluster({ nodes: 2, apiServerFlags: ['--goaway-chance=0.02'] });
  const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });
  const rbac = 'rbac.authorization.k8s.io';
  const subjects = (name: string) => [{ kind: 'ServiceAccount', name, namespace: 'night' }];
  const serviceAccount = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: 'night' },
  });
  const role = (name: string, where: string, rules: readonly unknown[]) => {
    const metadata = where === '' ? { name } : { name, namespace: where };
    const kind = where === '' ? 'ClusterRole' : 'Role';
    return [
      { apiVersion: `${rbac}/v1`, kind, metadata, rules },
      {
        apiVersion: `${rbac}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: rbac, kind, name },
        subjects: subjects(name),
      },
    ];
  };
  const read = [
    rule(['apps'], ['deployments'], ['get', 'list', 'watch']),
    rule(['policy'], ['poddisruptionbudgets'], ['list']),
    rule([''], ['resourcequotas'], ['list']),
    rule(['autoscaling'], ['horizontalpodautoscalers'], ['list']),
    rule([''], ['pods'], ['list']),
  ];
  const objects = [
    ...['shop', 'night', 'secret'].map(name => namespace(name, { injected: false })),
    ...['worker', 'reader', 'local'].map(serviceAccount),
    ...role('worker', '', [
      ...read,
      rule(['apps'], ['deployments'], ['patch']),
      rule([''], ['namespaces'], ['list']),
      rule([''], ['events'], ['create']),
    ]),
    ...role('worker', 'night', [rule([''], ['configmaps'], ['get', 'update']), rule([''], ['pods'], ['get'])]),
    ...role('reader', '', [...read, rule([''], ['namespaces'], ['list'])]),
    ...role('local', 'shop', [...read, rule([''], ['namespaces'], ['get'])]),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'night', name: 'checkpoint', labels: { kept: 'yes' } },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'night', name: 'policy' },
      data: { 'policy.yaml': 'a: 1' },
    },
    deployment({ namespace: 'shop', name: 'cart', replicas: 3 }),
    deployment({ namespace: 'shop', name: 'till', replicas: 2, whenRestarted: 'image-pull' }),
    deployment({ namespace: 'shop', name: 'guarded', replicas: 0 }),
    deployment({ namespace: 'secret', name: 'vault', replicas: 1 }),
  ];
  await bed.kubectlApply(objects.map(object => JSON.stringify(object)).join('\n---\n'));
  await bed.kubectl('rollout', 'status', '-n', 'shop', 'deployment/cart', 'deployment/till', '--timeout=60s');
  kubernetes = await as('worker');
});

after(async () => {
  await Promise.all(opened.map(one => one.close()));
  await bed.stop();
});

describe('the inventory', () => {
  it('has every Deployment with its live Pods', async () => {
    const inventory = await kubernetes.cluster.inventory(NO_NEEDS);
    const { namespaces, workloads, pods, skipped } = inventory;
    assert.ok(['shop', 'night', 'secret', 'kube-system'].every(name => namespaces.has(name)));
    assert.deepEqual(workloads.map(({ name }) => name).toSorted(), ['cart', 'guarded', 'till', 'vault']);
    assert.deepEqual(
      ['shop/cart', 'shop/till', 'shop/guarded'].map(key => pods.get(key)?.length),
      [3, 2, 0],
    );
    const [image] = pods.get('shop/cart')?.[0]?.images ?? [];
    assert.deepEqual([image?.container, image?.image], ['app', 'example.test/app:1']);
    assert.deepEqual(skipped, []);
    assert.ok(Math.abs(inventory.at - Date.now()) < 5000);
    const cart = workloads.find(({ name }) => name === 'cart');
    assert.partialDeepStrictEqual(cart, { revision: 1, replicas: 3, selector: 'app=cart', restartedAt: undefined });
    assert.partialDeepStrictEqual(cart?.status, { updatedReplicas: 3, availableReplicas: 3, terminatingReplicas: 0 });
    assert.equal(cart?.template, (await judged('cart')).template);
  });

  it('of namespaces takes those with rights and says which it left out', async () => {
    const local = await as('local', { namespaces: ['shop', 'secret', 'nowhere'] });
    const { workloads, namespaces, skipped, bookmark } = await local.cluster.inventory(NO_NEEDS);
    assert.equal(workloads.length, 3);
    assert.deepEqual([[...namespaces.keys()], bookmark.map(place => place.namespace)], [['shop'], ['shop']]);
    assert.deepEqual(skipped, [
      { namespace: 'secret', why: 'not permitted to get namespaces in namespace secret' },
      { namespace: 'nowhere', why: 'not permitted to get namespaces in namespace nowhere' },
    ]);
  });

  it('of the whole cluster needs the rights to it', async () => {
    const local = await as('local');
    await assert.rejects(local.cluster.inventory(NO_NEEDS), {
      message: 'not permitted to list namespaces in the whole cluster',
    });
  });
});

describe('a restart', () => {
  it('is accepted once for the version that was judged, and its Pods carry T', async () => {
    const { workload, answer } = await restarted('cart');
    assert.equal(answer.workload.restartedAt, T);
    assert.equal(answer.workload.record, `{"at":"${T}"}`);
    assert.equal(answer.workload.template, workload.template, 'nothing else in the template has changed');
    assert.equal(answer.workload.generation, workload.generation + 1);
    assert.deepEqual(await kubernetes.cluster.restart(order(workload)), { kind: 'conflict' });
    await until('only Pods with T', async () => {
      const pods = await kubernetes.cluster.pods(answer.workload, NO_NEEDS);
      return pods.length === 3 && pods.every(pod => pod.restartedAt === T && !pod.terminating);
    });
    assert.equal(await kubernetes.cluster.ownerOfRestartedAt(ref('cart')), 'nightshift');
    await bed.kubectl('rollout', 'restart', '-n', 'shop', 'deployment/cart');
    assert.equal(await kubernetes.cluster.ownerOfRestartedAt(ref('cart')), 'kubectl-rollout');
  });

  it('of an object that was replaced by a namesake is a conflict', async () => {
    const workload = await judged('guarded');
    const answer = await kubernetes.cluster.restart(
      order({ ...workload, uid: '11111111-2222-3333-4444-555555555555' }),
    );
    assert.deepEqual(answer, { kind: 'conflict' });
  });

  it('of an object that is gone is gone', async () => {
    const workload = await judged('guarded');
    assert.deepEqual(await kubernetes.cluster.restart(order({ ...workload, name: 'nobody' })), { kind: 'gone' });
    assert.equal(await kubernetes.cluster.workload(ref('nobody')), undefined);
  });

  it('without the right to it is forbidden', async () => {
    const reader = await as('reader');
    assert.deepEqual(await reader.cluster.restart(order(await judged('guarded'))), {
      kind: 'forbidden',
      permission: { verb: 'patch', resource: 'deployments.apps', namespace: 'shop' },
    });
  });

  for (const reason of ['Invalid', 'Forbidden']) {
    it(`that an admission policy denies as ${reason} is denied, in its words`, async () => {
      const name = `guard-${reason.toLowerCase()}`;
      const resourceRules = [
        { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
      ];
      const validations = [{ expression: "object.metadata.name != 'guarded'", message: 'not in my watch', reason }];
      const kind = 'ValidatingAdmissionPolicy';
      const objects = [
        { kind, metadata: { name }, spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules }, validations } },
        { kind: `${kind}Binding`, metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } },
      ];
      const manifests = objects.map(object =>
        JSON.stringify({ apiVersion: 'admissionregistration.k8s.io/v1', ...object }),
      );
      await bed.kubectlApply(manifests.join('\n---\n'));
      const answer = await until('the policy is in force', async () => {
        const tried = await kubernetes.cluster.rewriteRecord(await judged('guarded'), String(Math.random()));
        // Its status may change between read and patch, which is a conflict.
        return tried.kind === 'denied' && tried;
      });
      await bed.kubectl('delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', name);
      assert.match(answer.message, new RegExp(`not in my watch \\(HTTP ${reason === 'Invalid' ? 422 : 403}\\)`));
      await until('the policy is gone', async () => {
        const tried = await kubernetes.cluster.rewriteRecord(await judged('guarded'), String(Math.random()));
        return tried.kind === 'accepted';
      });
    });
  }

  it('shows what keeps its Pods from starting', async () => {
    await restarted('till');
    const trouble = await until('an image that cannot be pulled', async () => {
      const pods = await kubernetes.cluster.pods(await judged('till'), NO_NEEDS);
      return pods.flatMap(pod => pod.troubles).find(({ kind }) => kind === 'waiting');
    });
    assert.partialDeepStrictEqual(trouble, { container: 'app', init: false });
    assert.match(trouble.kind === 'waiting' ? trouble.reason : '', /^(ErrImagePull|ImagePullBackOff)$/);
  });
});

describe('a Pod more than wanted', () => {
  before(() => bed.kubectlApply(JSON.stringify(deployment({ namespace: 'shop', name: 'spare', replicas: 3 }))));

  const owed = '{"at":"T","replicas":3}';
  const label = (value: string): Promise<string> =>
    bed.kubectl('-n', 'shop', 'label', '--overwrite', 'deployment/spare', `seen=${value}`);
  const back = (workload: Workload, given: Partial<Workload> = {}) =>
    kubernetes.cluster.scaleBack({ workload: { ...workload, ...given }, replicas: 3, record: '{"at":"T"}' });

  /** With one more than three, and what it was like then: it has changed since. */
  async function grown(): Promise<Workload> {
    const answer = await until('it is changed', async () => {
      const workload = await judged('spare');
      const tried = await kubernetes.cluster.rescale({ workload, replicas: 4, record: owed });
      return tried.kind === 'accepted' && tried;
    });
    await label(String(Math.random()));
    return answer.workload;
  }

  it('goes whatever else has changed meanwhile, once', async () => {
    const workload = await grown();
    const answer = await back(workload);
    assert.ok(answer.kind === 'accepted', JSON.stringify(answer));
    assert.deepEqual([answer.workload.replicas, answer.workload.record], [3, '{"at":"T"}']);
    assert.deepEqual(await back(workload), { kind: 'conflict' });
  });

  for (const [what, given] of Object.entries<Partial<Workload>>({
    'an object that was replaced by a namesake': { uid: '11111111-2222-3333-4444-555555555555' },
    'another number': { replicas: 5 },
    'another record': { record: '{"at":"U","replicas":3}' },
  })) {
    it(`stays where there is ${what}`, async () => {
      assert.deepEqual(await back(await grown(), given), { kind: 'conflict' });
    });
  }

  it('stays where the record is gone', async () => {
    const workload = await grown();
    await bed.kubectl('-n', 'shop', 'annotate', 'deployment/spare', `${LAST_RESTART}-`);
    assert.deepEqual(await back(workload), { kind: 'conflict' });
  });
});

describe('a watch', () => {
  async function watching(from: Kubernetes, bookmark?: WatchBookmark) {
    const changes: WorkloadChange[] = [];
    const stop = new AbortController();
    const inventory = await from.cluster.inventory(NO_NEEDS);
    const done = from.cluster.watch(bookmark ?? inventory.bookmark, change => changes.push(change), stop.signal);
    const told = (name: string) =>
      changes
        .filter(change => (change.kind === 'changed' ? change.workload : change.ref).name === name)
        .map(({ kind }) => kind);
    return {
      changes,
      told,
      async [Symbol.asyncDispose]() {
        stop.abort();
        await done;
      },
    };
  }

  it('sees what happens after the inventory', async () => {
    await using watch = await watching(kubernetes);
    await bed.kubectlApply(JSON.stringify(deployment({ namespace: 'shop', name: 'brief', replicas: 1 })));
    await until('brief is seen', () => watch.told('brief').includes('changed'));
    await bed.kubectl('delete', '-n', 'shop', 'deployment/brief');
    await until('brief is seen to go', () => watch.told('brief').at(-1) === 'deleted');
    const generations = watch.changes.map(change => (change.kind === 'changed' ? change.workload.generation : 0));
    assert.ok(generations.every(generation => generation >= 0));
  });

  it('in one namespace sees that one', async () => {
    await using watch = await watching(await as('local', { namespaces: ['shop'] }));
    await bed.kubectl('annotate', '-n', 'secret', 'deployment/vault', 'seen=not');
    await bed.kubectl('annotate', '-n', 'shop', 'deployment/guarded', 'seen=yes');
    await until('guarded is seen', () => watch.told('guarded').length > 0);
    assert.deepEqual(watch.told('vault'), []);
  });

  it('from a place that the server has forgotten lists everything again and goes on', async () => {
    await using watch = await watching(kubernetes, [{ kind: 'Deployment', namespace: '', resourceVersion: '1' }]);
    await until('everything is seen', () =>
      ['cart', 'guarded', 'till', 'vault'].every(name => watch.told(name).length > 0),
    );
    const already = watch.told('guarded').length;
    await bed.kubectl('annotate', '-n', 'shop', 'deployment/guarded', 'seen=again', '--overwrite');
    await until('guarded is seen again', () => watch.told('guarded').length > already);
  });
});

describe('the checkpoint', () => {
  it('is saved for the version that was read, once, and nothing else in the ConfigMap changes', async () => {
    const store = kubernetes.checkpointStore;
    const first = await store.read();
    assert.ok(first.kind === 'found' && first.text === undefined);
    const saved = await store.write('{"run":1}', first.resourceVersion);
    assert.ok(saved.kind === 'saved');
    assert.deepEqual(await store.write('{"run":2}', first.resourceVersion), { kind: 'conflict' });
    assert.deepEqual(await store.read(), { kind: 'found', text: '{"run":1}', resourceVersion: saved.resourceVersion });
    await bed.kubectl('label', '-n', 'night', 'configmap/checkpoint', 'by=helm');
    assert.deepEqual(await store.write('{"run":3}', saved.resourceVersion), { kind: 'conflict' });
    const again = await store.read();
    assert.ok(again.kind === 'found');
    assert.equal((await store.write('{"run":4}', again.resourceVersion)).kind, 'saved');
    const labels = await bed.kubectl('get', '-n', 'night', 'configmap/checkpoint', '-o', 'jsonpath={.metadata.labels}');
    assert.deepEqual(JSON.parse(labels), { kept: 'yes', by: 'helm' });
  });

  it('that is missing is neither found nor saved', async () => {
    await bed.kubectl('create', 'configmap', '-n', 'night', 'brief');
    const { checkpointStore: store } = await as('worker', { checkpoint: 'brief' });
    const found = await store.read();
    assert.ok(found.kind === 'found');
    await bed.kubectl('delete', '-n', 'night', 'configmap/brief');
    assert.deepEqual(await store.write('x', found.resourceVersion), { kind: 'missing' });
    assert.deepEqual(await store.read(), { kind: 'missing' });
  });

  it('without rights names the missing one', async () => {
    const { checkpointStore } = await as('reader');
    await assert.rejects(checkpointStore.read(), { message: 'not permitted to get configmaps in namespace night' });
  });

  it('tells of a holder whether its Pod is there', async () => {
    const spec = { containers: [{ name: 'app', image: 'example.test/app:1' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'holder', namespace: 'night' }, spec };
    await bed.kubectlApply(JSON.stringify(pod));
    const uid = await bed.kubectl('get', '-n', 'night', 'pod/holder', '-o', 'jsonpath={.metadata.uid}');
    const { checkpointStore } = kubernetes;
    assert.equal(await checkpointStore.holder({ name: 'holder', uid }), 'running');
    assert.equal(await checkpointStore.holder({ name: 'holder', uid: 'other' }), 'vanished');
    assert.equal(await checkpointStore.holder({ name: 'nobody', uid }), 'vanished');
    const { checkpointStore: blind } = await as('reader');
    assert.equal(await blind.holder({ name: 'holder', uid }), 'vanished');
  });
});

it('Events are created, or the reason is returned', async () => {
  const { uid } = await judged('cart');
  const regarding = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid };
  const event = { namespace: 'shop', regarding, type: 'Warning', reason: 'RestartFailed', message: 'it did' } as const;
  assert.equal(await kubernetes.events.create(event), undefined);
  assert.match(await bed.kubectl('describe', '-n', 'shop', 'deployment/cart'), /RestartFailed .* nightshift +it did/);
  assert.match((await (await as('reader')).events.create(event)) ?? '', /forbidden.*HTTP 403/);
});

it('keys of ConfigMaps are read', async () => {
  assert.equal(await kubernetes.readConfigMapKey('night', 'policy', 'policy.yaml').catch(String), 'a: 1');
});
