import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { injectionOf, type Admission } from '../src/domain/drift.ts';
import { injectionCriteria } from '../src/domain/policy.ts';
import { parseRecord } from '../src/domain/record.ts';
import { nameStarts } from '../src/domain/starts.ts';
import { wantFor, wantOf } from '../src/domain/want.ts';
import { start } from '../src/start.ts';
import { admittedWith, REFUSED, shapeWith } from './admissions.ts';
import { aPolicy, aRestart, NOW, SECOND, somePods } from './build.ts';
import { heldWorld } from './held-world.ts';

const POLICY = aPolicy({ stale: [{ injection: 'drift' }] });
const wantOfVersion = (version: number): string =>
  wantFor(wantOf(POLICY), injectionOf([], admittedWith(version), injectionCriteria(POLICY)));

/** Starts `shop/web`, which runs version 1 and was planned when new Pods got version 2; the answers are the injector's now. */
async function starting(answers: readonly Admission[]) {
  const restart = { ...aRestart(), why: 'injectionDrift' as const, want: wantOfVersion(2) };
  const world = await heldWorld({ workloads: [restart.workload], policy: POLICY });
  const { cluster, hold } = world;
  cluster.setPods(restart.workload, somePods(3, { shape: shapeWith(1) }));
  hold.change(checkpoint => nameStarts(checkpoint, [restart.workload], NOW));
  let trials = 0;
  cluster.onTry = () => answers[Math.min(trials++, answers.length - 1)] ?? REFUSED;
  const started = await start(restart, world, true);
  const record = parseRecord(cluster.get(restart.workload)?.record);
  return { started, record, calls: cluster.calls.map(call => call.split(' ')[0]), trials };
}

describe('right before its start a workload', () => {
  test('is tried once more, and goes on while a new Pod would get what was planned', async () => {
    const { started, record, calls } = await starting([admittedWith(2)]);
    assert.ok(started.kind === 'inFlight');
    assert.deepEqual(started.tried, admittedWith(2));
    assert.deepEqual(calls, ['try', 'restart']);
    assert.equal(record?.want, wantOfVersion(2));
  });

  test('is judged again when a new Pod would get something else, and recorded with that', async () => {
    const { started, record, calls } = await starting([admittedWith(3)]);
    assert.ok(started.kind === 'inFlight');
    assert.deepEqual(calls, ['try', 'get', 'pods', 'try', 'try', 'restart']);
    assert.equal(record?.want, wantOfVersion(3));
  });

  test('is left when a new Pod would lack its sidecar', async () => {
    const { started, record } = await starting([admittedWith(undefined)]);
    assert.deepEqual([started.kind === 'left' && started.verdict.why, record], ['unknown', undefined]);
  });

  test('is left when the injector does not answer any more', async () => {
    const { started, record } = await starting([REFUSED]);
    assert.deepEqual([started.kind === 'left' && started.verdict.why, record], ['unknown', undefined]);
  });

  test('is left when it has got what a new Pod gets by itself', async () => {
    const { started } = await starting([admittedWith(1)]);
    assert.equal(started.kind === 'left' && started.verdict.why, 'fresh');
  });
});

test('an attempt that may still be carried out is not called left', async () => {
  const restart = { ...aRestart(), why: 'injectionDrift' as const, want: wantOfVersion(2) };
  const world = await heldWorld({ workloads: [restart.workload], policy: POLICY });
  const { cluster, hold, clock } = world;
  cluster.setPods(restart.workload, somePods(3, { shape: shapeWith(1) }));
  hold.change(checkpoint => nameStarts(checkpoint, [restart.workload], NOW));
  cluster.onTry = () => (clock.elapsed() < 15 * SECOND ? admittedWith(2) : REFUSED);
  let attempts = 0;
  cluster.onRestart = (_, apply) => {
    attempts++;
    // The connection breaks at once, and the second attempt gets through nine seconds later, within the server's own timeout.
    if (attempts === 2) clock.after(9 * SECOND, () => void apply());
    const retryAfter = attempts === 1 ? 10 * SECOND : 5.5 * SECOND;
    return Promise.resolve({ kind: 'unanswered', message: 'the connection broke', retryAfter });
  };
  const started = await start(restart, world, true);
  await clock.sleep(20 * SECOND);
  assert.equal(started.kind, 'inFlight');
  assert.ok(cluster.get(restart.workload)?.restartedAt !== undefined);
});
