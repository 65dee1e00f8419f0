import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Injection } from '../../src/domain/drift.ts';
import type { Kind, Pod } from '../../src/domain/model.ts';
import type { Criterion } from '../../src/domain/policy.ts';
import { stalenessOf, unseenContainers, type AgeReference, type Staleness } from '../../src/domain/staleness.ts';
import { aFreshPod, aPod, aPolicy, BEGIN, DAY, HOUR, imagesOf, SECOND, T, WANTS_PROXY_2 } from '../build.ts';

const AGE = { begin: BEGIN, restartedAt: undefined };
const WEEK = aPolicy().stale;
const judged = (
  pods: readonly Pod[],
  stale: readonly Criterion[],
  age: AgeReference,
  more: {
    readonly kind?: Kind;
    readonly injection?: Injection;
    readonly configChanges?: ReadonlyMap<string, number>;
  } = {},
): Staleness =>
  stalenessOf(
    { namespace: 'shop', kind: 'Deployment', pods, age, injection: undefined, configChanges: new Map(), ...more },
    stale,
  );
/** The reason, `unknown`, or undefined for fresh. */
const codeOf = (staleness: Staleness): string | undefined =>
  staleness.kind === 'stale' ? staleness.why : staleness.kind === 'unknown' ? 'unknown' : undefined;
const codeFor = (...given: Parameters<typeof judged>): string | undefined => codeOf(judged(...given));
const detailFor = (...given: Parameters<typeof judged>): string | undefined => {
  const staleness = judged(...given);
  return staleness.kind === 'fresh' ? undefined : staleness.detail;
};
const PROXY_2 = aPolicy({ stale: WANTS_PROXY_2 }).stale;

describe('age is measured from the creation of a Pod to the begin of the sweep', () => {
  for (const { edge, because, stale } of [
    { edge: -1, because: 'a Pod a millisecond younger than the limit is fresh', stale: false },
    { edge: 0, because: 'a Pod as old as the limit is fresh', stale: false },
    { edge: 1, because: 'a Pod a millisecond older than the limit is stale', stale: true },
  ]) {
    test(because, () => {
      const pod = aPod({ createdAt: BEGIN - 7 * DAY - edge });
      assert.equal(codeFor([pod], WEEK, AGE), stale ? 'podTooOld' : undefined);
    });
  }

  test('a Pod of a Rollout is of this sweep when it is not from before T, whatever it carries', () => {
    const age = { begin: BEGIN, restartedAt: T };
    const limit = aPolicy({ stale: [{ podOlderThan: '1s' }] }).stale;
    const late = { ...age, begin: Date.parse(T) + HOUR };
    assert.equal(codeFor([aPod({ createdAt: Date.parse(T) })], limit, late, { kind: 'Rollout' }), undefined);
    assert.equal(codeFor([aPod({ createdAt: Date.parse(T) })], limit, late), 'podTooOld');
    const before = aPod({ createdAt: Date.parse(T) - SECOND, restartedAt: T });
    assert.equal(codeFor([before], limit, late, { kind: 'Rollout' }), 'podTooOld');
  });

  test('a Pod that was made after the sweep began is fresh', () => {
    assert.equal(codeFor([aPod({ createdAt: BEGIN + DAY })], WEEK, AGE), undefined);
  });

  test("a Pod that carries this sweep's T is fresh, whatever the clocks say", () => {
    const pod = aPod({ restartedAt: T });
    assert.equal(codeFor([pod], WEEK, { begin: BEGIN, restartedAt: T }), undefined);
    assert.equal(codeFor([pod], WEEK, AGE), 'podTooOld');
  });

  test('a Pod that carries another T counts by its age', () => {
    const pod = aPod({ restartedAt: '2026-10-01T01:00:00Z' });
    assert.equal(codeFor([pod], WEEK, { begin: BEGIN, restartedAt: T }), 'podTooOld');
  });

  test('a Pod that nobody knows the age of makes its workload unknown', () => {
    assert.equal(codeFor([aPod(), aPod({ createdAt: 0 })], WEEK, AGE), 'unknown');
    assert.equal(codeFor([aPod({ createdAt: 0, restartedAt: T })], WEEK, { begin: BEGIN, restartedAt: T }), undefined);
  });

  test('the detail has the oldest and the limit', () => {
    const pods = [8 * DAY, 9 * DAY + 2 * HOUR + 700, 3 * SECOND].map(age => aPod({ createdAt: BEGIN - age }));
    assert.equal(detailFor(pods, WEEK, AGE), 'oldest Pod is from 2026-11-14T22:59:59Z, the limit is 7d');
  });
});

describe('an image is one of those that are wanted, as references', () => {
  for (const { image, stale } of [
    { image: 'proxy:1', stale: true },
    { image: 'proxy:2', stale: false },
    { image: 'proxy:2-distroless', stale: true },
    { image: 'docker.io/library/proxy:2', stale: false },
    { image: 'docker.io/acme/proxy:2', stale: true },
    { image: 'registry.example/proxy:2', stale: true },
    { image: '', stale: true },
  ]) {
    test(`${JSON.stringify(image)} is ${stale ? 'stale' : 'fresh'}`, () => {
      const pod = aPod({ images: [{ container: 'proxy', image, imageId: undefined }] });
      assert.equal(codeFor([pod], PROXY_2, AGE), stale ? 'containerImage' : undefined);
    });
  }

  const [DIGEST, OTHER] = ['a', 'b'].map(digit => `sha256:${digit.repeat(64)}`);
  const pinned = aPolicy({ stale: [{ container: 'proxy', imageNot: [`proxy@${DIGEST}`] }] }).stale;
  for (const { what, imageId, code } of [
    {
      what: 'what the node runs has the digest that is wanted',
      imageId: `docker.io/library/proxy@${DIGEST}`,
      code: undefined,
    },
    {
      what: 'what the node runs has another digest',
      imageId: `docker.io/library/proxy@${OTHER}`,
      code: 'containerImage',
    },
    { what: 'the node has not told', imageId: undefined, code: 'unknown' },
    { what: 'the node tells only the digest of the configuration', imageId: DIGEST, code: 'unknown' },
  ]) {
    test(`with a digest in the policy a Pod is ${code ?? 'fresh'} when ${what}`, () => {
      const pod = aPod({ images: [{ container: 'proxy', image: 'proxy:2', imageId }] });
      assert.equal(codeFor([pod], pinned, AGE), code);
    });
  }

  test('one Pod that is stale for sure is enough, whatever is not known of another', () => {
    const pods = [undefined, `proxy@${OTHER}`].map(imageId =>
      aPod({ images: [{ container: 'proxy', image: 'proxy:2', imageId }] }),
    );
    assert.equal(codeFor(pods, pinned, AGE), 'containerImage');
    assert.equal(
      detailFor(pods, pinned, AGE),
      `proxy runs proxy:2@${OTHER}, wanted is docker.io/library/proxy@${DIGEST}`,
    );
  });

  test('any of several images will do', () => {
    const { stale } = aPolicy({ stale: [{ container: 'proxy', imageNot: ['proxy:2', 'proxy:1'] }] });
    assert.equal(codeFor([aPod()], stale, AGE), undefined);
  });

  test('a Pod without the container is fresh', () => {
    assert.equal(codeFor([aPod({ images: imagesOf('app:1') })], PROXY_2, AGE), undefined);
  });

  test("this sweep's T does not excuse an image", () => {
    const pod = aPod({ restartedAt: T });
    assert.equal(codeFor([pod], PROXY_2, { begin: BEGIN, restartedAt: T }), 'containerImage');
  });

  test('the detail names every image that the stale Pods run', () => {
    const old = ['proxy:1', 'proxy:0', 'proxy:1'].map(image => aPod({ images: imagesOf(image) }));
    assert.equal(
      detailFor([...old, aFreshPod()], PROXY_2, AGE),
      'proxy runs proxy:0, proxy:1, wanted is docker.io/library/proxy:2',
    );
  });
});

describe('of several criteria', () => {
  const both = aPolicy({ stale: [...WANTS_PROXY_2, { podOlderThan: '7d' }] }).stale;

  test('the first of the policy that any Pod matches is the reason', () => {
    assert.equal(codeFor([aPod()], both, AGE), 'containerImage');
    assert.equal(codeFor([aPod()], both.toReversed(), AGE), 'podTooOld');
  });

  test('any one is enough, and so is one Pod', () => {
    const old = aFreshPod({ createdAt: BEGIN - 8 * DAY });
    assert.equal(codeFor([aFreshPod(), old], both, AGE), 'podTooOld');
  });

  test('none matches where there are no Pods', () => assert.equal(codeFor([], both, AGE), undefined));
});

describe('containers that a policy names', () => {
  const { stale } = aPolicy({
    stale: [
      { container: 'app', imageNot: ['app:1'] },
      { container: 'proxi', imageNot: ['proxy:2'] },
      { injection: 'drift', containers: ['proxy', 'inti'] },
    ],
  });
  const unseen = (...images: readonly string[]) =>
    unseenContainers(stale, [[], [aPod({ images: imagesOf(...images) })]]);

  test('are told when no Pod has them', () => assert.deepEqual(unseen('app:1', 'proxy:1'), ['proxi', 'inti']));
  test('are seen on any Pod', () => assert.deepEqual(unseen('app:1', 'proxi:1', 'inti:1', 'proxy:1'), []));
});

describe('configuration that a Pod read when it started', () => {
  const { stale } = aPolicy({ stale: [{ configChanged: {} }] });
  const CREATED = BEGIN - HOUR;
  const pod = aPod({ createdAt: CREATED, reads: ['configmap/settings', 'secret/key'] });
  const at = (milliseconds: number, name = 'configmap/shop/settings') => ({
    configChanges: new Map([[name, milliseconds]]),
  });

  for (const { what, changes, code } of [
    { what: 'that changed a second later makes it stale', changes: at(CREATED + SECOND), code: 'configChanged' },
    { what: 'that changed in the same second was there already', changes: at(CREATED), code: undefined },
    { what: 'that changed before was there already', changes: at(CREATED - SECOND), code: undefined },
    { what: 'of another name is nothing to it', changes: at(BEGIN, 'configmap/shop/other'), code: undefined },
    { what: 'of another namespace is nothing to it', changes: at(BEGIN, 'configmap/bank/settings'), code: undefined },
    { what: 'of another kind is nothing to it', changes: at(BEGIN, 'secret/shop/settings'), code: undefined },
    { what: 'may be a Secret', changes: at(BEGIN, 'secret/shop/key'), code: 'configChanged' },
    { what: 'is looked for in vain where it was deleted', changes: { configChanges: new Map() }, code: undefined },
  ]) {
    test(what, () => assert.equal(codeFor([pod], stale, AGE, changes), code));
  }

  test('is unknown when nobody knows when that was', () => {
    assert.equal(codeFor([{ ...pod, createdAt: 0 }], stale, AGE, at(BEGIN)), 'unknown');
  });

  test("and that changes after this sweep's restart belongs to the next sweep", () => {
    const restarted = aPod({ ...pod, restartedAt: T });
    assert.equal(codeFor([restarted], stale, { begin: BEGIN, restartedAt: T }, at(BEGIN)), undefined);
  });

  test('is named, the latest first', () => {
    const changes = new Map([
      ['configmap/shop/settings', CREATED + SECOND],
      ['secret/shop/key', CREATED + 2 * SECOND],
    ]);
    assert.equal(
      detailFor([pod], stale, AGE, { configChanges: changes }),
      'Secret key changed at 2026-11-24T00:00:02Z, after its Pods started, and 1 more changed since',
    );
  });
});

describe('what admission would make of a Pod', () => {
  const drift = aPolicy({ stale: [{ podOlderThan: '7d' }, { injection: 'drift' }] }).stale;
  const injections = {
    same: { kind: 'same', detail: '', resolved: { containers: 'a', settings: 'a' } },
    drifted: { kind: 'drifted', inContainers: true, detail: 'another', resolved: { containers: 'a', settings: 'a' } },
    unknown: { kind: 'unknown', detail: 'nobody answers' },
  } as const;

  test('that differs from its Pods makes a workload stale', () => {
    assert.equal(codeFor([aFreshPod()], drift, AGE, { injection: injections.drifted }), 'injectionDrift');
    assert.equal(codeFor([aFreshPod()], drift, AGE, { injection: injections.same }), undefined);
  });

  test('and that is not known forbids every other criterion, too', () => {
    assert.equal(codeFor([aPod()], drift, AGE, { injection: injections.unknown }), 'unknown');
    assert.equal(codeFor([aPod()], drift, AGE), 'unknown', 'nobody was asked');
    assert.equal(codeFor([aPod()], drift, AGE, { injection: injections.same }), 'podTooOld');
  });
});
