/** Rollouts, by the controller of Argo Rollouts beside a real control plane. */
import assert from 'node:assert/strict';
import { livePodsOf } from '../e2e/pods.ts';
import { after, before, describe, test } from 'node:test';
import { LAST_RESTART } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import { SIDECAR } from '../cluster/injector.ts';
import { until } from '../cluster/until.ts';
import { reportOf, type RunReport } from '../worker-log.ts';
import { failedPod, cluster, leftByName, outcomesByName, quickPolicy, Site, type SiteOptions } from '../e2e/site.ts';
import { injectedSite, NEW, upgrade } from '../e2e/upgraded.ts';
import { type Controller, installRollouts, removeRollouts, startController } from './controller.ts';
import {
  bothKinds,
  change,
  comesTo,
  deploy,
  otherImage,
  rollout,
  seen,
  service,
  spoilNewPods,
  uidsOf,
} from './fleet.ts';

const RIGHTS: SiteOptions = { kinds: ['rollouts'] };
const UNSERVED = 'the API server does not serve a kind that the policy names';

const policyOf = (site: Site, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  quickPolicy(site, { select: bothKinds(site), ...changes });

const patchesOf = async (site: Site): Promise<readonly string[]> =>
  (await site.requests()).filter(({ verb, code }) => verb === 'patch' && code === 200).map(({ name }) => name);

const recordOf = async (site: Site, name: string) =>
  parseRecord((await seen(site, name)).metadata.annotations[LAST_RESTART]);

/** Of a Rollout in the site's namespaces: others have namesakes. */
const detailOf = ({ left }: RunReport, site: Site, name: string): string =>
  left.find(one => one.name === name && site.namespaces.includes(one.namespace))?.detail ?? 'not left';

/** One after the other, for the first needs a cluster without them and the last one takes them away. */
describe('Rollouts', { concurrency: 1 }, () => {
  test('that nobody has installed are said to be so once, and everything else is restarted; the next run sees them', async () => {
    const site = await Site.open(RIGHTS);
    await site.deploy(site.deployment({ name: 'web', replicas: 2 }));
    const { code, report, worker } = await site.run(policyOf(site));
    assert.equal(code, 0, worker.stderr());
    assert.deepEqual(outcomesByName(report), { web: 'restarted' });
    const said = worker.lines().filter(({ message }) => message === UNSERVED);
    assert.deepEqual(
      said.map(({ level, kind }) => [level, kind]),
      [['warn', 'Rollout']],
    );
    const asked = (await site.requests()).filter(({ resource }) => resource === 'rollouts');
    assert.deepEqual(
      asked.map(({ verb, code: answer }) => [verb, answer]),
      [['list', 404]],
    );
    const plan = site.start(['plan', '--policy', site.policyFile(policyOf(site))]);
    assert.equal(await plan.ended, 0);
    assert.match(plan.stdout(), /The API server serves no Rollouts, which the policy names\./);

    await installRollouts(site.cluster);
    const controller = await startController(site.cluster);
    await deploy(site, rollout(site, { name: 'shop' }));
    const second = await site.run(policyOf(site));
    assert.deepEqual(outcomesByName(second.report), { web: 'restarted', shop: 'restarted' });
    assert.ok(second.worker.lines().every(({ message }) => message !== UNSERVED));
    await controller.kill();
  });

  describe('of a controller that works', { concurrency: 4 }, () => {
    let controller: Controller;
    before(async () => {
      await installRollouts(await cluster());
      controller = await startController(await cluster());
    });
    after(() => controller.kill());

    test('are restarted once by their controller: every Pod is new, the template is untouched, the record is there', async () => {
      const site = await Site.open(RIGHTS);
      await deploy(site, rollout(site, { name: 'shop', replicas: 3 }));
      const [old, standing] = [await uidsOf(site, 'shop'), await seen(site, 'shop')];
      const { code, report, worker } = await site.run(policyOf(site));
      assert.equal(code, 0, worker.stdout() + worker.stderr());
      assert.deepEqual(
        report.outcomes.map(({ kind, name, outcome }) => `${kind} ${name} ${outcome}`),
        ['Rollout shop restarted'],
      );
      const restarted = await seen(site, 'shop');
      const record = await recordOf(site, 'shop');
      assert.match(record?.at ?? '', /^20.+Z$/);
      assert.deepEqual([restarted.spec.restartAt, restarted.status?.restartedAt], [record?.at, record?.at]);
      assert.deepEqual(restarted.spec.template, standing.spec.template);
      assert.deepEqual([restarted.status?.phase, restarted.status?.availableReplicas], ['Healthy', 3]);
      const now = await uidsOf(site, 'shop');
      assert.equal(now.length, 3);
      assert.deepEqual(
        now.filter(uid => old.includes(uid)),
        [],
      );
      // It evicts before it makes new ones: one of three at a time.
      assert.deepEqual(report.outcomes[0]?.available, { least: 2, promised: 2 });

      const again = await site.run(policyOf(site, { stale: [{ podOlderThan: '1h' }] }));
      assert.deepEqual(leftByName(again.report), { shop: 'fresh' });
      assert.deepEqual(await uidsOf(site, 'shop'), now);
      assert.deepEqual(await patchesOf(site), ['shop']);
    });

    test('of blue and green are restarted as well, and namesakes are told apart', async () => {
      const site = await Site.open(RIGHTS);
      const blueGreen = { activeService: 'shop', maxUnavailable: 2 };
      await site.deploy(site.deployment({ name: 'shop', spec: twin }));
      await deploy(
        site,
        service(site, 'shop'),
        rollout(site, { name: 'shop', replicas: 3, spec: { strategy: { blueGreen } } }),
      );
      const old = await uidsOf(site, 'shop');
      const { code, report, worker } = await site.run(policyOf(site));
      assert.equal(code, 0, worker.stderr());
      assert.deepEqual(report.outcomes.map(({ kind, outcome }) => `${kind} ${outcome}`).toSorted(), [
        'Deployment restarted',
        'Rollout restarted',
      ]);
      assert.deepEqual(report.outcomes.find(({ kind }) => kind === 'Rollout')?.available?.promised, 1);
      const now = await uidsOf(site, 'shop');
      assert.deepEqual([now.length, now.filter(uid => old.includes(uid)).length], [3, 0]);
    });

    test('that are paused, aborted or in the middle of an update are left, each with its reason', async () => {
      const site = await Site.open(RIGHTS);
      const canary = { canary: { steps: [{ setWeight: 34 }, { pause: {} }, { setWeight: 67 }] } };
      const blueGreen = { blueGreen: { activeService: 'green', autoPromotionEnabled: false } };
      await deploy(
        site,
        service(site, 'green'),
        rollout(site, { name: 'paused' }),
        rollout(site, { name: 'aborted', spec: { strategy: canary } }),
        rollout(site, { name: 'canary', spec: { strategy: canary } }),
        rollout(site, { name: 'green', spec: { strategy: blueGreen } }),
        rollout(site, { name: 'single', replicas: 1 }),
        rollout(site, { name: 'none', replicas: 0 }),
        rollout(site, { name: 'scheduled' }),
      );
      const nowhere = { strategy: { blueGreen: { activeService: 'nowhere' } } };
      await site.cluster.kubectlApply(JSON.stringify(rollout(site, { name: 'invalid', spec: nowhere })));
      await comesTo(site, 'invalid', 'Degraded');
      await change(site, 'paused', { spec: { paused: true } });
      for (const name of ['aborted', 'canary', 'green']) {
        await change(site, name, otherImage());
        await comesTo(site, name, 'Paused');
      }
      await change(site, 'aborted', { status: { abort: true } }, '/status');
      await comesTo(site, 'aborted', 'Degraded');
      await change(site, 'scheduled', { spec: { restartAt: new Date(Date.now() + 600_000).toISOString() } });
      await comesTo(site, 'scheduled', 'Progressing');
      await site.age();
      const { code, report, worker } = await site.run(policyOf(site));
      assert.equal(code, 0, worker.stderr());
      assert.deepEqual(leftByName(report), {
        paused: 'paused',
        aborted: 'rolloutInProgress',
        canary: 'rolloutInProgress',
        green: 'rolloutInProgress',
        single: 'wouldCauseDowntime',
        none: 'zeroReplicas',
        scheduled: 'rolloutInProgress',
        invalid: 'rolloutInProgress',
      });
      assert.match(detailOf(report, site, 'paused'), /^kubectl argo rollouts promote would bring it back$/);
      assert.match(detailOf(report, site, 'aborted'), /^its update was aborted: RolloutAborted: /);
      assert.match(detailOf(report, site, 'canary'), /^its canary update \(step 2 of 3\) is paused: CanaryPauseStep$/);
      assert.match(detailOf(report, site, 'green'), /^its blue-green update is paused: BlueGreenPause$/);
      assert.match(detailOf(report, site, 'single'), /Argo Rollouts evicts before it makes new Pods$/);
      assert.match(detailOf(report, site, 'invalid'), /^Argo Rollouts does not take its spec: .*nowhere/);
      assert.match(detailOf(report, site, 'scheduled'), /^its restart of 20\S+ is under way$/);
      assert.deepEqual(await patchesOf(site), []);
    });

    test('whose template is that of a Deployment are left, and so is that Deployment', async () => {
      const site = await Site.open(RIGHTS);
      await site.deploy(site.deployment({ name: 'base', replicas: 2 }));
      const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'base', scaleDown: 'onsuccess' };
      await deploy(site, referring(site, 'shop', workloadRef));
      await until('the Deployment to be scaled down', async () => (await site.available())['base'] === 0);
      const { code, report } = await site.run(policyOf(site, { stale: [{ podOlderThan: '1s' }] }));
      assert.equal(code, 0);
      assert.deepEqual(leftByName(report), { base: 'zeroReplicas', shop: 'wayImpossible' });
      assert.match(
        detailOf(report, site, 'shop'),
        /^its Pod template is that of Deployment base \(spec\.workloadRef\)/,
      );
    });

    test('that refer to a Deployment which still runs begin an update when that is restarted', async () => {
      const site = await Site.open(RIGHTS);
      await site.deploy(site.deployment({ name: 'base', replicas: 2 }));
      const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'base', scaleDown: 'never' };
      await deploy(site, referring(site, 'shop', workloadRef));
      const { report } = await site.run(policyOf(site));
      assert.deepEqual(outcomesByName(report), { base: 'restarted' });
      await until('the Rollout to begin its second revision', async () => {
        const { metadata } = await seen(site, 'shop');
        return metadata.annotations['rollout.argoproj.io/revision'] === '2';
      });
    });

    test('of one Pod are restarted where they may be away for a while', async () => {
      const site = await Site.open(RIGHTS);
      const annotations = { 'nightshift/downtime': 'allow' };
      await deploy(site, rollout(site, { name: 'single', replicas: 1, annotations }));
      const { code, report, worker } = await site.run(policyOf(site));
      assert.equal(code, 0, worker.stderr());
      assert.deepEqual(
        report.outcomes.map(({ outcome, available }) => [outcome, available]),
        [['restarted', { least: 0, promised: 0 }]],
      );
    });

    test('whose new Pod fails have failed, the others go on serving, and undo says why it does not apply', async () => {
      const site = await Site.open(RIGHTS);
      await deploy(site, rollout(site, { name: 'shop', replicas: 3, podAnnotations: { any: 'yes' } }));
      const old = await uidsOf(site, 'shop');
      const mend = await spoilNewPods(site, 'image-pull');
      const onFailure = { undo: true, retryAfter: '1h', stopAfter: 9 };
      const { code, report, worker } = await site.run(policyOf(site, { onFailure }));
      assert.equal(code, 3, worker.stderr());
      assert.deepEqual(outcomesByName(report), { shop: 'failed(imagePull)' });
      assert.match(report.outcomes[0]?.detail ?? '', /not undone: a Rollout does not go back: /);
      const { spec, status } = await seen(site, 'shop');
      const record = await recordOf(site, 'shop');
      assert.equal(status?.availableReplicas, 2);
      assert.deepEqual([record?.outcome, record?.reason, record?.at], ['failed', 'imagePull', spec.restartAt]);
      const again = await site.run(policyOf(site, { onFailure }));
      assert.deepEqual(leftByName(again.report), { shop: 'failedBefore' });
      const due = await site.run(policyOf(site, { onFailure: { ...onFailure, retryAfter: '1s' } }));
      assert.deepEqual(leftByName(due.report), { shop: 'notHealthy' });
      assert.match(detailOf(due.report, site, 'shop'), /Argo Rollouts restarts none before more than 2 are$/);
      assert.deepEqual(await patchesOf(site), ['shop', 'shop']);

      await mend();
      const broken = (await livePodsOf(site, 'shop')).find(({ metadata }) => !old.includes(metadata.uid));
      await site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'delete', 'pod', broken?.metadata.name ?? '');
      await until('its controller to go on with the others', async () =>
        (await uidsOf(site, 'shop')).every(uid => !old.includes(uid)),
      );
      await comesTo(site, 'shop', 'Healthy');
      const mended = await site.run(policyOf(site, { stale: [{ podOlderThan: '1h' }], onFailure }));
      assert.deepEqual(leftByName(mended.report), { shop: 'fresh' });
    });

    for (const { when, count } of [
      { when: 'before any Pod is new', count: 0 },
      { when: 'when one Pod is new', count: 1 },
      { when: 'when two Pods are new', count: 2 },
    ]) {
      test(`whose run is killed ${when} are awaited by the next run, and not restarted twice`, async () => {
        const site = await Site.open(RIGHTS);
        const slow = { 'test.nightshift/delay': '2s' };
        await deploy(site, rollout(site, { name: 'shop', replicas: 3, podAnnotations: slow }));
        const old = await uidsOf(site, 'shop');
        const file = site.policyFile(policyOf(site));
        // The hold of a Pod that has ended is taken over at once.
        const pod = await failedPod(site);
        const environment = { NIGHTSHIFT_POD_NAME: pod.name, NIGHTSHIFT_POD_UID: pod.uid };
        const killed = site.start(['run', '--policy', file], environment);
        await killed.said('restart started');
        const newPods = async () => (await uidsOf(site, 'shop')).filter(uid => !old.includes(uid));
        await until(`${count} Pods to be new`, async () => (await newPods()).length >= count, {
          everyMilliseconds: 50,
        });
        killed.process.kill('SIGKILL');
        assert.equal(await killed.ended, 'SIGKILL');
        const { restartAt } = (await seen(site, 'shop')).spec;
        const resumed = site.start(['run', '--policy', file, '--output', 'json'], environment);
        assert.equal(await resumed.ended, 0, resumed.stderr());
        assert.deepEqual(outcomesByName(reportOf(resumed.stdout())), { shop: 'restarted' });
        await resumed.said('restart of an earlier run is in flight');
        assert.equal((await seen(site, 'shop')).spec.restartAt, restartAt);
        assert.deepEqual([(await newPods()).length, (await uidsOf(site, 'shop')).length], [3, 3]);
        assert.deepEqual(await patchesOf(site), ['shop']);
      });
    }

    test('that somebody changes meanwhile are superseded, that somebody takes back are reverted', async () => {
      const site = await Site.open(RIGHTS);
      const slow = { podAnnotations: { 'test.nightshift/delay': '3s' } };
      await deploy(site, rollout(site, { name: 'changed', ...slow }), rollout(site, { name: 'returned', ...slow }));
      const policy = policyOf(site, { batches: { sizes: [2], pause: '0s' } });
      const worker = site.start(['run', '--policy', site.policyFile(policy), '--output', 'json']);
      const [namespace] = site.namespaces;
      for (const name of ['changed', 'returned'])
        await worker.said('restart started', `${namespace}/${name} (Rollout)`);
      await change(site, 'changed', otherImage());
      await change(site, 'returned', { spec: { restartAt: null } });
      assert.equal(await worker.ended, 0, worker.stderr());
      const outcomes = [...worker.stdout().matchAll(/"name":"(changed|returned)","[^}]*?"outcome":"(\w+)"/g)];
      const last = Object.fromEntries(outcomes.map(([, name, outcome]) => [name, outcome]));
      assert.deepEqual(last, { changed: 'superseded', returned: 'reverted' });
    });

    test('whose Pods a PodDisruptionBudget keeps fail at the timeout, and nothing was evicted', async () => {
      const site = await Site.open(RIGHTS);
      await deploy(site, rollout(site, { name: 'shop', replicas: 3 }));
      const [namespace = ''] = site.namespaces;
      await site.cluster.kubectl('-n', namespace, 'create', 'pdb', 'shop', '--selector=app=shop', '--min-available=3');
      await until('the budget to count', async () => {
        const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/shop`;
        const { status } = await site.cluster.api<{ readonly status?: { readonly currentHealthy?: number } }>(path);
        return status?.currentHealthy === 3;
      });
      const old = await uidsOf(site, 'shop');
      const { code, report } = await site.run(policyOf(site, { rollout: { timeout: '8s', soak: '0s' } }));
      assert.equal(code, 3);
      assert.deepEqual(outcomesByName(report), { shop: 'failed(timeout)' });
      assert.match(report.outcomes[0]?.detail ?? '', /^its restart of 20\S+ is under way; 3 of 3 Pods available/);
      assert.deepEqual(await uidsOf(site, 'shop'), old);
    });

    test('that drift from what a new Pod would get are found by trying one, and are fresh once restarted', async () => {
      const site = await injectedSite({ ...RIGHTS, also: ['create pods'] });
      const lasting = { labels: { role: 'stable' }, annotations: { role: 'stable' } };
      const spec = { strategy: { canary: { stableMetadata: lasting } } };
      await deploy(site, rollout(site, { name: 'shop', replicas: 2, spec }));
      const drift = policyOf(site, { stale: [{ injection: 'drift' }] });
      const calm = await site.run(drift);
      assert.deepEqual(leftByName(calm.report), { shop: 'fresh' }, detailOf(calm.report, site, 'shop'));
      await upgrade(site);
      const { code, report, worker } = await site.run(drift);
      assert.equal(code, 0, worker.stderr());
      assert.deepEqual(outcomesByName(report), { shop: 'restarted' });
      const images = (await livePodsOf(site, 'shop')).flatMap(({ spec: { containers } }) =>
        containers.filter(({ name }) => name === SIDECAR).map(({ image }) => image),
      );
      assert.deepEqual(images, [NEW, NEW]);
      const again = await site.run(drift);
      assert.deepEqual(leftByName(again.report), { shop: 'fresh' });
    });
  });

  test('in flight while somebody uninstalls them are gone, and nobody asks for them all the time', async () => {
    const site = await Site.open(RIGHTS);
    await installRollouts(site.cluster);
    const controller = await startController(site.cluster);
    await deploy(site, rollout(site, { name: 'shop', podAnnotations: { 'test.nightshift/delay': '5s' } }));
    await site.deploy(site.deployment({ name: 'web', podAnnotations: { 'test.nightshift/delay': '10s' } }));
    const policy = policyOf(site, { batches: { sizes: [2], pause: '0s' } });
    const worker = site.start(['run', '--policy', site.policyFile(policy), '--output', 'json']);
    await worker.said('restart started', `${site.namespaces[0]}/shop (Rollout)`);
    await removeRollouts(site.cluster);
    assert.equal(await worker.ended, 0, worker.stderr());
    assert.match(worker.stdout(), /"name":"shop","kind":"Rollout"[^}]*?"outcome":"gone"/);
    assert.match(worker.stdout(), /"name":"web","kind":"Deployment"[^}]*?"outcome":"restarted"/);
    const watched = (await site.requests()).filter(({ verb, resource }) => verb === 'watch' && resource === 'rollouts');
    assert.ok(watched.length < 20, `${watched.length} watches`);
    await controller.kill();
  });
});

/** One whose Pod template is that of a Deployment. */
const referring = ({ namespaces: [namespace] }: Site, name: string, workloadRef: object): object => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
  metadata: { namespace, name },
  spec: { replicas: 2, strategy: { canary: {} }, workloadRef },
});

const twin = {
  selector: { matchLabels: { app: 'twin' } },
  template: {
    metadata: { labels: { app: 'twin' } },
    spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] },
  },
};
