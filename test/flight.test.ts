import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FailureReason, Pod, Trouble } from '../src/domain/model.ts';
import type { Admission } from '../src/domain/drift.ts';
import { ageReference } from '../src/domain/verdict.ts';
import { follow, type Landing } from '../src/flight.ts';
import { Observed } from '../src/observed.ts';
import {
  aBench,
  aFreshPod,
  aPod,
  aPolicy,
  aRecord,
  aRestarted,
  aTrouble,
  imagesOf,
  MINUTE,
  SECOND,
  somePods,
  T,
  WANTS_PROXY_2,
  type GivenWorkload,
} from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster, getsStuck, rollsOut, type Script } from './fake-world.ts';

const REF = { kind: 'Deployment' as const, namespace: 'shop', name: 'web' };
const POLICY = aPolicy({ stale: WANTS_PROXY_2 });

interface Night {
  /** What the controllers make of the restart. */
  readonly script?: Script;
  /** What else happens, at so many seconds. */
  readonly events?: readonly (readonly [seconds: number, happens: (world: World) => void])[];
  readonly before?: GivenWorkload;
  readonly policy?: typeof POLICY;
  /** The watch shows nothing. */
  readonly silent?: boolean;
  /** What a Pod was to get when it was started. */
  readonly tried?: Admission;
  /** Containers that the Pods before had. */
  readonly has?: readonly string[];
}

interface World {
  readonly clock: FakeClock;
  readonly cluster: FakeCluster;
  readonly observed: Observed;
}

/** Follows a restart of `shop/web` that was just accepted, and says what became of it, when, and at what cost. */
async function flight(night: Night = {}) {
  const { script = rollsOut(), events = [], before = {}, policy = POLICY, silent = false, tried, has = [] } = night;
  const clock = new FakeClock();
  const workload = aRestarted({ generation: 8, ...before, status: { observedGeneration: 7, ...before.status } });
  const cluster = new FakeCluster(clock, [workload]);
  const observed = new Observed(clock, [workload]);
  const over = new AbortController();
  const watch = silent ? Promise.resolve() : cluster.watch([], change => observed.see(change), over.signal);
  const progress: string[] = [];
  void script(cluster, workload);
  for (const [seconds, happens] of events) clock.after(seconds * SECOND, () => happens({ clock, cluster, observed }));
  const landing = await follow(
    {
      ref: REF,
      uid: workload.uid,
      at: T,
      template: workload.template,
      before: before.status?.progressing,
      age: ageReference(aRecord(), aBench()),
      want: aBench().want,
      has,
      stood: '2026-11-01T01:00:00Z',
      tried,
    },
    { cluster, clock, observed, policy, configChanges: new Map(), progress: (_, detail) => progress.push(detail) },
  );
  over.abort();
  await watch;
  return { landing, seconds: clock.elapsed() / SECOND, calls: cluster.calls, progress };
}

const outcomeOf = ({ outcome, why }: Landing): string => (why === undefined ? outcome : `${outcome}: ${why}`);
const set =
  (given: GivenWorkload) =>
  ({ cluster }: World): void =>
    void cluster.update(REF, given);
const pods =
  (...all: readonly Pod[]) =>
  ({ cluster }: World): void =>
    cluster.setPods(REF, all);

describe('a good rollout', () => {
  test('is restarted when it stayed healthy for the soak, at the cost of one list of its Pods', async () => {
    const { landing, seconds, calls } = await flight();
    assert.deepEqual(landing, { outcome: 'restarted', detail: '' });
    assert.deepEqual([seconds, calls], [10 + 30, ['pods shop/web']]);
  });

  test('tells its progress once for each step', async () => {
    const { progress } = await flight();
    assert.deepEqual(progress, ['waiting for the controller to see the change', '1 of 3 new Pods created']);
  });

  test('soaks anew when a Pod becomes unavailable', async () => {
    const { landing, seconds } = await flight({
      events: [
        [25, set({ status: { availableReplicas: 2 } })],
        [30, set({ status: { availableReplicas: 3 } })],
      ],
    });
    assert.deepEqual([landing.outcome, seconds], ['restarted', 30 + 30]);
  });

  test('has no soak where the policy wants none', async () => {
    const policy = aPolicy({ stale: WANTS_PROXY_2, rollout: { soak: '0s' } });
    assert.equal((await flight({ policy })).seconds, 10);
  });

  test('may take longer than 15 s for a Pod, as long as none is doomed', async () => {
    const { landing, seconds } = await flight({ script: rollsOut({ seconds: 300 }) });
    assert.deepEqual([landing.outcome, seconds], ['restarted', 330]);
  });

  test('has new Pods whatever the clocks say of their age', async () => {
    const policy = aPolicy();
    const { landing } = await flight({ policy, script: rollsOut({ pod: { createdAt: 0 } }) });
    assert.equal(landing.outcome, 'restarted');
  });

  test('may be scaled meanwhile', async () => {
    const more = {
      replicas: 5,
      status: { observedGeneration: 9, replicas: 5, updatedReplicas: 5, availableReplicas: 5 },
    };
    const up = await flight({
      events: [
        [20, set({ ...more, generation: 9 })],
        [20, pods(...somePods(5, aFreshPod()))],
      ],
    });
    assert.equal(up.landing.outcome, 'restarted');
    const none = {
      replicas: 0,
      status: { observedGeneration: 9, replicas: 0, updatedReplicas: 0, availableReplicas: 0 },
    };
    const down = await flight({
      events: [
        [20, set({ ...none, generation: 9 })],
        [20, pods()],
      ],
    });
    assert.equal(down.landing.outcome, 'restarted');
  });

  test('is seen although the watch shows nothing', async () => {
    const { landing, seconds } = await flight({ silent: true });
    assert.equal(landing.outcome, 'restarted');
    assert.ok(seconds <= 2 * MINUTE, `${seconds}`);
  });
});

describe('old Pods', () => {
  const lingers = rollsOut({ pod: {} });
  const terminating = aPod({ name: 'old', terminating: true });

  test('are awaited where the API server counts them', async () => {
    const { landing, seconds } = await flight({
      script: lingers,
      events: [
        [9, set({ status: { terminatingReplicas: 3 } })],
        [100, set({ status: { terminatingReplicas: 0 } })],
      ],
    });
    assert.deepEqual([landing, seconds], [{ outcome: 'restarted', detail: '' }, 130]);
  });

  test('that still terminate at the timeout are a note', async () => {
    const { landing, seconds } = await flight({ events: [[9, set({ status: { terminatingReplicas: 3 } })]] });
    assert.deepEqual([landing.outcome, seconds], ['restarted', 600]);
    assert.match(landing.detail, /3 old Pods still terminating/);
  });

  test('are awaited on the list where nobody counts them', async () => {
    const before = { status: { terminatingReplicas: undefined } };
    const { landing, seconds, calls } = await flight({
      before,
      events: [
        [11, pods(...somePods(3, aFreshPod()), terminating)],
        [90, pods(...somePods(3, aFreshPod()))],
      ],
    });
    assert.deepEqual(landing, { outcome: 'restarted', detail: '' });
    assert.ok(seconds >= 90 && seconds <= 105, `${seconds}`);
    assert.ok(calls.length < 10, `${calls.length}`);
  });

  test('that still terminate on the list at the timeout are a note, too', async () => {
    const { landing, seconds } = await flight({
      before: { status: { terminatingReplicas: undefined } },
      events: [[11, pods(...somePods(3, aFreshPod()), terminating)]],
    });
    assert.deepEqual([landing.outcome, landing.detail], ['restarted', '1 old Pods still terminating']);
    assert.ok(seconds >= 600 && seconds <= 615, `${seconds}`);
  });
});

describe('a rollout whose new Pods are all doomed fails fast', () => {
  for (const [why, trouble] of [
    ['crashLoopBackOff', aTrouble()],
    ['imagePull', aTrouble({ reason: 'ImagePullBackOff' })],
    ['containerConfig', aTrouble({ reason: 'CreateContainerConfigError' })],
    ['initContainer', aTrouble({ init: true })],
  ] as const satisfies readonly (readonly [FailureReason, Trouble])[]) {
    test(`as ${why}, 15 s after the last progress`, async () => {
      const { landing, seconds } = await flight({ script: getsStuck({ troubles: [trouble] }) });
      assert.deepEqual([outcomeOf(landing), seconds], [`failed: ${why}`, 1 + 15]);
    });
  }

  test('and not while one of them may still come up', async () => {
    const doomed = aFreshPod({ name: 'a', troubles: [aTrouble()] });
    const { landing, seconds } = await flight({
      script: getsStuck(),
      events: [[2, pods(...somePods(2), doomed, aFreshPod({ name: 'b' }))]],
    });
    assert.deepEqual([outcomeOf(landing), seconds], ['failed: crashLoopBackOff', 600]);
  });

  test('and not for old Pods that are doomed', async () => {
    const { landing } = await flight({
      script: rollsOut({ seconds: 120 }),
      events: [[1, pods(...somePods(3, { troubles: [aTrouble()] }))]],
    });
    assert.equal(landing.outcome, 'restarted');
  });

  test('and not when a fresh read shows that it went on', async () => {
    const { landing } = await flight({
      silent: true,
      script: getsStuck({ troubles: [aTrouble()] }),
      events: [
        [14, set({ status: { updatedReplicas: 3, replicas: 3, availableReplicas: 3 } })],
        [14, pods(...somePods(3, aFreshPod()))],
      ],
    });
    assert.equal(landing.outcome, 'restarted');
  });
});

test('the Pods of a rollout that makes no progress are listed after 15 s, then after 30 s and 60 s', async () => {
  const { calls, seconds } = await flight({ script: getsStuck() });
  // At 16, 46, 106, 166 ... 586, and once more at the timeout to say why.
  assert.deepEqual([calls.filter(call => call.startsWith('pods')).length, seconds], [2 + 9 + 1, 600]);
});

describe('a rollout that ran out of time', () => {
  const homeless: Trouble = { kind: 'unschedulable', message: '0/3 nodes are available' };
  for (const { because, why, says, night } of [
    {
      because: 'with a Pod that no node takes',
      why: 'unschedulable',
      says: /0\/3 nodes/,
      night: { script: getsStuck({ troubles: [homeless] }) },
    },
    {
      because: 'with a quota that is used up',
      why: 'failedCreate',
      says: /exceeded quota/,
      night: { script: getsStuck(), events: [[2, set({ status: { replicaFailure: 'exceeded quota' } })]] },
    },
    { because: 'with Pods that do not become ready', why: 'timeout', says: /1 of 3/, night: { script: getsStuck() } },
    {
      because: 'because somebody paused it',
      why: 'timeout',
      says: /paused/,
      night: { script: getsStuck(), events: [[2, set({ paused: true })]] },
    },
    {
      because: 'because the controller never saw it',
      why: 'timeout',
      says: /controller/,
      night: { script: () => Promise.resolve() },
    },
  ] satisfies readonly { because: string; why: FailureReason; says: RegExp; night: Night }[]) {
    test(`${because} failed as ${why}`, async () => {
      const { landing, seconds } = await flight(night);
      assert.deepEqual([outcomeOf(landing), seconds], [`failed: ${why}`, 600]);
      assert.match(landing.detail, says);
    });
  }

  test("has the policy's timeout, from first sight", async () => {
    const policy = aPolicy({ rollout: { timeout: '90s' } });
    assert.equal((await flight({ policy, script: getsStuck() })).seconds, 90);
  });

  test('and completes in its last second is restarted', async () => {
    assert.equal((await flight({ script: rollsOut({ seconds: 599 }) })).landing.outcome, 'restarted');
  });
});

describe('a progress deadline', () => {
  const exceeded = { reason: 'ProgressDeadlineExceeded', message: 'web-2 timed out', lastUpdateTime: 'at one' };

  test('that is exceeded fails the rollout at once', async () => {
    const { landing, seconds } = await flight({
      script: getsStuck(),
      events: [[5, set({ status: { progressing: exceeded } })]],
    });
    assert.deepEqual([outcomeOf(landing), landing.detail, seconds], ['failed: progressDeadline', 'web-2 timed out', 5]);
  });

  test('gives way to what the Pods say', async () => {
    const script = getsStuck({ troubles: [aTrouble()] });
    const { landing } = await flight({ script, events: [[5, set({ status: { progressing: exceeded } })]] });
    assert.equal(outcomeOf(landing), 'failed: crashLoopBackOff');
  });

  test('gives way to a quota and to the want of a node', async () => {
    const events = [[5, set({ status: { progressing: exceeded, replicaFailure: 'exceeded quota' } })]] as const;
    assert.equal(outcomeOf((await flight({ script: getsStuck(), events })).landing), 'failed: failedCreate');
    const homeless = getsStuck({ troubles: [{ kind: 'unschedulable', message: '0/3 nodes' }] });
    assert.equal(outcomeOf((await flight({ script: homeless, events })).landing), 'failed: unschedulable');
  });

  test('that was exceeded before the restart does not', async () => {
    const { landing } = await flight({ before: { status: { progressing: exceeded } } });
    assert.equal(landing.outcome, 'restarted');
  });
});

describe('a rollout that changed nothing', () => {
  const script = rollsOut({ pod: { images: imagesOf('proxy:1') } });
  test('is ineffective, and says what its Pods still run', async () => {
    const { landing } = await flight({ script });
    assert.equal(landing.outcome, 'ineffective');
    assert.match(landing.detail, /rolled out, but .*proxy runs proxy:1/);
  });
});

describe('a rollout that took a container away', () => {
  const script = rollsOut({ pod: { images: imagesOf('app:1') } });

  test('is not proven: a container that is gone meets no criterion, and the ones before had it', async () => {
    const { landing, seconds } = await flight({ script, has: ['proxy'] });
    assert.equal(outcomeOf(landing), 'failed: notProven');
    assert.match(landing.detail, /its new Pods lack proxy, which the ones before had/);
    assert.equal(seconds, 40);
  });

  test('that was not there before is another matter', async () => {
    assert.equal((await flight({ script })).landing.outcome, 'restarted');
  });
});

describe('Pods without T', () => {
  const complete = { observedGeneration: 8, updatedReplicas: 3, replicas: 3, availableReplicas: 3 };
  const says: Script = async (cluster, workload) => {
    await cluster.sleep(SECOND);
    cluster.update(workload, { status: complete });
  };

  test('are listed again until the timeout, then the restart is not proven', async () => {
    const { landing, seconds } = await flight({ script: says });
    assert.equal(outcomeOf(landing), 'failed: notProven');
    assert.ok(seconds >= 600 && seconds <= 602, `${seconds}`);
    assert.match(landing.detail, /0 of 3 live Pods/);
  });

  test('are forgotten when the list catches up', async () => {
    const { landing } = await flight({ script: says, events: [[60, pods(...somePods(3, aFreshPod()))]] });
    assert.equal(landing.outcome, 'restarted');
  });

  test('are too few to prove anything when one is missing', async () => {
    const { landing } = await flight({ script: says, events: [[2, pods(...somePods(2, aFreshPod()))]] });
    assert.equal(outcomeOf(landing), 'failed: notProven');
  });

  test('do not count when they terminate', async () => {
    const { landing } = await flight({
      script: says,
      events: [[2, pods(...somePods(3, aFreshPod()), aPod({ terminating: true }))]],
    });
    assert.equal(landing.outcome, 'restarted');
  });
});

describe('a restart that somebody meddles with', () => {
  const superseded = { generation: 9, template: 'template-2' };
  for (const { because, outcome, says, happens } of [
    { because: 'is superseded by another template', outcome: 'superseded', happens: set(superseded) },
    {
      because: 'is superseded by another restart',
      outcome: 'superseded',
      says: /2026-11-24T01:30:00Z/,
      happens: set({ generation: 9, restartedAt: '2026-11-24T01:30:00Z' }),
    },
    {
      because: 'is superseded by both at once',
      outcome: 'superseded',
      happens: set({ ...superseded, restartedAt: undefined }),
    },
    {
      because: 'is reverted when T is gone',
      outcome: 'reverted',
      says: /owner now: unknown/,
      happens: set({ generation: 9, restartedAt: undefined, record: undefined }),
    },
    {
      because: 'is reverted when an older T is back',
      outcome: 'reverted',
      happens: set({ generation: 9, restartedAt: '2026-11-01T01:00:00Z' }),
    },
    {
      because: 'is superseded when somebody restarted it whose clock is behind ours',
      outcome: 'superseded',
      happens: set({ generation: 9, restartedAt: '2026-11-24T01:00:00Z' }),
    },
    {
      because: 'is reverted by the manager that owns the value now',
      outcome: 'reverted',
      says: /owner now: argocd/,
      happens: ({ cluster }) => {
        cluster.owner = 'argocd';
        cluster.update(REF, { generation: 9, restartedAt: 'never' });
      },
    },
    { because: 'is gone when it is deleted', outcome: 'gone', happens: ({ cluster }) => cluster.remove(REF) },
    {
      because: 'is gone when it is made again',
      outcome: 'gone',
      happens: ({ cluster }) => {
        cluster.remove(REF);
        cluster.add(aRestarted({ uid: 'another' }));
      },
    },
    { because: 'is gone when it is being deleted', outcome: 'gone', happens: set({ deleting: true }) },
    { because: 'goes on when only a label changed', outcome: 'restarted', happens: set({ labels: { a: 'b' } }) },
    { because: 'goes on when the record is removed', outcome: 'restarted', happens: set({ record: undefined }) },
  ] satisfies readonly { because: string; outcome: string; says?: RegExp; happens: (world: World) => void }[]) {
    test(because, async () => {
      const { landing } = await flight({ events: [[5, happens]] });
      assert.equal(landing.outcome, outcome);
      assert.match(landing.detail, says ?? /^/);
    });
  }

  test('is gone when it is made again, even with the same T', async () => {
    const again = ({ cluster, observed }: World): void => {
      const uid = 'another';
      cluster.remove(REF);
      cluster.add(aRestarted({ uid }), somePods(3, aFreshPod()));
      observed.put(REF, cluster.get(REF));
    };
    assert.equal((await flight({ silent: true, events: [[5, again]] })).landing.outcome, 'gone');
  });

  test('is seen to be reverted although Pods and counters say that all is well', async () => {
    const { landing, seconds } = await flight({ events: [[35, set({ generation: 9, restartedAt: undefined })]] });
    assert.deepEqual([landing.outcome, seconds], ['reverted', 35]);
  });
});

test('a run that ends leaves the restart in flight', async () => {
  const { landing, seconds } = await flight({ events: [[5, ({ observed }) => observed.close()]] });
  assert.deepEqual([landing.outcome, seconds], ['interrupted', 5]);
});

test('an answer of the API server that cannot be used ends the flight with that error', async () => {
  const away = ({ cluster }: World): void => void (cluster.pods = () => Promise.reject(new Error('away')));
  await assert.rejects(flight({ events: [[5, away]] }), /away/);
});
