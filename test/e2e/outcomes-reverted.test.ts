/** A restart that somebody takes back: a GitOps controller, or a person with `kubectl rollout undo`. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { leftByName, outcomesByName, type Site } from './site.ts';
import { atOnce, complete, onEachRestart, removeOurKeys, rollout, seenUnderWay, underWay } from './somebody.ts';
import { all, patched, sidecarPolicy, upgradedSite } from './upgraded.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const taking = (delay: string) => ({ podAnnotations: { 'test.nightshift/delay': delay } });
/** Long enough for somebody to come in between. */
const SLOWLY = taking('3s');

/** Ticks that follow start nothing, and say why. */
async function assertStopped(site: Site, policy: string): Promise<void> {
  const before = await patched(site);
  for (let tick = 0; tick < 3; tick++) {
    const { code, report } = await site.run(policy);
    assert.deepEqual([code, report.ending.kind, report.outcomes], [0, 'stoppedBefore', []]);
    assert.match(report.ending.detail, /3 restarts were taken back, the last of .*nightshift resume goes on/);
  }
  assert.deepEqual(await patched(site), before);
}

const undo = (site: Site, name: string): Promise<void> => rollout(site, 'undo', name);

/** A run that ends in the middle of its sweep, with three restarts behind it or in flight; the rest waits. */
async function interruptedRun(site: Site, said: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const policy = site.policyFile(sidecarPolicy(site, changes));
  const worker = site.start(['run', '--policy', policy]);
  await until(`three times "${said}"`, () => worker.lines().filter(({ message }) => message === said).length === 3);
  worker.process.kill('SIGTERM');
  assert.equal(await worker.ended, 143);
  return site.policyFile(sidecarPolicy(site));
}

describe('a restart that is taken back', { concurrency: 9 }, () => {
  describe('while it is under way', () => {
    for (const { by, due, act, left, soak = '0s', milliseconds = 0, fleet = SLOWLY } of [
      { by: 'a controller that removes our keys at once', due: atOnce, act: removeOurKeys, left: 'revertedBefore' },
      {
        by: 'a controller that removes them a little after it is complete, while it soaks',
        due: complete,
        act: removeOurKeys,
        milliseconds: 1_500,
        soak: '5s',
        fleet: taking('0.5s'),
        // With new Pods of the old template the new sidecar is there all the same.
        left: 'fresh',
      },
      { by: 'a person with kubectl rollout undo', due: underWay, act: undo, left: 'revertedBefore' },
    ]) {
      test(`by ${by}: three workloads are restarted once each, and the sweep stops until somebody says resume`, async () => {
        const site = await upgradedSite(NAMES, fleet);
        await using somebody = onEachRestart(site, due, name => act(site, name), milliseconds);
        const policy = site.policyFile(sidecarPolicy(site, { rollout: { timeout: '60s', soak } }));
        const { code, report } = await site.run(policy);
        assert.equal(code, 0);
        assert.deepEqual(outcomesByName(report), all(['a', 'b', 'c'], 'reverted'));
        for (const { detail } of report.outcomes) {
          assert.equal(detail, 'restartedAt was taken back, its owner now: unknown');
        }
        assert.deepEqual([report.ending.kind, report.remaining], ['stopped', 3]);
        assert.match(
          report.ending.detail,
          /3 restarts were taken back, the last of .*\/c; let your GitOps tool ignore/,
        );
        assert.equal((await site.checkpoint()).stop?.why, 'reverts');
        await assertStopped(site, policy);
        assert.deepEqual(await patched(site), ['a', 'b', 'c']);

        for (const reverted of [
          { d: 'reverted', e: 'reverted', f: 'reverted' },
          // Everybody was restarted once: nothing is left to try, whatever the Pods run.
          {},
        ]) {
          await settled(site.cluster, site.namespaces);
          assert.equal(await site.start(['resume']).ended, 0);
          const again = await site.run(policy);
          assert.deepEqual(outcomesByName(again.report), reverted);
          const before = NAMES.filter(name => !(name in reverted));
          assert.deepEqual(leftByName(again.report), all(before, left));
        }
        assert.deepEqual(await patched(site), NAMES);
        assert.deepEqual(somebody.acted.toSorted(), NAMES);
        assert.ok(Object.values(await site.restarts()).every(count => count <= 1));
      });
    }
  });

  describe('while the run goes on, after it was complete', () => {
    test('becomes reverted in the report and in the checkpoint, and three of them stop the sweep', async () => {
      const site = await upgradedSite(NAMES);
      await using _ = onEachRestart(site, complete, name => removeOurKeys(site, name), 1_000);
      const policy = site.policyFile(sidecarPolicy(site, { batches: { sizes: [1], pause: '4s' } }));
      const { code, report } = await site.run(policy);
      assert.deepEqual([code, report.ending.kind, report.remaining], [0, 'stopped', 3], report.summary);
      assert.deepEqual(
        report.outcomes.map(({ name, outcome, detail }) => [name, outcome, detail]),
        ['a', 'b', 'c'].map(name => [name, 'reverted', 'restartedAt was taken back, its owner now: unknown']),
      );
      assert.match(report.ending.detail, /3 restarts were taken back, the last of .*\/c;/);
      const { sweep, starts, stop } = await site.checkpoint();
      assert.deepEqual([sweep?.reverts, sweep?.counts.reverted, stop?.why], [3, 3, 'reverts']);
      assert.deepEqual(
        starts.map(({ outcome }) => outcome),
        ['reverted', 'reverted', 'reverted'],
      );
      await assertStopped(site, policy);
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 0), a: 1, b: 1, c: 1 });
    });

    test('stops a batch of fifty after a handful of them', async () => {
      const fleet = 'abcdefghijklmnop'.split('');
      const site = await upgradedSite(fleet);
      await using _ = onEachRestart(site, complete, name => removeOurKeys(site, name));
      const inFlight = { workloads: 2, pods: 100, perNamespace: 2 };
      const { report } = await site.run(sidecarPolicy(site, { batches: { sizes: [1, 50], pause: '0s', inFlight } }));
      assert.equal(report.ending.kind, 'stopped', report.summary);
      const touched = await patched(site);
      assert.ok(touched.length < 10, touched.join());
      assert.equal(new Set(touched).size, touched.length);
      assert.equal(report.outcomes.length + report.remaining, fleet.length);
    });
  });

  describe('between two runs', () => {
    const middle = [
      { when: 'after it was complete', said: 'restart ended', left: 'fresh', sizes: { sizes: [3], pause: '5m' } },
      { when: 'while it was in flight', said: 'restart started', left: 'revertedBefore', sizes: { sizes: [3] } },
    ];
    for (const { when, said, left, sizes } of middle) {
      for (const { by, act } of [
        { by: 'a controller that removes our keys', act: removeOurKeys },
        { by: 'kubectl rollout undo', act: undo },
      ]) {
        test(`${when}, by ${by}: three of them stop the sweep`, async () => {
          const site = await upgradedSite(NAMES, SLOWLY);
          const policy = await interruptedRun(site, said, { batches: sizes });
          if (left !== 'fresh') await Promise.all(['a', 'b', 'c'].map(name => seenUnderWay(site, name)));
          await Promise.all(['a', 'b', 'c'].map(name => act(site, name)));
          await settled(site.cluster, site.namespaces);

          const { code, report } = await site.run(policy);
          assert.deepEqual([code, report.ending.kind, report.remaining], [0, 'stopped', 3]);
          assert.deepEqual(outcomesByName(report), all(['a', 'b', 'c'], 'reverted'));
          assert.match(report.outcomes[0]?.detail ?? '', /its owner now: (unknown|kubectl.*)$/);
          assert.match(report.ending.detail, /3 restarts were taken back/);
          // With new Pods of the old template the new sidecar is there all the same.
          assert.deepEqual(leftByName(report), all(['a', 'b', 'c'], left));
          await assertStopped(site, policy);
          assert.deepEqual(await site.restarts(), { ...all(NAMES, 0), a: 1, b: 1, c: 1 });
        });
      }

      test(`${when}: one of them is remembered and left, and the sweep goes on`, async () => {
        const site = await upgradedSite(NAMES, SLOWLY);
        const policy = await interruptedRun(site, said, { batches: sizes });
        if (left !== 'fresh') await seenUnderWay(site, 'b');
        await undo(site, 'b');
        await settled(site.cluster, site.namespaces);

        for (const ending of ['swept', 'nothingToDo']) {
          const { code, report } = await site.run(policy);
          assert.deepEqual([code, report.ending.kind], [0, ending], report.summary);
          assert.equal(leftByName(report)['b'], left);
          const start = (await site.checkpoint()).starts.find(({ workload }) => workload.endsWith('/b'));
          assert.equal(start?.outcome, 'reverted');
        }
        assert.deepEqual(await patched(site), NAMES);
        assert.deepEqual(await site.restarts(), all(NAMES, 1));
      });
    }
  });
});
