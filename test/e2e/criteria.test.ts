/** The other criteria, and what must be ready before any of them leads to a restart. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../cluster/until.ts';
import { leftByName, outcomesByName, quickPolicy, Site } from './site.ts';

const CONFIG = { stale: [{ configChanged: {} }] };

/** A Deployment whose only container reads these. */
function reader(site: Site, name: string, container: object, volumes: readonly object[] = []): object {
  const spec = { containers: [{ name: 'app', image: 'example.test/app:1', ...container }], volumes };
  const labels = { app: name };
  return site.deployment({
    name,
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  });
}

const env = (kind: 'configMapKeyRef' | 'secretKeyRef', name: string) => ({
  env: [{ name: 'LEVEL', valueFrom: { [kind]: { name, key: 'level' } } }],
});

describe('configChanged', { concurrency: 4 }, () => {
  test('restarts what read a ConfigMap when it started, once, and nothing else', async () => {
    const site = await Site.open({ also: ['list configmaps'] });
    const [namespace = ''] = site.namespaces;
    const config = (name: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name },
      data: { level: '1' },
    });
    const mount = (more: object = {}) => ({ volumeMounts: [{ name: 'v', mountPath: '/etc/app', ...more }] });
    const volume = [{ name: 'v', configMap: { name: 'settings' } }];
    await site.deploy(
      config('settings'),
      config('others'),
      reader(site, 'by-env', env('configMapKeyRef', 'settings')),
      reader(site, 'by-env-from', { envFrom: [{ configMapRef: { name: 'settings' } }] }),
      reader(site, 'by-file', mount({ subPath: 'level' }), volume),
      reader(site, 'by-folder', mount(), volume),
      reader(site, 'of-others', env('configMapKeyRef', 'others')),
      reader(site, 'by-secret', env('secretKeyRef', 'settings')),
    );
    assert.deepEqual((await site.run(quickPolicy(site, CONFIG))).report.outcomes, []);
    await site.cluster.kubectl('-n', namespace, 'label', 'configmap', 'others', 'a=b');
    await site.cluster.kubectl('-n', namespace, 'patch', 'configmap', 'settings', '-p', '{"data":{"level":"2"}}');
    const { code, report, worker } = await site.run(quickPolicy(site, CONFIG));
    assert.equal(code, 0, worker.stderr());
    const restarted = { 'by-env': 'restarted', 'by-env-from': 'restarted', 'by-file': 'restarted' };
    assert.deepEqual(outcomesByName(report), restarted);
    assert.match(
      String(worker.lines().find(({ why }) => why === 'configChanged')?.['detail']),
      /^ConfigMap settings changed at /,
    );
    assert.deepEqual((await site.run(quickPolicy(site, CONFIG))).report.outcomes, []);

    const folders = await site.run(quickPolicy(site, { stale: [{ configChanged: { volumes: true } }] }));
    assert.deepEqual(outcomesByName(folders.report), { 'by-folder': 'restarted' });
    const lists = (await site.requests()).filter(({ resource }) => resource === 'configmaps');
    assert.ok(lists.some(({ verb }) => verb === 'list'));
    assert.ok(!(await site.requests()).some(({ resource }) => resource === 'secrets'));
  });

  test('of a Secret counts where the policy says so, and needs the right to list them', async () => {
    const policy = { stale: [{ configChanged: { secrets: true } }] };
    const without = await Site.open({ also: ['list configmaps'] });
    const refused = await without.run(quickPolicy(without, policy));
    assert.equal(refused.code, 4);
    assert.match(refused.report.ending.detail, /not permitted to list secrets/);

    const site = await Site.open({ also: ['list configmaps', 'list secrets'] });
    const [namespace = ''] = site.namespaces;
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: 'key' },
      stringData: { level: 'TOP-SECRET' },
    };
    await site.deploy(secret, reader(site, 'app', env('secretKeyRef', 'key')));
    assert.deepEqual((await site.run(quickPolicy(site, policy))).report.outcomes, []);
    await site.cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'secret',
      'key',
      '-p',
      '{"stringData":{"level":"TOP-SECRET-2"}}',
    );
    const { report, worker } = await site.run(quickPolicy(site, policy));
    assert.deepEqual(outcomesByName(report), { app: 'restarted' });
    assert.doesNotMatch(worker.stdout() + worker.stderr(), /TOP-SECRET/);
  });
});

describe('what must be ready', { concurrency: 4 }, () => {
  test('keeps everything from starting until it is, and the run says what it waits for', async () => {
    const site = await Site.open({ namespaces: 2 });
    const [shop = '', mesh = ''] = site.namespaces;
    await site.deploy(site.deployment({ name: 'a' }), site.deployment({ name: 'b' }));
    const ready = [{ deployment: `${mesh}/injector` }];
    const policy = quickPolicy(site, {
      select: { namespaces: { include: [shop] } },
      ready,
      rollout: { timeout: '12s', soak: '0s' },
    });
    const missing = await site.run(policy);
    assert.equal(missing.code, 0);
    assert.equal(missing.report.ending.kind, 'notReady');
    assert.match(missing.report.ending.detail, new RegExp(`${mesh}/injector is not ready: it does not exist`));
    assert.deepEqual(missing.report.outcomes, []);

    const patient = { ...policy, rollout: { timeout: '60s', soak: '0s' } };
    const worker = site.start(['run', '--policy', site.policyFile(patient), '--output', 'json']);
    await worker.said('waiting for what must be ready first');
    await site.deploy(site.deployment({ name: 'injector', namespace: mesh }));
    assert.equal(await worker.ended, 0);
    assert.deepEqual(await site.restarts(), { a: 1, b: 1, injector: 0 });
  });

  test('is looked at again before each batch', async () => {
    const site = await Site.open({ namespaces: 2 });
    const [shop = '', mesh = ''] = site.namespaces;
    await site.deploy(
      ...['a', 'b', 'c'].map(name => site.deployment({ name })),
      site.deployment({ name: 'injector', namespace: mesh }),
    );
    const policy = quickPolicy(site, {
      select: { namespaces: { include: [shop] } },
      ready: [{ deployment: `${mesh}/injector` }],
      batches: { sizes: [1], pause: '2s' },
      rollout: { timeout: '11s', soak: '0s' },
    });
    const worker = site.start(['run', '--policy', site.policyFile(policy), '--output', 'json']);
    await worker.said('restart ended');
    await site.cluster.kubectl('-n', mesh, 'scale', 'deployment', 'injector', '--replicas=0');
    assert.equal(await worker.ended, 0);
    const restarts = await site.restarts();
    assert.equal((restarts['a'] ?? 0) + (restarts['b'] ?? 0) + (restarts['c'] ?? 0), 1);
    assert.match(worker.stdout(), /is not ready: it is scaled to zero/);
  });
});

test('while Pods wait for a node nothing starts, and the run says so', async () => {
  const site = await Site.open({ also: ['get namespaces'] });
  const [namespace = ''] = site.namespaces;
  await site.deploy(site.deployment({ name: 'a' }), site.deployment({ name: 'b' }));
  const spec = { nodeSelector: { nowhere: 'yes' }, containers: [{ name: 'app', image: 'app' }] };
  const waiting = ['x', 'y'].map(name => ({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name }, spec }));
  await site.cluster.kubectlApply(waiting.map(pod => JSON.stringify(pod)).join('\n---\n'));
  const policy = (unscheduledPods: number) =>
    quickPolicy(site, {
      batches: { sizes: [1], pause: '0s', unscheduledPods },
      rollout: { timeout: '5s', soak: '0s' },
    });
  const full = await site.run(policy(1), '--namespaces', namespace);
  assert.deepEqual([full.code, full.report.ending.kind, full.report.outcomes], [0, 'notReady', []]);
  assert.match(full.report.ending.detail, /more than 1 Pods wait for a node/);
  const room = await site.run(policy(2), '--namespaces', namespace);
  assert.deepEqual(outcomesByName(room.report), { a: 'restarted', b: 'restarted' });
});

describe('availability', { concurrency: 4 }, () => {
  test('workloads that share a PodDisruptionBudget are never in flight together', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    const names = ['a', 'b', 'c', 'd'];
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace, name: 'together' },
      spec: { minAvailable: 1, selector: { matchLabels: { tier: 'quorum' } } },
    };
    await site.deploy(
      budget,
      ...names.map(name => site.deployment({ name, podLabels: { tier: 'quorum' } })),
      ...['x', 'y'].map(name => site.deployment({ name })),
    );
    const { code, worker } = await site.run(quickPolicy(site, { batches: { sizes: [50], pause: '0s' } }));
    assert.equal(code, 0);
    const flying = new Set<string>();
    let together = 0;
    for (const { message, workload = '' } of worker.lines()) {
      const name = workload.split('/')[1] ?? '';
      if (message === 'restart started') flying.add(name);
      if (message === 'restart ended') flying.delete(name);
      together = Math.max(together, [...flying].filter(flown => names.includes(flown)).length);
    }
    assert.equal(together, 1);
    assert.deepEqual(new Set(Object.values(await site.restarts())), new Set([1]));
  });

  test('the worst moment of each is in the report, with what its strategy promises', async () => {
    const site = await Site.open();
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 2 } };
    await site.deploy(
      site.deployment({ name: 'surges', replicas: 4 }),
      site.deployment({ name: 'sinks', replicas: 4, spec: { strategy } }),
    );
    const { report } = await site.run(quickPolicy(site));
    const available = Object.fromEntries(report.outcomes.map(outcome => [outcome.name, outcome.available]));
    assert.deepEqual(available['surges']?.promised, 3);
    assert.ok((available['surges']?.least ?? 0) >= 3);
    assert.equal(available['sinks']?.promised, 2);
    assert.ok([2, 3].includes(available['sinks']?.least ?? 0), JSON.stringify(available));
  });

  test('below what is promised is said', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    await site.deploy(site.deployment({ name: 'app', replicas: 4, podAnnotations: { 'test.nightshift/delay': '5s' } }));
    const worker = site.start(['run', '--policy', site.policyFile(quickPolicy(site)), '--output', 'json']);
    await worker.said('restart started');
    await site.cluster.kubectl('-n', namespace, 'delete', 'pods', '--all', '--wait=false');
    assert.equal(await worker.ended, 0);
    const line = worker.lines().find(({ message }) => message === 'restart ended');
    assert.match(String(line?.['detail']), /only \d replicas were available, 3 are promised/);
  });

  test('what is unhealthy is left, unless a restart may be the cure', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    await site.deploy(site.deployment({ name: 'app', replicas: 2 }));
    const pod = (
      await site.cluster.kubectl('-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}')
    ).trim();
    const unready = JSON.stringify({ status: { conditions: [{ type: 'Ready', status: 'False' }] } });
    await site.cluster.kubectl('-n', namespace, 'patch', 'pod', pod, '--subresource=status', '-p', unready);
    await until('the Deployment to miss a Pod', async () => (await site.available())['app'] === 1);
    const skipped = await site.run(quickPolicy(site));
    assert.deepEqual(leftByName(skipped.report), { app: 'notHealthy' });
    const cured = await site.run(quickPolicy(site, { availability: { unhealthy: 'allow' } }));
    assert.deepEqual(outcomesByName(cured.report), { app: 'restarted' });
    assert.deepEqual(await site.available(), { app: 2 });
  });

  test('nightshift/downtime: allow on a workload lets it have a gap', async () => {
    const site = await Site.open();
    const spec = { strategy: { type: 'Recreate' } };
    await site.deploy(
      site.deployment({ name: 'careful', spec }),
      site.deployment({ name: 'careless', spec, annotations: { 'nightshift/downtime': 'allow' } }),
    );
    const { report } = await site.run(quickPolicy(site));
    assert.deepEqual(outcomesByName(report), { careless: 'restarted' });
    assert.equal(leftByName(report)['careful'], 'wouldCauseDowntime');
  });
});
