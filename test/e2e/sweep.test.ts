import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../cluster/until.ts';
import { leftByName, outcomesByName, quickPolicy, Site } from './site.ts';

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `app-${String(index).padStart(2, '0')}`);

describe('a sweep', { concurrency: 6 }, () => {
  test('restarts every stale Deployment once, canary first, and leaves the rest with their reasons', async () => {
    const site = await Site.open();
    await site.deploy(
      ...names(7).map(name => site.deployment({ name, replicas: 2 })),
      site.deployment({ name: 'paused', spec: { paused: false } }),
      site.deployment({ name: 'empty', replicas: 0 }),
      site.deployment({ name: 'opted-out', annotations: { 'nightshift/restart': 'never' } }),
      site.deployment({ name: 'template-opted-out', podAnnotations: { 'nightshift/restart': 'never' } }),
      site.deployment({ name: 'recreate', spec: { strategy: { type: 'Recreate' } } }),
    );
    await site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'rollout', 'pause', 'deployment/paused');
    const { code, report, worker } = await site.run(quickPolicy(site, { batches: { sizes: [1, 3], pause: '0s' } }));
    assert.equal(code, 0, worker.stderr());
    assert.deepEqual(outcomesByName(report), Object.fromEntries(names(7).map(name => [name, 'restarted'])));
    assert.deepEqual(leftByName(report), {
      paused: 'paused',
      empty: 'zeroReplicas',
      'opted-out': 'optedOut',
      'template-opted-out': 'optedOut',
      recreate: 'wouldCauseDowntime',
    });
    assert.deepEqual(
      worker
        .lines()
        .filter(({ message }) => message === 'batch started')
        .map(line => line['size']),
      [1, 3, 3],
    );
    const restarts = await site.restarts();
    assert.deepEqual(
      names(7).map(name => restarts[name]),
      names(7).map(() => 1),
    );
    assert.deepEqual(await site.checkpoint().then(({ hold, sweep }) => ({ hold, sweep })), { hold: null, sweep: null });
  });

  test('a killed run is resumed and no workload restarts twice', async () => {
    const site = await Site.open();
    await site.deploy(...names(12).map(name => site.deployment({ name, replicas: 2 })));
    const policy = site.policyFile(quickPolicy(site, { batches: { sizes: [1, 4], pause: '0s' } }));
    const killed = site.start(['run', '--policy', policy]);
    await until(
      'six restarts to be under way',
      () => killed.lines().filter(({ message }) => message === 'restart started').length >= 6 || undefined,
      { seconds: 60 },
    );
    killed.process.kill('SIGKILL');
    assert.equal(await killed.ended, 'SIGKILL');
    const { code, report, worker } = await site.run(policy);
    assert.equal(code, 0, worker.stderr());
    assert.equal(report.ending.kind, 'swept');
    assert.deepEqual(await site.restarts(), Object.fromEntries(names(12).map(name => [name, 1])));
  });

  test('a window that is closed means no API request at all', async () => {
    const site = await Site.open();
    const deny = [{ name: 'freeze', from: '2020-01-01', until: '2099-01-01' }];
    const { code, report } = await site.run(
      quickPolicy(site, { windows: { allow: [{ name: 'n', opens: '0 0 * * *', lasts: '1d' }], deny } }),
    );
    assert.equal(code, 0);
    assert.equal(report.ending.kind, 'windowClosed');
    assert.deepEqual(await site.requests(), []);
  });

  test('nothing starts after the window closes, and a rollout under way is awaited', async () => {
    const site = await Site.open();
    const slow = { 'test.nightshift/delay': '20s' };
    await site.deploy(
      site.deployment({ name: 'slow', podAnnotations: slow, annotations: { 'nightshift/priority': '1' } }),
      ...names(3).map(name => site.deployment({ name })),
    );
    const closesAt = Math.ceil(Date.now() / 1000) * 1000 + 12_000;
    const from = new Date(closesAt).toISOString().slice(0, 19);
    const windows = {
      allow: [{ name: 'always', opens: '0 0 * * *', lasts: '1d' }],
      deny: [{ name: 'freeze', from, until: '2099-01-01' }],
    };
    const { code, report, worker } = await site.run(
      quickPolicy(site, { windows, batches: { sizes: [1], pause: '0s' } }),
    );
    assert.equal(code, 0, worker.stderr());
    assert.deepEqual(outcomesByName(report), { slow: 'restarted' });
    assert.match(report.outcomes[0]?.detail ?? '', /overrun: \d+s after the window closed/);
    assert.equal(report.ending.kind, 'windowClosed');
    assert.equal(report.remaining, 3);
    const patches = (await site.requests()).filter(({ verb }) => verb === 'patch');
    assert.deepEqual(
      patches.map(({ name, at }) => [name, at < closesAt]),
      [['slow', true]],
    );
    assert.deepEqual(await site.restarts(), { 'app-00': 0, 'app-01': 0, 'app-02': 0, slow: 1 });
  });

  test('a Deployment changed between list and patch is judged again', async () => {
    const site = await Site.open();
    const [first = '', changed = '', optedOut = ''] = names(3);
    await site.deploy(...names(3).map(name => site.deployment({ name })));
    const policy = site.policyFile(quickPolicy(site, { batches: { sizes: [1], pause: '3s' } }));
    const worker = site.start(['run', '--policy', policy, '--output', 'json']);
    await worker.said('restart ended', `${site.namespaces[0]}/${first}`);
    await site.cluster.kubectl(
      '-n',
      site.namespaces[0] ?? '',
      'annotate',
      'deployment',
      optedOut,
      'nightshift/restart=never',
    );
    await site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'annotate', 'deployment', changed, 'somebody=was-here');
    assert.equal(await worker.ended, 0);
    await worker.said('changed since the plan, judged again', `${site.namespaces[0]}/${changed}`);
    assert.deepEqual(await site.restarts(), { [first]: 1, [changed]: 1, [optedOut]: 0 });
  });

  test('two overlapping runs do the work once', async () => {
    const site = await Site.open();
    await site.deploy(...names(8).map(name => site.deployment({ name })));
    const policy = quickPolicy(site, { batches: { sizes: [2], pause: '0s' } });
    const runs = await Promise.all([site.run(policy), site.run(policy), site.run(policy)]);
    assert.deepEqual(
      runs.map(({ code }) => code),
      [0, 0, 0],
    );
    const kinds = runs.map(({ report }) => report.ending.kind).toSorted();
    assert.deepEqual(kinds, ['heldByAnother', 'heldByAnother', 'swept']);
    assert.deepEqual(await site.restarts(), Object.fromEntries(names(8).map(name => [name, 1])));
  });

  test('SIGTERM saves, gives the hold back and exits 143; the next run awaits what was in flight', async () => {
    const site = await Site.open();
    await site.deploy(
      ...names(6).map(name => site.deployment({ name, podAnnotations: { 'test.nightshift/delay': '3s' } })),
    );
    const policy = site.policyFile(quickPolicy(site, { batches: { sizes: [3], pause: '0s' } }));
    const worker = site.start(['run', '--policy', policy]);
    await worker.said('restart started');
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended, 143);
    const { hold, runs } = await site.checkpoint();
    assert.equal(hold, null);
    assert.equal(runs.at(-1)?.exitCode, 143);
    const { code, report } = await site.run(policy);
    assert.equal(code, 0);
    assert.equal(report.ending.kind, 'swept');
    assert.deepEqual(await site.restarts(), Object.fromEntries(names(6).map(name => [name, 1])));
  });

  test('plan and --dry-run write nothing', async () => {
    const site = await Site.open();
    await site.deploy(...names(3).map(name => site.deployment({ name })));
    const policy = site.policyFile(quickPolicy(site));
    const dry = site.start(['run', '--dry-run', '--policy', policy, '--output', 'json']);
    assert.equal(await dry.ended, 0);
    const verbs = new Set((await site.requests()).map(({ verb }) => verb));
    assert.deepEqual([...verbs].toSorted(), ['get', 'list']);
    assert.deepEqual(await site.restarts(), Object.fromEntries(names(3).map(name => [name, 0])));
  });

  test('200 Deployments restart with at most 2.5 requests each over the whole run', async () => {
    const site = await Site.open({ namespaces: 4 });
    const fleet = Array.from({ length: 200 }, (_, index) =>
      site.deployment({ name: `app-${index}`, namespace: site.namespaces[index % 4] ?? '' }),
    );
    await site.deploy(...fleet);
    const { code, report } = await site.run(
      quickPolicy(site, {
        batches: { sizes: [1, 1000], pause: '0s', inFlight: { workloads: 20, pods: 200, perNamespace: 20 } },
      }),
    );
    assert.equal(code, 0);
    assert.equal(report.outcomes.filter(({ outcome }) => outcome === 'restarted').length, 200);
    const requests = await site.requests();
    assert.ok(requests.length <= 500, `${requests.length} requests`);
    const restarts = Object.values(await site.restarts());
    assert.deepEqual([...new Set(restarts)], [1]);
  });
});
