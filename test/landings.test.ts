import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Workload } from '../src/domain/model.ts';
import { aRestart, aWorkload, SECOND } from './build.ts';
import { rollsOut, type Script } from './fake-world.ts';
import { peak, walk, type WalkWorld } from './walk.ts';

const some = (count: number) => Array.from({ length: count }, (_, index) => aRestart({ name: `w${index}` }));
const one = { batches: { sizes: [1], pause: '0s' } };
const ref = (index: number) => ({ kind: 'Deployment' as const, namespace: 'shop', name: `w${index}` });
/** Somebody takes the annotation back. */
const revert =
  (index: number) =>
  ({ cluster }: WalkWorld): void => {
    const { generation = 0, revision = 0 } = cluster.get(ref(index)) ?? {};
    cluster.update(ref(index), { restartedAt: undefined, generation: generation + 1, revision: revision + 1 });
  };

describe('a restart that is taken back after it was done', () => {
  test('is told as what it is, with who owns the value now, and is not fought', async () => {
    const { outcomes, executed, hold, announcer, cluster } = await walk({
      restarts: some(3),
      policy: one,
      before: world => (world.cluster.owner = 'kustomize-controller'),
      events: [[15, revert(0)]],
    });
    assert.deepEqual(outcomes, ['w0 reverted', 'w1 restarted', 'w2 restarted']);
    assert.match(executed.outcomes[0]?.detail ?? '', /its owner now: kustomize-controller/);
    assert.deepEqual(hold.checkpoint.sweep?.counts, { restarted: 2, reverted: 1 });
    assert.equal(hold.checkpoint.starts.find(({ workload }) => workload === 'shop/w0')?.outcome, 'reverted');
    assert.deepEqual(
      announcer.of('ended').map(({ outcome }) => `${outcome.name} ${outcome.outcome}`),
      ['w0 restarted', 'w1 restarted', 'w0 reverted', 'w2 restarted'],
    );
    assert.equal(cluster.calls.filter(call => call === 'restart shop/w0').length, 1);
  });

  test('three times stops the sweep', async () => {
    const { outcomes, executed, hold } = await walk({
      restarts: some(6),
      policy: one,
      events: [
        [11, revert(0)],
        [21, revert(1)],
        [31, revert(2)],
      ],
    });
    assert.deepEqual(outcomes.slice(0, 3), ['w0 reverted', 'w1 reverted', 'w2 reverted']);
    assert.equal(hold.checkpoint.stop?.why, 'reverts');
    assert.equal(executed.ending?.kind, 'stopped');
    assert.ok(executed.remaining > 0);
  });

  test('at the very end is noticed, too', async () => {
    const { outcomes } = await walk({
      restarts: some(2),
      policy: { batches: { sizes: [2], pause: '0s' } },
      scripts: { w1: rollsOut({ seconds: 30 }) },
      events: [[20, revert(0)]],
    });
    assert.deepEqual(outcomes, ['w0 reverted', 'w1 restarted']);
  });

  test('is another matter when somebody restarted or changed it since', async () => {
    const { outcomes } = await walk({
      restarts: some(3),
      policy: one,
      events: [
        [15, ({ cluster }) => cluster.update(ref(0), { restartedAt: '2027-01-01T00:00:00Z' })],
        [25, ({ cluster }) => cluster.update(ref(1), { restartedAt: undefined, template: 'another' })],
      ],
    });
    assert.deepEqual(outcomes, ['w0 restarted', 'w1 restarted', 'w2 restarted']);
  });
});

describe('availability', () => {
  /** The rollout, and so many available in the middle of it. */
  const sinksTo =
    (availableReplicas: number): Script =>
    async (cluster, workload) => {
      const done = rollsOut()(cluster, workload);
      await cluster.sleep(5 * SECOND);
      cluster.update(workload, { status: { availableReplicas } });
      await done;
    };

  for (const { available, detail } of [
    { available: 3, detail: '' },
    { available: 2, detail: 'only 2 replicas were available, 3 are promised' },
    { available: 0, detail: 'only 0 replicas were available, 3 are promised' },
  ]) {
    test(`is measured: ${available} of 3`, async () => {
      const { executed } = await walk({ restarts: some(1), scripts: { w0: sinksTo(available) } });
      const [outcome] = executed.outcomes;
      assert.deepEqual(outcome?.available, { least: available, promised: 3 });
      assert.equal(outcome.detail, detail);
    });
  }
});

describe('workloads that share a PodDisruptionBudget', () => {
  test('are never in flight together, and keep nobody else waiting', async () => {
    const restarts = some(6);
    const shares = ({ name }: Workload): boolean => name !== 'w4' && name !== 'w5';
    const { flights, seconds } = await walk({
      restarts,
      before: ({ cluster }) => {
        for (const { workload } of restarts) {
          if (shares(workload)) cluster.budgetsOf.set(`shop/${workload.name}`, [{ name: 'shop/quorum' }]);
        }
      },
    });
    assert.equal(
      peak(flights, flying => flying.filter(shares).length),
      1,
    );
    assert.equal(
      peak(flights, flying => flying.length),
      3,
    );
    assert.equal(seconds, 40);
  });

  test('of which one has several go with nobody who has one of them', async () => {
    const budgets: Readonly<Record<string, readonly string[]>> = { w0: ['a', 'b'], w1: ['b'], w2: ['c'] };
    const { flights } = await walk({
      restarts: some(3),
      before: ({ cluster }) => {
        for (const [name, of] of Object.entries(budgets))
          cluster.budgetsOf.set(
            `shop/${name}`,
            of.map(budget => ({ name: budget })),
          );
      },
    });
    const together = (a: string, b: string) =>
      peak(flights, flying => flying.filter(({ name }) => name === a || name === b).length) === 2;
    assert.deepEqual([together('w0', 'w1'), together('w0', 'w2')], [false, true]);
  });
});

describe('what must be ready', () => {
  const policy = { ...one, ready: [{ deployment: 'mesh/injector' }], rollout: { timeout: '60s', soak: '0s' } };
  const injector = aWorkload({ namespace: 'mesh', name: 'injector', replicas: 1 });

  test('is looked at before each batch', async () => {
    const { outcomes, cluster } = await walk({
      restarts: some(3),
      policy,
      before: world => world.cluster.add(injector),
    });
    assert.equal(outcomes.length, 3);
    assert.equal(cluster.calls.filter(call => call === 'get mesh/injector').length, 3);
  });

  test('is waited for, and told', async () => {
    const { outcomes, seconds, announcer } = await walk({
      restarts: some(1),
      policy,
      events: [[22, ({ cluster }) => cluster.add(injector)]],
    });
    assert.deepEqual([outcomes, seconds], [['w0 restarted'], 35]);
    assert.deepEqual(
      announcer.of('notReady').map(({ detail }) => detail),
      ['mesh/injector is not ready: it does not exist'],
    );
  });

  test('is not waited for longer than a rollout may take', async () => {
    const { executed, seconds } = await walk({ restarts: some(2), policy });
    assert.deepEqual([executed.ending?.kind, executed.remaining, seconds], ['notReady', 2, 60]);
  });

  test('that is lost in the middle lets what is in flight end, and nothing begin', async () => {
    const { outcomes, executed } = await walk({
      restarts: some(3),
      policy,
      before: world => world.cluster.add(injector),
      events: [[5, ({ cluster }) => cluster.update(injector, { replicas: 0 })]],
    });
    assert.deepEqual([outcomes, executed.ending?.kind, executed.remaining], [['w0 restarted'], 'notReady', 2]);
  });

  test('and cannot be read ends the run with that', async () => {
    const { executed } = await walk({
      restarts: some(1),
      policy,
      before: ({ cluster }) => {
        cluster.workload = () => Promise.reject(new Error('away'));
      },
    });
    assert.deepEqual([executed.ending?.kind, executed.ending?.detail], ['error', 'away']);
  });
});
