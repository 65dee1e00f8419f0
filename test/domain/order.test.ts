import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inOrder, type Placed } from '../../src/domain/order.ts';
import { aPolicy, aRestart, LAST_MONTH } from '../build.ts';

const namesOf = (placed: readonly Placed[]): string[] => placed.map(({ workload }) => workload.name);

describe('restarts are ordered', () => {
  for (const { by, restarts, order } of [
    {
      by: 'priority, higher first',
      restarts: ['5', undefined, '-1', '10', '+7'].map(priority => aRestart({ name: `p${priority ?? ''}`, priority })),
      order: ['p10', 'p+7', 'p5', 'p', 'p-1'],
    },
    {
      by: 'the oldest Pod, where priorities are equal',
      restarts: [0, 2, 1].map(age => aRestart({ name: `a${2 - age}`, oldestPod: LAST_MONTH + age })),
      order: ['a2', 'a1', 'a0'],
    },
    {
      by: 'name, where Pods are equally old',
      restarts: ['web', 'api', 'Web', 'web-2'].map(name => aRestart({ name })),
      order: ['Web', 'api', 'web', 'web-2'],
    },
    {
      by: 'namespace before name',
      restarts: [aRestart({ namespace: 'b', name: 'a' }), aRestart({ namespace: 'a', name: 'b' })],
      order: ['b', 'a'],
    },
    {
      by: 'priority before age',
      restarts: [aRestart({ name: 'old', oldestPod: 0 }), aRestart({ name: 'urgent', priority: '1' })],
      order: ['urgent', 'old'],
    },
    {
      by: 'failure before all else: what failed before goes last',
      restarts: [
        aRestart({ name: 'failed', failedBefore: true, priority: '100', oldestPod: 0 }),
        aRestart({ name: 'last', priority: '-100' }),
      ],
      order: ['last', 'failed'],
    },
  ]) {
    test(`by ${by}`, () => {
      assert.deepEqual(namesOf(inOrder(restarts, [])), order);
      assert.deepEqual(namesOf(inOrder(restarts.toReversed(), [])), order);
    });
  }

  for (const priority of ['', 'high', '1.5', '1e3', '0x10', '9'.repeat(10), ' ', '١']) {
    test(`and ${JSON.stringify(priority)} is no priority`, () => {
      const restarts = [
        aRestart({ name: 'b', priority }),
        aRestart({ name: 'a' }),
        aRestart({ name: 'c', priority: '1' }),
      ];
      assert.deepEqual(namesOf(inOrder(restarts, [])), ['c', 'a', 'b']);
    });
  }

  test('with what failed before as the canary only when nothing else is left', () => {
    const failed = aRestart({ name: 'a', failedBefore: true });
    assert.deepEqual(namesOf(inOrder([failed, aRestart({ name: 'b' })], [])), ['b', 'a']);
    assert.deepEqual(namesOf(inOrder([failed], [])), ['a']);
  });
});

describe('rules of the policy come after priority and before age', () => {
  const ofTier = (name: string, tier: string | undefined, given: Parameters<typeof aRestart>[0] = {}) =>
    aRestart({ name, labels: tier === undefined ? {} : { tier }, ...given });
  const TIERS = { label: 'tier', values: ['web', 'api'] };
  const TEAMS = { namespaces: ['team-a', 'team-*'] };
  const sorted = (restarts: readonly ReturnType<typeof aRestart>[], ...order: readonly object[]) =>
    inOrder(restarts.toReversed(), aPolicy({ order }).order).map(
      ({ workload, placedBy }) => `${workload.name}: ${placedBy}`,
    );

  test('a label by its values; another value, or none, comes after them', () => {
    const fleet = [
      ofTier('db', 'db', { oldestPod: 0 }),
      ofTier('bare', undefined),
      ofTier('api', 'api', { oldestPod: LAST_MONTH }),
      ofTier('young-api', 'api', { oldestPod: LAST_MONTH + 1 }),
      ofTier('web', 'web'),
    ];
    assert.deepEqual(sorted(fleet, TIERS), [
      'web: tier=web',
      'api: tier=api',
      'young-api: tier=api',
      'db: age',
      'bare: age',
    ]);
  });

  test('namespaces by the first glob that they match', () => {
    const fleet = ['team-a', 'other', 'team-b'].map(namespace => aRestart({ namespace, name: namespace }));
    assert.deepEqual(sorted(fleet, TEAMS), ['team-a: namespace team-a', 'team-b: namespace team-*', 'other: age']);
  });

  test('each rule before the next', () => {
    const fleet = [
      ofTier('b-api', 'api', { namespace: 'team-b' }),
      ofTier('a-web', 'web', { namespace: 'team-a' }),
      ofTier('a-api', 'api', { namespace: 'team-a' }),
      ofTier('b-web', 'web', { namespace: 'team-b' }),
    ];
    assert.deepEqual(namesOf(inOrder(fleet, aPolicy({ order: [TIERS, TEAMS] }).order)), [
      'a-web',
      'b-web',
      'a-api',
      'b-api',
    ]);
    assert.deepEqual(namesOf(inOrder(fleet, aPolicy({ order: [TEAMS, TIERS] }).order)), [
      'a-web',
      'a-api',
      'b-web',
      'b-api',
    ]);
  });

  test('and a priority, or a failure before, before all of them', () => {
    const fleet = [
      ofTier('broken', 'web', { failedBefore: true }),
      ofTier('urgent', 'api', { priority: '1' }),
      ofTier('web', 'web'),
      ofTier('later', 'web', { priority: '-1' }),
    ];
    assert.deepEqual(sorted(fleet, TIERS), [
      'urgent: priority 1',
      'web: tier=web',
      'later: priority -1',
      'broken: failed before',
    ]);
  });

  test('whatever a label is called', () => {
    const fleet = [aRestart({ name: 'plain', labels: {} }), aRestart({ name: 'odd', labels: { constructor: 'x' } })];
    assert.deepEqual(sorted(fleet, { label: 'constructor', values: ['x'] }), ['odd: constructor=x', 'plain: age']);
  });
});
