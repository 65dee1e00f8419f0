/**
 * Thousands of nights in which everything goes wrong, with the worker's own `run`: what must hold whatever happens is held
 * against each of its steps. The same stories every time; `npm run simulate -- --seeds 100000` plays more of them.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MISCHIEF } from './mischief.ts';
import { simulate } from './simulate.ts';
import { Tally } from './tally.ts';
import { toldFailure } from './told.ts';

const SEEDS = 1_500;

/** Faults that were found here: stories that end badly where one of them is back (`npm run simulate:mutants`). */
const FOUND: Readonly<Record<string, number>> = {
  'old Pods on their way out do not count after a crash, nor does a start whose T was not saved': 198,
  'a clock that jumps back before the first start': 484,
  'our own late PATCH is taken for an undo': 536,
  'a restart for other criteria is the canary': 778,
  'a process that stood still between the gates and the spare Pod': 1_415,
  'a StatefulSet that was scaled before its start counts as one that was taken back': 101_917,
  'and is not tried again': 162_237,
  'a StatefulSet with a Pod that is not available loses another one': 33_661,
  'a Pod on its way out is as good as its successor, so that nobody waits for that': 189_821,
  'evictions go on although the checkpoint knows their end': 113_389,
  'whoever restarts what is evicted, by a clock behind ours, takes that back': 100_005,
  'the spare Pod is taken back while an eviction without an answer may still be carried out': 2_102_215,
  'an answer that got lost leaves the spare Pod': 1_610_007,
  'the status changes before each PATCH that takes the spare Pod back': 1_307_507,
  'a process that stood still between the look and that PATCH': 4_011_119,
  'what is left may have been started': 1_312_735,
  'what an earlier run made and has aged since is ineffective': 3_070_205,
  'a template that was rolled back takes an eviction back': 4_001_115,
};

/** What happens on the ways that leave the template as it is. */
const OF_WAYS = ['evicted', 'evictionBlocked', 'spareAdded', 'spareReturned', 'replicasTakenBack'];

async function holds(seed: number, tally?: Tally): Promise<void> {
  const result = await simulate(seed);
  tally?.add(result);
  if (result.broken !== undefined) assert.fail(await toldFailure(seed));
}

describe('whatever goes wrong at any await, all invariants hold', () => {
  for (const [fault, seed] of Object.entries(FOUND)) test(`${fault} (seed ${seed})`, () => holds(seed));

  test(`in ${SEEDS} stories, in which all that can go wrong does`, async t => {
    const tally = new Tally();
    for (let seed = 0; seed < SEEDS; seed++) await holds(seed, tally);
    t.diagnostic(String(tally));
    const missing = [...MISCHIEF.map(([, kind]) => kind), ...OF_WAYS].filter(kind => !tally.met.has(kind));
    assert.deepEqual(missing, []);
  });

  test('a seed tells the same story every time', async () => {
    for (const seed of [7, 77, 777]) {
      const [first, again] = [await simulate(seed, { isTraced: true }), await simulate(seed, { isTraced: true })];
      assert.ok(first.trace.length > 20);
      assert.equal(again.digest, first.digest);
    }
  });
});
