import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { ApiError } from './apiserver.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { installInjector, SIDECAR, upgradeInjector } from './injector.ts';
import { markedProcesses } from './processes.ts';

describe('two clusters at a time', () => {
  let cluster: Cluster;
  let neighbour: Cluster;

  before(async () => {
    [cluster, neighbour] = await Promise.all([startCluster(), startCluster({ nodes: 1 })]);
  });
  after(() => Promise.all([cluster, neighbour].map(each => each.stop())));

  it('have nodes, data and folders of their own', async () => {
    const nodes = async (each: Cluster) => (await each.kubectl('get', 'nodes', '-o', 'name')).trim().split('\n').length;
    assert.deepEqual([await nodes(cluster), await nodes(neighbour)], [10, 1]);
    await neighbour.kubectlApply('{ apiVersion: v1, kind: Namespace, metadata: { name: only-there } }');
    const status = await cluster
      .api('/api/v1/namespaces/only-there')
      .catch(error => error instanceof ApiError && error.status);
    assert.equal(status, 404);
    assert.notEqual(cluster.folder, neighbour.folder);
  });

  it('answer to helm', async () => {
    assert.match(await cluster.helm('list', '--all-namespaces'), /^NAME\s+NAMESPACE/);
    await assert.rejects(cluster.helm('status', 'missing'), /helm status missing: .*not found/);
  });

  it('know exactly what a user has asked', async () => {
    await cluster.kubectl('create', 'serviceaccount', 'curious');
    const user = 'system:serviceaccount:default:curious';
    const kubeconfig = await cluster.kubeconfigFor('default', 'curious');
    assert.deepEqual(await cluster.requestsBy(user), []);
    const ask = (uri: string) => cluster.kubectl('--kubeconfig', kubeconfig, 'get', '--raw', uri);
    await assert.rejects(ask('/api/v1/namespaces/default/pods/it'), /cannot get resource "pods"/);
    await ask('/version');
    const asked = await cluster.requestsBy(user);
    assert.deepEqual(
      asked.map(({ verb, resource, namespace, name, code }) => ({ verb, resource, namespace, name, code })),
      [
        { verb: 'get', resource: 'pods', namespace: 'default', name: 'it', code: 403 },
        { verb: 'get', resource: '', namespace: '', name: '', code: 200 },
      ],
    );
    assert.deepEqual(await neighbour.requestsBy(user), []);
  });

  for (const native of [false, true]) {
    it(`inject a sidecar and upgrade it, ${native ? 'as an init container' : 'as a container'}`, async () => {
      const target = native ? neighbour : cluster;
      const image = imageOfANewPod(target, native ? 'initContainers' : 'containers');
      await installInjector(target, { image: 'proxy:1', native });
      assert.equal(await image({}), 'proxy:1');
      await upgradeInjector(target, 'proxy:2');
      assert.equal(await image({ labels: { app: 'it' }, annotations: { note: 'it' } }), 'proxy:2');
      assert.equal(await image({ labels: { 'sidecar.istio.io/inject': 'false' } }), undefined);
      assert.equal(await image({ annotations: { 'linkerd.io/inject': 'disabled' } }), undefined);
    });
  }
});

interface InjectedPod {
  readonly spec: Partial<
    Record<'containers' | 'initContainers', readonly { readonly name: string; readonly image: string }[]>
  >;
}

function imageOfANewPod(cluster: Cluster, where: 'containers' | 'initContainers') {
  const path = '/api/v1/namespaces/istio-trial/pods?dryRun=All';
  const initContainers = [{ name: 'prepare', image: 'prepare' }];
  const spec = { containers: [{ name: 'app', image: 'app' }], initContainers, serviceAccountName: 'default' };
  return async (metadata: object): Promise<string | undefined> => {
    const body = { metadata: { name: 'it', ...metadata }, spec };
    const pod = await cluster.api<InjectedPod>(path, { method: 'POST', body });
    return pod.spec[where]?.find(({ name }) => name === SIDECAR)?.image;
  };
}

describe('a cluster in trouble', () => {
  it('says which part cannot start, with its last words', async () => {
    const start = startCluster({ apiServerFlags: ['--no-such-flag'] });
    await assert.rejects(start, /kube-apiserver has ended \(exit code 1\)[^]*unknown flag: --no-such-flag/);
  });

  it('says which part has died when a request fails for it, and stops all the same', async () => {
    const cluster = await startCluster({ nodes: 0 });
    process.kill(apiServerOf(cluster), 'SIGKILL');
    await assert.rejects(
      cluster.kubectl('get', 'nodes'),
      /kube-apiserver has ended \(SIGKILL\); its last lines:\n {4}\S/,
    );
    await cluster.stop();
    assert.deepEqual(markedProcesses(cluster.folder), []);
    assert.equal(existsSync(cluster.folder), false);
  });
});

function apiServerOf(cluster: Cluster): number {
  const pids = markedProcesses(cluster.folder);
  const pid = pids.find(each => readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('kube-apiserver\0'));
  return pid ?? assert.fail('no API server');
}
