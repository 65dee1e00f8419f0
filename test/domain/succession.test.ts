import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nextToGo } from '../../src/domain/succession.ts';
import { aPod, aWorkload, somePods, type GivenWorkload } from '../build.ts';

const FRESH = { name: 'fresh' };

interface Case {
  readonly title: string;
  readonly way?: 'evict' | 'replace';
  readonly given?: GivenWorkload;
  readonly stale: number;
  /** Which of the fresh Pods are ready. */
  readonly fresh: readonly boolean[];
  readonly leaving?: number;
  readonly mayBeDown?: boolean;
  readonly goes: boolean;
}

const CASES: readonly Case[] = [
  { title: 'all are there', stale: 3, fresh: [], goes: true },
  { title: 'the replacement of the one before is ready', stale: 2, fresh: [true], goes: true },
  { title: 'it is not ready', stale: 2, fresh: [false], goes: false },
  { title: 'it is not made yet', stale: 2, fresh: [], goes: false },
  { title: 'the one before is still on its way out', stale: 2, fresh: [true], leaving: 1, goes: false },
  {
    title: 'it is ready, and not for as long as minReadySeconds says',
    given: { status: { availableReplicas: 2 } },
    stale: 2,
    fresh: [true],
    goes: false,
  },
  { title: 'there is no other', given: { replicas: 1 }, stale: 1, fresh: [], goes: false },
  {
    title: 'there is no other, and downtime is allowed',
    given: { replicas: 1 },
    stale: 1,
    fresh: [],
    mayBeDown: true,
    goes: true,
  },
  { title: 'its spare Pod is not made yet', way: 'replace', given: { replicas: 4 }, stale: 3, fresh: [], goes: false },
  {
    title: 'its spare Pod is not ready',
    way: 'replace',
    given: { replicas: 4 },
    stale: 3,
    fresh: [false],
    goes: false,
  },
  { title: 'its spare Pod is ready', way: 'replace', given: { replicas: 4 }, stale: 3, fresh: [true], goes: true },
  {
    title: 'one of as many as may be away is away',
    given: { replicas: 6, strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 2 } },
    stale: 5,
    fresh: [false],
    goes: true,
  },
  {
    title: 'as many as may be away are away',
    given: { replicas: 6, strategy: { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 2 } },
    stale: 4,
    fresh: [false, false],
    goes: false,
  },
];

describe('the next Pod', () => {
  for (const { title, way = 'evict', given, stale, fresh, leaving = 0, mayBeDown = false, goes } of CASES) {
    test(`${goes ? 'goes' : 'stays'} when ${title}`, () => {
      const workload = aWorkload({
        ...given,
        status: { availableReplicas: stale + fresh.filter(Boolean).length, ...given?.status },
      });
      const pods = { stale: somePods(stale), fresh: fresh.map(ready => aPod({ ...FRESH, ready })), leaving };
      assert.equal(nextToGo(pods, { workload, way, mayBeDown }) !== undefined, goes);
    });
  }
});
