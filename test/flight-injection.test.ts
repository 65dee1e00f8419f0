import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Admission } from '../src/domain/drift.ts';
import { ageReference } from '../src/domain/verdict.ts';
import { wantOf } from '../src/domain/want.ts';
import { follow, type Flight } from '../src/flight.ts';
import { Observed } from '../src/observed.ts';
import { admittedWith, REFUSED, shapeWith } from './admissions.ts';
import { aBench, aPolicy, aRecord, aRestarted, SECOND, T } from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster, rollsOut } from './fake-world.ts';

const POLICY = aPolicy({ stale: [{ injection: 'drift' }], rollout: { timeout: '60s', soak: '0s' } });
const WANT = wantOf(POLICY);

/** A rollout whose Pods get that version of the sidecar, or these in turn; the answers are those of the injector after it, the last repeats. */
async function flight(
  versions: number | undefined | readonly number[],
  answers: readonly Admission[],
  given: Partial<Flight> = {},
) {
  const clock = new FakeClock();
  const workload = aRestarted({ generation: 8, status: { observedGeneration: 7 } });
  const cluster = new FakeCluster(clock, [workload]);
  const observed = new Observed(clock, [workload]);
  const over = new AbortController();
  const watch = cluster.watch([], change => observed.see(change), over.signal);
  let trials = 0;
  cluster.onTry = () => answers[Math.min(trials++, answers.length - 1)] ?? REFUSED;
  const made: readonly (number | undefined)[] = typeof versions === 'object' ? versions : [versions];
  void rollsOut({ pods: index => ({ shape: shapeWith(made[index % made.length]) }) })(cluster, workload);
  const landing = await follow(
    {
      ref: workload,
      uid: workload.uid,
      at: T,
      template: workload.template,
      before: undefined,
      age: ageReference(aRecord(), aBench()),
      want: `${WANT}.2`,
      has: [],
      stood: undefined,
      tried: undefined,
      ...given,
    },
    { cluster, clock, observed, policy: POLICY, configChanges: new Map(), progress: () => undefined },
  );
  over.abort();
  await watch;
  const { outcome, why, detail } = landing;
  return { outcome: why ?? outcome, detail, trials, seconds: clock.elapsed() / SECOND };
}

describe('new Pods', () => {
  test('that got what was to be had when they were started are proven, at no further cost', async () => {
    const { outcome, trials } = await flight(2, [REFUSED], { tried: admittedWith(2) });
    assert.deepEqual([outcome, trials], ['restarted', 0]);
  });

  test('that got something newer meanwhile are proven by asking again', async () => {
    const { outcome, trials } = await flight(3, [admittedWith(3)], { tried: admittedWith(2) });
    assert.deepEqual([outcome, trials], ['restarted', 1]);
  });

  test('of which some got the one and some the other are as good as could be when they were made', async () => {
    const { outcome } = await flight([2, 3, 3], [admittedWith(3)], { tried: admittedWith(2) });
    assert.equal(outcome, 'restarted');
  });

  test('that got neither are ineffective, with what they got and what they should have got', async () => {
    const { outcome, detail } = await flight(1, [admittedWith(2)], { tried: admittedWith(2) });
    assert.deepEqual([outcome, detail], ['ineffective', 'rolled out, but proxy runs proxy:1, a new Pod gets proxy:2']);
  });

  test('that lost their sidecar are not proven, although a new Pod would get none, either', async () => {
    const { outcome, detail, seconds } = await flight(undefined, [admittedWith(undefined)], { tried: admittedWith(2) });
    assert.deepEqual([outcome, detail], ['notProven', 'its new Pods lack proxy']);
    assert.ok(seconds >= 60);
  });

  test('that lost their sidecar while the injector was away for a moment are ineffective', async () => {
    const answers = [admittedWith(undefined), admittedWith(2)];
    const { outcome, detail } = await flight(undefined, answers, { tried: admittedWith(2) });
    assert.deepEqual([outcome, detail], ['ineffective', 'rolled out, but proxy is missing']);
  });
});

describe('after a crash, when nobody knows what was to be had', () => {
  test('the injector is asked', async () => {
    assert.equal((await flight(2, [admittedWith(2)])).outcome, 'restarted');
  });

  test('and it is waited for until it answers', async () => {
    const { outcome, seconds } = await flight(2, [REFUSED, REFUSED, admittedWith(2)]);
    assert.deepEqual([outcome, seconds], ['restarted', 40]);
  });

  test('but not longer than a rollout may take: then it is left to the next run', async () => {
    const { outcome, detail } = await flight(2, [REFUSED]);
    assert.deepEqual(
      [outcome, detail],
      ['interrupted', 'rolled out, and not proven yet: a Pod cannot be tried: failed calling webhook'],
    );
  });

  test('an injector that was upgraded since is for the next run', async () => {
    assert.equal((await flight(2, [admittedWith(3)])).outcome, 'restarted');
  });
});
