import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keyOf, type Workload } from '../src/domain/model.ts';
import { OutOfReach } from '../src/ports.ts';
import { anInFlight, aQuota, aRestart, aUsage, SECOND, type GivenWorkload } from './build.ts';
import { peak, walk, type Flown, type Walk, type WalkWorld } from './walk.ts';

/** Deployments of three Pods each, whose rollouts begin with a fourth. */
const some = (count: number, given: GivenWorkload = {}) =>
  Array.from({ length: count }, (_, index) => aRestart({ name: `w${index}`, ...given }));

interface Tight {
  /** How many Pods the quota of `shop` allows beside those that are wanted. */
  readonly room: number;
  /** So many seconds later Pods that are gone are still counted. */
  readonly lag?: number;
  /** Others make so many Pods there, after so many seconds. */
  readonly others?: readonly (readonly [seconds: number, pods: number])[];
}

/** A quota on the Pods of `shop`, counted as its controller counts them. */
function inQuota({ room, lag = 0, others = [] }: Tight, { before, ...journey }: Walk) {
  const subjects = [...(journey.inFlight ?? []), ...(journey.restarts ?? [])].map(({ workload }) => workload);
  const inShop = subjects.filter(({ namespace }) => namespace === 'shop');
  const hard = { pods: String(inShop.reduce((sum, { replicas }) => sum + replicas, room)) };
  return walk({
    ...journey,
    before: world => {
      const { cluster, clock } = world;
      const counts: { readonly count: number; readonly at: number }[] = [];
      const count = (): number => {
        const [at, now] = [clock.elapsed(), clock.elapsed() / SECOND];
        const ofOthers = others.filter(([seconds]) => seconds <= now).reduce((sum, [, pods]) => sum + pods, 0);
        counts.push({
          count: inShop.reduce((sum, ref) => sum + (cluster.get(ref)?.status.replicas ?? 0), ofOthers),
          at,
        });
        return Math.max(...counts.filter(one => at - one.at <= lag * SECOND).map(one => one.count));
      };
      if (lag > 0) for (let second = 0; second < 120; second++) clock.after(second * SECOND, () => void count());
      const quota = () => aQuota({ hard, used: { pods: String(count()) } });
      cluster.quotasIn.set('shop', [quota()]);
      for (const workload of subjects) cluster.usage.set(keyOf(workload), aUsage());
      cluster.quotas = namespace => {
        cluster.calls.push(`quotas ${namespace}`);
        return Promise.resolve(namespace === 'shop' ? [quota()] : []);
      };
      before?.(world);
    },
  });
}

const asked = ({ cluster }: WalkWorld): number => cluster.calls.filter(call => call.startsWith('quotas')).length;
const together = (flights: readonly Flown[]): number => peak(flights, flying => flying.length);
const names = (flights: readonly Flown[]): readonly string[] => flights.map(({ workload }) => workload.name);
const leftIn = ({ executed }: Awaited<ReturnType<typeof inQuota>>): readonly string[] =>
  executed.left.map(({ workload, why }) => `${workload.name} ${why}`);

describe('in a quota with room', () => {
  test('for one Pod, restarts wait for each other in their order, and none is left', async () => {
    const world = await inQuota({ room: 1 }, { restarts: some(3) });
    assert.deepEqual(world.outcomes, ['w0 restarted', 'w1 restarted', 'w2 restarted']);
    assert.deepEqual([together(world.flights), names(world.flights)], [1, ['w0', 'w1', 'w2']]);
    assert.deepEqual([leftIn(world), world.seconds], [[], 30]);
    // Each when it starts, and once while it waits, however many there are.
    assert.equal(asked(world), 3 + 2);
  });

  test('for one Pod, what could do without waits, too: it would take the room of what cannot', async () => {
    const free = aRestart({ name: 'w9', strategy: rolling(1, 1) });
    const world = await inQuota({ room: 1 }, { restarts: [...some(1), free] });
    assert.deepEqual([names(world.flights), together(world.flights)], [['w0', 'w9'], 1]);
  });

  test('for one Pod, what adds none waits for what would take the place of its Pods', async () => {
    const steady = aRestart({ name: 'w9', strategy: rolling(0, 1) });
    const greedy = some(1, { strategy: rolling(2, 0) });
    const beside = async (room: number) =>
      together((await inQuota({ room }, { restarts: [...greedy, steady] })).flights);
    assert.deepEqual([await beside(1), await beside(2)], [1, 2]);
  });

  test('for all, none waits', async () => {
    const world = await inQuota({ room: 3 }, { restarts: some(3) });
    assert.deepEqual([together(world.flights), asked(world), world.seconds], [3, 3, 10]);
  });

  test('for the whole surge of one and no more, the second waits although no Pod is made yet', async () => {
    const strategy = rolling(2, 0);
    const world = await inQuota({ room: 2 }, { restarts: some(2, { strategy }) });
    assert.deepEqual([together(world.flights), world.outcomes.length], [1, 2]);
  });

  test('for its first Pod and no more, one with a large surge goes alone', async () => {
    const greedy = aRestart({ name: 'w1', strategy: rolling(2, 0) });
    const world = await inQuota({ room: 2 }, { restarts: [...some(1), greedy] });
    assert.deepEqual([together(world.flights), world.outcomes.length], [1, 2]);
  });

  test('for one Pod, restarts of other namespaces do not wait', async () => {
    const elsewhere = aRestart({ name: 'api', namespace: 'bank' });
    const world = await inQuota({ room: 1 }, { restarts: [...some(2), elsewhere] });
    assert.deepEqual(names(world.flights), ['api', 'w0', 'w1']);
    const [api, first, second] = world.flights.map(({ from }) => from);
    assert.deepEqual([api, first], [0, 0]);
    // Both end at ten; whoever looks between the two looks again a second later.
    assert.ok(second === 10 || second === 11, `${second}`);
  });

  test('for one Pod, a restart waits for one of an earlier run', async () => {
    const flying = anInFlight({ name: 'flying', status: { replicas: 4 } });
    const ends: NonNullable<Walk['scripts']> = {
      flying: async (cluster, workload) => {
        await cluster.sleep(20 * SECOND);
        cluster.remove(workload);
      },
    };
    const world = await inQuota({ room: 1 }, { restarts: some(1), inFlight: [flying], scripts: ends });
    assert.deepEqual(world.outcomes, ['flying gone', 'w0 restarted']);
    assert.deepEqual(
      world.flights.map(({ from }) => from),
      [0, 20],
    );
  });

  test('that comes back a while after a rollout of ours has ended, the next waits for it', async () => {
    const world = await inQuota({ room: 1, lag: 4 }, { restarts: some(2) });
    assert.deepEqual([world.outcomes.length, leftIn(world)], [2, []]);
    assert.ok((world.flights[1]?.from ?? 0) >= 14, JSON.stringify(world.flights));
  });
});

describe('in a quota that others have filled', () => {
  test('since the plan, what needs a Pod more is left, is not changed, and keeps nobody else from starting', async () => {
    const elsewhere = aRestart({ name: 'api', namespace: 'bank' });
    const world = await inQuota({ room: 1, others: [[0, 1]] }, { restarts: [...some(2), elsewhere] });
    assert.deepEqual(leftIn(world), ['w0 quotaTooSmall', 'w1 quotaTooSmall']);
    assert.deepEqual([world.outcomes, world.executed.remaining], [['api restarted'], 0]);
    assert.ok(!world.cluster.calls.some(call => call.startsWith('restart shop/')));
    assert.match(world.executed.left[0]?.detail ?? '', /ResourceQuota compute has nothing of 7 left for pods, 1 is/);
    assert.equal(world.announcer.of('judgedAgain').length, 2);
    assert.deepEqual(
      world.hold.checkpoint.starts.map(({ workload }) => workload),
      ['bank/api'],
    );
  });

  test('while one of ours was in flight, the next is left half a minute after that has ended', async () => {
    const world = await inQuota({ room: 1, others: [[5, 1]] }, { restarts: some(3) });
    assert.deepEqual([world.outcomes, leftIn(world)], [['w0 restarted'], ['w1 quotaTooSmall', 'w2 quotaTooSmall']]);
    assert.equal(world.seconds, 40);
  });

  test('for a while, the next starts when it has room again', async () => {
    const others = [
      [5, 1],
      [25, -1],
    ] as const;
    const world = await inQuota({ room: 1, others }, { restarts: some(2) });
    assert.deepEqual([world.outcomes.length, world.flights[1]?.from], [2, 25]);
  });

  test('whoever waits for it ends with the run', async () => {
    const ending = { kind: 'terminated', detail: 'told to end' } as const;
    const events = [[15, ({ gates }: WalkWorld) => gates.close(ending)]] as const;
    const world = await inQuota({ room: 1, others: [[5, 1]] }, { restarts: some(2), events });
    assert.deepEqual([world.seconds, world.executed.ending?.kind], [15, 'terminated']);
    assert.deepEqual([world.executed.remaining, leftIn(world)], [1, []]);
  });
});

describe('a quota is not asked about', () => {
  const full = { room: 0 };
  for (const [because, journey] of [
    ['what may have one Pod less, and goes alone', { restarts: some(1, { strategy: rolling(1, 1) }) }],
    ['what adds no Pod, and goes alone', { restarts: some(1, { strategy: rolling(0, 1) }) }],
    ['what nobody knows the Pods of', { restarts: some(2), before: ({ cluster }) => cluster.usage.clear() }],
    [
      'what has another template by now',
      {
        restarts: some(1),
        before: ({ cluster, observed }) => {
          const [ref] = some(1).map(({ workload }) => workload);
          if (ref !== undefined) observed.put(ref, cluster.update(ref, { template: 'template-2' }));
        },
      },
    ],
    ['a namespace that has none', { restarts: some(2, { namespace: 'bank' }) }],
  ] as const satisfies readonly (readonly [string, Walk])[]) {
    test(`for ${because}`, async () => {
      const world = await inQuota(full, journey);
      assert.equal(asked(world), 0);
      assert.equal(world.outcomes.length, journey.restarts.length);
    });
  }

  test('in vain: nobody who answers ends the run with that', async () => {
    const { executed, cluster } = await walk({
      restarts: some(2),
      before: world => {
        world.cluster.quotasIn.set('shop', [aQuota()]);
        for (const { workload } of some(2)) world.cluster.usage.set(keyOf(workload), aUsage());
        world.cluster.quotas = () => Promise.reject(new OutOfReach('nobody answers'));
      },
    });
    assert.deepEqual([executed.ending, executed.remaining], [{ kind: 'error', detail: 'nobody answers' }, 2]);
    assert.deepEqual(cluster.calls, []);
  });
});

function rolling(maxSurge: number, maxUnavailable: number): Workload['strategy'] {
  return { kind: 'rollingUpdate', maxSurge, maxUnavailable };
}
