/** A workload that goes away while it is restarted, and one that the API server does not let us restart. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled } from '../cluster/fleet.ts';
import { reportOf } from '../worker-log.ts';
import { leftByName, outcomesByName, quickPolicy, Site } from './site.ts';
import { allowRestarts, applyAs, refuseRestarts, type Refusal } from './somebody.ts';
import { all, manifestOf, patched, sidecarPolicy, upgradedSite } from './upgraded.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const OTHERS = NAMES.slice(1);

describe('a restart that cannot be', { concurrency: 7 }, () => {
  describe('a workload that goes away in flight', () => {
    for (const { what, again } of [
      { what: 'deleted', again: false },
      { what: 'deleted and created again', again: true },
    ]) {
      test(`${what}: gone, and the others are restarted`, async () => {
        const site = await upgradedSite(NAMES, { podAnnotations: { 'test.nightshift/delay': '2s' } });
        const [namespace = ''] = site.namespaces;
        const policy = site.policyFile(sidecarPolicy(site));
        const worker = site.start(['run', '--policy', policy, '--output', 'json']);
        await worker.said('restart started', `${namespace}/a`);
        await site.cluster.kubectl('-n', namespace, 'delete', 'deployment', 'a');
        if (again) await applyAs(site, 'kubectl', 'a', manifestOf(site, 'a'));
        assert.equal(await worker.ended, 0);
        const report = reportOf(worker.stdout());
        assert.equal(report.ending.kind, 'swept');
        assert.deepEqual(outcomesByName(report), { ...all(OTHERS, 'restarted'), a: 'gone' });
        assert.match(report.outcomes.find(({ name }) => name === 'a')?.detail ?? '', /^it (was|is being) deleted/);

        // The new one has new Pods: nobody restarts it for the old one's sake.
        await settled(site.cluster, site.namespaces);
        const next = await site.run(policy);
        assert.deepEqual([next.code, next.report.ending.kind], [0, 'nothingToDo']);
        assert.deepEqual(leftByName(next.report, site), all(again ? NAMES : OTHERS, 'fresh'));
        assert.deepEqual(await patched(site), NAMES);
        assert.deepEqual(await site.restarts(), { ...all(OTHERS, 1), ...(again ? { a: 0 } : {}) });
      });
    }
  });

  test('a namespace that is deleted takes what is in flight and what is queued with it', async () => {
    const site = await Site.open({ namespaces: 2 });
    const [doomed = '', other = ''] = site.namespaces;
    // The namespace controller takes five seconds to begin.
    const slowly = { 'test.nightshift/delay': '8s' };
    await site.deploy(
      ...NAMES.map((name, index) => {
        const annotations = { 'nightshift/priority': String(-index) };
        const where = name < 'd' ? { namespace: doomed, podAnnotations: slowly } : { namespace: other };
        return site.deployment({ name, annotations, ...where });
      }),
    );
    const worker = site.start(['run', '--policy', site.policyFile(quickPolicy(site)), '--output', 'json']);
    await worker.said('restart started', `${doomed}/a`);
    await site.cluster.kubectl('delete', 'namespace', doomed);
    assert.equal(await worker.ended, 0);
    const report = reportOf(worker.stdout());
    assert.equal(report.ending.kind, 'swept');
    // Its Pods may go before their Deployment does: then that is judged again, and left.
    const left = report.left.filter(({ namespace, name }) => namespace === doomed && name !== 'a');
    const judged = Object.fromEntries(left.map(({ name }) => [name, 'gone']));
    const outcomes = { ...judged, ...outcomesByName(report) };
    assert.deepEqual(outcomes, { ...all(['a', 'b', 'c'], 'gone'), ...all(['d', 'e', 'f'], 'restarted') });
    assert.deepEqual(await site.restarts(), all(['d', 'e', 'f'], 1));
  });

  describe('a restart that an admission policy refuses', () => {
    /** The fleet, in the order of its names, with some of it in a namespace where templates must not change. */
    async function guarded(refused: readonly string[], reason?: Refusal) {
      const site = await Site.open({ namespaces: 2 });
      const [free = '', namespace = ''] = site.namespaces;
      const fleet = NAMES.map((name, index) => {
        const annotations = { 'nightshift/priority': String(-index) };
        return site.deployment({ name, annotations, namespace: refused.includes(name) ? namespace : free });
      });
      await site.deploy(...fleet);
      await refuseRestarts(site, namespace, { reason });
      return { site, namespace, policy: site.policyFile(quickPolicy(site)) };
    }

    for (const { reason, status } of [
      { reason: 'Invalid', status: 422 },
      // As RBAC refuses: the run has to ask which of the two it was.
      { reason: 'Forbidden', status: 403 },
    ] as const) {
      test(`with ${status} is denied with its words, the rest goes on, and the ticks do not ask again`, async () => {
        const refused = ['a', 'b'];
        const { site, policy } = await guarded(refused, reason);
        const { code, report } = await site.run(policy);
        assert.deepEqual([code, report.ending.kind], [3, 'swept'], report.summary);
        assert.deepEqual(outcomesByName(report), { ...all(NAMES, 'restarted'), ...all(refused, 'denied') });
        const words = new RegExp(`ValidatingAdmissionPolicy .*not on my watch \\(HTTP ${status}\\)`);
        for (const { detail } of report.outcomes.filter(({ outcome }) => outcome === 'denied'))
          assert.match(detail, words);
        for (let tick = 0; tick < 3; tick++) {
          const next = await site.run(policy);
          assert.equal(next.code, 0);
          for (const name of refused) assert.equal(leftByName(next.report, site)[name], 'deniedBefore');
        }
        assert.deepEqual(await refusals(site, status), refused);
        const restarts = await site.restarts();
        assert.deepEqual([restarts['a'], restarts['b']], [0, 0]);
      });
    }

    test('is asked for three times in a row at most, in all windows, until somebody says resume', async () => {
      const refused = ['a', 'b', 'c', 'd'];
      const { site, namespace, policy } = await guarded(refused);
      const { code, report } = await site.run(policy);
      assert.deepEqual([code, report.ending.kind, report.remaining], [3, 'stopped', 3]);
      assert.deepEqual(outcomesByName(report), all(['a', 'b', 'c'], 'denied'));
      assert.match(
        report.ending.detail,
        /3 restarts in a row were refused; mend .* the last was .*\/c: .*not on my watch/,
      );
      for (const words of [[], ['--ignore-window'], []]) {
        const next = await site.run(policy, ...words);
        assert.deepEqual([next.code, next.report.ending.kind], [0, 'stoppedBefore']);
        assert.match(next.report.ending.detail, /in a row were refused.*nightshift resume goes on/);
      }
      assert.deepEqual(await refusals(site, 422), ['a', 'b', 'c']);
      const status = site.start(['status']);
      assert.equal(await status.ended, 0);
      assert.match(status.stdout(), /^Stopped at \S+ \(denials\): 3 restarts in a row were refused/m);

      await allowRestarts(site, namespace);
      assert.equal(await site.start(['resume']).ended, 0);
      const mended = await site.run(policy);
      assert.deepEqual([mended.code, mended.report.ending.kind], [0, 'swept']);
      assert.deepEqual(outcomesByName(mended.report), all(['d', 'e', 'f'], 'restarted'));
      assert.deepEqual(leftByName(mended.report, site), all(['a', 'b', 'c'], 'deniedBefore'));
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), a: 0, b: 0, c: 0 });
    });

    test('does not stop the sweep when others succeed in between', async () => {
      const refused = ['a', 'b', 'd', 'e'];
      const { site, policy } = await guarded(refused);
      const { code, report } = await site.run(policy);
      assert.deepEqual([code, report.ending.kind], [3, 'swept'], report.summary);
      assert.deepEqual(outcomesByName(report), { ...all(NAMES, 'restarted'), ...all(refused, 'denied') });
      assert.equal((await site.checkpoint()).stop, null);
    });
  });
});

/** Whose PATCH was answered so. */
async function refusals(site: Site, status: number): Promise<readonly string[]> {
  const refused = (await site.requests()).filter(({ verb, code }) => verb === 'patch' && code === status);
  return refused.map(({ name }) => name);
}
