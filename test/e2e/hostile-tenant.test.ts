/** Somebody with the role `edit` in one namespace, against the workloads of another one. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { deploymentsOf, settled } from '../cluster/fleet.ts';
import { leftByName, OPEN, outcomesByName, quickPolicy, Site } from './site.ts';

let site: Site;
let tenants = '';
let others = '';

/** As the tenant, who has the role `edit` in the first namespace and no right anywhere else. */
async function asTenant(...objects: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await site.cluster.kubectlApply(list, '--as', 'tenant', '--server-side', '-n', tenants);
}

/** Fresh under the policy: its image is wanted, and what it read has not changed since. */
const web = (name: string) => site.deployment({ namespace: others, name, image: 'example.test/app:2' });
const policy = (changes: Readonly<Record<string, unknown>> = {}) =>
  quickPolicy(site, {
    stale: [{ container: 'app', imageNot: ['example.test/app:2'] }, { configChanged: { volumes: true } }],
    windows: OPEN,
    batches: { sizes: [1], pause: '0s' },
    ...changes,
  });

describe('a tenant with all rights in a namespace', { concurrency: 1 }, () => {
  before(async () => {
    site = await Site.open({ namespaces: 2, also: ['list configmaps'] });
    [tenants = '', others = ''] = site.namespaces;
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'tenant', namespace: tenants },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'tenant' }],
    };
    const settings = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: others },
      data: { a: '1' },
    };
    await site.cluster.kubectlApply([binding, settings].map(object => JSON.stringify(object)).join('\n---\n'));
    await site.deploy(web('web'), web('api'));
  });

  test('cannot make nightshift touch a workload of another', async () => {
    const [first] = (await deploymentsOf(site.cluster, others)).filter(({ metadata }) => metadata.name === 'web');
    const { items } = await site.cluster.api<{
      items: readonly { metadata: { name: string; uid: string; labels: Record<string, string> } }[];
    }>(`/apis/apps/v1/namespaces/${others}/replicasets`);
    const replicaSet = items.find(({ metadata }) => metadata.name.startsWith('web-')) ?? assert.fail();
    const owner = (kind: string, name: string, uid: string) => ({
      apiVersion: 'apps/v1',
      kind,
      name,
      uid,
      controller: true,
    });
    const template = (annotations: object) => ({
      metadata: { labels: { app: 'web' }, annotations },
      spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] },
    });
    const record = JSON.stringify({
      at: '2026-01-01T00:00:00Z',
      by: `${site.home}/nightshift-checkpoint`,
      run: 'r',
      sweep: 's',
      why: 'podTooOld',
      want: 'w',
      template: 't',
    });
    const absurd = {
      'nightshift/last-restart': record,
      'nightshift/priority': '\u001b[31m999999999\n',
      'example.test/large': 'x'.repeat(200_000),
    };
    await asTenant(
      // Claims to be the other's workload, and to be owned by it.
      {
        ...site.deployment({ name: 'web', annotations: absurd }),
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'web' } },
          template: template({ 'kubectl.kubernetes.io/restartedAt': '9999-12-31T23:59:59Z' }),
        },
      },
      site.deployment({ name: 'constructor', annotations: absurd }),
      {
        apiVersion: 'v1',
        kind: 'Pod',
        ...template({}),
        metadata: {
          name: 'impostor',
          labels: { app: 'web', 'pod-template-hash': replicaSet.metadata.labels['pod-template-hash'] },
          ownerReferences: [owner('ReplicaSet', replicaSet.metadata.name, replicaSet.metadata.uid)],
        },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'owned', ownerReferences: [owner('Deployment', 'web', first?.metadata.uid ?? '')] },
        spec: {
          selector: { matchLabels: { app: 'owned' } },
          template: { ...template({}), metadata: { labels: { app: 'owned' } } },
        },
      },
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'all' },
        spec: { selector: {}, maxUnavailable: 0 },
      },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { a: String(Date.now()) } },
    );
    const untouched = await deploymentsOf(site.cluster, others);
    // While the impostor is there, for the garbage collector does not like it; and once all of the tenant's is up.
    for (const wait of [() => Promise.resolve(), () => settled(site.cluster, site.namespaces)]) {
      await wait();
      const { report, worker } = await site.run(policy());
      const left = report.left.filter(({ namespace }) => namespace === others);
      assert.deepEqual(leftByName({ ...report, left }), { web: 'fresh', api: 'fresh' });
      assert.ok(
        report.outcomes.every(({ namespace }) => namespace === tenants),
        worker.stdout(),
      );
    }
    const writes = (await site.requests()).filter(
      ({ verb, resource }) => verb === 'patch' && resource === 'deployments',
    );
    assert.deepEqual(
      writes.filter(({ namespace }) => namespace !== tenants),
      [],
    );
    assert.deepEqual(
      (await deploymentsOf(site.cluster, others)).map(({ metadata }) => metadata.generation),
      untouched.map(({ metadata }) => metadata.generation),
    );
  });

  test('can end the sweep of a night by a workload that fails, and no longer once the policy leaves the namespace out', async () => {
    await site.cluster.kubectl('-n', tenants, 'delete', 'deployment', '--all', '--wait');
    await site.cluster.kubectl('-n', site.home, 'patch', 'configmap', 'nightshift-checkpoint', '-p', '{"data":null}');
    const broken = (annotations: Readonly<Record<string, string>> = {}) =>
      site.deployment({
        name: 'broken',
        whenRestarted: 'crash-loop',
        annotations: { 'nightshift/priority': '999999999' },
        podAnnotations: annotations,
      });
    await asTenant(broken());
    await site.deploy(web('stale'));
    const stale = policy({ stale: [{ podOlderThan: '1s' }] });

    const first = await site.run(stale);
    assert.deepEqual(
      [first.code, first.report.ending.kind, outcomesByName(first.report)],
      [3, 'stopped', { broken: 'failed(crashLoopBackOff)' }],
    );

    // It is left from now on, and the others are restarted as soon as the stop ends ...
    await site.start(['resume']).ended;
    const second = await site.run(stale);
    assert.deepEqual([second.code, second.report.ending.kind], [0, 'swept'], second.report.summary);
    assert.equal(leftByName(second.report)['broken'], 'failedBefore');
    assert.deepEqual(outcomesByName(second.report), { stale: 'restarted', web: 'restarted', api: 'restarted' });

    // ... until the tenant changes its template, which is what mending looks like, too.
    await site.cluster.kubectl('-n', tenants, 'delete', 'deployment', 'broken', '--wait');
    await asTenant(broken({ again: '1' }));
    await settled(site.cluster, site.namespaces);
    await site.age();
    const third = await site.run(stale);
    assert.deepEqual([third.code, third.report.ending.kind], [3, 'stopped'], third.report.summary);
    await site.start(['resume']).ended;
    const without = await site.run({ ...stale, select: { namespaces: { include: [others] } } });
    assert.deepEqual([without.code, without.report.ending.kind], [0, 'swept'], without.report.summary);
    assert.deepEqual(Object.values(outcomesByName(without.report)), ['restarted', 'restarted', 'restarted']);
  });
});
