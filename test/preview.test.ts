import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { preview } from '../src/preview.ts';
import { aCheckpoint, aWorkload, BEGIN, HOUR, T, WANT } from './build.ts';
import { aNight, some, WISHES } from './night.ts';

describe('a preview', () => {
  test('is the plan that a run carries out, and writes nothing', async () => {
    const night = aNight({ workloads: [...some(6), aWorkload({ name: 'paused', paused: true })] });
    const seen = await preview(night.world, WISHES);
    assert.ok(seen.kind === 'plan');
    assert.deepEqual([night.store.version, night.store.saves.length, night.cluster.calls], [1, 0, ['inventory']]);
    await night.runs();
    const { plan, sweep } = night.announcer.of('planned')[0] ?? {};
    assert.deepEqual([seen.plan, seen.sweep], [plan, sweep]);
  });

  test('outside the window is the plan of the next opening', async () => {
    const night = aNight({
      now: BEGIN - HOUR,
      checkpoint: aCheckpoint({ stop: { at: '2026-11-23T02:00:00Z', why: 'failures', detail: 'x', want: WANT } }),
    });
    const seen = await preview(night.world, WISHES);
    assert.ok(seen.kind === 'plan');
    assert.deepEqual([seen.window.kind, seen.stop, seen.plan.batches.flat().length], ['closed', undefined, 3]);
  });

  test('names the stop that holds', async () => {
    const night = aNight({
      checkpoint: aCheckpoint({ stop: { at: T, why: 'failures', detail: 'shop/x failed', want: WANT } }),
    });
    const seen = await preview(night.world, WISHES);
    assert.equal(seen.kind === 'plan' && seen.stop, 'shop/x failed');
  });

  test('refuses a checkpoint that cannot be used', async () => {
    const night = aNight();
    night.store.put('{');
    assert.equal((await preview(night.world, WISHES)).kind, 'unusable');
  });
});
