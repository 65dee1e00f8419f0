import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EvictAnswer, PatchAnswer } from '../src/ports.ts';
import { formatInstant } from '../src/domain/instant.ts';
import {
  aPod,
  aTrouble,
  aWorkload,
  HOUR,
  imagesOf,
  MINUTE,
  NOW,
  SECOND,
  somePods,
  T,
  type GivenWorkload,
} from './build.ts';
import { night, outcomeOf, REF, type World, type Night } from './turnover-night.ts';

const blocked: EvictAnswer = { kind: 'blocked', message: 'The disruption budget web needs 3', retryAfter: 10_000 };

describe('by evictions', () => {
  test('the stale Pods go one after the other, the oldest first, each after the replacement of the one before', async () => {
    const pods = [1, 3, 2].map(age => aPod({ name: `web-${age}`, createdAt: NOW - age * MINUTE }));
    const { landing, done, least } = await night({ way: 'evict', pods });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual(done, ['evict web-3', 'evict web-2', 'evict web-1']);
    assert.equal(least, 2);
  });

  test('what is fresh already stays', async () => {
    const fresh = aPod({ name: 'fresh', images: imagesOf('app:1', 'proxy:2') });
    const { landing, done } = await night({ way: 'evict', pods: [fresh, ...somePods(2)] });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual(done, ['evict web-1-0', 'evict web-1-1']);
  });

  test('as many go at once as its strategy lets be unavailable', async () => {
    const strategy = { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 3 } as const;
    const { landing, least, seconds } = await night({ way: 'evict', given: { replicas: 6, strategy } });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.equal(least, 3);
    assert.ok(seconds < 40, `${seconds} s`);
  });

  test('the only ready Pod stays unless downtime is allowed', async () => {
    const one = { replicas: 1 };
    const kept = await night({ way: 'evict', given: one });
    assert.equal(outcomeOf(kept.landing), 'superseded');
    assert.deepEqual(kept.done, []);
    const allowed = await night({ way: 'evict', given: { ...one, downtimeAllowed: true } });
    assert.equal(outcomeOf(allowed.landing), 'restarted');
  });

  test('a Pod that is not ready goes first, for nobody misses it', async () => {
    const pods = [...somePods(2), aPod({ name: 'broken', ready: false })];
    const given = { status: { availableReplicas: 2 } };
    const { done } = await night({ way: 'evict', pods, given });
    assert.equal(done[0], 'evict broken');
  });

  test('of a StatefulSet the highest ordinal goes first', async () => {
    const pods = [0, 10, 9].map(ordinal => aPod({ name: `web-${ordinal}` }));
    const { done } = await night({ way: 'evict', given: { kind: 'StatefulSet' }, pods });
    assert.deepEqual(
      done,
      ['evict web-10', 'evict web-9', 'evict web-0'].map(one => `${one.slice(0, 5)} (StatefulSet)${one.slice(5)}`),
    );
  });

  test('the first replacement that is stale, too, is the last', async () => {
    const { landing, done } = await night({
      way: 'evict',
      arrange: ({ cluster }) => (cluster.newPod = { images: imagesOf('app:1', 'proxy:1') }),
    });
    assert.equal(outcomeOf(landing), 'ineffective');
    assert.equal(done.length, 1);
  });

  test('so is the first that lacks a container of the ones before', async () => {
    const arrange = ({ cluster }: World) => (cluster.newPod = { images: imagesOf('app:1') });
    const { landing, done } = await night({ way: 'evict', has: ['proxy'], arrange });
    assert.equal(outcomeOf(landing), 'failed notProven');
    assert.equal(done.length, 1);
  });

  test('and the first that cannot start, which is believed after a while', async () => {
    const images = imagesOf('app:1', 'proxy:2');
    const arrange = ({ cluster }: World) => (cluster.newPod = { images, ready: false, troubles: [aTrouble()] });
    const { landing, done, seconds } = await night({ way: 'evict', arrange });
    assert.equal(outcomeOf(landing), 'failed crashLoopBackOff');
    assert.equal(done.length, 1);
    assert.ok(seconds < 30, `${seconds} s`);
  });

  test('the time that one may take counts for each Pod anew', async () => {
    const policy = { rollout: { timeout: '15s', soak: '0s' } };
    const { landing, seconds } = await night({ way: 'evict', policy });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.ok(seconds > 30, `${seconds} s`);
  });

  test('a budget is waited for, and told once', async () => {
    let asked = 0;
    const { landing, done } = await night({
      way: 'evict',
      arrange: ({ cluster }) => (cluster.onEvict = (_, apply) => (asked++ < 3 ? blocked : apply())),
    });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.equal(done.length, 6);
  });

  test('a budget that allows nothing until the time is over is a denial that names it', async () => {
    const arrange = ({ cluster }: World) => (cluster.onEvict = () => blocked);
    const { landing, seconds } = await night({ way: 'evict', arrange });
    assert.equal(outcomeOf(landing), 'denied');
    assert.match(landing.detail, /The disruption budget web needs 3/);
    assert.ok(seconds >= 120 && seconds < 150, `${seconds} s`);
  });

  test('the window closes: what was evicted is awaited, and the next one stays', async () => {
    const { landing, done, least } = await night({ way: 'evict', closesIn: 5 * SECOND });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.match(landing.detail, /2 of its Pods are still to be replaced/);
    assert.deepEqual(done, ['evict web-1-0']);
    assert.equal(least, 2);
  });

  for (const [what, given, outcome] of [
    ['changes its template', { template: 'template-2' }, 'superseded'],
    ['restarts it', { restartedAt: T }, 'superseded'],
    ['opts it out', { optedOut: true }, 'superseded'],
    ['pauses it', { paused: true }, 'superseded'],
    ['deletes it', { deleting: true }, 'gone'],
  ] as const) {
    test(`somebody ${what}: nothing more goes`, async () => {
      const { landing, done } = await night({
        way: 'evict',
        events: [[5, ({ cluster }) => cluster.update(REF, given)]],
      });
      assert.equal(outcomeOf(landing), outcome);
      assert.equal(done.length, 1);
    });
  }

  test('a run that has to end at once leaves the rest to the next one', async () => {
    const { landing, done } = await night({ way: 'evict', events: [[5, ({ observed }) => observed.close()]] });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.equal(done.length, 1);
  });

  test('half done for what the policy does not ask for any more, it is left as it is', async () => {
    const { landing, done } = await night({ way: 'evict', isWanted: false });
    assert.equal(outcomeOf(landing), 'superseded');
    assert.deepEqual(done, []);
  });

  test('an API server that never answers is no fault of the workload', async () => {
    const silent: EvictAnswer = { kind: 'unanswered', message: 'reset', retryAfter: undefined };
    const { landing, ending } = await night({
      way: 'evict',
      arrange: ({ cluster }) => (cluster.onEvict = () => silent),
    });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.equal(ending, 'error');
  });

  test('what several budgets select is never evicted, which is no fault of the others', async () => {
    const arrange = ({ cluster }: World) => (cluster.onEvict = () => ({ kind: 'never', message: 'more than one' }));
    const { landing, ending } = await night({ way: 'evict', arrange });
    assert.equal(outcomeOf(landing), 'denied');
    assert.deepEqual([landing.isOfItself, ending], [true, undefined]);
  });

  test('without the right to evict the run ends', async () => {
    const permission = { verb: 'create', resource: 'pods/eviction', namespace: 'shop' };
    const arrange = ({ cluster }: World) => (cluster.onEvict = () => ({ kind: 'forbidden', permission }));
    const { landing, ending } = await night({ way: 'evict', arrange });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.equal(ending, 'notPermitted');
  });
});

describe('gone on with by a later run', () => {
  const FRESH_ONE = aPod({ name: 'new-1', createdAt: Date.parse(T) + MINUTE, images: imagesOf('app:1', 'proxy:2') });

  test('what its old Pods have, the new ones have to have, whoever made them', async () => {
    const bare = { ...FRESH_ONE, images: imagesOf('app:1') };
    const { landing, done } = await night({ way: 'evict', isResumed: true, pods: [bare, ...somePods(2)] });
    assert.equal(outcomeOf(landing), 'failed notProven');
    assert.match(landing.detail, /lack proxy/);
    assert.deepEqual(done, []);
  });

  test('a replacement of before that is stale, too, is the last', async () => {
    const stale = { ...FRESH_ONE, images: imagesOf('app:1', 'proxy:1') };
    const { landing, done } = await night({ way: 'evict', isResumed: true, pods: [stale, ...somePods(2)] });
    assert.equal(outcomeOf(landing), 'ineffective');
    assert.deepEqual(done, []);
  });

  test('a replacement of before that has only grown too old since goes once more', async () => {
    const before = { at: formatInstant(NOW - 20 * HOUR), sweep: formatInstant(NOW - 20 * HOUR) };
    const aged = { ...FRESH_ONE, createdAt: NOW - 19 * HOUR };
    const { landing, done } = await night({
      way: 'evict',
      isResumed: true,
      record: before,
      policy: { stale: [{ podOlderThan: '12h' }] },
      pods: [aged, ...somePods(2)],
    });
    assert.deepEqual([outcomeOf(landing), done.length], ['restarted', 3]);
  });

  test('the rest goes, and what is made already stays', async () => {
    const { landing, done } = await night({ way: 'evict', isResumed: true, pods: [FRESH_ONE, ...somePods(2)] });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.equal(done.length, 2);
  });
});

describe('while it goes on', () => {
  test('too little time for another start is no reason to stop', async () => {
    const events = [[5, ({ gates }: World) => gates.close({ kind: 'notEnoughTime', detail: 'an hour' })]] as const;
    const { landing } = await night({ way: 'evict', events });
    assert.equal(outcomeOf(landing), 'restarted');
  });

  test('that nothing may start before something is ready is', async () => {
    const events = [[5, ({ gates }: World) => gates.close({ kind: 'notReady', detail: 'mesh/injector' })]] as const;
    const { landing, done } = await night({ way: 'evict', events });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.equal(done.length, 1);
  });

  test('and so is what must be ready and is not any more, whoever looks first', async () => {
    const mesh = { kind: 'Deployment' as const, namespace: 'mesh', name: 'injector' };
    const { landing, done, ending } = await night({
      way: 'evict',
      policy: { ready: [{ deployment: 'mesh/injector' }], rollout: { timeout: '30s', soak: '0s' } },
      arrange: ({ cluster }) => cluster.add(aWorkload(mesh)),
      events: [[5, ({ cluster }) => cluster.update(mesh, { replicas: 0 })]],
    });
    assert.deepEqual([outcomeOf(landing), ending], ['interrupted', 'notReady']);
    assert.equal(done.length, 1);
  });

  test('a changed policy is', async () => {
    const events = [[5, ({ gates }: World) => gates.close({ kind: 'policyChanged', detail: 'changed' })]] as const;
    const { landing, done } = await night({ way: 'evict', events });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.equal(done.length, 1);
  });

  test('the window that closes after that is, too', async () => {
    const events = [[5, ({ gates }: World) => gates.close({ kind: 'notEnoughTime', detail: 'an hour' })]] as const;
    const { landing, done } = await night({ way: 'evict', events, closesIn: 8 * SECOND });
    assert.equal(outcomeOf(landing), 'interrupted');
    assert.equal(done.length, 1);
  });

  test('somebody who scales it to one keeps its only Pod', async () => {
    const events = [[5, ({ cluster }: World) => cluster.update(REF, { replicas: 1 })]] as const;
    const { landing, done } = await night({ way: 'evict', events });
    assert.equal(outcomeOf(landing), 'superseded');
    assert.equal(done.length, 1);
  });
});

describe('with a spare Pod', () => {
  const ONE: GivenWorkload = { replicas: 1, strategy: { kind: 'recreate' } };
  const TWO: GivenWorkload = { replicas: 2 };

  test('the only Pod goes when the spare one is ready, and the replicas are what they were', async () => {
    const { landing, done, least, replicas, owed, isMarked } = await night({ way: 'replace', given: ONE });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual(done, ['rescale 2', 'evict web-1-0', 'rescale 1']);
    assert.deepEqual({ least, replicas, owed, isMarked }, { least: 1, replicas: 1, owed: undefined, isMarked: false });
  });

  test('of several none is ever missing', async () => {
    const { landing, done, least } = await night({ way: 'replace', given: TWO });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual(done, ['rescale 3', 'evict web-1-0', 'evict web-1-1', 'rescale 2']);
    assert.equal(least, 2);
  });

  for (const [what, autoscaler, says] of [
    ['has just scaled it', { min: 1, max: 9, lastScaled: NOW - MINUTE }, /autoscaler web scaled it at 2/],
    ['allows no Pod more by now', { min: 1, max: 2, lastScaled: undefined }, /allows no more than 2 Pods/],
  ] as const) {
    test(`none is added while an autoscaler ${what}, whatever the look at the cluster showed`, async () => {
      const { landing, done, isMarked } = await night({
        way: 'replace',
        given: TWO,
        arrange: ({ cluster }) => cluster.autoscalers.set('shop/web', { name: 'web', ...autoscaler }),
      });
      assert.equal(outcomeOf(landing), 'superseded');
      assert.match(landing.detail, says);
      assert.deepEqual({ done, isMarked }, { done: [], isMarked: false });
    });
  }

  for (const [what, pod, outcome] of [
    ['cannot start', { ready: false, troubles: [aTrouble({ reason: 'ImagePullBackOff' })] }, 'failed imagePull'],
    ['never becomes ready', { ready: false }, 'failed timeout'],
    ['is stale, too', { images: imagesOf('app:1', 'proxy:1') }, 'ineffective'],
  ] as const) {
    test(`one that ${what} goes again, and nothing else`, async () => {
      const arrange = ({ cluster }: World) => (cluster.newPod = { images: imagesOf('app:1', 'proxy:2'), ...pod });
      const { landing, done, least, replicas, owed } = await night({ way: 'replace', given: ONE, arrange });
      assert.equal(outcomeOf(landing), outcome);
      assert.deepEqual(done, ['rescale 2', 'rescale 1']);
      assert.deepEqual({ least, replicas, owed }, { least: 1, replicas: 1, owed: undefined });
      assert.equal(landing.isAsBefore ?? false, outcome.startsWith('failed'));
    });
  }

  for (const [what, seen, outcome] of [
    ['what they were', 2, 'reverted'],
    ['another number', 7, 'superseded'],
  ] as const) {
    test(`somebody sets the replicas to ${what}: that stays`, async () => {
      const { landing, done, replicas, owed } = await night({
        way: 'replace',
        given: TWO,
        events: [[5, ({ cluster }) => cluster.update(REF, { replicas: seen })]],
      });
      assert.equal(outcomeOf(landing), outcome);
      assert.match(landing.detail, new RegExp(`somebody set its replicas to ${seen}`));
      assert.deepEqual(done, ['rescale 3', 'rewrite']);
      assert.deepEqual({ replicas, owed }, { replicas: seen, owed: undefined });
    });
  }

  for (const [what, how] of [
    ['the window closes', { closesIn: 5 * SECOND }],
    ['somebody opts it out', { events: [[5, ({ cluster }: World) => cluster.update(REF, { optedOut: true })]] }],
    ['a budget allows no eviction', { arrange: ({ cluster }: World) => (cluster.onEvict = () => blocked) }],
  ] as const) {
    test(`${what}: the spare Pod goes again`, async () => {
      const { replicas, owed, isMarked, least } = await night({ way: 'replace', given: TWO, ...how });
      assert.deepEqual(
        { replicas, owed, isMarked, least },
        { replicas: 2, owed: undefined, isMarked: false, least: 2 },
      );
    });
  }

  describe('where it is taken back', () => {
    /** Its old Pods stay for a budget's sake, until somebody opts it out. */
    const optedOut = (more: (world: World) => void = () => undefined): Partial<Night> => ({
      given: TWO,
      arrange: world => {
        const { cluster } = world;
        cluster.onEvict = ({ name }, apply) => (name.startsWith('web') ? blocked : apply());
        more(world);
      },
      events: [[40, ({ cluster }) => cluster.update(REF, { optedOut: true })]],
    });

    test('the newest Pod goes, whomever the ReplicaSet would take', async () => {
      const { landing, done, left } = await night({ way: 'replace', ...optedOut() });
      assert.equal(outcomeOf(landing), 'superseded');
      assert.deepEqual(done.slice(-2), ['evict new-1', 'rescale 2']);
      assert.deepEqual(left, ['web-1-0', 'web-1-1']);
    });

    test('one that is not available yet goes before any that serves', async () => {
      const { done, left, least } = await night({
        way: 'replace',
        given: TWO,
        arrange: ({ cluster }) => (cluster.isAvailable = ({ name }) => name.startsWith('web')),
      });
      assert.deepEqual(done, ['rescale 3', 'evict new-1', 'rescale 2']);
      assert.deepEqual({ left, least }, { left: ['web-1-0', 'web-1-1'], least: 2 });
    });

    for (const [what, answer] of [
      ['a budget forbids that', blocked],
      ['nobody may evict', { kind: 'forbidden', permission: { verb: 'create', resource: 'pods', namespace: 'shop' } }],
      ['a webhook denies it', { kind: 'denied', message: 'no' }],
    ] as const) {
      test(`the replicas are what they were, too, where ${what}`, async () => {
        const arrange = ({ cluster }: World) => (cluster.onEvict = () => answer);
        const { replicas, owed, isMarked } = await night({ way: 'replace', ...optedOut(arrange) });
        assert.deepEqual({ replicas, owed, isMarked }, { replicas: 2, owed: undefined, isMarked: false });
      });
    }

    test('none goes but by the rollout that somebody has begun meanwhile', async () => {
      const { done, replicas } = await night({
        way: 'replace',
        ...optedOut(),
        events: [[40, ({ cluster }) => cluster.update(REF, { restartedAt: T })]],
      });
      assert.ok(!done.includes('evict new-1'), done.join());
      assert.equal(replicas, 2);
    });

    test('a run that is told to end tries it once', async () => {
      const { landing, done, replicas } = await night({
        way: 'replace',
        ...optedOut(),
        events: [[40, ({ observed }) => observed.close()]],
      });
      assert.equal(outcomeOf(landing), 'interrupted');
      assert.deepEqual(done.slice(-2), ['evict new-1', 'rescale 2']);
      assert.equal(replicas, 2);
    });

    const late = { kind: 'unanswered', message: 'reset', retryAfter: undefined } as const;

    test('an eviction that got no answer is waited for, and not taken for none', async () => {
      let asked = 0;
      const { left, least, replicas } = await night({
        way: 'replace',
        ...optedOut(({ cluster, clock }) => {
          cluster.onEvict = ({ name }, apply) => {
            if (name.startsWith('web')) return blocked;
            if (asked++ === 0) clock.after(9 * SECOND, () => void apply());
            return late;
          };
        }),
      });
      assert.deepEqual({ left, least, replicas }, { left: ['web-1-0', 'web-1-1'], least: 2, replicas: 2 });
    });

    test('a run that is told to end leaves it to the next one, where an eviction got no answer', async () => {
      const { left, replicas, isMarked } = await night({
        way: 'replace',
        ...optedOut(({ cluster }) => {
          cluster.onEvict = ({ name }) => (name.startsWith('web') ? blocked : late);
        }),
        events: [[40, ({ observed }) => observed.close()]],
      });
      assert.deepEqual({ replicas, isMarked, left: left.length }, { replicas: 3, isMarked: true, left: 3 });
    });

    test('it is not as before where the ReplicaSet had to choose', async () => {
      const { landing } = await night({
        way: 'replace',
        given: TWO,
        arrange: ({ cluster }) => {
          cluster.isAvailable = ({ name }) => name.startsWith('web');
          cluster.onEvict = () => blocked;
        },
        policy: { rollout: { timeout: '30s', soak: '0s' } },
      });
      assert.notEqual(landing.outcome, 'restarted');
      assert.equal(landing.isAsBefore, undefined);
    });

    test('what was evicted by an earlier run is not there as before', async () => {
      const { landing } = await night({
        way: 'replace',
        given: { replicas: 3 },
        record: { replicas: 2 },
        pods: [
          ...somePods(2),
          aPod({
            name: 'bad',
            images: imagesOf('app:1', 'proxy:2'),
            ready: false,
            troubles: [aTrouble({ reason: 'ImagePullBackOff' })],
          }),
        ],
      });
      assert.equal(outcomeOf(landing), 'failed imagePull');
      assert.equal(landing.isAsBefore, undefined);
    });
  });

  test('an autoscaler that takes it back says nothing about others', async () => {
    const { landing, replicas } = await night({
      way: 'replace',
      given: TWO,
      events: [
        [
          5,
          ({ cluster, clock }) => {
            cluster.update(REF, { replicas: 2 });
            cluster.autoscalers.set('shop/web', { name: 'hpa', min: 1, max: 9, lastScaled: clock.now() });
          },
        ],
      ],
    });
    assert.deepEqual([outcomeOf(landing), landing.isOfItself], ['reverted', true]);
    assert.match(landing.detail, /autoscaler hpa may have done that; somebody set its replicas to 2/);
    assert.equal(replicas, 2);
  });

  test('an answer that got lost makes no second spare Pod', async () => {
    let lost = 0;
    const { landing, done, replicas } = await night({
      way: 'replace',
      given: TWO,
      arrange: ({ cluster }) =>
        (cluster.onRescale = (_, apply): PatchAnswer => {
          const answer = apply();
          return lost++ === 0 ? { kind: 'unanswered', message: 'reset', retryAfter: undefined } : answer;
        }),
    });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual(done, ['rescale 3', 'evict web-1-0', 'evict web-1-1', 'rescale 2']);
    assert.equal(replicas, 2);
  });

  for (const [what, restartedAt, says] of [
    ['restarts it', T, /^somebody restarted it at 2/],
    ['takes its restartedAt away', undefined, /^somebody took its restartedAt away$/],
  ] as const) {
    const before = '2026-11-01T00:00:00Z';
    for (const [answered, lose] of [
      ['', false],
      [', the answer got lost', true],
    ] as const) {
      test(`somebody ${what} while there is one${answered}: it goes at once`, async () => {
        const { landing, done, replicas, owed, isMarked } = await night({
          way: 'replace',
          given: { ...TWO, restartedAt: before },
          record: { before },
          arrange: ({ cluster }) =>
            (cluster.onRescale = ({ replicas: to }, apply): PatchAnswer => {
              const answer = apply();
              if (to === 3) cluster.update(REF, { restartedAt });
              return lose && to === 3 ? { kind: 'unanswered', message: 'reset', retryAfter: undefined } : answer;
            }),
        });
        assert.equal(outcomeOf(landing), 'superseded');
        assert.match(landing.detail, says);
        assert.deepEqual(done, ['rescale 3', 'rescale 2']);
        assert.deepEqual({ replicas, owed, isMarked }, { replicas: 2, owed: undefined, isMarked: false });
      });
    }
  }

  test('while an eviction without an answer may still come true, the spare Pod stays', async () => {
    let sentAt = 0;
    const { landing, done, seconds } = await night({
      way: 'replace',
      given: ONE,
      arrange: ({ cluster, clock }) =>
        (cluster.onEvict = ({ name }, apply): EvictAnswer => {
          if (name === 'new-1') return apply();
          sentAt = clock.elapsed();
          cluster.update(REF, { optedOut: true });
          return { kind: 'unanswered', message: 'reset', retryAfter: undefined };
        }),
    });
    assert.equal(outcomeOf(landing), 'superseded');
    assert.deepEqual(done, ['rescale 2', 'evict web-1-0', 'evict new-1', 'rescale 1']);
    assert.ok(seconds * SECOND >= sentAt + 10 * SECOND, `${seconds} s`);
  });

  test('one that an earlier run left is used, and taken back', async () => {
    const spare = aPod({ name: 'spare', images: imagesOf('app:1', 'proxy:2') });
    const { landing, done, replicas, isMarked } = await night({
      way: 'replace',
      given: { replicas: 3 },
      record: { replicas: 2 },
      pods: [...somePods(2), spare],
    });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual(done, ['evict web-1-0', 'evict web-1-1', 'rescale 2']);
    assert.deepEqual({ replicas, isMarked }, { replicas: 2, isMarked: false });
  });

  test('the mark of one that was taken back by a run that could not say so goes, too', async () => {
    const { landing, done, isMarked } = await night({
      way: 'replace',
      given: TWO,
      pods: somePods(2, { images: imagesOf('app:1', 'proxy:2') }),
      isMarked: true,
    });
    assert.equal(outcomeOf(landing), 'restarted');
    assert.deepEqual({ done, isMarked }, { done: [], isMarked: false });
  });

  test('nothing is added before the checkpoint says where to look for it', async () => {
    let marked: boolean | undefined;
    await night({
      way: 'replace',
      given: TWO,
      arrange: ({ cluster, store }) =>
        (cluster.onRescale = (_, apply) => {
          marked ??= store.checkpoint.starts[0]?.spare;
          return apply();
        }),
    });
    assert.equal(marked, true);
  });

  test('where nobody may take it back, that is said, and the mark stays', async () => {
    const { landing, isMarked, owed } = await night({
      way: 'replace',
      given: ONE,
      arrange: ({ cluster }) =>
        (cluster.onRescale = ({ replicas }, apply) =>
          replicas === 2 ? apply() : { kind: 'denied', message: 'a webhook says no' }),
    });
    assert.equal(outcomeOf(landing), 'denied');
    assert.match(landing.detail, /its spare Pod is not taken back yet: a webhook says no/);
    assert.deepEqual({ isMarked, owed }, { isMarked: true, owed: 1 });
  });
});
