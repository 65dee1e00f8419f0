import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Bench } from '../../src/domain/bench.ts';
import type { Injection } from '../../src/domain/drift.ts';
import { judge } from '../../src/domain/verdict.ts';
import { wantFor, wantOf } from '../../src/domain/want.ts';
import { DRIFTED, SAME, UNKNOWN } from '../admissions.ts';
import {
  aBench,
  aFreshPod,
  aJudged,
  aPolicy,
  aRestarted,
  aStart,
  aWorkload,
  somePods,
  SWEEP,
  type GivenWorkload,
} from '../build.ts';
import type { RestartRecord } from '../../src/domain/record.ts';

const POLICY = aPolicy({ stale: [{ injection: 'drift' }] });
const WANT = wantOf(POLICY);
const [WANT_1, WANT_2] = [`${WANT}.1.1`, `${WANT}.2.1`];

/** Three Pods with this sweep's T, whose restart was for that want; or nobody's. */
function judged(
  injection: Injection | undefined,
  {
    record,
    given = {},
    bench = {},
  }: { record?: Partial<RestartRecord>; given?: GivenWorkload; bench?: Partial<Bench> } = {},
) {
  const workload = record === undefined ? aWorkload(given) : aRestarted(given, record);
  const pods = record === undefined ? somePods(3) : Array.from({ length: 3 }, () => aFreshPod());
  const verdict = judge(aJudged({ workload, pods, injection }), aBench({ policy: POLICY, want: WANT, ...bench }));
  return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
}

describe('a workload whose Pods are not what a new one would be', () => {
  test('is to be restarted, for what is wanted of it now', () => {
    const verdict = judge(aJudged({ injection: DRIFTED }), aBench({ policy: POLICY, want: WANT }));
    assert.ok(verdict.kind === 'restart');
    assert.deepEqual([verdict.why, verdict.want], ['injectionDrift', wantFor(WANT, DRIFTED)]);
  });

  test('is left like any other that may not be restarted', () => {
    assert.equal(judged(DRIFTED, { given: { strategy: { kind: 'recreate' } } }), 'wouldCauseDowntime');
    assert.equal(judged(DRIFTED, { given: { status: { availableReplicas: 2 } } }), 'notHealthy');
  });
});

test('a workload of which nothing is known is left, and says so before anything else about a restart', () => {
  assert.equal(judged(UNKNOWN), 'unknown');
  assert.equal(judged(undefined), 'unknown');
  assert.equal(judged(UNKNOWN, { given: { strategy: { kind: 'recreate' } } }), 'unknown');
  assert.equal(judged(SAME), 'fresh');
});

describe('a workload that was restarted in this sweep', () => {
  for (const { what, injection, want, expected } of [
    { what: 'and is fresh', injection: SAME, want: WANT_1, expected: 'restartedThisSweep' },
    {
      what: 'before the injector was upgraded once more',
      injection: DRIFTED,
      want: WANT_1,
      expected: 'injectionDrift',
    },
    { what: 'to no effect, which nobody wrote down', injection: DRIFTED, want: WANT_2, expected: 'inFlight' },
    { what: 'and of which nothing is known now', injection: UNKNOWN, want: WANT_1, expected: 'restartedThisSweep' },
  ] as const) {
    test(what, () => assert.equal(judged(injection, { record: { want, sweep: SWEEP } }), expected));
  }

  test('and was not seen to end is awaited, also when nothing is known now', () => {
    const past = new Map([['shop/web', aStart()]]);
    assert.equal(judged(UNKNOWN, { record: { want: WANT_1, sweep: SWEEP }, bench: { past } }), 'inFlight');
  });
});

describe('a restart that did not help is not repeated', () => {
  const INEFFECTIVE = { want: WANT_2, outcome: 'ineffective' } as const;

  test('while a new Pod would get the same', () => {
    assert.equal(judged(DRIFTED, { record: INEFFECTIVE }), 'ineffectiveBefore');
    assert.equal(judged(UNKNOWN, { record: INEFFECTIVE }), 'ineffectiveBefore');
  });

  test('until it would get something else', () => {
    assert.equal(
      judged({ ...DRIFTED, resolved: { containers: '3', settings: '1' } }, { record: INEFFECTIVE }),
      'injectionDrift',
    );
  });

  test('nor is one that failed, and what the checkpoint remembers of it ends likewise', () => {
    const past = new Map([['shop/web', aStart({ outcome: 'failed' })]]);
    const record = { want: WANT_2, outcome: 'failed' } as const;
    assert.equal(judged(DRIFTED, { record, bench: { past } }), 'failedBefore');
    assert.equal(
      judged({ ...DRIFTED, resolved: { containers: '3', settings: '1' } }, { record, bench: { past } }),
      'injectionDrift',
    );
  });
});

describe('what may be restarted', () => {
  const old = (given: GivenWorkload, availability: object) => {
    const workload = aWorkload(given);
    const verdict = judge(aJudged({ workload }), aBench({ policy: aPolicy({ availability }) }));
    return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
  };

  test('although it is unhealthy, where the policy allows', () => {
    const given = { status: { availableReplicas: 1 } };
    assert.equal(old(given, {}), 'notHealthy');
    assert.equal(old(given, { unhealthy: 'allow' }), 'podTooOld');
    assert.equal(old({ status: { updatedReplicas: 1 } }, { unhealthy: 'allow' }), 'rolloutInProgress');
  });

  test('with a gap, where its annotation allows', () => {
    assert.equal(old({ strategy: { kind: 'recreate' }, downtimeAllowed: true }, {}), 'podTooOld');
  });
});
