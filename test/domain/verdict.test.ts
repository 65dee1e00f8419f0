import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Namespace } from '../../src/domain/model.ts';
import type { Bench, Judged } from '../../src/domain/bench.ts';
import { ONE } from '../../src/domain/quantity.ts';
import { judge } from '../../src/domain/verdict.ts';
import {
  aBench,
  aFreshPod,
  aJudged,
  aNamespace,
  anAutoscaler,
  aPolicy,
  aRestarted,
  aStart,
  aWorkload,
  BEGIN,
  DAY,
  HOUR,
  LAST_MONTH,
  NOW,
  somePods,
  type GivenWorkload,
  WANT,
} from '../build.ts';

interface Case {
  readonly because: string;
  readonly why: string;
  readonly given?: GivenWorkload;
  readonly bench?: Partial<Bench>;
  readonly namespace?: Partial<Namespace>;
  readonly pods?: number;
  readonly shortages?: Judged['shortages'];
}

/** The reason of the verdict about a workload that is stale and willing but for what the case says. */
function reasonOf({
  given = {},
  bench = {},
  namespace = {},
  pods,
  shortages = [],
}: Omit<Case, 'because' | 'why'>): string {
  const workload = aWorkload(given);
  const judged = aJudged({
    workload,
    namespace: aNamespace(namespace),
    shortages,
    ...(pods === undefined ? {} : { pods: somePods(pods) }),
  });
  const verdict = judge(judged, aBench(bench));
  return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
}

test('a stale and willing workload is to be restarted, with the reason and its oldest Pod', () => {
  const workload = aWorkload();
  const pods = [...somePods(2), aFreshPod()];
  assert.deepEqual(judge(aJudged({ workload, pods }), aBench()), {
    kind: 'restart',
    workload,
    why: 'podTooOld',
    detail: 'oldest Pod is from 2026-10-25T01:00:00Z, the limit is 7d',
    oldestPod: LAST_MONTH,
    want: WANT,
    way: 'rollout',
    because: '',
    replicaSet: { name: 'web-1', uid: 'replicaset-1' },
    has: [],
    autoscaler: undefined,
    failedBefore: false,
  });
});

test('a restart knows of the autoscaler', () => {
  const autoscaler = anAutoscaler();
  const verdict = judge(aJudged({ autoscaler }), aBench());
  assert.equal(verdict.kind === 'restart' && verdict.autoscaler, autoscaler);
});

test('a workload whose Pods match no criterion is fresh', () => {
  const verdict = judge(aJudged({ pods: somePods(3, { createdAt: BEGIN - DAY }) }), aBench());
  assert.equal(verdict.kind === 'leave' && verdict.why, 'fresh');
});

test('what two budgets select is left before it is to be evicted, and rolled out', () => {
  const budgets = [{ name: 'shop/a', beside: 'shop/b' }];
  const [evicted, rolled] = ['evict', 'rollout'].map(way =>
    judge(aJudged({ budgets }), aBench({ policy: aPolicy({ restart: { way } }) })),
  );
  assert.equal(evicted?.kind === 'leave' && evicted.why, 'budgetForbids');
  assert.equal(rolled?.kind, 'restart');
});

const without = (select: Readonly<Record<string, unknown>>): Partial<Bench> => ({ policy: aPolicy({ select }) });
const denied = { past: new Map([['shop/web', aStart({ outcome: 'denied' })]]) };

const A_ROLLOUT = {
  kind: 'Rollout',
  strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 },
} as const;

const NO_POD = { quota: 'compute', resource: 'pods', needed: ONE, left: 0n, hard: 3n * ONE };
const A_STATEFUL_SET = { ...A_ROLLOUT, kind: 'StatefulSet' } as const;

/** Of several that apply the first is the reason. */
const VETOES: readonly Case[] = [
  { because: '--only names another', why: 'notSelected', bench: { only: 'shop/api' } },
  {
    because: 'it belongs to an operator',
    why: 'ownedByAnother',
    given: { owner: { kind: 'Kafka.kafka.strimzi.io', name: 'events' } },
  },
  { because: 'it opted out', why: 'optedOut', given: { optedOut: true } },
  { because: 'it is being deleted', why: 'beingDeleted', given: { deleting: true } },
  { because: 'it is paused', why: 'paused', given: { paused: true } },
  { because: 'it has no replicas', why: 'zeroReplicas', given: { replicas: 0 } },
  { because: 'somebody is rolling it out', why: 'rolloutInProgress', given: { status: { updatedReplicas: 2 } } },
  { because: 'a Pod is unavailable', why: 'notHealthy', given: { status: { availableReplicas: 2 } } },
  { because: 'Pods belong to a ReplicaSet of another name', why: 'podsUnknown', pods: 2 },
  { because: 'the API server refused it before', why: 'deniedBefore', bench: denied },
  { because: 'its restartedAt lies ahead', why: 'clockAhead', given: { restartedAt: '9999-12-31T23:59:59Z' } },
  { because: 'its strategy is Recreate', why: 'wouldCauseDowntime', given: { strategy: { kind: 'recreate' } } },
  { because: 'its namespace has no room for one Pod more', why: 'quotaTooSmall', shortages: [NO_POD] },
];

describe('a workload is left', () => {
  for (const [index, veto] of VETOES.entries()) {
    test(`as ${veto.why} when ${veto.because}`, () => assert.equal(reasonOf(veto), veto.why));

    test(`as ${veto.why} whatever comes after it`, () => {
      const all = VETOES.slice(index);
      const status = Object.assign({}, ...all.map(({ given }) => given?.status));
      const together = {
        given: { ...Object.assign({}, ...all.map(({ given }) => given)), status },
        bench: Object.assign({}, ...all.map(({ bench }) => bench)),
        pods: Math.min(...all.map(({ pods }) => pods ?? 3)),
        shortages: all.flatMap(({ shortages = [] }) => shortages),
      };
      assert.equal(reasonOf(together), veto.why);
    });
  }

  for (const veto of [
    { because: 'its namespace is excluded', why: 'notSelected', bench: without({ namespaces: { exclude: ['sh*'] } }) },
    {
      because: 'its namespace is not included',
      why: 'notSelected',
      bench: without({ namespaces: { include: ['a*'] } }),
    },
    { because: 'its namespace lacks the label', why: 'notSelected', bench: without({ namespaces: { labels: 'a=b' } }) },
    { because: 'its name is excluded', why: 'notSelected', bench: without({ workloads: { exclude: ['shop/w*'] } }) },
    { because: 'it lacks the label', why: 'notSelected', bench: without({ workloads: { labels: 'app=api' } }) },
    { because: 'its namespace opted out', why: 'optedOut', namespace: { optedOut: true } },
    { because: 'its namespace is being deleted', why: 'beingDeleted', namespace: { deleting: true } },
    { because: 'the change is not seen yet', why: 'rolloutInProgress', given: { status: { observedGeneration: 6 } } },
    { because: 'old Pods are being removed', why: 'rolloutInProgress', given: { status: { replicas: 4 } } },
    {
      because: 'its canary waits for somebody',
      why: 'rolloutInProgress',
      given: { ...A_ROLLOUT, awaits: 'a word' },
    },
    {
      because: 'its template is that of another',
      why: 'wayImpossible',
      given: { kind: 'Rollout', strategy: { kind: 'templateElsewhere', of: 'Deployment base' }, awaits: 'a word' },
    },
    {
      because: 'Argo Rollouts would evict none of its Pods',
      why: 'notHealthy',
      given: { ...A_ROLLOUT, status: { availableReplicas: 2 } },
      bench: { policy: aPolicy({ availability: { unhealthy: 'allow' } }) },
    },
    {
      because: 'its controller would take another Pod beside the one that is not available',
      why: 'notHealthy',
      given: { ...A_STATEFUL_SET, status: { availableReplicas: 2 } },
      bench: { policy: aPolicy({ availability: { unhealthy: 'allow' } }) },
    },
    {
      because: 'it is one Pod, evicted before there is another',
      why: 'wouldCauseDowntime',
      given: { ...A_ROLLOUT, replicas: 1 },
    },
  ] as const satisfies readonly Case[]) {
    test(`as ${veto.why} when ${veto.because}`, () => assert.equal(reasonOf(veto), veto.why));
  }

  test('as beingDeleted when its namespace is gone', () => {
    const verdict = judge(aJudged({ namespace: undefined }), aBench());
    assert.equal(verdict.kind === 'leave' && verdict.why, 'beingDeleted');
  });

  test('with a sentence for every reason', () => {
    for (const { because: _, why: _why, ...veto } of VETOES) {
      const { given, bench, pods = 3, shortages = [] } = { given: {}, bench: {}, ...veto };
      const judged = aJudged({ workload: aWorkload(given), pods: somePods(pods), shortages });
      const verdict = judge(judged, aBench(bench));
      assert.ok(verdict.kind === 'leave' && verdict.detail.length > 5, JSON.stringify(verdict));
    }
  });
});

describe('a workload is not left', () => {
  for (const { because, ...willing } of [
    { because: 'when --only names it', bench: { only: 'shop/web' } },
    { because: 'when Pods of its last rollout still terminate', given: { status: { terminatingReplicas: 2 } } },
    {
      because: 'when downtime is allowed',
      given: { strategy: { kind: 'recreate' } },
      bench: { policy: aPolicy({ availability: { downtime: 'allow' } }) },
    },
    {
      because: 'when a Pod of a StatefulSet is not available, and is the first to be evicted',
      given: { ...A_STATEFUL_SET, status: { availableReplicas: 2 } },
      bench: { policy: aPolicy({ availability: { unhealthy: 'allow' }, restart: { way: 'evict' } }) },
    },
    { because: 'when its restartedAt is no time', given: { restartedAt: '1700000000' } },
    { because: 'when somebody else restarted it', given: { restartedAt: '2026-11-01T01:00:00Z' } },
    {
      because: 'when the record is by another checkpoint',
      given: aRestarted({}, { by: 'ops/other', at: '2026-10-01T01:00:00Z' }),
    },
    { because: 'when the record is damaged', given: { record: '{"at":' } },
  ] satisfies readonly Omit<Case, 'why'>[]) {
    test(because, () => assert.equal(reasonOf(willing), 'podTooOld'));
  }
});

describe('a restartedAt ahead of our clock', () => {
  for (const { ahead, why } of [
    { ahead: HOUR - 1000, why: 'podTooOld' },
    { ahead: HOUR, why: 'podTooOld' },
    { ahead: HOUR + 1000, why: 'clockAhead' },
  ]) {
    test(`by ${ahead / 1000} s is ${why}`, () => {
      const restartedAt = new Date(NOW + ahead).toISOString();
      assert.equal(reasonOf({ given: { restartedAt } }), why);
    });
  }
});

const BY_ROLLOUT: Partial<Bench> = { policy: aPolicy({ restart: { way: 'rollout' } }) };

const BY_EVICTIONS: Partial<Bench> = { policy: aPolicy({ restart: { way: 'evict' } }) };

/** An ordinary way to be: no rollout is under way that would end. */
const NO_ROLLOUT: readonly Case[] = [
  {
    because: 'nobody deletes its Pods',
    why: 'wayImpossible',
    given: { strategy: { kind: 'onDelete' } },
    bench: BY_ROLLOUT,
  },
  {
    because: 'Pods below its partition keep their template',
    why: 'wayImpossible',
    given: { strategy: { kind: 'partitioned', partition: 1 }, status: { updatedReplicas: 2 } },
    bench: BY_ROLLOUT,
  },
  {
    because: 'an eviction would bring a template that people hold back',
    why: 'rolloutInProgress',
    given: { strategy: { kind: 'onDelete' }, status: { updatedReplicas: 2 } },
    bench: BY_EVICTIONS,
  },
  {
    because: 'its only Pod would be evicted',
    why: 'wouldCauseDowntime',
    given: { strategy: { kind: 'onDelete' }, replicas: 1 },
    bench: BY_EVICTIONS,
  },
  { because: 'it asks for what nobody knows', why: 'wayImpossible', given: { way: 'reboot' } },
];

const BY_REPLACE = aBench({ policy: aPolicy({ restart: { way: 'replace' } }) });
const scaledBy = (max: number, lastScaled: number | undefined) => ({ name: 'web', min: 1, max, lastScaled });

describe('by replace an autoscaler', () => {
  for (const [what, autoscaler, why] of [
    ['that allows no more is in the way', scaledBy(3, undefined), 'wayImpossible'],
    ['that has just moved is waited for', scaledBy(9, NOW - 60_000), 'scaledLately'],
    ['that has not moved for long is not', scaledBy(9, NOW - HOUR), 'podTooOld'],
    ['that never moved is not', scaledBy(4, undefined), 'podTooOld'],
  ] as const) {
    test(what, () => {
      const verdict = judge(aJudged({ autoscaler }), BY_REPLACE);
      assert.equal(verdict.kind === 'inFlight' ? '' : verdict.why, why);
    });
  }

  test('is no matter of a rollout', () => {
    const verdict = judge(aJudged({ autoscaler: scaledBy(3, NOW) }), aBench());
    assert.equal(verdict.kind, 'restart');
  });
});

for (const veto of NO_ROLLOUT) {
  test(`a workload is left as ${veto.why} when ${veto.because}`, () => assert.equal(reasonOf(veto), veto.why));
}

test('a workload of an operator is restarted where the policy names that kind, or any', () => {
  const owner = { kind: 'Kafka.kafka.strimzi.io', name: 'events' };
  for (const [owners, why] of [
    [['Kafka.kafka.strimzi.io'], 'podTooOld'],
    [['*'], 'podTooOld'],
    [['Kafka', 'Service.serving.knative.dev'], 'ownedByAnother'],
  ] as const) {
    assert.equal(reasonOf({ given: { owner }, bench: without({ workloads: { owners } }) }), why);
  }
});
