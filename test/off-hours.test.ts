import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatRecord } from '../src/domain/record.ts';
import type { PatchAnswer } from '../src/ports.ts';
import { aCheckpoint, aRecord, aStart, aWorkload, BEGIN, HOUR, type GivenWorkload } from './build.ts';
import { aNight } from './night.ts';

/** Outside the window, what a killed run has left: `shop/web` with three replicas of which it wants two. */
const OWED: GivenWorkload = { replicas: 3, record: formatRecord({ ...aRecord(), way: 'replace', replicas: 2 }) };
const MARKED = aCheckpoint({ starts: [{ ...aStart(), spare: true }] });
const REPLACING = { restart: { mayReplace: true } };

const afterwards = (given: GivenWorkload = OWED, policy: Readonly<Record<string, unknown>> = REPLACING) =>
  aNight({ workloads: [aWorkload(given)], checkpoint: MARKED, policy, now: BEGIN + 5 * HOUR });

describe('outside the window', () => {
  test('nobody connects where no spare Pod can be', async () => {
    const night = afterwards(OWED, {});
    const { exitCode, ending } = await night.runs();
    assert.deepEqual([exitCode, ending.kind, night.connects()], [0, 'windowClosed', 0]);
  });

  test('the checkpoint is read once, and nothing else, where it marks none', async () => {
    const night = aNight({ checkpoint: aCheckpoint(), policy: REPLACING, now: BEGIN + 5 * HOUR });
    const { exitCode, ending } = await night.runs();
    assert.deepEqual([exitCode, ending.kind], [0, 'windowClosed']);
    assert.deepEqual([night.store.reads, night.store.saves.length, night.cluster.calls], [1, 0, []]);
  });

  test('a spare Pod is taken back, which is said, and the hold is given back', async () => {
    const night = afterwards();
    const { exitCode, ending } = await night.runs();
    assert.deepEqual([exitCode, ending.kind], [0, 'windowClosed']);
    assert.match(ending.detail, /the spare Pod of shop\/web, which an earlier run left, is taken back/);
    const web = night.cluster.get(aWorkload());
    assert.deepEqual([web?.replicas, web?.record], [2, formatRecord({ ...aRecord(), way: 'replace' })]);
    const { starts, hold } = night.store.checkpoint;
    assert.deepEqual([starts.some(({ spare }) => spare), hold], [false, null]);
  });

  for (const [what, given, says] of [
    ['other replicas of somebody else stay', { ...OWED, replicas: 7 }, /somebody set its replicas to 7/],
    ['a mark of what never came goes', {}, /nothing was left of shop\/web/],
  ] as const) {
    test(what, async () => {
      const night = afterwards(given);
      const { exitCode, ending } = await night.runs();
      assert.equal(exitCode, 0);
      assert.match(ending.detail, says);
      assert.equal(night.cluster.get(aWorkload())?.replicas, given.replicas ?? 3);
      assert.ok(!night.store.checkpoint.starts.some(({ spare }) => spare));
    });
  }

  test('a mark of a workload that is gone goes, too', async () => {
    const night = afterwards();
    night.cluster.remove(aWorkload());
    assert.equal((await night.runs()).exitCode, 0);
    assert.ok(!night.store.checkpoint.starts.some(({ spare }) => spare));
  });

  test('what cannot be taken back fails the Job, names the workload and is tried again', async () => {
    const night = afterwards();
    night.cluster.onRescale = (): PatchAnswer => ({ kind: 'denied', message: 'a webhook says no' });
    const { exitCode, ending } = await night.runs();
    assert.equal(exitCode, 1);
    assert.match(ending.detail, /the spare Pod of shop\/web is not taken back yet: a webhook says no/);
    assert.ok(night.store.checkpoint.starts.some(({ spare }) => spare));
    night.cluster.onRescale = (_, apply) => apply();
    assert.equal((await night.runs()).exitCode, 0);
    assert.equal(night.cluster.get(aWorkload())?.replicas, 2);
  });

  test('a run that still holds the checkpoint is left alone', async () => {
    const checkpoint = { ...MARKED, hold: { run: 'another' } };
    const held = aNight({ workloads: [aWorkload(OWED)], checkpoint, policy: REPLACING, now: BEGIN + 5 * HOUR });
    held.clock.after(5_000, () => held.store.put());
    const { exitCode, ending } = await held.runs();
    assert.deepEqual([exitCode, ending.kind], [0, 'heldByAnother']);
    assert.equal(held.cluster.get(aWorkload())?.replicas, 3);
  });
});

describe('inside the window', () => {
  test('one that belongs to no restart that goes on is taken back, also where the checkpoint knows nothing of it', async () => {
    const changed = { ...OWED, template: 'template-2' };
    const night = aNight({ workloads: [aWorkload(changed)], policy: REPLACING });
    await night.runs();
    assert.equal(
      night.cluster.calls.find(call => call.startsWith('rescale')),
      'rescale shop/web 2',
    );
    assert.match(night.announcer.of('spares')[0]?.detail ?? '', /is taken back/);
  });
});
