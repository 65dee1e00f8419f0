/** A sample of test/faults: a few nights whose runs are killed at random moments. */
import { test } from 'node:test';
import { killAtRandom } from '../faults/random-kills.ts';

test('runs that are killed at random moments restart each workload once, and all are fresh in the end', async t => {
  const seed = String(Date.now());
  const { kills, nights } = await killAtRandom(8, { seed, lanes: 3 });
  t.diagnostic(`seed ${seed}: ${kills} runs killed in ${nights} nights`);
});
