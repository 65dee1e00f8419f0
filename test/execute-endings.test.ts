import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../src/domain/checkpoint.ts';
import { wantOf } from '../src/domain/want.ts';
import { parseRecord } from '../src/domain/record.ts';
import { OutOfReach, type PatchAnswer } from '../src/ports.ts';
import {
  aCheckpoint,
  anInFlight,
  aPolicy,
  aRestart,
  aStart,
  aSweep,
  aTrouble,
  BEGIN,
  HOUR,
  MINUTE,
  SECOND,
  WANT,
  WANTS_PROXY_2,
  imagesOf,
  somePods,
} from './build.ts';
import { getsStuck, rollsOut, type FakeStore } from './fake-world.ts';
import { walk, type Walk, type WalkWorld } from './walk.ts';

const some = (count: number, given: Parameters<typeof aRestart>[0] = {}, prefix = 'w') =>
  Array.from({ length: count }, (_, index) => aRestart({ name: `${prefix}${index}`, ...given }));
const inFlightLimits = (limits: Readonly<Record<string, number>>, sizes = [1000]) => ({
  batches: { sizes, pause: '0s', inFlight: { workloads: 50, pods: 100_000, perNamespace: 1000, ...limits } },
});
const CRASHES = getsStuck({ troubles: [aTrouble()] });
const batchSizes = ({ announcer }: WalkWorld): number[] => announcer.of('batchStarted').map(({ size }) => size);

describe('a failure', () => {
  test('stops what has not begun, and what is in flight is awaited', async () => {
    const { outcomes, executed, hold, cluster } = await walk({
      restarts: some(5),
      scripts: { w0: CRASHES, w1: rollsOut({ seconds: 100 }) },
      policy: inFlightLimits({ workloads: 2 }),
    });
    assert.deepEqual(outcomes, ['w0 crashLoopBackOff', 'w1 restarted']);
    assert.deepEqual([executed.ending?.kind, executed.remaining], ['stopped', 3]);
    assert.equal(hold.checkpoint.stop?.why, 'failures');
    assert.equal(cluster.calls.filter(call => call.startsWith('restart')).length, 2);
  });

  test('is followed by no pause', async () => {
    const policy = { batches: { sizes: [1], pause: '5m' } };
    const { announcer, seconds } = await walk({ restarts: some(2), scripts: { w0: CRASHES }, policy });
    assert.deepEqual([announcer.of('pausing').length, seconds], [0, 16]);
  });

  test('is in the checkpoint first, then on the workload with its reason', async () => {
    const order: string[] = [];
    const { cluster } = await walk({
      restarts: some(1),
      scripts: { w0: CRASHES },
      before: ({ store, cluster: asked }) => {
        asked.onRewrite = apply => {
          order.push(`${store.checkpoint.starts[0]?.outcome}, failures ${store.checkpoint.occurrence?.failures}`);
          return apply();
        };
      },
    });
    assert.deepEqual(order, ['failed, failures 1']);
    const record = parseRecord(cluster.get({ kind: 'Deployment', namespace: 'shop', name: 'w0' })?.record);
    assert.deepEqual([record?.outcome, record?.reason], ['failed', 'crashLoopBackOff']);
  });

  test('does not stop below the limit', async () => {
    const { outcomes, executed } = await walk({
      restarts: some(4),
      scripts: { w0: CRASHES, w2: CRASHES },
      policy: { ...inFlightLimits({ workloads: 1 }), onFailure: { stopAfter: 2 } },
    });
    assert.deepEqual(outcomes, ['w0 crashLoopBackOff', 'w1 restarted', 'w2 crashLoopBackOff']);
    assert.equal(executed.remaining, 1);
  });

  test('of the last one is a stop all the same', async () => {
    const { executed } = await walk({ restarts: some(1), scripts: { w0: CRASHES } });
    assert.equal(executed.ending?.kind, 'stopped');
  });

  test('of a resumed restart counts in the occurrence that finds it', async () => {
    const { outcomes, executed, hold } = await walk({
      inFlight: [anInFlight({ name: 'f0' })],
      scripts: { f0: CRASHES },
      restarts: some(2),
      policy: { batches: { sizes: [1], pause: '0s' } },
      world: { checkpoint: aCheckpoint({ starts: [aStart({ workload: 'shop/f0' })] }) },
    });
    assert.deepEqual([outcomes, executed.ending?.kind], [['f0 crashLoopBackOff'], 'stopped']);
    assert.equal(hold.checkpoint.occurrence?.failures, 1);
  });
});

describe('writing an outcome on the workload', () => {
  const rewrites = async (answers: readonly PatchAnswer[], more: Partial<Walk> = {}) => {
    let attempts = 0;
    const walked = await walk({
      restarts: some(1),
      scripts: { w0: CRASHES },
      before: ({ cluster }) => {
        cluster.onRewrite = apply => answers[attempts++] ?? apply();
      },
      ...more,
    });
    return { ...walked, attempts, told: walked.announcer.of('recordNotWritten').length };
  };
  const silence: PatchAnswer = { kind: 'unanswered', message: '', retryAfter: undefined };

  for (const { because, answers, attempts, told } of [
    { because: 'is repeated after a conflict', answers: [{ kind: 'conflict' }], attempts: 2, told: 0 },
    { because: 'is repeated without an answer', answers: [silence, silence], attempts: 3, told: 0 },
    {
      because: 'is given up when it is refused, and that is told',
      answers: [{ kind: 'denied', message: 'no' }],
      attempts: 1,
      told: 1,
    },
    {
      because: 'is given up after some silence, and that is told',
      answers: Array.from({ length: 9 }, () => silence),
      attempts: 5,
      told: 1,
    },
    { because: 'needs no workload that is gone', answers: [{ kind: 'gone' }], attempts: 1, told: 0 },
  ] satisfies readonly { because: string; answers: readonly PatchAnswer[]; attempts: number; told: number }[]) {
    test(because, async () => {
      const result = await rewrites(answers);
      assert.deepEqual([result.attempts, result.told, result.outcomes], [attempts, told, ['w0 crashLoopBackOff']]);
    });
  }

  test('needs the hold', async () => {
    const { cluster } = await walk({
      restarts: some(1),
      scripts: { w0: CRASHES },
      events: [[10, ({ store }) => takeOver(store)]],
    });
    assert.ok(!cluster.calls.some(call => call.startsWith('rewrite')));
  });

  test('needs it still when the workload is read at last', async () => {
    const { cluster } = await walk({
      restarts: some(1),
      scripts: { w0: CRASHES },
      before: ({ hold, clock, cluster: slow }) => {
        const read = slow.workload.bind(slow);
        slow.workload = async ref => {
          if (hold.checkpoint.stop !== null) await clock.sleep(40 * SECOND);
          return read(ref);
        };
      },
      events: [[20, ({ store }) => takeOver(store)]],
    });
    assert.ok(!cluster.calls.some(call => call.startsWith('rewrite')));
  });

  test('needs T in the template', async () => {
    const { cluster } = await walk({
      restarts: some(1),
      scripts: { w0: CRASHES },
      before: world => {
        world.hold.beforeSave = () => {
          const ref = { kind: 'Deployment' as const, namespace: 'shop', name: 'w0' };
          if (world.hold.checkpoint.stop !== null) world.cluster.update(ref, { restartedAt: undefined });
          return Promise.resolve();
        };
      },
    });
    assert.ok(!cluster.calls.some(call => call.startsWith('rewrite')));
  });

  test('is not done for what went well, nor for what others did', async () => {
    const { cluster, outcomes } = await walk({
      restarts: some(2),
      events: [
        [
          5,
          ({ cluster: c }) =>
            c.update({ kind: 'Deployment', namespace: 'shop', name: 'w1' }, { generation: 9, restartedAt: undefined }),
        ],
      ],
    });
    assert.deepEqual(outcomes.toSorted(), ['w0 restarted', 'w1 reverted']);
    assert.ok(!cluster.calls.some(call => call.startsWith('rewrite')));
  });
});

describe('after an ineffective restart', () => {
  const STILL_OLD = rollsOut({ pod: { images: imagesOf('proxy:1') } });
  const policy = { stale: WANTS_PROXY_2, ...inFlightLimits({ workloads: 2 }) };

  test('that is written on the workload, so that it outlives the checkpoint', async () => {
    const { cluster } = await walk({ restarts: some(1), policy, scripts: { w0: STILL_OLD } });
    assert.equal(
      parseRecord(cluster.get({ kind: 'Deployment', namespace: 'shop', name: 'w0' })?.record)?.outcome,
      'ineffective',
    );
  });

  test('batches are of one until one helps', async () => {
    const world = await walk({
      restarts: some(8),
      scripts: { w0: STILL_OLD },
      policy: { ...policy, batches: { ...policy.batches, sizes: [1, 3] } },
    });
    assert.deepEqual(batchSizes(world), [1, 1, 3, 3]);
    assert.equal(world.executed.ending, undefined);
  });

  test('the rest of its batch goes one by one, too', async () => {
    const world = await walk({ restarts: some(8), scripts: { w0: STILL_OLD, w1: rollsOut({ seconds: 60 }) }, policy });
    const [, second, third, fourth] = world.flights;
    assert.deepEqual([second?.to, third?.from, third?.to, fourth?.from], [60, 60, 70, 60]);
    assert.equal(world.outcomes.length, 8);
  });

  test('is none what was restarted for other criteria before they changed', async () => {
    const want = wantOf(aPolicy({ stale: WANTS_PROXY_2 }));
    const { outcomes } = await walk({
      inFlight: [anInFlight({ name: 'f0' }, { want: 'other' }), anInFlight({ name: 'f1' }, { want })],
      scripts: { f0: STILL_OLD, f1: STILL_OLD },
      policy,
    });
    assert.deepEqual(outcomes.toSorted(), ['f0 restarted', 'f1 ineffective']);
  });

  test('a second one in a row stops the sweep', async () => {
    const scripts = { w0: STILL_OLD, w1: STILL_OLD };
    const { outcomes, hold, executed } = await walk({
      restarts: some(5),
      scripts,
      policy: { ...policy, batches: { sizes: [1], pause: '0s' } },
    });
    assert.deepEqual(outcomes, ['w0 ineffective', 'w1 ineffective']);
    assert.deepEqual([hold.checkpoint.stop?.why, executed.remaining], ['ineffective', 3]);
  });
});

test('three reverts stop the sweep', async () => {
  const reverts = Object.fromEntries(
    [0, 1, 2].map(index => [
      `w${index}`,
      async (cluster: WalkWorld['cluster'], workload: Parameters<ReturnType<typeof rollsOut>>[1]) => {
        await cluster.sleep(SECOND);
        cluster.update(workload, { generation: 20, restartedAt: undefined });
      },
    ]),
  );
  const { outcomes, hold } = await walk({
    restarts: some(5),
    scripts: reverts,
    policy: inFlightLimits({ workloads: 1 }),
  });
  assert.deepEqual(outcomes, ['w0 reverted', 'w1 reverted', 'w2 reverted']);
  assert.equal(hold.checkpoint.stop?.why, 'reverts');
});

test('a refusal is an outcome, and the rest goes on', async () => {
  const { outcomes, executed, hold } = await walk({
    restarts: some(3),
    policy: inFlightLimits({ workloads: 1 }),
    before: ({ cluster }) => {
      cluster.onRestart = ({ workload }, apply) =>
        Promise.resolve(workload.name === 'w1' ? { kind: 'denied', message: 'policy: no' } : apply());
    },
  });
  assert.deepEqual(outcomes, ['w0 restarted', 'w1 denied', 'w2 restarted']);
  assert.equal(executed.ending, undefined);
  assert.equal(hold.checkpoint.starts.find(({ workload }) => workload === 'shop/w1')?.outcome, 'denied');
});

test('three refusals in a row stop the sweep, and cost nobody a restart', async () => {
  const { outcomes, executed, hold, cluster } = await walk({
    restarts: some(6),
    policy: { batches: { sizes: [1, 5], pause: '0s' } },
    before: ({ cluster: guarded }) => {
      guarded.onRestart = () => Promise.resolve({ kind: 'denied', message: 'policy: no' });
    },
  });
  assert.deepEqual(outcomes, ['w0 denied', 'w1 denied', 'w2 denied']);
  assert.deepEqual([executed.ending?.kind, executed.remaining], ['stopped', 3]);
  assert.deepEqual([hold.checkpoint.stop?.why, hold.checkpoint.stop?.want], ['denials', WANT]);
  assert.match(hold.checkpoint.stop?.detail ?? '', /the last was shop\/w2: policy: no/);
  assert.equal(cluster.get({ kind: 'Deployment', namespace: 'shop', name: 'w0' })?.restartedAt, undefined);
});

test('what budgets refuse is denied, and stops nobody else', async () => {
  const {
    outcomes,
    executed,
    hold,
    cluster: after,
  } = await walk({
    restarts: some(4, { by: 'evict' }),
    policy: { batches: { sizes: [1000], pause: '0s' }, rollout: { timeout: '1m', soak: '0s' } },
    before: ({ cluster }) => {
      cluster.setPods({ kind: 'Deployment', namespace: 'shop', name: 'w3' }, somePods(3, { name: 'free' }));
      cluster.onEvict = (pod, apply) =>
        pod.name === 'free'
          ? apply()
          : { kind: 'blocked', message: 'The disruption budget needs 1', retryAfter: undefined };
    },
  });
  assert.deepEqual(outcomes.toSorted(), ['w0 denied', 'w1 denied', 'w2 denied', 'w3 restarted']);
  assert.deepEqual([executed.ending, hold.checkpoint.stop], [undefined, null]);
  // By this way the record stands from the beginning: without its end, each run after the checkpoint is lost goes on with it.
  const ends = ['w0', 'w3'].map(name => after.get({ kind: 'Deployment', namespace: 'shop', name })?.record);
  assert.match(ends[0] ?? '', /"outcome":"denied"/);
  assert.doesNotMatch(ends[1] ?? '', /outcome/);
});

describe('when the window closes', () => {
  const closing = { now: BEGIN + 4 * HOUR - 15 * SECOND };

  test('nothing new starts, and what is in flight is awaited and called an overrun', async () => {
    const { executed, flights } = await walk({
      restarts: some(5),
      policy: inFlightLimits({ workloads: 1 }),
      scripts: { w1: rollsOut({ seconds: 60 }) },
      world: closing,
      events: [[9, ({ hold }) => hold.change(c => ({ ...c, sweep: aSweep() }))]],
    });
    assert.equal(executed.outcomes.length + executed.remaining, 5);
    assert.ok(flights.every(({ from }) => from < 15));
    const overruns = executed.outcomes.filter(({ detail }) => /overrun: \d+s after the window closed/.test(detail));
    assert.equal(overruns.length, flights.filter(({ to = 0 }) => to >= 15).length);
    assert.match(executed.ending?.kind ?? '', /windowClosed|notEnoughTime/);
  });

  test('during a pause, nothing starts after it', async () => {
    const { outcomes, executed, seconds } = await walk({
      restarts: some(5),
      policy: { batches: { sizes: [1], pause: '5m' } },
      world: { now: BEGIN + 4 * HOUR - 4 * MINUTE },
    });
    assert.deepEqual([outcomes.length, executed.remaining, executed.ending?.kind], [1, 4, 'windowClosed']);
    assert.ok(seconds <= 4 * 60);
  });

  test('soon, only one ignores how much time is left', async () => {
    const checkpoint = aCheckpoint({ sweep: aSweep({ rolloutSeconds: [60] }) });
    const { flights, executed } = await walk({
      restarts: some(5),
      policy: inFlightLimits({}),
      world: { ...closing, checkpoint },
    });
    assert.deepEqual([flights.length, executed.ending?.kind, executed.remaining], [1, 'notEnoughTime', 4]);
  });
});

function takeOver(store: FakeStore): void {
  store.put(encodeCheckpoint({ ...store.checkpoint, save: { run: 'other', number: 99 } }));
}

test('when another run took the checkpoint over nothing is changed any more', async () => {
  const { outcomes, executed, cluster, store } = await walk({
    restarts: some(6),
    policy: inFlightLimits({ workloads: 1 }),
    events: [[12, ({ store: taken }) => takeOver(taken)]],
  });
  // Noticed by the renewal at 15 s.
  assert.deepEqual(outcomes, ['w0 restarted', 'w1 interrupted']);
  assert.equal(executed.ending?.kind, 'holdLost');
  assert.deepEqual(
    cluster.calls.filter(call => call.startsWith('restart')),
    ['restart shop/w0', 'restart shop/w1'],
  );
  assert.equal(store.checkpoint.save.run, 'other');
});

test('when the API server goes away in one flight the run ends, and every outcome is kept', async () => {
  const { outcomes, executed, hold } = await walk({
    restarts: some(4),
    policy: inFlightLimits({ workloads: 2 }),
    events: [[15, ({ cluster }) => void (cluster.pods = () => Promise.reject(new OutOfReach('away')))]],
  });
  assert.deepEqual(outcomes.toSorted(), ['w0 restarted', 'w1 restarted', 'w2 interrupted', 'w3 interrupted']);
  assert.equal(executed.ending?.kind, 'error');
  assert.deepEqual(hold.checkpoint.sweep?.counts, { restarted: 2 });
});

test('when the ConfigMap is gone nothing new starts, and what is in flight is awaited', async () => {
  const { outcomes, executed } = await walk({
    restarts: some(3),
    policy: inFlightLimits({ workloads: 1 }),
    scripts: { w0: rollsOut({ seconds: 40 }) },
    events: [[5, ({ store }) => void (store.missing = true)]],
  });
  assert.deepEqual([outcomes, executed.ending?.kind, executed.remaining], [['w0 restarted'], 'checkpointUnusable', 2]);
});

test('every checkpoint that was saved can be read, and its stop is that of its failures', async () => {
  const { store } = await walk({
    restarts: some(60),
    scripts: { w40: CRASHES },
    policy: inFlightLimits({ workloads: 7 }),
  });
  const last: Checkpoint | undefined = store.saves.at(-1);
  assert.equal(decodeCheckpoint(store.text).kind, 'checkpoint');
  assert.deepEqual([last?.stop?.why, last?.stop?.want, last?.occurrence?.failures], ['failures', WANT, 1]);
});
