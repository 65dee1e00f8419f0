import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { leftInBatch, makePlan, type Plan } from '../../src/domain/plan.ts';
import { aLeave, anInFlight, aRestart, LAST_MONTH } from '../build.ts';

const RAMP = { sizes: [1, 5, 20], place: 0, probing: false };
const some = (count: number) => Array.from({ length: count }, (_, index) => aRestart({ name: `w${index}` }));
const sizesOf = ({ batches }: Pick<Plan, 'batches'>): number[] => batches.map(batch => batch.length);
const namesOf = ({ batches }: Plan): string[] => batches.flat().map(({ workload }) => workload.name);

describe('batches follow the sizes of the ramp, and the last one repeats', () => {
  for (const { restarts, sizes = [1, 5, 20], place = 0, batches } of [
    { restarts: 0, batches: [] },
    { restarts: 1, batches: [1] },
    { restarts: 2, batches: [1, 1] },
    { restarts: 6, batches: [1, 5] },
    { restarts: 7, batches: [1, 5, 1] },
    { restarts: 60, batches: [1, 5, 20, 20, 14] },
    { restarts: 5, sizes: [2], batches: [2, 2, 1] },
    { restarts: 5, sizes: [1000], batches: [5] },
    { restarts: 10, place: 1, batches: [5, 5] },
    { restarts: 10, place: 2, batches: [4, 6] },
    { restarts: 30, place: 6, batches: [20, 10] },
    { restarts: 30, place: 26, batches: [20, 10] },
    { restarts: 30, place: 30, batches: [16, 14] },
  ]) {
    test(`${restarts} restarts of sizes ${sizes.join(', ')} after ${place} are ${batches.join(', ') || 'none'}`, () => {
      assert.deepEqual(sizesOf(makePlan(some(restarts), { sizes, place, probing: false })), batches);
    });
  }
});

describe('a batch has room', () => {
  for (const [place, room] of [
    [0, 1],
    [1, 5],
    [2, 4],
    [5, 1],
    [6, 20],
    [25, 1],
    [26, 20],
    [27, 19],
    [46, 20],
  ] as const) {
    test(`for ${room} at place ${place}`, () => assert.equal(leftInBatch([1, 5, 20], place), room));
  }
});

test('restarts of an earlier run are no part of a batch', () => {
  const flying = [anInFlight({ name: 'f1' }), anInFlight({ name: 'f2' })];
  const plan = makePlan([...some(9), ...flying], { ...RAMP, place: 3 });
  assert.deepEqual(plan.inFlight, flying);
  assert.deepEqual(sizesOf(plan), [3, 6]);
});

describe('after an ineffective restart', () => {
  test('the first batch is of one, and the plan hopes that it helps', () => {
    assert.deepEqual(sizesOf(makePlan(some(30), { ...RAMP, place: 6, probing: true })), [1, 19, 10]);
  });

  test('and nothing to restart there is no batch', () => {
    assert.deepEqual(makePlan([], { ...RAMP, probing: true }).batches, []);
  });
});

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
      assert.deepEqual(namesOf(makePlan(restarts, RAMP)), order);
      assert.deepEqual(namesOf(makePlan(restarts.toReversed(), RAMP)), order);
    });
  }

  for (const priority of ['', 'high', '1.5', '1e3', '0x10', '9'.repeat(10), ' ', '١']) {
    test(`and ${JSON.stringify(priority)} is no priority`, () => {
      const restarts = [
        aRestart({ name: 'b', priority }),
        aRestart({ name: 'a' }),
        aRestart({ name: 'c', priority: '1' }),
      ];
      assert.deepEqual(namesOf(makePlan(restarts, RAMP)), ['c', 'a', 'b']);
    });
  }

  test('with what failed before as the canary only when nothing else is left', () => {
    const failed = aRestart({ name: 'a', failedBefore: true });
    assert.deepEqual(makePlan([failed, aRestart({ name: 'b' })], RAMP).batches[0]?.[0]?.workload.name, 'b');
    assert.deepEqual(namesOf(makePlan([failed], RAMP)), ['a']);
  });
});

test('what is left is listed by name, with its reason', () => {
  const left = [
    aLeave('paused', { name: 'b' }),
    aLeave('fresh', { name: 'a' }),
    aLeave('optedOut', { namespace: 'a' }),
  ];
  assert.deepEqual(
    makePlan(left, RAMP).left.map(({ workload, why }) => `${workload.namespace}/${workload.name} ${why}`),
    ['a/web optedOut', 'shop/a fresh', 'shop/b paused'],
  );
});
