/** Rollouts and Deployments in one sweep, whose runs are killed at moments that chance chooses. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cluster, quickPolicy } from '../e2e/site.ts';
import { injectedSite, upgrade, wantsNew } from '../e2e/upgraded.ts';
import { killedNowAndThen } from '../faults/now-and-then.ts';
import { Random } from '../simulation/random.ts';
import { type Controller, installRollouts, startController } from './controller.ts';
import { bothKinds, deploy, rollout, seen, uidsOf } from './fleet.ts';

const NIGHTS = 4;
/** A run goes on for so long at most, in milliseconds, before it is killed. */
const LONGEST = 6_000;
const ROLLOUTS = ['shop', 'pay', 'cart'];
const NAMES = [...ROLLOUTS, 'web'];

describe('Rollouts, whenever runs are killed, are restarted once and followed to their end', { concurrency: 2 }, () => {
  let controller: Controller;
  before(async () => {
    await installRollouts(await cluster());
    controller = await startController(await cluster());
  });
  after(() => controller.kill());

  for (let night = 0; night < NIGHTS; night++) {
    test(`night ${night}`, async () => {
      const random = new Random(`rollouts/${night}`);
      const site = await injectedSite({ kinds: ['rollouts'] });
      const replicas = 2;
      const fleet = ROLLOUTS.map(name => rollout(site, { name, replicas }));
      await deploy(site, ...fleet, site.deployment({ name: 'web', replicas }));
      await upgrade(site);
      const old = await Promise.all(NAMES.map(name => uidsOf(site, name)));
      const policy = quickPolicy(site, { ...wantsNew, select: bothKinds(site), batches: { sizes: [2], pause: '0s' } });
      const run = await killedNowAndThen(site, policy, { random, longest: LONGEST });
      assert.equal(await run(), 0);
      const now = await Promise.all(NAMES.map(name => uidsOf(site, name)));
      assert.deepEqual(
        now.map(({ length }) => length),
        old.map(({ length }) => length),
      );
      assert.deepEqual(new Set(now.flat()).intersection(new Set(old.flat())), new Set());
      const changed = (await site.requests()).filter(({ verb, code }) => verb === 'patch' && code === 200);
      assert.deepEqual(
        changed
          .map(({ name }) => name)
          .filter(name => NAMES.includes(name))
          .toSorted(),
        NAMES.toSorted(),
      );
      for (const name of ROLLOUTS) {
        const { spec, status } = await seen(site, name);
        assert.deepEqual([status?.phase, status?.restartedAt], ['Healthy', spec.restartAt]);
      }
      const { starts, hold } = await site.checkpoint();
      assert.equal(hold, null);
      assert.ok(starts.every(({ outcome }) => outcome === 'restarted'));
    });
  }
});
