/** A controller that keeps Deployments to what Git says, by server-side apply or by a merge that knows nothing of us. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LAST_RESTART, RESTARTED_AT } from '../../src/domain/model.ts';
import { settled } from '../cluster/fleet.ts';
import { leftByName, outcomesByName, quickPolicy, Site } from './site.ts';
import { applyAs, atOnce, complete, onEachRestart, removeOurKeys, rollout, takeOver, underWay } from './somebody.ts';
import { all, manifestOf, patched, sidecarPolicy, upgradedSite } from './upgraded.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const FLUX = 'kustomize-controller';

describe('a controller that keeps to Git', { concurrency: 7 }, () => {
  describe('a server-side apply of what Git says', () => {
    for (const { when, due } of [
      { when: 'while it is under way', due: atOnce },
      { when: 'after it is complete', due: complete },
    ]) {
      test(`does not undo a restart, ${when}`, async () => {
        const site = await upgradedSite(NAMES, {}, { manager: FLUX });
        const annotations = { 'git/revision': '2' };
        const apply = (name: string) => applyAs(site, FLUX, name, manifestOf(site, name, { annotations }));
        await using flux = onEachRestart(site, due, apply);
        const { code, report } = await site.run(sidecarPolicy(site, { rollout: { timeout: '60s', soak: '2s' } }));
        assert.deepEqual([code, report.ending.kind], [0, 'swept']);
        assert.deepEqual(outcomesByName(report), all(NAMES, 'restarted'));
        assert.deepEqual(flux.acted.toSorted(), NAMES);
        assert.equal((await site.run(sidecarPolicy(site))).report.ending.kind, 'nothingToDo');
        assert.deepEqual(await patched(site), NAMES);
        assert.deepEqual(await site.restarts(), all(NAMES, 1));
      });
    }

    for (const { what, inGit, owner } of [
      { what: 'knows no restart', inGit: {}, owner: 'unknown' },
      { what: 'has an older restart', inGit: { [RESTARTED_AT]: '2026-01-01T00:00:00Z' }, owner: FLUX },
    ]) {
      test(`undoes it after our fields were taken over, when Git ${what}; the owner is ${owner}`, async () => {
        const wishes = { podAnnotations: { 'test.nightshift/delay': '3s', ...inGit } };
        const site = await upgradedSite(NAMES, wishes, { manager: FLUX });
        const before = await site.restarts();
        await using flux = onEachRestart(site, atOnce, async name => {
          await takeOver(site, name, 'nightshift', FLUX);
          await applyAs(site, FLUX, name, manifestOf(site, name, wishes));
        });
        const policy = sidecarPolicy(site);
        const { code, report } = await site.run(policy);
        assert.equal(code, 0);
        assert.deepEqual(
          report.outcomes.map(({ name, outcome, detail }) => [name, outcome, detail]),
          ['a', 'b', 'c'].map(name => [name, 'reverted', `restartedAt was taken back, its owner now: ${owner}`]),
        );
        assert.deepEqual([report.ending.kind, report.remaining], ['stopped', 3]);
        assert.match(report.ending.detail, /let your GitOps tool ignore/);
        for (let tick = 0; tick < 2; tick++) assert.equal((await site.run(policy)).report.ending.kind, 'stoppedBefore');
        assert.deepEqual(await patched(site), ['a', 'b', 'c']);
        assert.deepEqual(flux.acted.toSorted(), ['a', 'b', 'c']);
        const restarts = await site.restarts();
        assert.ok(NAMES.every(name => (restarts[name] ?? 0) - (before[name] ?? 0) <= 1));
      });
    }
  });

  describe('a controller that removes our keys', () => {
    test('but ignores restartedAt, as it is told to: costs the record and nothing else', async () => {
      const site = await upgradedSite(NAMES);
      await using argo = onEachRestart(site, atOnce, name => removeOurKeys(site, name, [LAST_RESTART]));
      const { code, report } = await site.run(sidecarPolicy(site));
      assert.deepEqual([code, report.ending.kind], [0, 'swept']);
      assert.deepEqual(outcomesByName(report), all(NAMES, 'restarted'));
      assert.deepEqual(argo.acted.toSorted(), NAMES);
      assert.equal((await site.run(sidecarPolicy(site))).report.ending.kind, 'nothingToDo');
      assert.deepEqual(await site.restarts(), all(NAMES, 1));
    });

    test('once the sweep is over: meets one restart of each workload, not one a run', async () => {
      const site = await Site.open();
      await site.deploy(...NAMES.map(name => site.deployment({ name })));
      // Every Pod is stale for every sweep that begins later.
      const policy = quickPolicy(site);
      assert.deepEqual(outcomesByName((await site.run(policy)).report), all(NAMES, 'restarted'));
      for (const name of NAMES) await removeOurKeys(site, name);
      await settled(site.cluster, site.namespaces);
      await site.age();
      for (let tick = 0; tick < 3; tick++) {
        const { code, report } = await site.run(policy);
        assert.deepEqual([code, report.ending.kind], [0, 'nothingToDo']);
        assert.deepEqual(leftByName(report), all(NAMES, 'revertedBefore'));
      }
      assert.deepEqual(await patched(site), NAMES);
      assert.deepEqual(await site.restarts(), all(NAMES, 1));
    });
  });

  test('kubectl rollout undo of a second restart brings the first one and its record back: reverted, and never again', async () => {
    const site = await Site.open();
    await site.deploy(
      ...NAMES.map(name => site.deployment({ name, podAnnotations: { 'test.nightshift/delay': '2s' } })),
    );
    // Every Pod is stale for every sweep that begins later.
    const policy = quickPolicy(site);
    assert.deepEqual(outcomesByName((await site.run(policy)).report), all(NAMES, 'restarted'));
    await site.age();
    {
      await using _ = onEachRestart(site, underWay, name =>
        name === 'a' ? rollout(site, 'undo', name) : Promise.resolve(),
      );
      const { code, report } = await site.run(policy);
      assert.deepEqual([code, report.ending.kind], [0, 'swept']);
      assert.deepEqual(outcomesByName(report), { ...all(NAMES, 'restarted'), a: 'reverted' });
      const [undone] = report.outcomes.filter(({ name }) => name === 'a');
      assert.equal(undone?.detail, 'restartedAt was taken back, its owner now: kubectl');
    }
    for (let tick = 0; tick < 2; tick++) {
      await settled(site.cluster, site.namespaces);
      await site.age();
      const { report } = await site.run(policy);
      assert.deepEqual(outcomesByName(report), all(NAMES.slice(1), 'restarted'));
      assert.deepEqual(leftByName(report), { a: 'revertedBefore' });
    }
    assert.deepEqual(await site.restarts(), { ...all(NAMES, 4), a: 2 });
  });
});
