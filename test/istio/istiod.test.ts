import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { ApiError } from '../cluster/apiserver.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { deploy, deployment, namespace } from '../cluster/fleet.ts';
import { markedProcesses } from '../cluster/processes.ts';
import { type NewPod, newPod, proxyOf } from './new-pod.ts';
import { installIstio, Revision } from './revision.ts';

const images = ({ spec }: NewPod): string[] =>
  [...(spec.initContainers ?? []), ...spec.containers].map(({ name, image }) => `${name} ${image.split('/').at(-1)}`);

const injectedWith = (tag: string): string[] => [
  `istio-init proxyv2:${tag}`,
  'app app:1',
  `istio-proxy proxyv2:${tag}`,
];

describe('a real istiod', () => {
  let cluster: Cluster;
  let stable: Revision;
  before(async () => {
    cluster = await startCluster({ nodes: 2 });
    await installIstio(cluster);
    stable = await Revision.add(cluster, { name: 'default', tag: '1.0' });
    await cluster.kubectlApply(JSON.stringify(namespace('injected')));
  });
  after(() => cluster.stop());

  it('gives a new Pod its sidecar and its init container, and after an upgrade those of the new tag', async () => {
    const pod = () => newPod(cluster, { namespace: 'injected' });
    assert.deepEqual(images(await pod()), injectedWith('1.0'));
    await stable.upgrade('1.1');
    assert.deepEqual(images(await pod()), injectedWith('1.1'));
  });

  it('leaves a Pod alone that opts out, and gives another the proxy that it asks for', async () => {
    const labels = { 'sidecar.istio.io/inject': 'false' };
    assert.deepEqual(images(await newPod(cluster, { namespace: 'injected', labels })), ['app app:1']);
    const annotations = { 'sidecar.istio.io/proxyImage': 'example.test/pinned:7' };
    const pinned = await newPod(cluster, { namespace: 'injected', annotations });
    assert.equal(proxyOf(pinned)?.image, 'example.test/pinned:7');
  });

  it('injects by revision and by a revision tag, which moves', async () => {
    const canary = await Revision.add(cluster, { name: 'canary', tag: '2.0' });
    await stable.upgrade('1.2');
    await stable.takeRevisionTag('prod');
    assert.deepEqual(images(await canary.newPod()), injectedWith('2.0'));
    assert.deepEqual(images(await canary.newPod('prod')), injectedWith('1.2'));
    await canary.takeRevisionTag('prod');
    assert.deepEqual(images(await canary.newPod('prod')), injectedWith('2.0'));
    await stable.start();
    assert.deepEqual(images(await canary.newPod('prod')), injectedWith('2.0'), 'a restart takes no tag back');
    assert.deepEqual(images(await newPod(cluster, { namespace: 'injected' })), injectedWith('1.2'));
  });

  it('tells new proxies of a changed mesh', async () => {
    await stable.setProxyMetadata('NIGHT', 'first');
    await stable.setProxyMetadata('NIGHT', 'second');
    const env = proxyOf(await stable.newPod())?.env ?? [];
    assert.deepEqual(
      env.filter(({ name }) => name === 'NIGHT'),
      [{ name: 'NIGHT', value: 'second' }],
    );
  });

  it('is missed while it is down: no Pod, or one without a sidecar where that is allowed', async () => {
    await stable.stop();
    await assert.rejects(
      newPod(cluster, { namespace: 'injected' }),
      error => error instanceof ApiError && error.status === 500 && /failed calling webhook/.test(error.message),
    );
    await stable.start();
    await stable.stop('Ignore');
    assert.deepEqual(images(await newPod(cluster, { namespace: 'injected' })), ['app app:1']);
    await stable.start();
    assert.notEqual(proxyOf(await newPod(cluster, { namespace: 'injected' })), undefined);
  });

  for (const native of [false, true]) {
    it(`runs injected Deployments on fake nodes, ${native ? 'with native sidecars' : 'with ordinary ones'}`, async () => {
      await stable.start({ native });
      const place = native ? 'native' : 'ordinary';
      const wishes = { namespace: place, replicas: 3, initContainer: true };
      await deploy(cluster, [
        namespace(place),
        deployment({ ...wishes, name: 'ready' }),
        deployment({
          ...wishes,
          name: 'slow',
          behaviour: 'slow-ready',
          podAnnotations: { 'test.nightshift/delay': '1s' },
        }),
      ]);
      const { items } = await cluster.api<{ readonly items: readonly NewPod[] }>(`/api/v1/namespaces/${place}/pods`);
      assert.equal(items.length, 6);
      for (const pod of items) assert.equal(proxyOf(pod)?.restartPolicy, native ? 'Always' : undefined);
    });
  }

  it('ends with its cluster', async () => {
    await cluster.stop();
    assert.deepEqual(markedProcesses(cluster.folder), []);
    assert.equal(existsSync(cluster.folder), false);
  });
});
