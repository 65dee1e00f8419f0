/** Somebody rolls a workload out while nightshift restarts it, or before it comes to it: their rollout is theirs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { reportOf } from '../worker-log.ts';
import { leftByName, outcomesByName, quickPolicy, Site } from './site.ts';
import { deploymentOf, rollout } from './somebody.ts';
import { all, patched, sidecarPolicy, upgradedSite } from './upgraded.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const OTHERS = NAMES.slice(1);
const SLOWLY = { podAnnotations: { 'test.nightshift/delay': '3s' } };

const setImage = (site: Site, name: string) =>
  site.cluster.kubectl('-n', site.namespaces[0] ?? '', 'set', 'image', `deployment/${name}`, 'app=example.test/app:2');

/** A run that somebody meets when the canary, `a`, has just been restarted. */
async function metByCanary(site: Site, policy: string, meets: () => Promise<unknown>) {
  const worker = site.start(['run', '--policy', policy, '--output', 'json']);
  const { at } = await worker.said('restart started', `${site.namespaces[0]}/a`);
  // kubectl refuses a second restart in the same second.
  await until('the second to be over', () => Date.now() > Date.parse(String(at)) + 1_000);
  await meets();
  return { code: await worker.ended, report: reportOf(worker.stdout()) };
}

/** All is fresh, by our restart or by theirs: the tick that follows finds nothing to do, and no sweep is open. */
async function assertDone(site: Site, policy: string): Promise<void> {
  await settled(site.cluster, site.namespaces);
  const { code, report } = await site.run(policy);
  assert.deepEqual([code, report.ending.kind], [0, 'nothingToDo'], report.summary);
  assert.deepEqual(leftByName(report), all(NAMES, 'fresh'));
  const { sweep, stop, starts } = await site.checkpoint();
  assert.deepEqual([sweep, stop], [null, null]);
  assert.ok(starts.every(({ outcome }) => outcome !== undefined));
}

describe('a rollout of somebody else', { concurrency: 6 }, () => {
  for (const { what, does, detail, restarts } of [
    // Its template keeps our T.
    { what: 'kubectl set image', does: setImage, detail: /^somebody changed its Pod template$/, restarts: false },
    {
      what: 'kubectl rollout restart',
      does: (site: Site, name: string) => rollout(site, 'restart', name),
      detail: /^somebody restarted it at \d{4}-/,
      restarts: true,
    },
  ]) {
    test(`${what} on a workload in flight supersedes our restart, and the others are restarted`, async () => {
      const site = await upgradedSite(NAMES, SLOWLY);
      const policy = site.policyFile(sidecarPolicy(site));
      const { code, report } = await metByCanary(site, policy, () => does(site, 'a'));
      assert.deepEqual([code, report.ending.kind], [0, 'swept'], report.summary);
      assert.deepEqual(outcomesByName(report), { ...all(OTHERS, 'restarted'), a: 'superseded' });
      assert.match(report.outcomes.find(({ name }) => name === 'a')?.detail ?? '', detail);
      await assertDone(site, policy);
      assert.deepEqual(await patched(site), NAMES);
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), a: restarts ? 2 : 1 });
    });

    test(`${what} on workloads that are still queued counts for ours`, async () => {
      const site = await upgradedSite(NAMES, SLOWLY);
      const policy = site.policyFile(sidecarPolicy(site, { batches: { sizes: [1, 2], pause: '0s' } }));
      // `f` is done when its turn comes, `b` is in the middle of it.
      const { code, report } = await metByCanary(site, policy, async () => {
        await does(site, 'f');
        await until(
          'the canary to be half done',
          async () => (await deploymentOf(site, 'a')).status.updatedReplicas === 2,
        );
        await does(site, 'b');
      });
      assert.deepEqual([code, report.ending.kind], [0, 'swept'], report.summary);
      assert.deepEqual(outcomesByName(report), all(['a', 'c', 'd', 'e'], 'restarted'));
      assert.deepEqual(leftByName(report), { b: 'rolloutInProgress', f: 'fresh' });
      await assertDone(site, policy);
      assert.deepEqual(await patched(site), ['a', 'c', 'd', 'e']);
      const theirs = restarts ? 1 : 0;
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), b: theirs, f: theirs });
    });
  }

  test('a superseded restart is no end: the next sweep judges the workload like anybody', async () => {
    const site = await Site.open();
    const podAnnotations = { 'test.nightshift/delay': '2s' };
    await site.deploy(...NAMES.map(name => site.deployment({ name, podAnnotations })));
    // Every Pod is stale for every sweep that begins later.
    const policy = site.policyFile(quickPolicy(site));
    const { report } = await metByCanary(site, policy, () => setImage(site, 'a'));
    assert.deepEqual(outcomesByName(report), { ...all(OTHERS, 'restarted'), a: 'superseded' });
    await settled(site.cluster, site.namespaces);
    await site.age();
    assert.deepEqual(outcomesByName((await site.run(policy)).report), all(NAMES, 'restarted'));
  });

  test('a restart by somebody of what this sweep has restarted already brings no third one', async () => {
    const site = await upgradedSite(NAMES);
    const policy = site.policyFile(sidecarPolicy(site, { batches: { sizes: [1, 50], pause: '3s' } }));
    const worker = site.start(['run', '--policy', policy, '--output', 'json']);
    await worker.said('restart ended', `${site.namespaces[0]}/a`);
    await rollout(site, 'restart', 'a');
    assert.equal(await worker.ended, 0);
    assert.deepEqual(outcomesByName(reportOf(worker.stdout())), all(NAMES, 'restarted'));
    await assertDone(site, policy);
    assert.deepEqual(await patched(site), NAMES);
    assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), a: 2 });
  });
});
