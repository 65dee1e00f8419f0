import assert from 'node:assert/strict';
import { UNKNOWN } from '../admissions.ts';
import { describe, test } from 'node:test';
import { assess, type Circumstances, type Look } from '../../src/domain/assessment.ts';
import { EMPTY } from '../../src/domain/checkpoint.ts';
import { keyOf, type Pod, type Workload } from '../../src/domain/model.ts';
import { wantOf } from '../../src/domain/want.ts';
import {
  aCheckpoint,
  aFreshPod,
  aNamespace,
  anAutoscaler,
  aQuota,
  aUsage,
  aPolicy,
  aRestarted,
  aStart,
  aSweep,
  aWorkload,
  BEGIN,
  BY,
  DAY,
  HOUR,
  imagesOf,
  NOW,
  OCCURRENCE,
  somePods,
  SWEEP,
  WANTS_PROXY_2,
  type GivenWorkload,
} from '../build.ts';

/** What a look sees: workloads with all their Pods alike. */
function aLook(seen: readonly { readonly workload: Workload; readonly pod?: Partial<Pod> }[], at = BEGIN + 700): Look {
  return {
    at,
    namespaces: new Map([['shop', aNamespace()]]),
    workloads: seen.map(({ workload }) => workload),
    skipped: [],
    configChanges: new Map(),
    autoscalers: new Map(),
    budgets: new Map(),
    quotas: new Map(),
    usage: new Map(),
    pods: new Map(seen.map(({ workload, pod }) => [keyOf(workload), somePods(workload.replicas, pod)])),
  };
}

const STALE = { workload: aWorkload() };
const FRESH = { workload: aWorkload({ name: 'fresh' }), pod: { createdAt: BEGIN - DAY } };
const done = (given: GivenWorkload = {}) => ({ workload: aRestarted(given), pod: aFreshPod() });
const FLYING = done({ name: 'flying', status: { updatedReplicas: 1 } });

const circumstances = (given: Partial<Circumstances> = {}): Circumstances => ({
  policy: aPolicy(),
  occurrence: OCCURRENCE,
  by: BY,
  now: NOW,
  only: undefined,
  injections: new Map(),
  ...given,
});

describe('a sweep', () => {
  test('opens with the first thing that is stale and willing, at the time of the look', () => {
    const { checkpoint, bench } = assess(aLook([STALE, FRESH]), EMPTY, circumstances());
    assert.equal(checkpoint.sweep?.id, SWEEP);
    assert.deepEqual(bench.sweep, { id: SWEEP, begin: BEGIN });
    assert.deepEqual([checkpoint.sweep.total, checkpoint.sweep.remaining], [1, 1]);
  });

  test('does not open for nothing', () => {
    assert.equal(assess(aLook([FRESH]), EMPTY, circumstances()).checkpoint.sweep, null);
  });

  test('closes when nothing eligible is left', () => {
    const stored = aCheckpoint({ starts: [aStart()] });
    const { checkpoint } = assess(aLook([FRESH, done()]), stored, circumstances());
    assert.equal(checkpoint.sweep, null);
    assert.deepEqual(checkpoint.starts, [aStart({ outcome: 'restarted' })]);
  });

  test('stays open while a restart is in flight', () => {
    const { checkpoint, plan } = assess(aLook([FLYING]), aCheckpoint(), circumstances());
    assert.equal(checkpoint.sweep?.id, SWEEP);
    assert.equal(plan.inFlight[0]?.workload.name, 'flying');
  });

  test('goes on the next night, and ages count from its begin', () => {
    const tomorrow = { now: NOW + DAY, occurrence: { name: 'nights', opensAt: BEGIN + DAY } };
    const young = { workload: aWorkload({ name: 'young' }), pod: { createdAt: BEGIN - 7 * DAY } };
    const look = aLook([STALE, young], BEGIN + DAY);
    const { checkpoint, plan } = assess(look, aCheckpoint(), circumstances(tomorrow));
    assert.equal(checkpoint.sweep?.id, SWEEP);
    assert.deepEqual(
      plan.batches.flat().map(({ workload }) => workload.name),
      ['web'],
    );
    assert.deepEqual(assess(look, EMPTY, circumstances(tomorrow)).plan.batches.flat().length, 2);
  });

  test('is neither closed nor counted out by a look at one workload', () => {
    const { checkpoint } = assess(aLook([FRESH]), aCheckpoint(), circumstances({ only: 'shop/fresh' }));
    assert.equal(checkpoint.sweep?.id, SWEEP);
  });

  test('is not opened by a look at one workload that is fresh', () => {
    const { checkpoint } = assess(aLook([FRESH]), EMPTY, circumstances({ only: 'shop/fresh' }));
    assert.equal(checkpoint.sweep, null);
  });

  test('is not bound by what was denied to the one before for other things', () => {
    const policy = aPolicy({ stale: WANTS_PROXY_2 });
    const stored = aCheckpoint({ sweep: null, starts: [aStart({ outcome: 'denied' })] });
    assert.equal(assess(aLook([STALE]), stored, circumstances()).plan.left[0]?.why, 'deniedBefore');
    assert.equal(assess(aLook([STALE]), stored, circumstances({ policy })).plan.batches.length, 1);
  });

  test('finds what an earlier one left in flight when the checkpoint was lost', () => {
    const earlier = { sweep: '2026-11-20T01:00:00Z', at: '2026-11-20T01:00:00Z' };
    const flying = { workload: aRestarted({ status: { updatedReplicas: 1 } }, earlier) };
    const { plan, checkpoint } = assess(aLook([flying]), EMPTY, circumstances());
    assert.equal(plan.inFlight.length, 1);
    // The run that finds it dies; the next one finds it again.
    assert.equal(assess(aLook([flying]), checkpoint, circumstances()).plan.inFlight.length, 1);
  });

  test('goes on when other things are wanted, and what it restarted for the old ones is judged again', () => {
    const policy = aPolicy({ stale: WANTS_PROXY_2 });
    const restarted = {
      workload: aRestarted(),
      pod: aFreshPod({ images: imagesOf('proxy:1') }),
    };
    const stored = aCheckpoint({ starts: [aStart({ outcome: 'restarted' })] });
    const { checkpoint, plan } = assess(aLook([restarted]), stored, circumstances({ policy }));
    assert.deepEqual([checkpoint.sweep?.id, checkpoint.want], [SWEEP, wantOf(policy)]);
    assert.equal(plan.batches.flat()[0]?.why, 'containerImage');
  });
});

describe('the plan', () => {
  const many = Array.from({ length: 8 }, (_, index) => ({ workload: aWorkload({ name: `w${index}` }) }));
  const sizes = (look: Look, stored = aCheckpoint(), given = circumstances()): number[] =>
    assess(look, stored, given).plan.batches.map(batch => batch.length);
  const at = (place: number) => ({ name: OCCURRENCE.name, opensAt: SWEEP, failures: 0, done: place });

  test('begins with the canary', () => assert.deepEqual(sizes(aLook(many)), [1, 5, 2]));

  test('goes on where the ramp stands', () => {
    assert.deepEqual(sizes(aLook(many), aCheckpoint({ occurrence: at(3) })), [3, 5]);
  });

  test('counts what is in flight', () => {
    assert.deepEqual(sizes(aLook([...many, FLYING]), aCheckpoint({ occurrence: at(3) })), [2, 6]);
  });

  test('counts what a run that died did not see end', () => {
    const stored = aCheckpoint({ occurrence: at(3), starts: [aStart({ at: SWEEP })] });
    assert.deepEqual(sizes(aLook([...many, done()]), stored), [2, 6]);
  });

  test('does not count what an earlier occurrence left in flight', () => {
    const occurrence = { name: 'nights', opensAt: BEGIN + DAY };
    const stored = aCheckpoint({ occurrence: at(3), starts: [aStart({ workload: 'shop/flying' })] });
    const look = aLook([...many, FLYING]);
    assert.deepEqual(sizes(look, stored, circumstances({ occurrence, now: NOW + DAY })), [1, 5, 2]);
  });

  test('begins with the canary again in the next occurrence', () => {
    const occurrence = { name: 'nights', opensAt: BEGIN + DAY };
    const stored = aCheckpoint({ occurrence: at(3) });
    assert.deepEqual(sizes(aLook(many), stored, circumstances({ occurrence, now: NOW + DAY })), [1, 5, 2]);
  });

  test('tries one after an ineffective restart', () => {
    const stored = aCheckpoint({ occurrence: at(3), sweep: aSweep({ ineffectiveInRow: 1 }) });
    assert.deepEqual(sizes(aLook(many), stored)[0], 1);
  });

  test('leaves what was undone between two runs', () => {
    const stored = aCheckpoint({ starts: [aStart({ outcome: 'restarted' })] });
    const { plan } = assess(aLook([{ workload: aWorkload({ revision: 6 }) }]), stored, circumstances());
    assert.deepEqual(
      plan.left.map(({ why }) => why),
      ['revertedBefore'],
    );
  });

  test('leaves a workload whose namespace nobody saw', () => {
    const elsewhere = { workload: aWorkload({ namespace: 'elsewhere' }) };
    assert.equal(assess(aLook([elsewhere]), EMPTY, circumstances()).plan.left[0]?.why, 'beingDeleted');
  });

  test('tries a failed workload again after retryAfter, at the end', () => {
    const failed = aRestarted({ name: 'failed', status: { updatedReplicas: 1 } }, { outcome: 'failed' });
    const later = circumstances({ now: Date.parse(aStart().at) + 20 * HOUR });
    const { plan } = assess(aLook([{ workload: failed }, ...many]), aCheckpoint(), later);
    assert.equal(plan.batches.flat().at(-1)?.workload.name, 'failed');
  });
});

describe('a tick on which nothing is known', () => {
  const policy = aPolicy({ stale: [{ injection: 'drift' }] });
  const after = (now: number) => {
    const stored = aCheckpoint({ want: wantOf(policy), sweep: aSweep({ reverts: 2, ineffectiveInRow: 1 }) });
    const injections = new Map([['shop/web', UNKNOWN]]);
    return assess(aLook([STALE], now), stored, circumstances({ policy, now, injections })).checkpoint.sweep;
  };

  test('does not close the sweep, and forgets none of its reverts and ineffective restarts', () => {
    const sweep = after(NOW);
    assert.deepEqual([sweep?.reverts, sweep?.ineffectiveInRow], [2, 1]);
  });

  test('does not keep it open for ever, because ages are measured from its beginning', () => {
    assert.equal(after(BEGIN + policy.onFailure.retryAfter), null);
  });
});

test('a workload is judged with its autoscaler', () => {
  const autoscaler = anAutoscaler();
  const look = { ...aLook([STALE]), autoscalers: new Map([['shop/web', autoscaler]]) };
  assert.equal(assess(look, EMPTY, circumstances()).plan.batches[0]?.[0]?.autoscaler, autoscaler);
});

describe('a workload without room in its quota', () => {
  const full = {
    quotas: new Map([['shop', [aQuota({ hard: { pods: '3' }, used: { pods: '3' } })]]]),
    usage: new Map([['shop/web', aUsage()]]),
  };
  const verdicts = (look: Look) => {
    const { plan } = assess(look, aCheckpoint(), circumstances());
    return [...plan.batches.flat(), ...plan.left].map(({ workload, why }) => `${workload.name} ${why}`);
  };

  test('is left', () => {
    assert.deepEqual(verdicts({ ...aLook([STALE]), ...full }), ['web quotaTooSmall']);
  });

  test('is not left while a restart of ours in its namespace is in flight, which gives back what it took', () => {
    assert.deepEqual(verdicts({ ...aLook([STALE, FLYING]), ...full }), ['web podTooOld']);
  });

  test('is left when the one in flight is in another namespace', () => {
    const elsewhere = done({ name: 'flying', namespace: 'bank', status: { updatedReplicas: 1 } });
    const look = { ...aLook([STALE, elsewhere]), ...full };
    assert.deepEqual(verdicts(look), ['web quotaTooSmall']);
    assert.equal(assess(look, aCheckpoint(), circumstances()).plan.inFlight.length, 1);
  });

  test('is restarted when nobody knows what a Pod of it takes, or when it has room', () => {
    assert.deepEqual(verdicts({ ...aLook([STALE]), ...full, usage: new Map() }), ['web podTooOld']);
    const room = new Map([['shop', [aQuota()]]]);
    assert.deepEqual(verdicts({ ...aLook([STALE]), ...full, quotas: room }), ['web podTooOld']);
  });
});
