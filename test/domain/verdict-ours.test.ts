import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Start } from '../../src/domain/checkpoint.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import type { Pod } from '../../src/domain/model.ts';
import { formatRecord, type RestartRecord } from '../../src/domain/record.ts';
import type { Bench } from '../../src/domain/bench.ts';
import { ageReference, judge } from '../../src/domain/verdict.ts';
import {
  aBench,
  aFreshPod,
  aJudged,
  aNamespace,
  aPolicy,
  aRecord,
  aRestarted,
  aStart,
  aWorkload,
  BEGIN,
  HOUR,
  NOW,
  SECOND,
  somePods,
  SWEEP,
  T,
  WANTS_PROXY_2,
  type GivenWorkload,
} from '../build.ts';

/** What became of restarts of ours, by the record on the workload and by what the checkpoint remembers. */

interface Case {
  readonly given?: GivenWorkload;
  readonly record?: Partial<RestartRecord>;
  readonly pods?: readonly Pod[];
  readonly bench?: Partial<Bench>;
}

/** The verdict about a workload that we restarted in this sweep, all its Pods made by that, in one word. */
function wordOf({ given = {}, record = {}, pods, bench = {} }: Case): string {
  const workload = aRestarted(given, record);
  const fresh = somePods(workload.status.replicas, aFreshPod({ restartedAt: workload.restartedAt }));
  const verdict = judge(aJudged({ workload, pods: pods ?? fresh }), aBench(bench));
  return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
}

const A_ROLLOUT = {
  kind: 'Rollout',
  strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 },
} as const;
const OLD = somePods(3);
/** All made by T, and still with the old image. */
const UNCHANGED = somePods(3, { restartedAt: T });
const PROXY_2 = aPolicy({ stale: WANTS_PROXY_2 });
const proxy2 = { policy: PROXY_2, want: 'proxy 2' };
const EARLIER = '2026-11-20T01:00:00Z';

describe('a restart of this sweep', () => {
  for (const { because, word, ...what } of [
    { because: 'is over when it is complete and all its Pods are new', word: 'restartedThisSweep' },
    {
      because: 'is in flight while the controller has not seen it',
      word: 'inFlight',
      given: { status: { observedGeneration: 6 } },
    },
    { because: 'is in flight while Pods are to be made', word: 'inFlight', given: { status: { updatedReplicas: 2 } } },
    { because: 'is in flight while Pods are to be removed', word: 'inFlight', given: { status: { replicas: 4 } } },
    {
      because: 'is in flight while new Pods are unavailable',
      word: 'inFlight',
      given: { status: { availableReplicas: 2 } },
      bench: { past: new Map([['shop/web', aStart()]]) },
    },
    {
      because: 'is in flight, too, when the checkpoint knows nothing any more',
      word: 'inFlight',
      given: { status: { availableReplicas: 2 } },
      bench: { pastUnknown: true },
    },
    {
      because: 'is in flight while a Pod on its way out is all that counts as available',
      word: 'inFlight',
      given: { kind: 'StatefulSet', strategy: { kind: 'onDelete' } },
      pods: somePods(2, aFreshPod()),
      bench: { past: new Map([['shop/web (StatefulSet)', { ...aStart(), workload: 'shop/web (StatefulSet)' }]]) },
    },
    {
      because: 'is over when nobody remembers it any more and a node takes a Pod away',
      word: 'notHealthy',
      given: { status: { availableReplicas: 2 } },
    },
    {
      because: 'is in flight while a live Pod lacks T',
      word: 'inFlight',
      pods: [...somePods(2, aFreshPod()), ...somePods(1)],
    },
    {
      because: 'of a Rollout is in flight while a live Pod is from before T',
      word: 'inFlight',
      given: A_ROLLOUT,
      pods: [...somePods(2, { createdAt: Date.parse(T) }), ...somePods(1, { createdAt: Date.parse(T) - SECOND })],
    },
    {
      because: 'of a Rollout is in flight while its controller has not brought it to an end',
      word: 'inFlight',
      given: { ...A_ROLLOUT, awaits: 'its restart' },
      pods: somePods(3, { createdAt: Date.parse(T) }),
    },
    {
      because: 'of a Rollout is over when no live Pod is from before T',
      word: 'restartedThisSweep',
      given: A_ROLLOUT,
      pods: somePods(3, { createdAt: Date.parse(T) }),
    },
    {
      because: 'is in flight while Pods match a criterion',
      word: 'inFlight',
      pods: UNCHANGED,
      record: { want: 'proxy 2' },
      bench: proxy2,
    },
    {
      because: 'is judged anew when they match others than it wanted',
      word: 'containerImage',
      pods: UNCHANGED,
      record: { want: 'older' },
      bench: proxy2,
    },
    { because: 'is fresh when nothing matches what is wanted now', word: 'fresh', record: { want: 'older' } },
    {
      because: 'is in flight although the workload opted out since',
      word: 'inFlight',
      given: { optedOut: true, status: { updatedReplicas: 1 } },
    },
    {
      because: 'is in flight although --only names another',
      word: 'inFlight',
      given: { status: { updatedReplicas: 1 } },
      bench: { only: 'shop/api' },
    },
    {
      because: 'is in flight while old Pods are on their way out and nobody has seen its end',
      word: 'inFlight',
      given: { status: { terminatingReplicas: 1 } },
      bench: { past: new Map([['shop/web', aStart()]]) },
    },
    {
      because: 'is in flight, too, when the run died before it saved T, and left only the moment of its naming',
      word: 'inFlight',
      given: { status: { terminatingReplicas: 1 } },
      bench: { past: new Map([['shop/web', aStart({ at: formatInstant(Date.parse(T) - SECOND) })]]) },
    },
    {
      because: 'is over when Pods are on their way out after its end was seen',
      word: 'restartedThisSweep',
      given: { status: { terminatingReplicas: 1 } },
      bench: { past: new Map([['shop/web', aStart({ outcome: 'restarted' })]]) },
    },
    { because: 'is over when the workload was scaled to nothing', word: 'zeroReplicas', given: { replicas: 0 } },
    {
      because: 'is over while the workload is scaled to nothing',
      word: 'zeroReplicas',
      given: { replicas: 0, status: { replicas: 3 } },
    },
    {
      because: 'is over when it is known to have ended, whatever autoscalers and nodes do since',
      word: 'rolloutInProgress',
      given: { status: { updatedReplicas: 2 } },
      bench: { past: new Map([['shop/web', aStart({ outcome: 'restarted' })]]) },
    },
    {
      because: "is somebody's rollout when another checkpoint did it",
      word: 'rolloutInProgress',
      given: { status: { updatedReplicas: 2 } },
      record: { by: 'ops/other' },
    },
    {
      because: "is somebody's rollout when the template changed since",
      word: 'rolloutInProgress',
      given: { template: 'template-2', status: { updatedReplicas: 2 } },
      record: { template: 'template-1' },
    },
    {
      because: 'is judged anew when the template changed since',
      word: 'podTooOld',
      given: { template: 'template-2' },
      record: { template: 'template-1' },
      pods: OLD,
    },
  ] satisfies readonly (Case & { readonly because: string; readonly word: string })[]) {
    test(because, () => assert.equal(wordOf(what), word));
  }

  test('is in flight with its record', () => {
    const workload = aRestarted({ status: { updatedReplicas: 2 } });
    assert.deepEqual(judge(aJudged({ workload }), aBench()), { kind: 'inFlight', workload, record: aRecord() });
  });

  test('has Pods that are no older than it, and one of an earlier sweep has not', () => {
    assert.deepEqual(ageReference(aRecord(), aBench()), { begin: BEGIN, restartedAt: T });
    assert.deepEqual(ageReference(aRecord({ sweep: EARLIER }), aBench()), { begin: BEGIN, restartedAt: undefined });
    assert.deepEqual(ageReference(undefined, aBench()), { begin: BEGIN, restartedAt: undefined });
  });
});

describe('a restart of an earlier sweep', () => {
  const record = { sweep: EARLIER, at: EARLIER };
  test('does not keep a workload from being restarted again', () => {
    assert.equal(wordOf({ record, pods: somePods(3, { restartedAt: EARLIER }) }), 'podTooOld');
  });
  test('is fresh while nothing matches', () => assert.equal(wordOf({ record }), 'fresh'));
  test('is found in flight when the checkpoint was lost', () => {
    const given = { status: { updatedReplicas: 1 } };
    assert.equal(wordOf({ record, given, bench: { pastUnknown: true } }), 'inFlight');
  });
  test('is found in flight while the checkpoint remembers it without an outcome', () => {
    const past = new Map([['shop/web', aStart({ at: EARLIER })]]);
    assert.equal(wordOf({ record, given: { status: { updatedReplicas: 1 } }, bench: { past } }), 'inFlight');
  });
  test('that is known to have ended is not in flight when the workload is scaled up', () => {
    const past = new Map([['shop/web', aStart({ at: EARLIER, outcome: 'restarted' })]]);
    assert.equal(wordOf({ record, given: { status: { updatedReplicas: 2 } }, bench: { past } }), 'rolloutInProgress');
  });
});

const RETRY = 20 * HOUR;
const edges = [
  { ago: RETRY - SECOND, due: false },
  { ago: RETRY, due: true },
  { ago: RETRY + SECOND, due: true },
];
const agoText = (milliseconds: number): string => formatInstant(NOW - milliseconds);

describe('a restart that failed', () => {
  const failed = (at: string): Partial<RestartRecord> => ({
    at,
    sweep: EARLIER,
    outcome: 'failed',
    reason: 'imagePull',
  });
  const HALF_DONE = { status: { updatedReplicas: 1, availableReplicas: 3, replicas: 4 } };
  const halfDone = { given: HALF_DONE, pods: somePods(4) };

  for (const { ago, due } of edges) {
    test(`${ago / SECOND} s ago is ${due ? 'tried again' : 'left'} after 20 h`, () => {
      assert.equal(wordOf({ ...halfDone, record: failed(agoText(ago)) }), due ? 'podTooOld' : 'failedBefore');
    });
  }

  for (const { because, word, ...what } of [
    {
      because: 'is left in its own sweep',
      word: 'failedBefore',
      record: { outcome: 'failed', reason: 'timeout' },
      ...halfDone,
    },
    {
      because: 'is tried again when other things are wanted',
      word: 'podTooOld',
      record: { ...failed(T), want: 'older' },
      ...halfDone,
    },
    {
      because: 'is tried again when the template was mended',
      word: 'podTooOld',
      given: { template: 'mended' },
      record: { ...failed(T), template: 'template-1' },
      pods: OLD,
    },
    {
      because: "is somebody's rollout while the mended template rolls out",
      word: 'rolloutInProgress',
      given: { template: 'mended', ...HALF_DONE },
      record: { ...failed(T), template: 'template-1' },
    },
    { because: 'is fresh when it came up by itself', word: 'fresh', record: failed(T) },
    {
      because: 'is left while it is half done, even if no live Pod matches',
      word: 'failedBefore',
      given: HALF_DONE,
      record: failed(T),
    },
    {
      because: 'is left while it is paused, for that',
      word: 'paused',
      given: { paused: true, ...HALF_DONE },
      record: failed(T),
    },
  ] satisfies readonly (Case & { readonly because: string; readonly word: string })[]) {
    test(because, () => assert.equal(wordOf(what), word));
  }

  test('goes last when it is tried again', () => {
    const workload = aRestarted(HALF_DONE, failed(agoText(RETRY)));
    const verdict = judge(aJudged({ workload }), aBench());
    assert.ok(verdict.kind === 'restart' && verdict.failedBefore);
  });

  test('says why it failed and when it is tried again', () => {
    const workload = aRestarted(HALF_DONE, failed(T));
    const verdict = judge(aJudged({ workload }), aBench());
    assert.ok(verdict.kind === 'leave');
    assert.equal(verdict.detail, `imagePull at ${T}, retried after ${formatInstant(Date.parse(T) + RETRY)}`);
  });
});

describe('a restart that changed nothing', () => {
  const ineffective = { outcome: 'ineffective', want: 'proxy 2' } as const;
  const stillOld = { pods: UNCHANGED, bench: proxy2 };
  test('is never tried again for the same', () => {
    assert.equal(wordOf({ ...stillOld, record: ineffective }), 'ineffectiveBefore');
    assert.equal(wordOf({ ...stillOld, record: { ...ineffective, at: '2025-01-01T01:00:00Z' } }), 'ineffectiveBefore');
    assert.equal(wordOf({ ...stillOld, record: { ...ineffective, sweep: EARLIER } }), 'ineffectiveBefore');
  });
  test('is tried again when other things are wanted', () => {
    assert.equal(wordOf({ ...stillOld, record: { ...ineffective, want: 'older' } }), 'containerImage');
  });
  test('is tried again when the template changed', () => {
    const given = { template: 'mended' };
    assert.equal(wordOf({ ...stillOld, given, record: { ...ineffective, template: 'template-1' } }), 'containerImage');
  });
});

describe('what only the checkpoint remembers', () => {
  /** The record went with the undo; the Pods are the old ones. */
  const wordAfter = (start: Partial<Start>, given: GivenWorkload = {}): string => {
    const past = new Map([['shop/web', aStart(start)]]);
    const verdict = judge(aJudged({ workload: aWorkload(given) }), aBench({ past }));
    return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
  };
  const undone = { revision: 6 };

  for (const { outcome, why, given = {} } of [
    { outcome: 'denied', why: 'deniedBefore' },
    { outcome: 'reverted', why: 'revertedBefore' },
    { outcome: 'failed', why: 'failedBefore' },
    { outcome: 'restarted', why: 'revertedBefore', given: undone },
  ] as const) {
    describe(`${outcome}${outcome === 'restarted' ? ' and undone since' : ''}`, () => {
      for (const { ago, due } of edges) {
        test(`${ago / SECOND} s ago is ${due ? 'tried again' : `left as ${why}`} after 20 h`, () => {
          assert.equal(wordAfter({ outcome, at: agoText(ago) }, given), due ? 'podTooOld' : why);
        });
      }
      test('is tried again when the template changed', () => {
        assert.equal(wordAfter({ outcome }, { ...given, template: 'template-2' }), 'podTooOld');
      });
      test('does not count for another workload of that name', () => {
        assert.equal(wordAfter({ outcome }, { ...given, uid: 'another' }), 'podTooOld');
      });
    });
  }

  test('ineffective is never tried again for the same, and tried again when the template changed', () => {
    assert.equal(wordAfter({ outcome: 'ineffective', at: '2025-01-01T01:00:00Z' }), 'ineffectiveBefore');
    assert.equal(wordAfter({ outcome: 'ineffective' }, { template: 'template-2' }), 'podTooOld');
    assert.equal(wordAfter({ outcome: 'ineffective' }, { uid: 'another' }), 'podTooOld');
  });

  for (const { because, start, given } of [
    { because: 'a restart that was superseded', start: { outcome: 'superseded' }, given: undone },
    { because: 'a workload that was gone', start: { outcome: 'gone' }, given: undone },
    { because: 'a name that never started', start: {}, given: {} },
    {
      because: 'a restart after which somebody restarted again',
      start: { outcome: 'restarted' },
      given: { ...undone, restartedAt: '2026-11-24T01:05:30Z' },
    },
  ] satisfies readonly { because: string; start: Partial<Start>; given: GivenWorkload }[]) {
    test(`${because} is judged like anybody's`, () => assert.equal(wordAfter(start, given), 'podTooOld'));
  }

  describe('of a restart that left the template, where its end could not be written on the workload any more', () => {
    const half = aRecord({ way: 'replace', replicas: 2 });
    const wordWith = (start: Partial<Start>, record: RestartRecord): string => {
      const past = new Map([['shop/web', aStart(start)]]);
      const verdict = judge(
        aJudged({ workload: aWorkload({ record: formatRecord(record) }) }),
        aBench({ past, policy: aPolicy({ restart: { mayReplace: true } }) }),
      );
      return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
    };
    for (const outcome of ['failed', 'ineffective', 'denied', 'reverted'] as const) {
      test(`${outcome} is not gone on with`, () => {
        assert.equal(wordWith({ outcome, spare: true }, half), `${outcome}Before`);
        assert.equal(wordWith({ outcome }, aRecord({ way: 'evict' })), `${outcome}Before`);
      });
    }
    test('what has no end yet is, and what somebody opted out meanwhile', () => {
      assert.equal(wordWith({ spare: true }, half), 'inFlight');
      assert.equal(wordWith({ outcome: 'superseded', spare: true }, half), 'inFlight');
    });
    test('a spare Pod that no checkpoint knows of is not taken back: somebody may have brought an old record back', () => {
      assert.equal(wordWith({}, half), 'unknown');
      assert.equal(wordWith({ spare: true, uid: 'another' }, half), 'unknown');
    });
    for (const [what, given] of [
      ['opted out', { workload: aWorkload({ record: formatRecord(half), optedOut: true }) }],
      ['paused', { workload: aWorkload({ record: formatRecord(half), paused: true }) }],
      ['in a namespace that is opted out', { namespace: aNamespace({ optedOut: true }) }],
      ['at the most of its autoscaler', { autoscaler: { name: 'web', min: 1, max: 3, lastScaled: undefined } }],
    ] as const) {
      test(`nor is what is ${what}`, () => {
        const begun = aWorkload({ record: formatRecord(aRecord({ way: 'replace' })) });
        const policy = aPolicy({ restart: { mayReplace: true } });
        const past = new Map([['shop/web', aStart()]]);
        assert.notEqual(judge(aJudged({ workload: begun, ...given }), aBench({ past, policy })).kind, 'inFlight');
      });
    }
    test('nor what goes a way that the policy does not go any more, which is restarted as it goes now', () => {
      const begun = aWorkload({ record: formatRecord(aRecord({ way: 'evict' })) });
      const verdict = judge(aJudged({ workload: begun }), aBench({ past: new Map([['shop/web', aStart()]]) }));
      assert.equal(verdict.kind === 'restart' && verdict.way, 'rollout');
    });
    test('nor what was seen to its end, however old its Pods look by another clock', () => {
      assert.equal(wordWith({ outcome: 'restarted' }, aRecord({ way: 'evict' })), 'restartedThisSweep');
    });
    test('nor is it one that somebody took back, whoever rolled its template and its record back', () => {
      const rolledBack = aWorkload({ revision: 7 });
      for (const outcome of [undefined, 'restarted'] as const) {
        const past = new Map([['shop/web', { ...aStart({ outcome }), inPlace: true as const }]]);
        assert.equal(judge(aJudged({ workload: rolledBack }), aBench({ past })).kind, 'restart');
      }
    });
    test('and the end of an earlier one says nothing', () => {
      assert.equal(wordWith({ outcome: 'ineffective', at: SWEEP, spare: true }, half), 'inFlight');
    });
  });

  describe('of a StatefulSet, whose revision counts every change of its spec', () => {
    const key = 'shop/web (StatefulSet)';
    const wordOfSet = (start: Partial<Start>, given: GivenWorkload): string => {
      const workload = aWorkload({ kind: 'StatefulSet', revision: 6, ...given });
      const past = new Map([[key, { ...aStart(start), workload: key }]]);
      const verdict = judge(aJudged({ workload }), aBench({ past }));
      return verdict.kind === 'inFlight' ? 'inFlight' : verdict.why;
    };
    test("a name that never started is judged like anybody's, whoever scaled it since", () => {
      assert.equal(wordOfSet({}, {}), 'podTooOld');
    });
    test('a start whose T is gone and whose record is there was taken back', () => {
      assert.equal(wordOfSet({}, { record: formatRecord(aRecord()) }), 'revertedBefore');
    });
    test('a restart whose T is gone was taken back, with its record or without', () => {
      assert.equal(wordOfSet({ outcome: 'restarted' }, {}), 'revertedBefore');
      assert.equal(wordOfSet({ outcome: 'restarted' }, { record: formatRecord(aRecord()) }), 'revertedBefore');
    });
    test('evictions leave no T that could be gone', () => {
      const record = formatRecord(aRecord({ way: 'evict', sweep: EARLIER }));
      assert.equal(wordOfSet({ outcome: 'restarted' }, { record }), 'podTooOld');
    });
  });

  test('an undo leaves an older value, or none', () => {
    for (const restartedAt of [undefined, EARLIER, SWEEP]) {
      assert.equal(wordAfter({ outcome: 'restarted' }, { ...undone, restartedAt }), 'revertedBefore');
    }
  });
});
