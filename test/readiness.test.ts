import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OutOfReach } from '../src/ports.ts';
import { aRestart } from './build.ts';
import { walk } from './walk.ts';

const some = (count: number) => Array.from({ length: count }, (_, index) => aRestart({ name: `w${index}` }));
const policyWith = (batches: object) => ({
  batches: { pause: '0s', unscheduledPods: 2, ...batches },
  rollout: { timeout: '60s', soak: '0s' },
});

describe('room for Pods', () => {
  test('is not asked for where the policy does not say so', async () => {
    const { cluster } = await walk({ restarts: some(2), policy: { batches: { sizes: [1], pause: '0s' } } });
    assert.ok(!cluster.calls.includes('unscheduled'));
  });

  test('is there while no more Pods wait for a node than allowed', async () => {
    const { outcomes, cluster } = await walk({
      restarts: some(3),
      policy: policyWith({ sizes: [1] }),
      before: world => (world.cluster.unscheduled = 2),
    });
    assert.equal(outcomes.length, 3);
    assert.equal(cluster.calls.filter(call => call === 'unscheduled').length, 3);
  });

  test('is waited for, and told', async () => {
    const { outcomes, seconds, announcer } = await walk({
      restarts: some(1),
      policy: policyWith({ sizes: [1] }),
      before: world => (world.cluster.unscheduled = 3),
      events: [[22, ({ cluster }) => (cluster.unscheduled = 0)]],
    });
    assert.deepEqual([outcomes, seconds], [['w0 restarted'], 35]);
    assert.deepEqual(
      announcer.of('notReady').map(({ detail }) => detail),
      ['more than 2 Pods wait for a node'],
    );
  });

  test('that gets lost within a batch keeps the rest of it from starting', async () => {
    const { outcomes, executed, cluster } = await walk({
      restarts: some(6),
      policy: policyWith({ sizes: [6], inFlight: { workloads: 1 } }),
      events: [[25, world => (world.cluster.unscheduled = 9)]],
    });
    assert.ok(outcomes.length >= 2 && outcomes.length <= 4, outcomes.join());
    assert.deepEqual([executed.ending?.kind, executed.remaining], ['notReady', 6 - outcomes.length]);
    // At the beginning, every 15 s, and then while it waits.
    assert.ok(cluster.calls.filter(call => call === 'unscheduled').length <= 20);
  });

  test('that cannot be counted ends the run with that', async () => {
    const { executed } = await walk({
      restarts: some(1),
      policy: policyWith({ sizes: [1] }),
      before: ({ cluster }) => {
        cluster.unscheduledPods = () => Promise.reject(new OutOfReach('nobody answers'));
      },
    });
    assert.deepEqual([executed.ending?.kind, executed.remaining], ['error', 1]);
  });
});
