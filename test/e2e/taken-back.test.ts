/** Which Pod goes when a spare one is taken back: a ReplicaSet that shrinks would take one of those that share a node. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeploymentWishes } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { livePodsOf, sidecarOf, uidsOf, type PodSeen } from './pods.ts';
import { watchReady } from './ready-watch.ts';
import { failedPod, outcomesByName, type Site } from './site.ts';
import { deploymentOf } from './somebody.ts';
import { injectedSite, NEW, sidecarPolicy, upgrade } from './upgraded.ts';

const api = (site: Site): Promise<readonly PodSeen[]> => livePodsOf(site, 'api');
const isReady = ({ status }: PodSeen): boolean =>
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
const replicasOf = async (site: Site): Promise<number> => (await deploymentOf(site, 'api')).spec.replicas;

/** The injector has no more to do with what is made from now on. */
const leaveAlone = ({ cluster, namespaces }: Site): Promise<unknown> =>
  cluster.kubectl('label', 'namespace', namespaces[0] ?? '', 'istio-injection-');

/** Two old Pods on one node, while there is room on others. */
async function twoOnOneNode(wishes: Partial<DeploymentWishes>): Promise<Site> {
  const site = await injectedSite({ also: ['create pods/eviction'] });
  const { cluster } = site;
  const { items } = await cluster.api<{ items: readonly { metadata: { name: string } }[] }>('/api/v1/nodes');
  const [, ...others] = items.map(({ metadata }) => metadata.name);
  const wanted = site.deployment({ name: 'api', replicas: 2, annotations: { 'nightshift/way': 'replace' }, ...wishes });
  await cluster.kubectl('cordon', ...others);
  try {
    await site.deploy(wanted);
  } finally {
    await cluster.kubectl('uncordon', ...others);
  }
  await until('both to be available', async () => (await deploymentOf(site, 'api')).status.availableReplicas === 2, {
    seconds: 60,
  });
  await upgrade(site);
  return site;
}

/** The first of them. */
async function fallsIll(site: Site): Promise<void> {
  const [sick] = await api(site);
  const conditions = ['Ready', 'ContainersReady'].map(type => ({ type, status: 'False' }));
  const patch = ['--subresource=status', '--type=strategic', '-p', JSON.stringify({ status: { conditions } })];
  await site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'patch', 'pod', sick?.metadata.name ?? '', ...patch);
  await until('one to be missing', async () => (await deploymentOf(site, 'api')).status.availableReplicas === 1);
}

const policyOf = (site: Site, others: Readonly<Record<string, unknown>> = {}) =>
  sidecarPolicy(site, { restart: { mayReplace: true }, onFailure: { undo: true }, ...others });

const NEVER = { windows: { allow: [{ name: 'never', opens: '0 0 29 2 *', lasts: '1m' }] } };

describe('what goes with the spare Pod is', { concurrency: 1 }, () => {
  test('the one that is ready and not available yet, not one that serves', async () => {
    const site = await twoOnOneNode({ spec: { minReadySeconds: 20 } });
    const before = uidsOf(await api(site));
    await using ready = watchReady(site);
    const { code, report } = await site.run(policyOf(site, { rollout: { timeout: '8s', soak: '0s' } }));
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { api: 'undone(timeout)' });
    await until('the Pods to be those from before', async () => (await api(site)).length === 2);
    assert.deepEqual(uidsOf(await api(site)), before);
    assert.equal(ready.least('api'), 2);
  });

  test('the one that lacks the sidecar, where the injector goes away in the middle', async () => {
    const site = await twoOnOneNode({ podAnnotations: { 'test.nightshift/delay': '2s' } });
    const before = uidsOf(await api(site));
    const policy = site.policyFile(policyOf(site, { rollout: { timeout: '30s', soak: '0s' } }));
    const worker = site.start(['run', '--policy', policy]);
    await until('the spare Pod', async () => (await api(site)).length === 3, { everyMilliseconds: 20 });
    await leaveAlone(site);
    assert.equal(await worker.ended, 3, worker.stdout());
    await until('as many as it wants', async () => (await api(site)).length === 2);
    const images = (await api(site)).map(sidecarOf);
    assert.ok(!images.includes(undefined) && images.includes(NEW), String(images));
    assert.equal(uidsOf(await api(site)).filter(uid => before.includes(uid)).length, 1);
    assert.equal(await replicasOf(site), 2);
  });

  for (const [what, allowed, falls] of [
    ['where the run was killed', {}, undefined],
    ['beside an old one that is not ready', { availability: { unhealthy: 'allow' } }, fallsIll],
  ] as const) {
    test(`the new one that nobody has proven, ${what}, by a tick outside the window`, async () => {
      const site = await twoOnOneNode({ podAnnotations: { 'test.nightshift/delay': '2s' } });
      const before = uidsOf(await api(site));
      await falls?.(site);
      const pod = await failedPod(site);
      const worker = site.start(['run', '--policy', site.policyFile(policyOf(site, allowed))], {
        NIGHTSHIFT_POD_NAME: pod.name,
        NIGHTSHIFT_POD_UID: pod.uid,
      });
      await until('the spare Pod to be asked for', async () => (await replicasOf(site)) === 3, {
        everyMilliseconds: 5,
      });
      // The spare Pod is not ready yet: no other has gone.
      worker.process.kill('SIGKILL');
      await worker.ended;
      const spare = await until('it to be ready', async () =>
        (await api(site)).find(one => isReady(one) && !before.includes(one.metadata.uid)),
      );
      const { code } = await site.run(policyOf(site, { ...allowed, ...NEVER }));
      assert.equal(code, 0);
      await until('as many as it wants', async () => (await api(site)).length === 2);
      assert.ok(!uidsOf(await api(site)).includes(spare.metadata.uid));
      assert.deepEqual(uidsOf(await api(site)), before);
      assert.equal(await replicasOf(site), 2);
    });
  }
});
