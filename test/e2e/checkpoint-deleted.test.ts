/** Somebody deletes what stands in the checkpoint's ConfigMap, or all of it: between two runs, or in the middle of one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled } from '../cluster/fleet.ts';
import { upgradeInjector } from '../cluster/injector.ts';
import { reportOf } from '../worker-log.ts';
import { leftByName, outcomesByName, type Site } from './site.ts';
import { applyAs } from './somebody.ts';
import { all, manifestOf, NEWER, sidecarPolicy, upgradedSite } from './upgraded.ts';

const configMap = (site: Site) => `/api/v1/namespaces/${site.home}/configmaps/nightshift-checkpoint`;

/** `kubectl patch configmap ... -p '{"data":null}'` */
async function deleteContent(site: Site): Promise<void> {
  await site.cluster.api(configMap(site), { method: 'PATCH', body: { data: null } });
}

/** The sizes of the batches that a run began. */
const batchesOf = ({
  lines,
}: {
  readonly lines: () => readonly { readonly message: string; readonly [field: string]: unknown }[];
}) =>
  lines()
    .filter(({ message }) => message === 'batch started')
    .map(({ size }) => size);

const SLOWLY = { podAnnotations: { 'test.nightshift/delay': '2s' } };

describe('the content of the checkpoint is deleted', { concurrency: 3 }, () => {
  test('between two runs: that costs the history, the ramp and a stop, and nothing else', async () => {
    const site = await upgradedSite(['a', 'b', 'd', 'e', 'f']);
    await applyAs(site, 'kubectl', 'c', manifestOf(site, 'c', { whenRestarted: 'crash-loop' }));
    await settled(site.cluster, site.namespaces);
    await upgradeInjector(site.cluster, NEWER, site.namespaces[0]);
    const policy = sidecarPolicy(site, { wants: NEWER, batches: { sizes: [1, 1, 1, 50], pause: '0s' } });

    const first = await site.run(policy);
    assert.deepEqual([first.code, first.report.ending.kind], [3, 'stopped'], first.report.summary);
    assert.deepEqual(outcomesByName(first.report), { a: 'restarted', b: 'restarted', c: 'failed(crashLoopBackOff)' });
    const tick = await site.run(policy);
    assert.deepEqual([tick.code, tick.report.ending.kind], [0, 'stoppedBefore']);

    await deleteContent(site);
    const after = await site.run(policy);
    assert.deepEqual([after.code, after.report.ending.kind], [0, 'swept'], after.report.summary);
    // The stop and the ramp are forgotten: it goes on, with its canary first.
    assert.deepEqual(batchesOf(after.worker), [1, 1, 1]);
    assert.deepEqual(outcomesByName(after.report), all(['d', 'e', 'f'], 'restarted'));
    // Who was restarted is known by the Pods, and who failed by the record on the workload.
    assert.deepEqual(leftByName(after.report), { a: 'fresh', b: 'fresh', c: 'failedBefore' });
    assert.deepEqual(await site.restarts(), all(['a', 'b', 'c', 'd', 'e', 'f'], 1));
    const { runs, stop } = await site.checkpoint();
    assert.deepEqual([runs.map(({ run }) => run), stop], [[after.worker.lines()[0]?.['run']], null]);
  });

  test('after a run that was killed: what is in flight is found on the workloads, awaited, and not restarted again', async () => {
    const site = await upgradedSite(['a', 'b', 'c', 'd'], SLOWLY);
    const policy = sidecarPolicy(site, { batches: { sizes: [1, 2, 1], pause: '0s' } });
    const killed = site.start(['run', '--policy', site.policyFile(policy), '--output', 'json']);
    await killed.said('restart started', `${site.namespaces[0]}/c`);
    killed.process.kill('SIGKILL');
    await killed.ended;

    await deleteContent(site);
    const { code, report, worker } = await site.run(policy);
    assert.deepEqual([code, report.ending.kind], [0, 'swept'], report.summary);
    const resumed = worker.lines().filter(({ message }) => message === 'restart of an earlier run is in flight');
    assert.deepEqual(
      resumed.map(({ workload = '' }) => workload).toSorted((x, y) => x.localeCompare(y)),
      ['b', 'c'].map(name => `${site.namespaces[0]}/${name}`),
    );
    assert.deepEqual(outcomesByName(report), all(['b', 'c', 'd'], 'restarted'));
    assert.deepEqual(await site.restarts(), all(['a', 'b', 'c', 'd'], 1));
  });

  for (const [what, take] of [
    ['its content', deleteContent],
    ['the ConfigMap', async (site: Site) => void (await site.cluster.api(configMap(site), { method: 'DELETE' }))],
  ] as const) {
    test(`${what} in the middle of a run: what is in flight is awaited, nothing new starts, nothing is written, exit 5`, async () => {
      const site = await upgradedSite(['a', 'b', 'c', 'd'], SLOWLY);
      const policy = sidecarPolicy(site, { batches: { sizes: [1], pause: '0s' } });
      const worker = site.start(['run', '--policy', site.policyFile(policy), '--output', 'json']);
      await worker.said('restart started', `${site.namespaces[0]}/b`);
      await take(site);
      assert.equal(await worker.ended, 5, worker.stderr());
      const report = reportOf(worker.stdout());
      assert.equal(report.ending.kind, 'checkpointUnusable');
      assert.match(report.ending.detail, new RegExp(`${site.home}/nightshift-checkpoint`));
      const { a, b, d } = outcomesByName(report);
      assert.deepEqual([a, b, d], ['restarted', 'restarted', undefined]);
      if (what === 'the ConfigMap') {
        await assert.rejects(site.checkpoint());
        const body = { metadata: { name: 'nightshift-checkpoint' } };
        await site.cluster.api(`/api/v1/namespaces/${site.home}/configmaps`, { method: 'POST', body });
      } else assert.equal((await site.checkpoint()).save.number, 0);

      const next = await site.run(policy);
      assert.deepEqual([next.code, next.report.ending.kind], [0, 'swept'], next.report.summary);
      assert.deepEqual(await site.restarts(), all(['a', 'b', 'c', 'd'], 1));
    });
  }
});
