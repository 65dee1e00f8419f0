import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { playReally } from './real.ts';
import { SCENARIOS } from './scenarios.ts';

for (const [what, scenarios] of Object.entries(SCENARIOS)) {
  describe(`a real cluster shows ${what}`, { concurrency: 6 }, () => {
    for (const scenario of scenarios) {
      test(scenario.title, async () => assert.deepEqual(await playReally(scenario), scenario.ends));
    }
  });
}
