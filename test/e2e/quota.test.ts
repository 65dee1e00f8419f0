/** ResourceQuotas, by their controller and their admission plugin on a real control plane. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../cluster/until.ts';
import type { RunReport } from '../worker-log.ts';
import { leftByName, outcomesByName, quickPolicy, Site, type Worker } from './site.ts';

interface QuotaObject {
  readonly status?: {
    readonly hard?: Readonly<Record<string, string>>;
    readonly used?: Readonly<Record<string, string>>;
  };
}

/** Two Pods that ask for 100m each. */
function web(site: Site, name = 'web', maxUnavailable = 0): object {
  const resources = { requests: { cpu: '100m', memory: '64Mi' } };
  const containers = [{ name: 'app', image: 'example.test/app:1', resources }];
  return site.deployment({
    name,
    replicas: 2,
    spec: {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable } },
      template: { metadata: { labels: { app: name } }, spec: { containers } },
    },
  });
}

/** Applies the quota, and waits until so much of it is in force and counted. */
async function limit(site: Site, hard: Readonly<Record<string, string>>, spec: object = {}): Promise<void> {
  const [namespace = ''] = site.namespaces;
  await site.cluster.kubectlApply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'compute' },
      spec: { hard, ...spec },
    }),
  );
  await until('the quota to be in force', async () => {
    const path = `/api/v1/namespaces/${namespace}/resourcequotas/compute`;
    const { status } = await site.cluster.api<QuotaObject>(path);
    return Object.entries(hard).every(([name, value]) => status?.hard?.[name] === value && name in (status.used ?? {}));
  });
}

async function versionOf(site: Site, name: string): Promise<string> {
  const path = `/apis/apps/v1/namespaces/${site.namespaces[0]}/deployments/${name}`;
  return (await site.cluster.api<{ metadata: { resourceVersion: string } }>(path)).metadata.resourceVersion;
}

const detailOf = ({ left }: RunReport, site: Site): string =>
  left.find(({ namespace, name }) => namespace === site.namespaces[0] && name === 'web')?.detail ?? '';

const startsAndEnds = (worker: Worker): readonly string[] =>
  worker.lines().flatMap(({ message }) => (/^restart (started|ended)$/.test(message) ? [message] : []));

const atOnce = { sizes: [50], pause: '0s', inFlight: { workloads: 10, pods: 200, perNamespace: 10 } };

describe('a workload in a quota', { concurrency: 4 }, () => {
  test('without room for its surge is left with that reason and not changed; with room again it is restarted', async () => {
    const site = await Site.open();
    await site.deploy(web(site));
    await limit(site, { 'requests.cpu': '250m', pods: '10' });
    const before = await versionOf(site, 'web');
    const { code, report, worker } = await site.run(quickPolicy(site));
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(leftByName(report, site), { web: 'quotaTooSmall' });
    assert.equal(
      detailOf(report, site),
      'no room for the Pod that its restart begins with: ResourceQuota compute has 50m of 250m left for requests.cpu, 100m is needed',
    );
    assert.equal(await versionOf(site, 'web'), before);
    assert.ok((await site.requests()).every(({ verb }) => verb !== 'patch'));
    await limit(site, { 'requests.cpu': '300m', pods: '10' });
    const again = await site.run(quickPolicy(site));
    assert.equal(again.code, 0, again.worker.stderr());
    assert.deepEqual(outcomesByName(again.report), { web: 'restarted' });
  });

  test('that is full is restarted where one of its Pods may be gone meanwhile', async () => {
    const site = await Site.open();
    await site.deploy(web(site, 'web', 1));
    await limit(site, { 'requests.memory': '128Mi', 'count/pods': '2' });
    // A ReplicaSet whose Pod was refused waits longer each time before it tries again.
    const patient = { rollout: { timeout: '3m', soak: '0s' } };
    const { code, report, worker } = await site.run(quickPolicy(site, patient));
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(outcomesByName(report), { web: 'restarted' });
  });

  test('with room for one surge waits for the others in its namespace, and none is left', async () => {
    const site = await Site.open();
    const names = ['a', 'b', 'c'];
    await site.deploy(...names.map(name => web(site, name)));
    await limit(site, { pods: '7' });
    const { code, report, worker } = await site.run(quickPolicy(site, { batches: atOnce }));
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(outcomesByName(report), { a: 'restarted', b: 'restarted', c: 'restarted' });
    assert.deepEqual(leftByName(report, site), {});
    assert.deepEqual(
      startsAndEnds(worker),
      names.flatMap(() => ['restart started', 'restart ended']),
    );
  });

  test('with little room goes beside no other whose surge would take it', async () => {
    const site = await Site.open();
    // Sorted by name: the first takes what it can get, and could do without.
    await site.deploy(web(site, 'a', 1), web(site, 'b'));
    await limit(site, { pods: '5' });
    const { report, worker } = await site.run(quickPolicy(site, { batches: atOnce }));
    assert.deepEqual(outcomesByName(report), { a: 'restarted', b: 'restarted' }, worker.stdout());
    assert.deepEqual(startsAndEnds(worker), ['restart started', 'restart ended', 'restart started', 'restart ended']);
  });

  test('without room for a spare Pod is left, with room it gets one', async () => {
    const site = await Site.open({ also: ['create pods/eviction'] });
    const spec = { strategy: { type: 'Recreate' } };
    const annotations = { 'nightshift/way': 'replace' };
    await site.deploy(site.deployment({ name: 'web', replicas: 1, annotations, spec }));
    await limit(site, { pods: '1' });
    const replacing = quickPolicy(site, { restart: { mayReplace: true } });
    const { code, report } = await site.run(replacing);
    assert.equal(code, 0);
    assert.deepEqual(leftByName(report, site), { web: 'quotaTooSmall' });
    assert.match(detailOf(report, site), /ResourceQuota compute has nothing of 1 left for pods, 1 is needed/);
    await limit(site, { pods: '2' });
    const again = await site.run(replacing);
    assert.deepEqual(outcomesByName(again.report), { web: 'restarted' }, again.worker.stdout());
  });

  test('that does not count it is restarted', async () => {
    const site = await Site.open();
    await site.deploy(web(site));
    const matchExpressions = [{ scopeName: 'PriorityClass', operator: 'In', values: ['burst'] }];
    await limit(site, { pods: '0' }, { scopeSelector: { matchExpressions } });
    const { report } = await site.run(quickPolicy(site));
    assert.deepEqual(outcomesByName(report), { web: 'restarted' });
  });

  test('counts what a LimitRange gave to its Pods', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    await site.cluster.kubectlApply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: { namespace, name: 'defaults' },
        spec: { limits: [{ type: 'Container', default: { memory: '96Mi' }, defaultRequest: { memory: '96Mi' } }] },
      }),
    );
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    await site.deploy(site.deployment({ name: 'web', replicas: 2, spec: { strategy } }));
    await limit(site, { 'limits.memory': '256Mi' });
    const { report } = await site.run(quickPolicy(site));
    assert.deepEqual(leftByName(report, site), { web: 'quotaTooSmall' });
    assert.match(detailOf(report, site), /64Mi of 256Mi left for limits\.memory, 96Mi/);
  });
});
