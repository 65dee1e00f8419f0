import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { leftInBatch, makePlan, type Plan } from '../../src/domain/plan.ts';
import { aLeave, anInFlight, aRestart } from '../build.ts';

const RAMP = { sizes: [1, 5, 20], place: 0, probing: false };
const some = (count: number) => Array.from({ length: count }, (_, index) => aRestart({ name: `w${index}` }));
const sizesOf = ({ batches }: Pick<Plan, 'batches'>): number[] => batches.map(batch => batch.length);

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
