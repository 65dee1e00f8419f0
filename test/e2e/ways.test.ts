/** Restarts that leave the template as it is: by evictions, and with a spare Pod. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LAST_RESTART } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import { deploymentsOf, noNewPods, ofKind, settled, settledKinds, type DeploymentWishes } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { applyBudget, lostPod } from './budgets.ts';
import { podsOf, sidecarOf, uidsOf } from './pods.ts';
import { watchReady } from './ready-watch.ts';
import { Release } from './release.ts';
import { failedPod, leftByName, outcomesByName, quickPolicy, Site } from './site.ts';
import { applyAs, deploymentOf, rollout } from './somebody.ts';
import { reportOf } from '../worker-log.ts';
import { injectedSite, NEW, sidecarPolicy, upgrade } from './upgraded.ts';

const RIGHTS = { also: ['create pods/eviction'] };
const RECREATE = { strategy: { type: 'Recreate' } };
const evicting = { restart: { way: 'evict' } };
const replacing = { restart: { mayReplace: true } };
const NEVER = { allow: [{ name: 'never', opens: '0 0 29 2 *', lasts: '1m' }] };

/** Images of the sidecar, once each. */
const sidecarsOf = async (site: Site, app: string): Promise<readonly (string | undefined)[]> => [
  ...new Set((await podsOf(site, app)).map(sidecarOf)),
];

/** A site with the old sidecar in one workload; what is made now gets the new one. */
async function staleSite(
  wishes: Omit<DeploymentWishes, 'namespace'>,
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' = 'Deployment',
) {
  const site = await injectedSite({ ...RIGHTS, kinds: ['statefulsets', 'daemonsets'] });
  const [namespace = ''] = site.namespaces;
  if (kind === 'Deployment') await site.deploy(site.deployment(wishes));
  else {
    await site.cluster.kubectlApply(JSON.stringify(ofKind(kind, { namespace, ...wishes })));
    await settledKinds(site.cluster, namespace);
  }
  await upgrade(site);
  return site;
}

const whatStands = async (site: Site, name: string) => {
  const { metadata, spec } = await deploymentOf(site, name);
  return { replicas: spec.replicas, owed: parseRecord(metadata.annotations?.[LAST_RESTART])?.replicas };
};

/** Two Pods, and a budget that would let one be missing if the third that it counts were there. */
async function blockedSite(): Promise<Site> {
  const site = await staleSite({ name: 'api', replicas: 2 });
  await site.cluster.kubectlApply(JSON.stringify(lostPod(site, 'lost')));
  await applyBudget(site, { app: 'api', minAvailable: 2, and: 'lost' });
  return site;
}

/** A HorizontalPodAutoscaler that allows so many Pods at most. */
const autoscale = (site: Site, name: string, max: number): Promise<void> =>
  site.cluster.kubectlApply(
    JSON.stringify({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { namespace: site.namespaces[0], name },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, minReplicas: 1, maxReplicas: max },
    }),
  );

describe('with a spare Pod', { concurrency: 4 }, () => {
  for (const [what, spec] of [
    ['Recreate', RECREATE],
    ['no surge', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } }],
  ] as const) {
    test(`a Deployment of one with ${what} is refreshed without a gap, its template untouched`, async () => {
      const site = await staleSite({ name: 'till', replicas: 1, spec });
      await using ready = watchReady(site);
      await until('the Pod to be watched', () => ready.now('till') === 1);
      const { code, report, worker } = await site.run(sidecarPolicy(site, replacing));
      assert.equal(code, 0, worker.stdout() + worker.stderr());
      assert.deepEqual(outcomesByName(report), { till: 'restarted' });
      assert.equal(ready.least('till'), 1);
      assert.deepEqual(await sidecarsOf(site, 'till'), [NEW]);
      assert.deepEqual(await whatStands(site, 'till'), { replicas: 1, owed: undefined });
      assert.deepEqual(await site.restarts(), { till: 0 });
      const again = await site.run(sidecarPolicy(site, replacing));
      assert.deepEqual(again.report.outcomes, []);
    });
  }

  test('of a Deployment of three none is ever missing, and its budget is honoured', async () => {
    const site = await staleSite({ name: 'api', replicas: 3, annotations: { 'nightshift/way': 'replace' } });
    await applyBudget(site, { app: 'api', minAvailable: 3 });
    await using ready = watchReady(site);
    await until('its Pods to be watched', () => ready.now('api') === 3);
    const { code, report, worker } = await site.run(sidecarPolicy(site, replacing));
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(outcomesByName(report), { api: 'restarted' });
    assert.equal(ready.least('api'), 3);
    assert.deepEqual(await sidecarsOf(site, 'api'), [NEW]);
    assert.deepEqual(await whatStands(site, 'api'), { replicas: 3, owed: undefined });
  });

  test('one that cannot start goes again: nothing is removed, and the other workloads wait', async () => {
    const site = await staleSite({
      name: 'bad',
      replicas: 1,
      spec: RECREATE,
      annotations: { 'nightshift/priority': '1' },
    });
    const before = uidsOf(await podsOf(site, 'bad'));
    await site.cluster.kubectlApply(JSON.stringify(site.deployment({ name: 'good', replicas: 1, spec: RECREATE })));
    await site.cluster.kubectlApply(JSON.stringify(noNewPods(site.namespaces[0] ?? '')));
    const { code, report } = await site.run(
      sidecarPolicy(site, { ...replacing, rollout: { timeout: '8s', soak: '0s' }, onFailure: { undo: true } }),
    );
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { bad: 'undone(failedCreate)' });
    assert.deepEqual(uidsOf(await podsOf(site, 'bad')), before);
    assert.deepEqual(await whatStands(site, 'bad'), { replicas: 1, owed: undefined });
  });

  test('an autoscaler that allows no more has its way, and that is said', async () => {
    const site = await staleSite({
      name: 'scaled',
      replicas: 2,
      annotations: { 'nightshift/way': 'replace' },
      podAnnotations: { 'test.nightshift/delay': '25s' },
    });
    const before = uidsOf(await podsOf(site, 'scaled'));
    const worker = site.start(['run', '--policy', site.policyFile(sidecarPolicy(site, replacing)), '--output', 'json']);
    await until('the spare Pod', async () => (await whatStands(site, 'scaled')).replicas === 3);
    await autoscale(site, 'scaled', 2);
    assert.equal(await worker.ended, 0, worker.stderr());
    const report = reportOf(worker.stdout());
    assert.deepEqual(outcomesByName(report), { scaled: 'reverted' });
    assert.match(
      report.outcomes[0]?.detail ?? '',
      /autoscaler scaled may have done that; somebody set its replicas to 2/,
    );
    await until('the spare Pod to be gone', async () => (await podsOf(site, 'scaled')).length === 2);
    assert.deepEqual(uidsOf(await podsOf(site, 'scaled')), before);
    assert.deepEqual(await whatStands(site, 'scaled'), { replicas: 2, owed: undefined });
    const again = await site.run(sidecarPolicy(site, replacing));
    assert.deepEqual(leftByName(again.report, site), { scaled: 'revertedBefore' });
  });

  test('where an autoscaler allows no more, or has just moved, it is not begun', async () => {
    const site = await staleSite({ name: 'scaled', replicas: 3, annotations: { 'nightshift/way': 'replace' } });
    await autoscale(site, 'scaled', 2);
    await until('the autoscaler to have scaled it', async () => (await podsOf(site, 'scaled')).length === 2);
    const full = await site.run(sidecarPolicy(site, replacing));
    assert.deepEqual(leftByName(full.report, site), { scaled: 'wayImpossible' });
    await autoscale(site, 'scaled', 5);
    const moved = await site.run(sidecarPolicy(site, replacing));
    assert.deepEqual(leftByName(moved.report, site), { scaled: 'scaledLately' });
    assert.match(
      moved.report.left.find(({ why }) => why === 'scaledLately')?.detail ?? '',
      /autoscaler scaled scaled it at/,
    );
    assert.deepEqual(await whatStands(site, 'scaled'), { replicas: 2, owed: undefined });
  });

  test('what keeps the replicas to Git has its way, and the old Pod stays', async () => {
    const wishes = { name: 'git', replicas: 1, spec: RECREATE, podAnnotations: { 'test.nightshift/delay': '30s' } };
    const site = await staleSite(wishes);
    const before = uidsOf(await podsOf(site, 'git'));
    const worker = site.start(['run', '--policy', site.policyFile(sidecarPolicy(site, replacing)), '--output', 'json']);
    await until('the spare Pod', async () => (await whatStands(site, 'git')).replicas === 2);
    await applyAs(site, 'argocd-controller', 'git', site.deployment(wishes));
    assert.equal(await worker.ended, 0, worker.stderr());
    assert.deepEqual(outcomesByName(reportOf(worker.stdout())), { git: 'reverted' });
    await until('the spare Pod to be gone', async () => (await podsOf(site, 'git')).length === 1);
    assert.deepEqual(uidsOf(await podsOf(site, 'git')), before);
    assert.deepEqual(await whatStands(site, 'git'), { replicas: 1, owed: undefined });
  });

  test('a run that is killed leaves one, and a tick outside the window takes it back, for one request otherwise', async () => {
    const site = await staleSite({
      name: 'till',
      replicas: 1,
      spec: RECREATE,
      podAnnotations: { 'test.nightshift/delay': '20s' },
    });
    const before = uidsOf(await podsOf(site, 'till'));
    const pod = await failedPod(site);
    const words = ['run', '--policy', site.policyFile(sidecarPolicy(site, replacing))];
    const worker = site.start(words, { NIGHTSHIFT_POD_NAME: pod.name, NIGHTSHIFT_POD_UID: pod.uid });
    await until('the spare Pod', async () => (await whatStands(site, 'till')).replicas === 2);
    worker.process.kill('SIGKILL');
    await worker.ended;
    assert.equal((await whatStands(site, 'till')).owed, 1);
    const closed = site.policyFile(sidecarPolicy(site, { ...replacing, windows: NEVER }));
    const { code, report } = await site.run(closed);
    assert.equal(code, 0);
    assert.match(report.ending.detail, /the spare Pod of .*\/till, which an earlier run left, is taken back/);
    assert.deepEqual(await whatStands(site, 'till'), { replicas: 1, owed: undefined });
    await until('the spare Pod to be gone', async () => (await podsOf(site, 'till')).length === 1);
    assert.deepEqual(uidsOf(await podsOf(site, 'till')), before);
    const requests = (await site.requests()).length;
    const again = await site.run(closed);
    assert.equal(again.code, 0);
    assert.equal((await site.requests()).length, requests + 1);
  });

  test('somebody who restarts it meanwhile supersedes that, and the guard lets the spare Pod go', async () => {
    const site = await staleSite({
      name: 'till',
      replicas: 1,
      spec: RECREATE,
      podAnnotations: { 'test.nightshift/delay': '20s' },
    });
    const values = (changes: object = {}) => ({
      fullnameOverride: 'nightshift',
      policy: sidecarPolicy(site, { ...replacing, ...changes }),
      rbac: { namespaces: site.namespaces },
    });
    const release = await Release.install(`${site.id}-ops`, values());
    await release.guarded(site, 'till');
    const job = await release.startJob();
    await until('the spare Pod', async () => (await whatStands(site, 'till')).replicas === 2, { seconds: 60 });
    await rollout(site, 'restart', 'till');
    const { exitCode, lines } = await release.ended(job);
    assert.equal(exitCode, 0, JSON.stringify(lines.at(-1)));
    const { outcome, detail } = lines.find(({ message }) => message === 'restart ended') ?? assert.fail();
    assert.equal(outcome, 'superseded');
    assert.match(String(detail), /^somebody restarted it at \d{4}-/);
    assert.doesNotMatch(String(detail), /spare Pod/);
    assert.deepEqual(await whatStands(site, 'till'), { replicas: 1, owed: undefined });

    // Outside the window what is owed would be all that there is to do.
    await release.helm('upgrade', values({ windows: NEVER }));
    const outside = await release.run();
    assert.equal(outside.exitCode, 0, outside.message);
    assert.doesNotMatch(outside.message, /spare Pod/);

    await settled(site.cluster, site.namespaces);
    await release.helm('upgrade', values());
    const inside = await release.run();
    assert.equal(inside.exitCode, 0, inside.message);
    assert.deepEqual(inside.lines.find(({ message }) => message === 'run ended')?.['left'], { fresh: 1 });
    assert.deepEqual(await whatStands(site, 'till'), { replicas: 1, owed: undefined });
    assert.deepEqual(await site.restarts(), { till: 1 });
  });
});

describe('by evictions', { concurrency: 4 }, () => {
  const names = ['StatefulSet OnDelete', 'StatefulSet with a partition', 'DaemonSet OnDelete'] as const;
  for (const what of names) {
    test(`a ${what} gets new Pods, one after the other`, async () => {
      const kind = what.startsWith('StatefulSet') ? 'StatefulSet' : 'DaemonSet';
      const updateStrategy = what.endsWith('OnDelete') ? { type: 'OnDelete' } : { rollingUpdate: { partition: 2 } };
      const site = await staleSite({ name: 'db', replicas: 3, spec: { updateStrategy } }, kind);
      const before = uidsOf(await podsOf(site, 'db'));
      await using ready = watchReady(site);
      await until('its Pods to be watched', () => ready.now('db') === before.length);
      const policy = sidecarPolicy(site, { select: { kinds: [kind], namespaces: { include: site.namespaces } } });
      const { code, report, worker } = await site.run(policy);
      assert.equal(code, 0, worker.stdout() + worker.stderr());
      assert.deepEqual(outcomesByName(report), { db: 'restarted' });
      assert.equal(ready.least('db'), before.length - 1);
      assert.deepEqual(await sidecarsOf(site, 'db'), [NEW]);
      assert.deepEqual(
        uidsOf(await podsOf(site, 'db')).filter(uid => before.includes(uid)),
        [],
      );
      const [available] = report.outcomes.map(outcome => outcome.available);
      assert.deepEqual(available, { least: before.length - 1, promised: before.length - 1 });
    });
  }

  test('a Deployment keeps its template, and what is fresh already keeps its Pods', async () => {
    const site = await staleSite({ name: 'api', replicas: 3 });
    const [
      {
        metadata: { name: first },
      } = { metadata: { name: '' } },
    ] = await podsOf(site, 'api');
    await site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'delete', 'pod', first);
    const fresh = await until('a fresh Pod', async () => {
      const pods = await podsOf(site, 'api');
      const [deployment] = await deploymentsOf(site.cluster, site.namespaces[0]);
      return (
        deployment?.status.availableReplicas === 3 &&
        pods.length === 3 &&
        pods.find(({ spec }) => spec.containers.some(({ image }) => image === NEW))
      );
    });
    const { code, report, worker } = await site.run(sidecarPolicy(site, evicting));
    assert.equal(code, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(outcomesByName(report), { api: 'restarted' });
    assert.deepEqual(await sidecarsOf(site, 'api'), [NEW]);
    assert.ok(uidsOf(await podsOf(site, 'api')).includes(fresh.metadata.uid));
    assert.deepEqual(await site.restarts(), { api: 0 });
    const evictions = (await site.requests()).filter(({ resource }) => resource === 'pods/eviction');
    assert.deepEqual(
      evictions.map(({ code: answer }) => answer),
      [201, 201],
    );
  });

  test('a budget that allows none is waited for, and then they go on', async () => {
    const site = await blockedSite();
    const worker = site.start(['run', '--policy', site.policyFile(sidecarPolicy(site, evicting)), '--output', 'json']);
    await worker.said('waiting for a PodDisruptionBudget');
    await applyBudget(site, { app: 'api', minAvailable: 1, and: 'lost' });
    assert.equal(await worker.ended, 0, worker.stdout() + worker.stderr());
    assert.deepEqual(await sidecarsOf(site, 'api'), [NEW]);
    const [waited] = worker.lines().filter(({ message }) => message === 'waiting for a PodDisruptionBudget');
    assert.match(String(waited?.['detail']), /The disruption budget api needs 2 healthy pods and has 2 currently/);
  });

  test('what a budget would never allow is left before it is begun', async () => {
    const site = await staleSite({ name: 'api', replicas: 2 });
    await applyBudget(site, { app: 'api', minAvailable: 2 });
    const { code, report } = await site.run(sidecarPolicy(site, evicting));
    assert.equal(code, 0);
    assert.deepEqual(leftByName(report, site), { api: 'budgetForbids' });
  });

  test('what two budgets select is left, too, for Kubernetes evicts none of that', async () => {
    const site = await staleSite({ name: 'api', replicas: 3 });
    await applyBudget(site, { app: 'api', minAvailable: 2 });
    await applyBudget(site, { app: 'api', minAvailable: 1, name: 'another' });
    const { code, report } = await site.run(sidecarPolicy(site, evicting));
    assert.equal(code, 0);
    assert.deepEqual(leftByName(report, site), { api: 'budgetForbids' });
    const [left] = report.left.filter(({ namespace }) => namespace === site.namespaces[0]);
    assert.match(left?.detail ?? '', /select the same Pod/);
  });

  test('those of a run that died go on only when what must be ready is', async () => {
    const site = await staleSite({ name: 'api', replicas: 3, podAnnotations: { 'test.nightshift/delay': '3s' } });
    const [namespace = ''] = site.namespaces;
    await site.deploy(site.deployment({ name: 'mesh', annotations: { 'nightshift/restart': 'never' } }));
    const policy = (timeout: string) =>
      sidecarPolicy(site, {
        ...evicting,
        ready: [{ deployment: `${namespace}/mesh` }],
        rollout: { timeout, soak: '0s' },
      });
    const evictions = async () =>
      (await site.requests()).filter(({ resource, code }) => resource === 'pods/eviction' && code === 201).length;
    const pod = await failedPod(site);
    const worker = site.start(['run', '--policy', site.policyFile(policy('60s'))], {
      NIGHTSHIFT_POD_NAME: pod.name,
      NIGHTSHIFT_POD_UID: pod.uid,
    });
    await until('an eviction', async () => (await evictions()) === 1, { everyMilliseconds: 20 });
    worker.process.kill('SIGKILL');
    await worker.ended;
    await site.cluster.kubectl('-n', namespace, 'scale', '--replicas=0', 'deployment/mesh');
    const { code, report } = await site.run(policy('6s'));
    assert.deepEqual([code, report.ending.kind], [0, 'notReady']);
    assert.deepEqual(outcomesByName(report), { api: 'interrupted' });
    assert.equal(await evictions(), 1);
    await site.cluster.kubectl('-n', namespace, 'scale', '--replicas=2', 'deployment/mesh');
    const again = await site.run(policy('60s'));
    assert.deepEqual(outcomesByName(again.report), { api: 'restarted' });
    assert.equal(await evictions(), 3);
  });

  test('a budget that allows none in time is a denial that names it, and is not asked again at the next tick', async () => {
    const site = await blockedSite();
    const policy = sidecarPolicy(site, { ...evicting, rollout: { timeout: '5s', soak: '0s' } });
    const { code, report } = await site.run(policy);
    assert.equal(code, 3);
    assert.deepEqual(outcomesByName(report), { api: 'denied' });
    assert.match(report.outcomes[0]?.detail ?? '', /disruption budget api/);
    const again = await site.run(policy);
    assert.deepEqual(leftByName(again.report, site), { api: 'deniedBefore' });
  });

  test('Pods whose template people hold back are left: an eviction would bring it', async () => {
    const site = await Site.open({ ...RIGHTS, kinds: ['statefulsets'] });
    const [namespace = ''] = site.namespaces;
    const spec = { updateStrategy: { type: 'OnDelete' } };
    await site.cluster.kubectlApply(
      JSON.stringify(ofKind('StatefulSet', { namespace, name: 'db', replicas: 2, spec })),
    );
    await settledKinds(site.cluster, namespace);
    await site.cluster.kubectl('-n', namespace, 'set', 'image', 'statefulset/db', 'app=example.test/app:2');
    await until('the controller to see it', async () => {
      const { metadata, status } = await site.cluster.api<{
        metadata: { generation: number };
        status: { observedGeneration?: number };
      }>(`/apis/apps/v1/namespaces/${namespace}/statefulsets/db`);
      return status.observedGeneration === metadata.generation;
    });
    await site.age();
    const select = { kinds: ['StatefulSet'], namespaces: { include: site.namespaces } };
    const { code, report } = await site.run(quickPolicy(site, { select }));
    assert.equal(code, 0);
    assert.deepEqual(leftByName(report, site), { db: 'rolloutInProgress' });
  });

  test('a policy of rollouts needs no right to evict, and leaves what only evictions reach', async () => {
    const site = await Site.open({ kinds: ['statefulsets'] });
    const [namespace = ''] = site.namespaces;
    const spec = { updateStrategy: { type: 'OnDelete' } };
    await site.cluster.kubectlApply(
      JSON.stringify(ofKind('StatefulSet', { namespace, name: 'db', replicas: 2, spec })),
    );
    await settledKinds(site.cluster, namespace);
    await site.age();
    const select = { kinds: ['StatefulSet'], namespaces: { include: site.namespaces } };
    const left = await site.run(quickPolicy(site, { select, restart: { way: 'rollout' } }));
    assert.deepEqual(leftByName(left.report, site), { db: 'wayImpossible' });
    const { code, report } = await site.run(quickPolicy(site, { select }));
    assert.equal(code, 4);
    assert.match(report.ending.detail, /not permitted to create pods\/eviction/);
  });
});
