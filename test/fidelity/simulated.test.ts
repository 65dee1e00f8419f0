import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SCENARIOS } from './scenarios.ts';
import { playSimulated } from './simulated.ts';

/** Whatever the chances are, an end is an end. */
const SEEDS = 20;

for (const [what, scenarios] of Object.entries(SCENARIOS)) {
  describe(`the simulator shows ${what}`, () => {
    for (const scenario of scenarios) {
      test(scenario.title, async () => {
        for (let seed = 0; seed < SEEDS; seed++) {
          assert.deepEqual(await playSimulated(scenario, seed), scenario.ends, `seed ${seed}`);
        }
      });
    }
  });
}
