import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { staleReason } from '../../src/domain/staleness.ts';
import { aFreshPod, aPod, aPolicy, BEGIN, DAY, HOUR, SECOND, T, WANTS_PROXY_2 } from '../build.ts';

const AGE = { begin: BEGIN, restartedAt: undefined };
const WEEK = aPolicy().stale;
const PROXY_2 = aPolicy({ stale: WANTS_PROXY_2 }).stale;

describe('age is measured from the creation of a Pod to the begin of the sweep', () => {
  for (const { edge, because, stale } of [
    { edge: -1, because: 'a Pod a millisecond younger than the limit is fresh', stale: false },
    { edge: 0, because: 'a Pod as old as the limit is fresh', stale: false },
    { edge: 1, because: 'a Pod a millisecond older than the limit is stale', stale: true },
  ]) {
    test(because, () => {
      const pod = aPod({ createdAt: BEGIN - 7 * DAY - edge });
      assert.equal(staleReason([pod], WEEK, AGE)?.why, stale ? 'podTooOld' : undefined);
    });
  }

  test('a Pod that was made after the sweep began is fresh', () => {
    assert.equal(staleReason([aPod({ createdAt: BEGIN + DAY })], WEEK, AGE), undefined);
  });

  test("a Pod that carries this sweep's T is fresh, whatever the clocks say", () => {
    const pod = aPod({ restartedAt: T });
    assert.equal(staleReason([pod], WEEK, { begin: BEGIN, restartedAt: T }), undefined);
    assert.equal(staleReason([pod], WEEK, AGE)?.why, 'podTooOld');
  });

  test('a Pod that carries another T counts by its age', () => {
    const pod = aPod({ restartedAt: '2026-10-01T01:00:00Z' });
    assert.equal(staleReason([pod], WEEK, { begin: BEGIN, restartedAt: T })?.why, 'podTooOld');
  });

  test('the detail has the oldest and the limit', () => {
    const pods = [8 * DAY, 9 * DAY + 2 * HOUR + 700, 3 * SECOND].map(age => aPod({ createdAt: BEGIN - age }));
    assert.equal(staleReason(pods, WEEK, AGE)?.detail, 'oldest Pod is from 2026-11-14T22:59:59Z, the limit is 7d');
  });
});

describe('an image is one of those that are wanted, letter by letter', () => {
  for (const { image, stale } of [
    { image: 'proxy:1', stale: true },
    { image: 'proxy:2', stale: false },
    { image: 'proxy:2 ', stale: true },
    { image: 'proxy:2-distroless', stale: true },
    { image: 'docker.io/proxy:2', stale: true },
    { image: '', stale: true },
  ]) {
    test(`${JSON.stringify(image)} is ${stale ? 'stale' : 'fresh'}`, () => {
      const pod = aPod({ images: [{ container: 'proxy', image }] });
      assert.equal(staleReason([pod], PROXY_2, AGE)?.why, stale ? 'containerImage' : undefined);
    });
  }

  test('any of several images will do', () => {
    const { stale } = aPolicy({ stale: [{ container: 'proxy', imageNot: ['proxy:2', 'proxy:1'] }] });
    assert.equal(staleReason([aPod()], stale, AGE), undefined);
  });

  test('a Pod without the container is fresh', () => {
    assert.equal(staleReason([aPod({ images: [{ container: 'app', image: 'app:1' }] })], PROXY_2, AGE), undefined);
  });

  test("this sweep's T does not excuse an image", () => {
    const pod = aPod({ restartedAt: T });
    assert.equal(staleReason([pod], PROXY_2, { begin: BEGIN, restartedAt: T })?.why, 'containerImage');
  });

  test('the detail names every image that the stale Pods run', () => {
    const old = ['proxy:1', 'proxy:0', 'proxy:1'].map(image => aPod({ images: [{ container: 'proxy', image }] }));
    assert.equal(staleReason([...old, aFreshPod()], PROXY_2, AGE)?.detail, 'proxy runs proxy:0, proxy:1');
  });
});

describe('of several criteria', () => {
  const both = aPolicy({ stale: [...WANTS_PROXY_2, { podOlderThan: '7d' }] }).stale;

  test('the first of the policy that any Pod matches is the reason', () => {
    assert.equal(staleReason([aPod()], both, AGE)?.why, 'containerImage');
    assert.equal(staleReason([aPod()], both.toReversed(), AGE)?.why, 'podTooOld');
  });

  test('any one is enough, and so is one Pod', () => {
    const old = aFreshPod({ createdAt: BEGIN - 8 * DAY });
    assert.equal(staleReason([aFreshPod(), old], both, AGE)?.why, 'podTooOld');
  });

  test('none matches where there are no Pods', () => assert.equal(staleReason([], both, AGE), undefined));
});
