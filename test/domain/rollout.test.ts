import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Strategy } from '../../src/domain/model.ts';
import {
  availabilityFloor,
  doom,
  isRollingOut,
  rolloutState,
  stuckReason,
  surgeOf,
  unreadiness,
  whyNoEviction,
} from '../../src/domain/rollout.ts';
import { meansDowntime } from '../../src/domain/way.ts';
import { aPod, aTrouble, aWorkload, type GivenWorkload } from '../build.ts';

const EXCEEDED = { reason: 'ProgressDeadlineExceeded', message: 'web-2 has timed out', lastUpdateTime: 'at two' };

/** Each holds the rollout up; kubectl names the first. */
const CHECKS: readonly { readonly state: string; readonly given: GivenWorkload; readonly says: string }[] = [
  { state: 'progressing', given: { status: { observedGeneration: 6 } }, says: 'controller' },
  { state: 'failed', given: { status: { progressing: EXCEEDED } }, says: 'web-2 has timed out' },
  { state: 'progressing', given: { awaits: 'its restart is under way' }, says: 'its restart is under way' },
  { state: 'progressing', given: { status: { updatedReplicas: 2 } }, says: '2 of 3 new Pods created' },
  { state: 'progressing', given: { status: { replicas: 5 } }, says: 'old Pods still to be removed' },
  { state: 'progressing', given: { status: { availableReplicas: 1 } }, says: 'new Pods available' },
  { state: 'terminating', given: { status: { terminatingReplicas: 1 } }, says: '1 old Pods still terminating' },
];

describe("a rollout is judged in the order of kubectl's checks", () => {
  const text = (given: GivenWorkload): string => {
    const state = rolloutState(aWorkload(given));
    const detail = state.kind === 'failed' ? state.reason.detail : 'detail' in state ? state.detail : '';
    return `${state.kind}: ${detail}`;
  };

  for (const [index, { state, given, says }] of CHECKS.entries()) {
    test(`${says}: ${state}, alone and with all that comes after it`, () => {
      const all = CHECKS.slice(index).toReversed();
      const status = Object.assign({}, ...all.map(check => check.given.status));
      const together = { ...Object.assign({}, ...all.map(check => check.given)), status };
      for (const one of [given, together]) {
        assert.ok(text(one).startsWith(`${state}: `), text(one));
        assert.ok(text(one).includes(says), text(one));
      }
    });
  }

  test('it is complete when nothing holds it up', () => assert.equal(text({}), 'complete: '));

  test('before Kubernetes 1.35 nobody counts the Pods on their way out', () => {
    assert.equal(text({ status: { terminatingReplicas: undefined } }), 'complete: ');
  });

  test('a deadline that was exceeded before the restart says nothing about it', () => {
    const status = { progressing: EXCEEDED, updatedReplicas: 0 };
    assert.equal(rolloutState(aWorkload({ status }), EXCEEDED).kind, 'progressing');
    assert.equal(rolloutState(aWorkload({ status }), { ...EXCEEDED, lastUpdateTime: 'at one' }).kind, 'failed');
    assert.equal(
      rolloutState(aWorkload({ status }), { ...EXCEEDED, reason: 'ReplicaSetUpdated', message: '' }).kind,
      'failed',
    );
  });

  test('its code is progressDeadline', () => {
    const state = rolloutState(aWorkload({ status: { progressing: EXCEEDED } }));
    assert.equal(state.kind === 'failed' && state.reason.why, 'progressDeadline');
  });

  test('a workload that was scaled to nothing is complete', () => {
    assert.equal(text({ replicas: 0 }), 'complete: ');
  });
});

describe('a rollout is under way', () => {
  for (const { because, given, underWay } of [
    { because: 'while the controller has not seen the change', given: { status: { observedGeneration: 6 } } },
    { because: 'while new Pods are to be made', given: { status: { updatedReplicas: 2 } } },
    { because: 'while old Pods are to be removed', given: { status: { replicas: 4 } } },
    { because: 'while its controller has more to do than its counters tell', given: { awaits: 'a promotion' } },
    {
      because: 'not where the Pod template is elsewhere, whatever is awaited',
      given: { awaits: 'a promotion', strategy: { kind: 'templateElsewhere', of: 'Deployment base' } as const },
      underWay: false,
    },
    {
      because: 'while Pods from a partition on are to be made',
      given: { strategy: { kind: 'partitioned', partition: 1 } as const, status: { updatedReplicas: 1 } },
    },
    {
      because: 'not for those below it',
      given: { strategy: { kind: 'partitioned', partition: 1 } as const, status: { updatedReplicas: 2 } },
      underWay: false,
    },
    { because: 'not for unavailable Pods alone', given: { status: { availableReplicas: 0 } }, underWay: false },
    { because: 'not for Pods that terminate', given: { status: { terminatingReplicas: 3 } }, underWay: false },
    { because: 'not when all is done', given: {}, underWay: false },
  ]) {
    test(because, () => assert.equal(isRollingOut(aWorkload(given)), underWay ?? true));
  }
});

describe('Argo Rollouts evicts no Pod', () => {
  const strategy = { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 } as const;
  for (const { because, given, evicts } of [
    { because: 'when as few are available as its strategy promises', given: { status: { availableReplicas: 2 } } },
    { because: 'when the only one is not available', given: { replicas: 1, status: { availableReplicas: 0 } } },
    { because: 'but does while one more is there', given: {}, evicts: true },
    { because: 'but does when the only one is available', given: { replicas: 1 }, evicts: true },
    { because: 'but others make new ones first', given: { kind: 'Deployment', replicas: 0 }, evicts: true },
  ] as const) {
    test(because, () => {
      const why = whyNoEviction(aWorkload({ kind: 'Rollout', strategy, ...given }));
      assert.equal(why === undefined, 'evicts' in given || evicts === true, why);
    });
  }
});

describe('a StatefulSet goes no further, or too far', () => {
  const strategy = { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 } as const;
  for (const { because, availableReplicas, rolls } of [
    { because: 'while one of its Pods is not available', availableReplicas: 2, rolls: false },
    { because: 'but not while all of them are', availableReplicas: 3, rolls: true },
  ]) {
    test(because, () => {
      const why = whyNoEviction(aWorkload({ kind: 'StatefulSet', strategy, status: { availableReplicas } }));
      assert.equal(why === undefined, rolls, why);
    });
  }
});

describe('the fewest available replicas that a strategy promises', () => {
  const RECREATE: Strategy = { kind: 'recreate' };
  const rolling = (maxSurge: number | string, maxUnavailable: number | string): Strategy => ({
    kind: 'rollingUpdate',
    maxSurge,
    maxUnavailable,
  });
  for (const { replicas, strategy, floor } of [
    { replicas: 1, strategy: RECREATE, floor: 0 },
    { replicas: 10, strategy: RECREATE, floor: 0 },
    // Kubernetes' defaults: unavailable rounds down.
    { replicas: 1, strategy: rolling('25%', '25%'), floor: 1 },
    { replicas: 3, strategy: rolling('25%', '25%'), floor: 3 },
    { replicas: 4, strategy: rolling('25%', '25%'), floor: 3 },
    { replicas: 7, strategy: rolling('25%', '25%'), floor: 6 },
    { replicas: 8, strategy: rolling('25%', '25%'), floor: 6 },
    // Both zero: the controller makes one unavailable.
    { replicas: 1, strategy: rolling(0, 0), floor: 0 },
    { replicas: 2, strategy: rolling(0, 0), floor: 1 },
    { replicas: 3, strategy: rolling('0%', '0%'), floor: 2 },
    // A percentage that rounds down to nothing is nothing when nothing may surge either.
    { replicas: 1, strategy: rolling(0, '25%'), floor: 0 },
    { replicas: 3, strategy: rolling(0, '25%'), floor: 2 },
    { replicas: 3, strategy: rolling(0, '33%'), floor: 2 },
    { replicas: 3, strategy: rolling(0, '34%'), floor: 2 },
    { replicas: 3, strategy: rolling(0, '67%'), floor: 1 },
    // A surge rounds up, so 1 % is one Pod and nothing has to go first.
    { replicas: 1, strategy: rolling('1%', 0), floor: 1 },
    { replicas: 1, strategy: rolling(1, 0), floor: 1 },
    { replicas: 1, strategy: rolling(0, 1), floor: 0 },
    { replicas: 2, strategy: rolling(0, 1), floor: 1 },
    { replicas: 2, strategy: rolling(0, 2), floor: 0 },
    { replicas: 2, strategy: rolling(1, 3), floor: 0 },
    { replicas: 5, strategy: rolling('25%', '100%'), floor: 0 },
    { replicas: 200, strategy: rolling('10%', '55%'), floor: 90 },
  ]) {
    const words = Object.values(strategy).join(', ');
    test(`is ${floor} of ${replicas} with ${words}`, () => {
      assert.equal(availabilityFloor(replicas, strategy), floor);
      assert.equal(meansDowntime(aWorkload({ replicas, strategy }), 'rollout'), floor === 0);
    });
  }
});

/** What Pods wait for, and the failure that it means; undefined: it may pass. */
const DOOMS = [
  { reason: 'CrashLoopBackOff', init: false, why: 'crashLoopBackOff' },
  { reason: 'CrashLoopBackOff', init: true, why: 'initContainer' },
  { reason: 'ErrImagePull', init: false, why: 'imagePull' },
  { reason: 'ImagePullBackOff', init: false, why: 'imagePull' },
  { reason: 'ImagePullBackOff', init: true, why: 'imagePull' },
  { reason: 'InvalidImageName', init: false, why: 'imagePull' },
  { reason: 'CreateContainerConfigError', init: false, why: 'containerConfig' },
  { reason: 'CreateContainerConfigError', init: true, why: 'containerConfig' },
  { reason: 'Error', init: true, why: 'initContainer' },
  { reason: 'ContainerCreating', init: false, why: undefined },
  { reason: 'PodInitializing', init: false, why: undefined },
  { reason: 'SomethingNew', init: false, why: undefined },
] as const;

describe('a rollout is doomed', () => {
  for (const { reason, init, why } of DOOMS) {
    test(`${why === undefined ? 'not by' : `as ${why} by`} ${reason} of ${init ? 'an init' : 'a'} container`, () => {
      assert.equal(doom([aPod({ troubles: [aTrouble({ reason, init })] })])?.why, why);
    });
  }

  test('only when all new Pods are', () => {
    const doomed = aPod({ troubles: [aTrouble()] });
    assert.equal(doom([doomed, doomed])?.why, 'crashLoopBackOff');
    assert.equal(doom([doomed, aPod()]), undefined);
    assert.equal(doom([aPod(), doomed]), undefined);
    assert.equal(doom([doomed, aPod({ troubles: [aTrouble({ reason: 'ContainerCreating' })] })]), undefined);
  });

  test('by an init container that ended, only when it did so twice', () => {
    for (const [restarts, why] of [
      [0, undefined],
      [1, undefined],
      [2, 'initContainer'],
    ] as const) {
      const troubles = [aTrouble({ reason: 'Error', init: true, restarts })];
      assert.equal(doom([aPod({ troubles })])?.why, why, `${restarts}`);
    }
  });

  test('not while there is no new Pod', () => assert.equal(doom([]), undefined));

  test('not by want of a node: somebody may add one', () => {
    assert.equal(doom([aPod({ troubles: [{ kind: 'unschedulable', message: '0/3 nodes' }] })]), undefined);
  });

  test('by one container among others that start', () => {
    const troubles = [aTrouble({ reason: 'PodInitializing' }), aTrouble({ container: 'proxy' })];
    assert.match(doom([aPod({ troubles })])?.detail ?? '', /container proxy .*\(exit code 1\)/);
  });

  test('with what a person needs to mend it', () => {
    const troubles = [aTrouble({ reason: 'ImagePullBackOff', message: 'proxy:3 not found', exitCode: undefined })];
    assert.equal(doom([aPod({ troubles })])?.detail, 'container app: ImagePullBackOff: proxy:3 not found');
  });
});

describe('a rollout that did not finish in time', () => {
  const unschedulable = { kind: 'unschedulable', message: '0/3 nodes are available' } as const;
  const status = { replicaFailure: 'exceeded quota' };
  const [doomed, homeless, healthy] = [[aTrouble()], [unschedulable], []].map(troubles => aPod({ troubles }));
  assert.ok(doomed !== undefined && homeless !== undefined && healthy !== undefined);
  const otherwise = { why: 'timeout', detail: '1 of 3 available' } as const;
  for (const { because, given, pods, why, detail } of [
    {
      because: 'failed for a Pod that is doomed first of all',
      given: { status },
      pods: [homeless, doomed],
      why: 'crashLoopBackOff',
      detail: /container app keeps failing/,
    },
    {
      because: 'failed for a Pod that no node takes',
      given: { status },
      pods: [healthy, homeless],
      why: 'unschedulable',
      detail: /0\/3 nodes/,
    },
    {
      because: 'failed for Pods that could not be made',
      given: { status },
      pods: [],
      why: 'failedCreate',
      detail: /exceeded quota/,
    },
    { because: 'else failed for its time', given: {}, pods: [healthy], why: 'timeout', detail: /1 of 3 available/ },
  ] as const) {
    test(because, () => {
      const reason = stuckReason(aWorkload(given), pods, otherwise);
      assert.equal(reason.why, why);
      assert.match(reason.detail, detail);
    });
  }
});

test('what a container said at its end is not told: it may be its log', () => {
  for (const reason of ['Error', 'CrashLoopBackOff', 'RunContainerError']) {
    const pods = [aPod({ troubles: [aTrouble({ reason, message: 'password=1234' })] })];
    const told = [doom(pods), stuckReason(aWorkload(), pods, { why: 'timeout', detail: '' })];
    for (const { detail } of told.filter(reasoned => reasoned !== undefined)) assert.doesNotMatch(detail, /1234/);
    assert.equal(told[0]?.why, 'crashLoopBackOff');
  }
});

describe('others may rely on a workload', () => {
  for (const { what, workload, says } of [
    { what: 'that is complete', workload: aWorkload(), says: undefined },
    {
      what: 'whose old Pods still terminate',
      workload: aWorkload({ status: { terminatingReplicas: 1 } }),
      says: undefined,
    },
    { what: 'unless it is not there', workload: undefined, says: /does not exist/ },
    { what: 'unless it is being deleted', workload: aWorkload({ deleting: true }), says: /being deleted/ },
    { what: 'unless it is scaled to zero', workload: aWorkload({ replicas: 0 }), says: /scaled to zero/ },
    {
      what: 'unless a Pod is unavailable',
      workload: aWorkload({ status: { availableReplicas: 2 } }),
      says: /2 of 3 new Pods available/,
    },
    {
      what: 'unless it is rolling out, also while enough Pods are available',
      workload: aWorkload({ status: { updatedReplicas: 1, replicas: 4, availableReplicas: 4 } }),
      says: /1 of 3 new Pods created/,
    },
    {
      what: 'unless its rollout has failed',
      workload: aWorkload({ status: { progressing: EXCEEDED } }),
      says: /timed out/,
    },
  ]) {
    test(what, () => {
      const why = unreadiness(workload);
      if (says === undefined) assert.equal(why, undefined);
      else assert.match(why ?? '', says);
    });
  }
});

describe('a rollout may add', () => {
  const surge = (replicas: number, maxSurge: number | string): number =>
    surgeOf({ replicas, strategy: { kind: 'rollingUpdate', maxSurge, maxUnavailable: 1 } });

  test('its surge, rounded up', () => {
    assert.deepEqual([surge(8, '25%'), surge(9, '25%'), surge(1, '1%'), surge(3, 2), surge(3, 0)], [2, 3, 1, 2, 0]);
  });

  test('nothing where Pods go first', () => {
    for (const strategy of [{ kind: 'recreate' }, { kind: 'onDelete' }, { kind: 'partitioned', partition: 1 }] as const)
      assert.equal(surgeOf({ replicas: 3, strategy }), 0);
  });
});
