import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noNewPods } from '../cluster/fleet.ts';
import type { Behaviour } from '../cluster/stages.ts';
import { until } from '../cluster/until.ts';
import { leftByName, outcomesByName, quickPolicy, Site } from './site.ts';

/** The bad one is restarted first: it has the higher priority. */
const FIRST = { 'nightshift/priority': '1' };

const DOOMED: readonly {
  readonly what: string;
  readonly behaviour: Behaviour;
  readonly why: string;
  readonly says: RegExp;
}[] = [
  { what: 'a failing init container', behaviour: 'init-crash', why: 'initContainer', says: /init container init/ },
  {
    what: 'an image that cannot be pulled',
    behaviour: 'image-pull',
    why: 'imagePull',
    says: /ErrImagePull|ImagePullBackOff/,
  },
  { what: 'a crash loop', behaviour: 'crash-loop', why: 'crashLoopBackOff', says: /container app/ },
  { what: 'a missing ConfigMap', behaviour: 'config-error', why: 'containerConfig', says: /container app/ },
];

describe('a restart that does not come up', { concurrency: 6 }, () => {
  for (const { what, behaviour, why, says } of DOOMED) {
    test(`${what} stops the run with that reason and leaves the old Pods serving`, async () => {
      const site = await Site.open();
      await site.deploy(
        site.deployment({
          name: 'bad',
          replicas: 3,
          whenRestarted: behaviour,
          initContainer: true,
          annotations: FIRST,
        }),
        site.deployment({ name: 'good', replicas: 2 }),
      );
      const { code, report, worker } = await site.run(quickPolicy(site));
      assert.equal(code, 3, worker.stderr());
      assert.deepEqual(outcomesByName(report), { bad: `failed(${why})` });
      assert.match(report.outcomes[0]?.detail ?? '', says);
      assert.equal(report.ending.kind, 'stopped');
      assert.equal(report.remaining, 1);
      assert.deepEqual(await site.restarts(), { bad: 1, good: 0 });
      assert.deepEqual(await site.available(), { bad: 3, good: 2 });
    });
  }

  test('an init container that hangs fails at the timeout', async () => {
    const site = await Site.open();
    await site.deploy(site.deployment({ name: 'bad', replicas: 2, whenRestarted: 'init-hang', initContainer: true }));
    const { code, report } = await site.run(quickPolicy(site, { rollout: { timeout: '8s', soak: '0s' } }));
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { bad: 'failed(timeout)' });
    assert.deepEqual(await site.available(), { bad: 2 });
  });

  test('Pods that nobody may create any more fail at the timeout, with the words of who refuses them', async () => {
    const site = await Site.open();
    await site.deploy(site.deployment({ name: 'bad', replicas: 2 }));
    await site.cluster.kubectlApply(JSON.stringify(noNewPods(site.namespaces[0] ?? '')));
    const { code, report } = await site.run(quickPolicy(site, { rollout: { timeout: '8s', soak: '0s' } }));
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { bad: 'failed(failedCreate)' });
    assert.match(report.outcomes[0]?.detail ?? '', /minimum memory usage per Pod is 1Gi/);
  });

  test('a Pod that fails while it soaks is not taken for healthy', async () => {
    const site = await Site.open();
    await site.deploy(
      site.deployment({ name: 'bad', whenRestarted: 'crash-later', podAnnotations: { 'test.nightshift/delay': '2s' } }),
    );
    const { code, report } = await site.run(quickPolicy(site, { rollout: { timeout: '60s', soak: '10s' } }));
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { bad: 'failed(crashLoopBackOff)' });
  });

  test('a stop holds for the ticks that follow in the same window, and the next window starts with the canary again', async () => {
    const site = await Site.open();
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    await site.deploy(
      ...names.map((name, index) => site.deployment({ name, annotations: { 'nightshift/priority': String(-index) } })),
      site.deployment({ name: 'bad', whenRestarted: 'image-pull', annotations: { 'nightshift/priority': '-2' } }),
    );
    const batches = { sizes: [1, 3], pause: '0s' };
    const stopped = await site.run(quickPolicy(site, { batches }));
    assert.equal(stopped.code, 3);
    assert.equal(outcomesByName(stopped.report)['bad'], 'failed(imagePull)');
    const { stop } = await site.checkpoint();
    assert.equal(stop?.why, 'failures');

    const before = await site.restarts();
    for (let tick = 0; tick < 2; tick++) {
      const { code, report } = await site.run(quickPolicy(site, { batches }));
      assert.equal(code, 0);
      assert.equal(report.ending.kind, 'stoppedBefore');
      assert.match(report.ending.detail, /bad/);
    }
    assert.deepEqual(await site.restarts(), before);

    // An occurrence that opens later than the stop: every full minute is one.
    await until(
      'the next minute',
      () => Math.floor(Date.now() / 60_000) > Math.floor(Date.parse(stop?.at ?? '') / 60_000),
      { seconds: 70 },
    );
    const windows = { allow: [{ name: 'every-minute', opens: '* * * * *', lasts: '1m' }] };
    const { code, report, worker } = await site.run(quickPolicy(site, { batches, windows }));
    assert.equal(code, 0, worker.stderr());
    assert.equal(report.ending.kind, 'swept', report.summary);
    assert.deepEqual(leftByName(report)['bad'], 'failedBefore');
    assert.deepEqual(
      worker
        .lines()
        .filter(({ message }) => message === 'batch started')
        .map(line => line['size'])[0],
      1,
    );
    assert.deepEqual(await site.restarts(), Object.fromEntries([...names, 'bad'].map(name => [name, 1])));
  });

  test('resume forgets a manual stop, and a failed workload that was mended is restarted again', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    await site.deploy(
      site.deployment({ name: 'bad', whenRestarted: 'crash-loop', annotations: FIRST }),
      site.deployment({ name: 'good' }),
    );
    const policy = site.policyFile(quickPolicy(site, { onFailure: { resume: 'manual' } }));
    assert.equal((await site.run(policy)).code, 3);
    assert.equal((await site.run(policy)).report.ending.kind, 'stoppedBefore');
    await site.cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'deployment',
      'bad',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/template/metadata/annotations/test.nightshift~1when-restarted"}]',
    );
    await site.cluster.kubectl('-n', namespace, 'rollout', 'status', 'deployment/bad', '--timeout=30s');
    assert.equal(await site.start(['resume']).ended, 0);
    const { code, report } = await site.run(policy);
    assert.equal(code, 0);
    assert.deepEqual(outcomesByName(report), { good: 'restarted' });
    assert.equal((await site.restarts())['good'], 1);
  });

  test('restarts that change nothing cost two workloads one restart each, and the sweep stops', async () => {
    const site = await Site.open();
    const names = ['a', 'b', 'c', 'd', 'e'];
    await site.deploy(...names.map(name => site.deployment({ name })));
    const policy = quickPolicy(site, { stale: [{ container: 'app', imageNot: ['example.test/typo:1'] }] });
    const { code, report } = await site.run(policy);
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { a: 'ineffective', b: 'ineffective' });
    for (let tick = 0; tick < 2; tick++) assert.equal((await site.run(policy)).report.ending.kind, 'stoppedBefore');
    assert.deepEqual(Object.values(await site.restarts()), [1, 1, 0, 0, 0]);
  });

  test('a failure is told on the workload, in Events and in the checkpoint', async () => {
    const site = await Site.open();
    const [namespace = ''] = site.namespaces;
    await site.deploy(site.deployment({ name: 'bad', whenRestarted: 'image-pull' }));
    await site.run(quickPolicy(site));
    const record = await site.cluster.kubectl(
      '-n',
      namespace,
      'get',
      'deployment',
      'bad',
      '-o',
      'jsonpath={.metadata.annotations.nightshift/last-restart}',
    );
    assert.deepEqual(
      { ...JSON.parse(record), at: '', run: '', sweep: '', template: '', want: '' },
      {
        at: '',
        run: '',
        sweep: '',
        template: '',
        want: '',
        by: `${site.home}/nightshift-checkpoint`,
        why: 'podTooOld',
        outcome: 'failed',
        reason: 'imagePull',
      },
    );
    const events = await site.cluster.kubectl(
      '-n',
      namespace,
      'get',
      'events',
      '-o',
      'jsonpath={range .items[?(@.reason=="RestartFailed")]}{.involvedObject.name}: {.message}{end}',
    );
    assert.match(events, /^bad: imagePull: .*nightshift run/);
  });
});
