/** Whatever the moment of a SIGKILL, and however often in one night: the next runs do the rest, and nothing twice. */
import { test } from 'node:test';
import { killAtRandom } from './random-kills.ts';

/** FAULTS_SEED repeats the choices of an earlier time, though not the hurry of its machine. */
const SEED = process.env['FAULTS_SEED'] ?? String(Date.now());

test(`200 runs killed at random moments (seed ${SEED})`, async t => {
  const { kills, nights } = await killAtRandom(200, { seed: SEED, lanes: 6 });
  t.diagnostic(`${kills} runs killed in ${nights} nights`);
});
