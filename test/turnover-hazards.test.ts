/** What may happen between the look at the Pods and the request that takes one away. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aWorkload, imagesOf, MINUTE, SECOND, somePods } from './build.ts';
import { night, outcomeOf, REF, type Night, type World } from './turnover-night.ts';

const MESH = { kind: 'Deployment' as const, namespace: 'mesh', name: 'injector' };
const NEEDS_MESH = { ready: [{ deployment: 'mesh/injector' }], rollout: { timeout: '2m', soak: '0s' } };
const TOO_LITTLE_TIME = { kind: 'notEnoughTime', detail: 'the window closes soon' } as const;
const ONE = { replicas: 1, strategy: { kind: 'recreate' as const } };

const meshIs =
  (availableReplicas: number) =>
  ({ cluster }: World): void =>
    void cluster.update(MESH, { status: { availableReplicas } });

const becomes =
  (name: string, ready: boolean) =>
  async ({ cluster }: World): Promise<void> => {
    const pods = await cluster.pods(aWorkload(REF));
    cluster.setPods(
      REF,
      pods.map(pod => (pod.name === name ? { ...pod, ready } : pod)),
    );
  };
const fallsIll = (name: string) => becomes(name, false);

describe('the one that fell ill meanwhile goes first, and no other beside it, after', () => {
  test('a wait for what must be ready', async () => {
    const { done, least } = await night({
      way: 'evict',
      policy: NEEDS_MESH,
      arrange: ({ cluster }) => cluster.add(aWorkload({ ...MESH, status: { availableReplicas: 0 } })),
      events: [
        [20, fallsIll('web-1-2')],
        [21, meshIs(3)],
      ],
    });
    assert.deepEqual([done[0], least], ['evict web-1-2', 2]);
  });

  test('such a wait that outlasts the timeout of the Pod before', async () => {
    const { done, least } = await night({
      way: 'evict',
      policy: NEEDS_MESH,
      arrange: ({ cluster }) => cluster.add(aWorkload(MESH)),
      events: [
        [5, meshIs(0)],
        [100, fallsIll('web-1-2')],
        [124, meshIs(3)],
      ],
    });
    assert.deepEqual([done[1], least], ['evict web-1-2', 2]);
  });

  test('a save that takes a minute', async () => {
    const { done, least } = await night({
      way: 'evict',
      given: { replicas: 5 },
      arrange: ({ store, clock }) => {
        let isSlow = true;
        store.onWrite = async apply => {
          if (!isSlow || clock.elapsed() < 25 * SECOND) return apply();
          isSlow = false;
          await clock.sleep(MINUTE);
          return apply();
        };
      },
      events: [[60, fallsIll('web-1-4')]],
    });
    assert.deepEqual([done.includes('evict web-1-4'), least], [true, 4]);
  });
});

describe('no Pod goes', () => {
  for (const [what, policy, retryAfter] of [
    ['and what must be ready is slow to tell', NEEDS_MESH, 1],
    ['and nothing has to be ready', {}, 7],
  ] as const) {
    test(`beside one whose eviction may still be carried out, ${what}`, async () => {
      const { least } = await night({
        way: 'evict',
        policy,
        arrange: ({ cluster, clock }) => {
          cluster.add(aWorkload(MESH));
          let evictions = 0;
          cluster.onEvict = (_, apply) => {
            if (evictions++ > 0) return apply();
            clock.after(9.5 * SECOND, () => void apply());
            return { kind: 'unanswered', message: 'the connection broke', retryAfter: retryAfter * SECOND };
          };
          const read = cluster.workload.bind(cluster);
          let reads = 0;
          cluster.workload = async ref => {
            if (ref.name === MESH.name && ++reads === 2) await clock.sleep(6 * SECOND);
            return read(ref);
          };
        },
        // Meanwhile it is the one to go next, and then one that serves.
        events: [
          [3, becomes('web-1-1', false)],
          [8, becomes('web-1-1', true)],
        ],
      });
      assert.equal(least, 2);
    });
  }

  test('where the API server is so slow that each look is too old, and that is no fault of the workload', async () => {
    const { landing, ending, done } = await night({
      way: 'evict',
      policy: NEEDS_MESH,
      arrange: ({ cluster, clock }) => {
        cluster.add(aWorkload(MESH));
        const [pods, workload] = [cluster.pods.bind(cluster), cluster.workload.bind(cluster)];
        cluster.pods = of => clock.sleep(8 * SECOND).then(() => pods(of));
        cluster.workload = ref => clock.sleep(8 * SECOND).then(() => workload(ref));
      },
    });
    assert.deepEqual([outcomeOf(landing), ending, done], ['interrupted', 'error', []]);
    assert.match(landing.detail, /answers too slowly/);
  });
});

describe('with too little time for another start nothing goes', () => {
  const lacks: Readonly<
    Record<string, readonly [NonNullable<Night['policy']>, (world: World) => void, (world: World) => void]>
  > = {
    'while what must be ready is not': [NEEDS_MESH, meshIs(0), meshIs(3)],
    'while Pods wait for a node': [
      { batches: { unscheduledPods: 2 } },
      ({ cluster }) => (cluster.unscheduled = 9),
      ({ cluster }) => (cluster.unscheduled = 0),
    ],
  };
  for (const [what, [policy, breaks, mends]] of Object.entries(lacks)) {
    for (const [way, from] of [
      ['evict', 5],
      ['replace', 0],
    ] as const) {
      test(`by ${way} ${what}`, async () => {
        const when: number[] = [];
        const { landing } = await night({
          way,
          policy,
          arrange: ({ cluster, clock }) => {
            const note = <Answer>(apply: () => Answer): Answer => {
              when.push(clock.elapsed() / SECOND);
              return apply();
            };
            cluster.add(aWorkload(MESH));
            cluster.onEvict = (_, apply) => note(apply);
            cluster.onRescale = (_, apply) => note(apply);
          },
          events: [
            [from, breaks],
            [from, ({ gates }) => gates.close(TOO_LITTLE_TIME)],
            [60, mends],
          ],
        });
        assert.equal(landing.outcome, 'restarted');
        assert.deepEqual(
          when.filter(seconds => seconds > from && seconds < 60),
          [],
        );
      });
    }
  }

  for (const kind of ['policyChanged', 'notReady'] as const) {
    test(`once another reason speaks against it (${kind})`, async () => {
      const { done, landing } = await night({
        way: 'evict',
        events: [
          [5, ({ gates }) => gates.close(TOO_LITTLE_TIME)],
          [6, ({ gates }) => gates.close({ kind, detail: kind })],
        ],
      });
      assert.deepEqual([outcomeOf(landing), done.length], ['interrupted', 1]);
    });
  }
});

describe('the spare Pod', () => {
  for (const kind of ['error', 'terminated'] as const) {
    test(`stays with a run that ends (${kind}) while an eviction without an answer may be carried out`, async () => {
      const { done, landing, least, isMarked } = await night({
        way: 'replace',
        given: ONE,
        arrange: ({ cluster, clock, gates }) => {
          cluster.onEvict = (_, apply) => {
            clock.after(1_500, () => void apply());
            clock.after(500, () => gates.close({ kind, detail: kind }));
            return { kind: 'unanswered', message: 'the connection broke', retryAfter: undefined };
          };
        },
        aftermath: 20,
      });
      assert.match(landing.detail, /not taken back yet: a request without an answer may still be carried out/);
      assert.deepEqual({ done, least, isMarked }, { done: ['rescale 2', 'evict web-1-0'], least: 1, isMarked: true });
    });
  }

  test('goes before an old one that is not ready, if nobody has proven it', async () => {
    const { left, landing } = await night({
      way: 'replace',
      given: { replicas: 3, status: { availableReplicas: 2 } },
      pods: somePods(3).map((pod, at) => ({ ...pod, ready: at < 2 })),
      has: ['proxy'],
      arrange: ({ cluster }) => (cluster.newPod = { images: imagesOf('app:1') }),
      aftermath: 30,
    });
    assert.deepEqual([outcomeOf(landing), left], ['failed notProven', ['web-1-0', 'web-1-1', 'web-1-2']]);
  });

  test('goes although its status changes before each PATCH', async () => {
    const { done, replicas } = await night({
      way: 'replace',
      given: { replicas: 2 },
      has: ['proxy'],
      arrange: ({ cluster }) => {
        cluster.newPod = { images: imagesOf('app:1') };
        cluster.onRescale = (order, apply) => {
          if (order.replicas === 2) cluster.update(REF, { status: { availableReplicas: 2 } });
          return apply();
        };
      },
    });
    assert.deepEqual([done, replicas], [['rescale 3', 'rescale 2', 'rescale 2'], 2]);
  });

  test('goes where an attempt to make it that got no answer lands when it is too late for another one', async () => {
    const { landing, replicas, owed } = await night({
      way: 'replace',
      given: ONE,
      policy: { rollout: { timeout: '1m', soak: '0s' } },
      arrange: ({ cluster, clock }) => {
        let isLost = true;
        cluster.onRescale = (order, apply) => {
          if (order.replicas === 1 || !isLost) return apply();
          if (clock.elapsed() < MINUTE) {
            return { kind: 'unanswered', message: 'the connection broke', retryAfter: 15 * SECOND };
          }
          isLost = false;
          void apply();
          return { kind: 'conflict' };
        };
      },
    });
    assert.equal(landing.outcome, 'restarted');
    assert.deepEqual({ replicas, owed }, { replicas: 1, owed: undefined });
  });

  test('goes by a run that is told to end although its status has just changed', async () => {
    const { replicas, owed } = await night({
      way: 'replace',
      given: { replicas: 2 },
      arrange: ({ cluster }) => {
        cluster.onRescale = (order, apply) => {
          if (order.replicas === 2) cluster.update(REF, { status: { availableReplicas: 2 } });
          return apply();
        };
      },
      events: [[8, ({ gates }) => gates.close({ kind: 'terminated', detail: 'told to end' })]],
    });
    assert.deepEqual({ replicas, owed }, { replicas: 2, owed: undefined });
  });

  test('is made although what must be ready came late, and somebody changed the workload then', async () => {
    const { landing } = await night({
      way: 'replace',
      given: ONE,
      policy: NEEDS_MESH,
      arrange: ({ cluster }) => cluster.add(aWorkload({ ...MESH, status: { availableReplicas: 0 } })),
      events: [
        [118, meshIs(3)],
        [119, ({ cluster }) => void cluster.update(REF, { labels: { team: 'web' } })],
      ],
    });
    assert.equal(outcomeOf(landing), 'restarted');
  });

  test('is not made where somebody took the record of its restart away', async () => {
    const { replicas, landing } = await night({
      way: 'replace',
      given: ONE,
      policy: NEEDS_MESH,
      arrange: ({ cluster }) => cluster.add(aWorkload({ ...MESH, status: { availableReplicas: 0 } })),
      events: [
        [10, ({ cluster }) => void cluster.update(REF, { record: undefined })],
        [20, meshIs(3)],
      ],
    });
    assert.deepEqual([outcomeOf(landing), replicas], ['superseded', 1]);
  });
});
