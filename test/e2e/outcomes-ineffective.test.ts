/** A restart that changes nothing: a typo in the policy must not cost a fleet one restart a tick. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { upgradeInjector } from '../cluster/injector.ts';
import { until } from '../cluster/until.ts';
import { leftByName, outcomesByName, type Site } from './site.ts';
import { seenUnderWay } from './somebody.ts';
import { all, NEWER, sidecarPolicy, upgradedSite } from './upgraded.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/** The sizes are those of the default: 1, 5, 20. */
const WITHOUT_PAUSE = { batches: { pause: '0s' } };
const TYPO = { ...WITHOUT_PAUSE, wants: 'docker.io/istio/proxyv2:1.24.22' };

/** A first run under the typo: two workloads pay for it. */
async function misled(): Promise<Site> {
  const site = await upgradedSite(NAMES);
  const { code, report } = await site.run(sidecarPolicy(site, TYPO));
  assert.deepEqual([code, report.ending.kind, report.remaining], [3, 'stopped', 6]);
  assert.deepEqual(outcomesByName(report), all(['a', 'b'], 'ineffective'));
  for (const { detail } of report.outcomes)
    assert.match(detail, /^rolled out, but istio-proxy runs .*:1\.24\.2, wanted is .*:1\.24\.22$/);
  assert.match(report.ending.detail, /2 restarts in a row changed nothing, the last of .*\/b: .*mend the criteria/);
  return site;
}

async function assertStopped(site: Site, policy: object, ticks = 1): Promise<void> {
  const before = await site.restarts();
  for (let tick = 0; tick < ticks; tick++) {
    const { code, report } = await site.run(policy);
    assert.deepEqual([code, report.ending.kind, report.outcomes], [0, 'stoppedBefore', []]);
    assert.match(report.ending.detail, /changed nothing.*nightshift resume goes on/);
  }
  assert.deepEqual(await site.restarts(), before);
}

describe('a restart that changes nothing', { concurrency: 4 }, () => {
  describe('a typo in imageNot', () => {
    test('costs two workloads one restart each, over the ticks and in the next window too, until it is mended', async () => {
      const site = await misled();
      await assertStopped(site, sidecarPolicy(site, TYPO), 3);
      const { stop } = await site.checkpoint();
      assert.equal(stop?.why, 'ineffective');
      const isLater = (): boolean => Math.floor(Date.now() / 60_000) > Math.floor(Date.parse(stop.at) / 60_000);
      await until('an occurrence that opens after the stop', isLater, { seconds: 70 });
      const windows = { allow: [{ name: 'every-minute', opens: '* * * * *', lasts: '1m' }] };
      await assertStopped(site, sidecarPolicy(site, { ...TYPO, windows }), 2);
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 0), a: 1, b: 1 });

      const { code, report, worker } = await site.run(sidecarPolicy(site, { ...WITHOUT_PAUSE, windows }));
      assert.deepEqual([code, report.ending.kind], [0, 'swept'], report.summary);
      assert.deepEqual(outcomesByName(report), all(NAMES.slice(2), 'restarted'));
      assert.deepEqual(leftByName(report), all(['a', 'b'], 'fresh'));
      const begun = worker.lines().filter(({ message }) => message === 'batch started');
      assert.deepEqual(
        begun.map(({ size }) => size),
        [1, 5],
      );
      assert.deepEqual(await site.restarts(), all(NAMES, 1));
    });

    test('costs two more for each `nightshift resume` that comes before it is mended', async () => {
      const site = await misled();
      const policy = sidecarPolicy(site, TYPO);
      for (const [before, two] of [
        [
          ['a', 'b'],
          ['c', 'd'],
        ],
        [
          ['a', 'b', 'c', 'd'],
          ['e', 'f'],
        ],
      ] as const) {
        assert.equal(await site.start(['resume']).ended, 0);
        const { code, report } = await site.run(policy);
        assert.equal(code, 3);
        assert.deepEqual(outcomesByName(report), all(two, 'ineffective'));
        assert.deepEqual(leftByName(report), all(before, 'ineffectiveBefore'));
        await assertStopped(site, policy);
      }
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), g: 0, h: 0 });
      const { report } = await site.run(sidecarPolicy(site, WITHOUT_PAUSE));
      assert.deepEqual(outcomesByName(report), all(['g', 'h'], 'restarted'));
      assert.deepEqual(await site.restarts(), all(NAMES, 1));
    });

    test('that comes in the middle of a sweep meets a canary, not the batch of twenty', async () => {
      const site = await upgradedSite(NAMES);
      const worker = site.start([
        'run',
        '--policy',
        site.policyFile(sidecarPolicy(site, { batches: { pause: '10s' } })),
      ]);
      const pauses = () => worker.lines().filter(({ message }) => message === 'pausing before the next batch').length;
      await until('one and five to be restarted', () => pauses() === 2);
      worker.process.kill('SIGTERM');
      assert.equal(await worker.ended, 143);
      const { code, report } = await site.run(sidecarPolicy(site, TYPO));
      assert.deepEqual([code, report.ending.kind, report.remaining], [3, 'stopped', 6]);
      assert.deepEqual(outcomesByName(report), all(['a', 'b'], 'ineffective'));
      assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), a: 2, b: 2, g: 0, h: 0 });
    });
  });

  test('what an upgrade overtakes in flight is no ineffective restart: it is restarted once more for the newer one', async () => {
    const site = await upgradedSite(NAMES, { podAnnotations: { 'test.nightshift/delay': '3s' } });
    const first = sidecarPolicy(site, { batches: { sizes: [3], pause: '0s' } });
    const worker = site.start(['run', '--policy', site.policyFile(first)]);
    const started = () => worker.lines().filter(({ message }) => message === 'restart started').length;
    await until('three to be in flight', () => started() === 3);
    await Promise.all(['a', 'b', 'c'].map(name => seenUnderWay(site, name)));
    worker.process.kill('SIGTERM');
    assert.equal(await worker.ended, 143);
    await upgradeInjector(site.cluster, NEWER, site.namespaces[0]);

    const policy = site.policyFile(sidecarPolicy(site, { wants: NEWER }));
    for (const outcomes of [all(NAMES, 'restarted'), all(['a', 'b', 'c'], 'restarted')]) {
      const { code, report } = await site.run(policy);
      assert.deepEqual(outcomesByName(report), outcomes);
      assert.deepEqual([code, report.ending.kind], [0, 'swept'], report.summary);
    }
    assert.equal((await site.run(policy)).report.ending.kind, 'nothingToDo');
    assert.deepEqual(await site.restarts(), { ...all(NAMES, 1), a: 2, b: 2, c: 2 });
  });
});
