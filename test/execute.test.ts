import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aCheckpoint, anInFlight, aRestart, aTrouble, SECOND, SWEEP, type GivenWorkload } from './build.ts';
import { getsStuck, rollsOut } from './fake-world.ts';
import { peak, walk, type WalkWorld } from './walk.ts';

const some = (count: number, given: GivenWorkload = {}, prefix = 'w') =>
  Array.from({ length: count }, (_, index) => aRestart({ name: `${prefix}${index}`, ...given }));
const inFlightLimits = (limits: Readonly<Record<string, number>>, sizes = [1000]) => ({
  batches: { sizes, pause: '0s', inFlight: { workloads: 50, pods: 100_000, perNamespace: 1000, ...limits } },
});
const CRASHES = getsStuck({ troubles: [aTrouble()] });
const batchSizes = ({ announcer }: WalkWorld): number[] => announcer.of('batchStarted').map(({ size }) => size);

describe('a plan is walked', () => {
  test('to its end: everything is restarted, in order', async () => {
    const { outcomes, executed, hold } = await walk({ restarts: some(3), policy: inFlightLimits({ workloads: 1 }) });
    assert.deepEqual(outcomes, ['w0 restarted', 'w1 restarted', 'w2 restarted']);
    assert.deepEqual([executed.ending, executed.remaining, executed.left], [undefined, 0, []]);
    assert.deepEqual(hold.checkpoint.sweep?.counts, { restarted: 3 });
    assert.deepEqual(hold.checkpoint.occurrence?.done, 3);
  });

  test('with nothing in it', async () => {
    const { executed, cluster } = await walk({});
    assert.deepEqual([executed, cluster.calls], [{ outcomes: [], left: [], remaining: 0, ending: undefined }, []]);
  });

  test('at the cost of one PATCH and one list of Pods for each restart, and few saves', async () => {
    const { cluster, store } = await walk({ restarts: some(100), policy: inFlightLimits({}) });
    assert.deepEqual([cluster.calls.length, new Set(cluster.calls).size], [200, 200]);
    // The hold, two names of fifty each, and a renewal.
    assert.ok(store.saves.length <= 4, `${store.saves.length}`);
  });
});

describe('never more is in flight than', () => {
  test('so many workloads, and as soon as one ends the next begins', async () => {
    const { flights, seconds } = await walk({ restarts: some(10), policy: inFlightLimits({ workloads: 3 }) });
    assert.equal(
      peak(flights, flying => flying.length),
      3,
    );
    assert.equal(seconds, 4 * 10);
  });

  test('so many Pods', async () => {
    const restarts = [7, 5, 5, 5, 3].map((replicas, index) => aRestart({ name: `w${index}`, replicas }));
    const { flights } = await walk({ restarts, policy: inFlightLimits({ pods: 10 }) });
    assert.equal(
      peak(flights, flying => flying.reduce((sum, { replicas }) => sum + replicas, 0)),
      10,
    );
    assert.equal(flights.length, 5);
  });

  test('so many Pods, and not one more', async () => {
    const restarts = [6, 5].map((replicas, index) => aRestart({ name: `w${index}`, replicas }));
    const { flights } = await walk({ restarts, policy: inFlightLimits({ pods: 10 }) });
    assert.equal(
      peak(flights, flying => flying.length),
      1,
    );
  });

  test('so many of one namespace, and those of others overtake', async () => {
    const restarts = [...some(6, { namespace: 'a' }), ...some(2, { namespace: 'b' })];
    const { flights } = await walk({ restarts, policy: inFlightLimits({ perNamespace: 2 }) });
    assert.equal(
      peak(flights, flying => flying.filter(({ namespace }) => namespace === 'a').length),
      2,
    );
    assert.ok(flights.filter(({ workload }) => workload.namespace === 'b').every(({ from }) => from === 0));
  });

  test('one workload that is larger than the limit on Pods, which goes alone', async () => {
    const restarts = [
      aRestart({ name: 'small' }),
      aRestart({ name: 'large', replicas: 50 }),
      aRestart({ name: 'other' }),
    ];
    const { flights } = await walk({ restarts, policy: inFlightLimits({ pods: 10 }) });
    const large = flights.find(({ workload }) => workload.name === 'large');
    const others = flights.filter(flight => flight !== large);
    assert.ok(large !== undefined && others.length === 2);
    assert.ok(others.every(({ from, to = 0 }) => to <= large.from || from >= (large.to ?? 0)));
  });

  test('so many surge Pods, and those that add none overtake', async () => {
    const none = { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 } as const;
    const restarts = [
      ...some(4, { replicas: 8 }),
      aRestart({ name: 'steady', replicas: 8, strategy: none, priority: '-1' }),
      aRestart({ name: 'wide', replicas: 40, priority: '-2' }),
    ];
    // A quarter of eight is two.
    const { flights } = await walk({ restarts, policy: inFlightLimits({ surgePods: 4 }) });
    const surging = (flying: readonly { readonly name: string }[]) => flying.filter(({ name }) => name !== 'steady');
    assert.equal(
      peak(flights, flying => surging(flying).length),
      2,
    );
    assert.equal(flights.find(({ workload }) => workload.name === 'steady')?.from, 0);
    const wide = flights.find(({ workload }) => workload.name === 'wide');
    const others = flights.filter(flight => flight !== wide);
    assert.ok(wide !== undefined && others.every(({ to = 0 }) => to <= wide.from), 'more than allowed goes alone');
  });

  test('the limits say, resumed ones included', async () => {
    const inFlight = [anInFlight({ name: 'f0' }), anInFlight({ name: 'f1' })];
    const scripts = { f0: finishes(20), f1: finishes(20) };
    const { flights } = await walk({ inFlight, restarts: some(5), scripts, policy: inFlightLimits({ workloads: 3 }) });
    assert.equal(
      peak(flights, flying => flying.length),
      3,
    );
    assert.equal(flights.length, 7);
  });

  test('counted by the replicas that there are now', async () => {
    const restarts = [aRestart({ name: 'grows', replicas: 1 }), aRestart({ name: 'other', replicas: 5 })];
    const { flights } = await walk({
      restarts,
      policy: inFlightLimits({ pods: 10 }),
      before: ({ observed, cluster }) => {
        const ref = { kind: 'Deployment' as const, namespace: 'shop', name: 'grows' };
        const status = { replicas: 8, updatedReplicas: 8, availableReplicas: 8 };
        cluster.setPods(ref, []);
        observed.put(ref, cluster.update(ref, { replicas: 8, status }));
      },
    });
    assert.equal(
      peak(flights, flying => flying.length),
      1,
    );
  });
});

/** The second half of a rollout that an earlier run began. */
function finishes(seconds: number) {
  return rollsOut({ seconds });
}

describe('batches', () => {
  const batches = { sizes: [1, 2, 3], pause: '5m', inFlight: { workloads: 10, pods: 100, perNamespace: 10 } };

  test('follow each other with a pause, each when the one before is healthy', async () => {
    const world = await walk({ restarts: some(8), policy: { batches } });
    assert.deepEqual(batchSizes(world), [1, 2, 3, 2]);
    assert.deepEqual(
      world.announcer.of('batchStarted').map(({ time }) => time / SECOND),
      [0, 310, 620, 930],
    );
    assert.equal(world.seconds, 940);
  });

  test('go on where the ramp stands', async () => {
    const occurrence = { name: 'nights', opensAt: SWEEP, failures: 0, done: 2 };
    const world = await walk({
      restarts: some(5),
      policy: { batches },
      world: { checkpoint: aCheckpoint({ occurrence }) },
    });
    assert.deepEqual(batchSizes(world), [1, 3, 1]);
  });

  test('are filled by what an earlier run began', async () => {
    const world = await walk({
      inFlight: [anInFlight({ name: 'f0' })],
      scripts: { f0: finishes(20) },
      restarts: some(3),
      policy: { batches },
    });
    assert.deepEqual(batchSizes(world), [2, 1]);
    assert.equal(world.flights[1]?.from, 320);
  });

  test('begin when what an earlier occurrence left in flight has landed', async () => {
    const world = await walk({
      inFlight: [anInFlight({ name: 'f0' }, { at: '2026-11-23T03:00:00Z' })],
      scripts: { f0: finishes(20) },
      restarts: some(7),
      policy: { batches: { ...batches, sizes: [2, 3], pause: '0s' } },
    });
    assert.deepEqual(batchSizes(world), [2, 3, 2]);
    assert.equal(world.flights[1]?.from, 20);
  });

  test('are as large as ever when something in them is left', async () => {
    const world = await walk({
      restarts: some(4),
      policy: { batches },
      before: ({ cluster, observed }) => {
        const ref = { kind: 'Deployment' as const, namespace: 'shop', name: 'w0' };
        observed.put(ref, cluster.update(ref, { paused: true }));
      },
    });
    assert.deepEqual(
      world.executed.left.map(({ workload, why }) => `${workload.name} ${why}`),
      ['w0 paused'],
    );
    // The canary is still to come, at once: nothing happened that would need a pause.
    assert.deepEqual(batchSizes(world), [1, 1, 2]);
    assert.equal(world.flights[0]?.from, 0);
  });
});

describe('every start is named in a saved checkpoint first', () => {
  test('without an outcome, at most 50 in one save', async () => {
    const restarts = some(120);
    const { store } = await walk({
      restarts,
      policy: inFlightLimits({}),
      before: ({ cluster, store: saved }) => {
        cluster.onRestart = ({ workload }, apply) => {
          const named = saved.checkpoint.starts.find(start => start.workload === `shop/${workload.name}`);
          assert.ok(named !== undefined && named.outcome === undefined, workload.name);
          assert.ok(workload.uid.startsWith(named.uid));
          return Promise.resolve(apply());
        };
      },
    });
    assert.ok(store.saves.length >= 4, `${store.saves.length}`);
  });

  test('by what it is then: somebody may have restarted it since the plan, and that is not taken for this start', async () => {
    const named: (number | undefined)[] = [];
    await walk({
      restarts: some(2),
      policy: inFlightLimits({ workloads: 1 }, [1]),
      events: [
        [
          5,
          ({ cluster }) => {
            const ref = { kind: 'Deployment' as const, namespace: 'shop', name: 'w1' };
            cluster.update(ref, { revision: 5, restartedAt: SWEEP, generation: 8, status: { observedGeneration: 8 } });
          },
        ],
      ],
      before: ({ cluster, store: saved }) => {
        cluster.onRestart = ({ workload }, apply) => {
          named.push(saved.checkpoint.starts.find(start => start.workload === `shop/${workload.name}`)?.revision);
          return Promise.resolve(apply());
        };
      },
    });
    assert.deepEqual(named, [4, 5]);
  });

  test('and names that never started are forgotten', async () => {
    const { hold } = await walk({
      restarts: some(3),
      scripts: { w0: CRASHES },
      policy: inFlightLimits({ workloads: 1 }),
    });
    assert.deepEqual(
      hold.checkpoint.starts.map(({ workload, outcome }) => `${workload} ${outcome ?? ''}`),
      ['shop/w0 failed'],
    );
  });

  test('and those in flight are kept when the run has to end', async () => {
    const { hold, outcomes } = await walk({
      restarts: some(3),
      policy: inFlightLimits({ workloads: 2 }),
      events: [[5, ({ gates }) => gates.close({ kind: 'terminated', detail: 'SIGTERM' })]],
    });
    assert.deepEqual(outcomes, ['w0 interrupted', 'w1 interrupted']);
    assert.deepEqual(
      hold.checkpoint.starts.map(({ workload, outcome }) => `${workload} ${outcome ?? ''}`),
      ['shop/w0 ', 'shop/w1 '],
    );
  });
});
