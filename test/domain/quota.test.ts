import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Strategy } from '../../src/domain/model.ts';
import { ONE } from '../../src/domain/quantity.ts';
import {
  needsRoom,
  quotaTooSmall,
  shortagesOf,
  type Newcomers,
  type PodUsage,
  type Quota,
} from '../../src/domain/quota.ts';
import type { Selector } from '../../src/domain/selector.ts';
import { aQuota, aUsage, aWorkload, type GivenWorkload } from '../build.ts';

const rolling = (maxSurge: number | string, maxUnavailable: number | string): Strategy => ({
  kind: 'rollingUpdate',
  maxSurge,
  maxUnavailable,
});

const one = (usage: PodUsage): readonly Newcomers[] => [{ usage, count: 1 }];
const lacking = (quotas: readonly Quota[], usage: Parameters<typeof aUsage>[0]) =>
  shortagesOf(quotas, one(aUsage(usage))).map(({ quota, resource }) => `${quota} ${resource}`);

describe('a quota has room for one more Pod', () => {
  for (const { because, quota, usage, lacks } of [
    { because: 'when exactly that is left', quota: { hard: { pods: '4' }, used: { pods: '3' } }, lacks: [] },
    { because: 'but not when it is full', quota: { hard: { pods: '3' }, used: { pods: '3' } }, lacks: ['pods'] },
    { because: 'but not when it is overfull', quota: { hard: { pods: '2' }, used: { pods: '3' } }, lacks: ['pods'] },
    {
      because: 'by a billionth',
      quota: { hard: { cpu: '1' }, used: { cpu: '500m' } },
      usage: { cpu: '500m' },
      lacks: [],
    },
    {
      because: 'and lacks a billionth',
      quota: { hard: { cpu: '1' }, used: { cpu: '500m' } },
      usage: { cpu: '500000001n' },
      lacks: ['cpu'],
    },
    {
      because: 'when the Pod takes nothing of what is used up',
      quota: {
        hard: { 'requests.nvidia.com/gpu': '1', pods: '9' },
        used: { 'requests.nvidia.com/gpu': '1', pods: '3' },
      },
      lacks: [],
    },
    {
      because: 'of all that it takes',
      quota: {
        hard: { pods: '3', 'limits.memory': '4Gi', 'requests.cpu': '2' },
        used: { pods: '3', 'limits.memory': '3.5Gi', 'requests.cpu': '1' },
      },
      usage: { pods: '1', 'limits.memory': '1Gi', 'requests.cpu': '1' },
      lacks: ['pods', 'limits.memory'],
    },
    { because: 'where nobody has counted yet', quota: { hard: { pods: '3' }, used: {} }, lacks: [] },
    {
      because: 'where it cannot be told whom it counts',
      quota: { counts: undefined, hard: { pods: '3' }, used: { pods: '3' } },
      lacks: [],
    },
  ] as const) {
    test(because, () => {
      assert.deepEqual(
        lacking([aQuota({ name: 'q', ...quota })], usage ?? { pods: '1' }),
        lacks.map(resource => `q ${resource}`),
      );
    });
  }

  test('only where each of the namespace has', () => {
    const full = { hard: { pods: '3' }, used: { pods: '3' } };
    const quotas = [aQuota({ name: 'a', ...full }), aQuota({ name: 'b' }), aQuota({ name: 'c', ...full })];
    assert.deepEqual(lacking(quotas, { pods: '1' }), ['a pods', 'c pods']);
  });

  const burst = [{ kind: 'in', key: 'PriorityClass', values: ['burst'] }] as const satisfies Selector;

  test('or does not count it, by its scopes', () => {
    const quota = aQuota({ counts: burst, hard: { pods: '3' }, used: { pods: '3' } });
    for (const [priorityClass, count] of [
      ['burst', 1],
      ['other', 0],
    ] as const) {
      const usage = { ...aUsage({ pods: '1' }), scopes: { PriorityClass: priorityClass } };
      assert.equal(shortagesOf([quota], one(usage)).length, count);
    }
  });

  test('or for all that are to come, as far as it counts them', () => {
    const quota = aQuota({ counts: burst, hard: { pods: '6' }, used: { pods: '3' } });
    const usage = { ...aUsage(), scopes: { PriorityClass: 'burst' } };
    const needs = (...newcomers: readonly Newcomers[]) =>
      shortagesOf([quota], newcomers).map(({ needed, left }) => [needed / ONE, left / ONE]);
    assert.deepEqual(needs(), []);
    assert.deepEqual(needs({ usage, count: 0 }), []);
    assert.deepEqual(needs({ usage, count: 3 }), []);
    assert.deepEqual(needs({ usage, count: 3 }, { usage, count: 0 }), []);
    assert.deepEqual(needs({ usage, count: 3 }, { usage, count: 1 }), [[4n, 3n]]);
    assert.deepEqual(needs({ usage, count: 1.5 }, { usage, count: 2 }), [[4n, 3n]]);
    assert.deepEqual(needs({ usage: aUsage(), count: 9 }), []);
  });
});

describe('a rollout', () => {
  for (const [because, given, needs] of [
    ['that surges and may have nothing unavailable needs room', { strategy: rolling(1, 0) }, true],
    ['of the default strategy needs room with three replicas', { strategy: rolling('25%', '25%') }, true],
    ['of the default strategy needs none with four', { strategy: rolling('25%', '25%'), replicas: 4 }, false],
    ['that surges by much needs no more than one', { strategy: rolling('100%', 0) }, true],
    ['that may have one unavailable needs none', { strategy: rolling(1, 1) }, false],
    ['that does not surge needs none', { strategy: rolling(0, 1) }, false],
    ['by which everything goes first needs none', { strategy: { kind: 'recreate' } }, false],
    ['that nothing comes of needs none', { strategy: { kind: 'onDelete' } }, false],
    ['beside one that failed takes its room', { strategy: rolling(1, 0), status: { replicas: 4 } }, false],
  ] as const satisfies readonly (readonly [string, GivenWorkload, boolean])[]) {
    test(because, () => assert.equal(needsRoom(aWorkload(given), 'rollout'), needs));
  }
});

test('a restart by evictions needs no room, and one with a spare Pod needs some whatever the strategy', () => {
  for (const given of [{ strategy: rolling(1, 0) }, { strategy: { kind: 'recreate' } }] as const) {
    assert.deepEqual([needsRoom(aWorkload(given), 'evict'), needsRoom(aWorkload(given), 'replace')], [false, true]);
  }
});

describe('what is left for its quota', () => {
  const shortages = (hard: Record<string, string>, used: Record<string, string>, usage: Record<string, string>) =>
    shortagesOf([aQuota({ name: 'compute', hard, used })], one(aUsage(usage)));
  const few = shortages({ 'requests.cpu': '4' }, { 'requests.cpu': '3800m' }, { 'requests.cpu': '500m' });
  const detail = 'no room for the Pod that its restart begins with: ResourceQuota compute has';

  test('is told with the quota, the resource, what is needed and what is left', () => {
    assert.deepEqual(quotaTooSmall(aWorkload(), 'rollout', few), {
      why: 'quotaTooSmall',
      detail: `${detail} 200m of 4 left for requests.cpu, 500m is needed`,
    });
  });

  test('is told with all that is lacking, but for what nobody would read', () => {
    const all = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map(name => [`requests.example.com/${name}`, '1']));
    const told = quotaTooSmall(aWorkload(), 'rollout', shortages(all, all, all))?.detail ?? '';
    const lacks = (name: string) => `has nothing of 1 left for requests.example.com/${name}, 1 is needed`;
    assert.equal(
      told,
      `${detail.slice(0, -4)} ${['a', 'b', 'c'].map(lacks).join('; ResourceQuota compute ')}; and 2 more`,
    );
  });

  test('is nothing that goes on without a Pod more', () => {
    assert.equal(quotaTooSmall(aWorkload({ strategy: rolling(1, 1) }), 'rollout', few), undefined);
  });

  test('is nothing that has room', () => {
    assert.equal(quotaTooSmall(aWorkload(), 'rollout', []), undefined);
  });
});
