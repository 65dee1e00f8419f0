import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Admission } from '../src/domain/drift.ts';
import { keyOf } from '../src/domain/model.ts';
import { encodeValues } from '../src/domain/shape.ts';
import { formatInstant } from '../src/domain/instant.ts';
import { wantFor, wantOf } from '../src/domain/want.ts';
import { tryInjection, tryInjections } from '../src/trials.ts';
import { admittedWith, REFUSED, shapeWith } from './admissions.ts';
import { aPolicy, aRestarted, aWorkload, BY, HOUR, NOW, SECOND, somePods } from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster } from './fake-world.ts';

const POLICY = aPolicy({ stale: [{ injection: 'drift' }] });
const WEB = aWorkload();
const livePods = (version: number | undefined) => somePods(3, { shape: shapeWith(version) });
const REPLICA_SET = { name: 'web-1', uid: 'u' };

/** Tries `shape/web`, whose Pods have that version; each answer is one trial, the last one repeats. */
async function trying(version: number | undefined, answers: readonly Admission[], policy = POLICY) {
  const clock = new FakeClock();
  const cluster = new FakeCluster(clock, [WEB]);
  let trials = 0;
  cluster.onTry = () => answers[Math.min(trials++, answers.length - 1)] ?? REFUSED;
  const subject = { workload: WEB, pods: livePods(version), replicaSet: REPLICA_SET };
  const tried = await tryInjection(subject, { cluster, clock, policy });
  return { kind: tried?.injection.kind, trials };
}

describe('one workload', () => {
  test('is tried once while its Pods are what a new one would be', async () => {
    assert.deepEqual(await trying(2, [admittedWith(2)]), { kind: 'same', trials: 1 });
  });

  test('is tried twice before it is called drifted', async () => {
    assert.deepEqual(await trying(1, [admittedWith(2)]), { kind: 'drifted', trials: 2 });
  });

  test('has not drifted when two trials do not agree in what is different', async () => {
    assert.deepEqual(await trying(1, [admittedWith(2), admittedWith(3)]), { kind: 'same', trials: 2 });
  });

  test('is unknown when the second trial is refused', async () => {
    assert.deepEqual(await trying(1, [admittedWith(2), REFUSED]), { kind: 'unknown', trials: 2 });
  });

  test('is not tried where no criterion asks for it', async () => {
    assert.deepEqual(await trying(1, [admittedWith(2)], aPolicy()), { kind: undefined, trials: 0 });
  });
});

describe('a fleet', () => {
  const fleet = (count: number, given = {}) =>
    Array.from({ length: count }, (_, index) => aWorkload({ name: `w${index}`, ...given }));

  async function tryingAll(
    workloads = fleet(20),
    {
      onTry = () => admittedWith(2),
      unready,
      seconds = 0,
      abortAfter = Number.POSITIVE_INFINITY,
    }: {
      readonly onTry?: FakeCluster['onTry'];
      readonly unready?: string;
      /** That each trial takes. */
      readonly seconds?: number;
      readonly abortAfter?: number;
    } = {},
  ) {
    const clock = new FakeClock();
    const cluster = new FakeCluster(clock);
    for (const workload of workloads) cluster.add(workload, livePods(2));
    const interruption = new AbortController();
    let [underWay, most, asked] = [0, 0, 0];
    cluster.tryPod = async workload => {
      most = Math.max(most, ++underWay);
      if (++asked >= abortAfter) interruption.abort();
      await clock.sleep(seconds * SECOND);
      underWay--;
      return onTry(workload);
    };
    const judging = { policy: POLICY, by: BY, now: NOW, only: undefined };
    const world = { cluster, clock, ...judging, unready, interrupted: interruption.signal };
    const { injections, workloads: told, dryRuns } = await tryInjections(await cluster.inventory(), world);
    return { injections, most, asked, told, dryRuns, seconds: clock.elapsed() / SECOND };
  }

  test('is tried one Pod for each workload, eight at a time', async () => {
    const { injections, most, asked, seconds } = await tryingAll(fleet(24), { seconds: 1 });
    assert.deepEqual([injections.size, most, asked, seconds], [24, 8, 24, 3]);
  });

  test('is not asked about whom nothing could restart', async () => {
    const { injections } = await tryingAll([
      aWorkload(),
      aWorkload({ name: 'out', optedOut: true }),
      aWorkload({ name: 'paused', paused: true }),
      aWorkload({ name: 'zero', replicas: 0 }),
    ]);
    assert.deepEqual([...injections.keys()], ['shop/web']);
  });

  test('is not asked about at all while its injector is not ready', async () => {
    const { injections, asked, told, dryRuns } = await tryingAll(fleet(3), { unready: 'istiod is not ready' });
    assert.deepEqual([asked, told, dryRuns], [0, 0, 0]);
    assert.deepEqual(
      [...injections.values()],
      Array.from({ length: 3 }, () => ({ kind: 'unknown', detail: 'istiod is not ready' })),
    );
  });

  test('is asked about to its end when refusals come at once, for they may concern only some', async () => {
    const onTry: FakeCluster['onTry'] = ({ name }) => (name === 'w19' ? admittedWith(2) : REFUSED);
    const { injections, asked } = await tryingAll(fleet(20), { onTry });
    assert.equal(asked, 20);
    assert.equal(injections.get(keyOf({ kind: 'Deployment', namespace: 'shop', name: 'w19' }))?.kind, 'same');
  });

  test('is not asked about for hours when nobody answers', async () => {
    const { injections, asked, seconds } = await tryingAll(fleet(1000), { onTry: () => REFUSED, seconds: 10 });
    assert.equal(injections.size, 1000);
    assert.ok(asked <= 16, `${asked} were asked`);
    assert.ok(seconds <= 20);
    assert.deepEqual(new Set([...injections.values()].map(({ kind }) => kind)), new Set(['unknown']));
  });

  describe('whose settings alone are other ones', () => {
    const onTry = (): Admission => ({
      kind: 'admitted',
      template: shapeWith(undefined),
      pod: { ...shapeWith(2), annotations: encodeValues({ 'injector/config': 'new' }) },
    });
    /** The want of a restart that was for these containers with other settings. */
    const want = async (): Promise<string> => {
      const { injections } = await tryingAll([WEB], { onTry });
      return wantFor(wantOf(POLICY), injections.get('shop/web')).replace(/\.[^.]*$/, '.other');
    };

    test('is tried ten times each, and that is what is told', async () => {
      const { asked, told, dryRuns } = await tryingAll(fleet(3), { onTry });
      assert.deepEqual([asked, told, dryRuns], [30, 3, 30]);
    });

    test('is tried twice each while a restart for the same is so young that it would be left anyway', async () => {
      const fleetOf3 = ['a', 'b', 'c'].map(async name => aRestarted({ name }, { want: await want() }));
      const { injections, asked, told, dryRuns } = await tryingAll(await Promise.all(fleetOf3), { onTry });
      assert.deepEqual([asked, told, dryRuns], [6, 3, 6]);
      assert.equal(injections.get('shop/a')?.kind, 'drifted');
    });

    for (const [what, record] of [
      ['longer ago than retryAfter', { at: formatInstant(NOW - 21 * HOUR) }],
      ['by another policy of ours', { by: 'ops/another' }],
      ['for other criteria', { want: '00000000.1.2' }],
    ] as const) {
      test(`is tried ten times where the restart was ${what}`, async () => {
        const { dryRuns } = await tryingAll([aRestarted({}, { want: await want(), ...record })], { onTry });
        assert.equal(dryRuns, 10);
      });
    }
  });

  test('is left when the process is told to end', async () => {
    const { asked } = await tryingAll(fleet(100), { seconds: 1, abortAfter: 5 });
    assert.ok(asked <= 16);
  });
});

test('what is written down to the second is chance, because the later trials come more than a second later', async () => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(clock, [WEB]);
  const at = (second: number) => ({ ...shapeWith(2), annotations: encodeValues({ 'injector/at': String(second) }) });
  cluster.onTry = () => ({
    kind: 'admitted',
    template: shapeWith(undefined),
    pod: at(Math.floor(clock.elapsed() / SECOND)),
  });
  const subject = { workload: WEB, pods: somePods(3, { shape: at(-60) }), replicaSet: REPLICA_SET };
  const tried = await tryInjection(subject, { cluster, clock, policy: POLICY });
  assert.equal(tried?.injection.kind, 'same');
});
