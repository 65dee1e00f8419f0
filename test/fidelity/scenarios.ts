import { ANSWERS } from './answers.ts';
import { KINDS_NIGHTS, KINDS_ROLL } from './kinds.ts';
import { NIGHTS } from './nights.ts';
import { ROLLOUTS } from './rollouts.ts';
import type { Scenario } from './theatre.ts';

/**
 * What is played in the simulator and on a real control plane and ends as it says, each with the part of this that it is
 * about: where the two differ, the simulator is wrong.
 */
export const SCENARIOS: Readonly<Record<string, readonly Scenario[]>> = {
  'what a rollout looks like': ROLLOUTS,
  'what the API server answers': ANSWERS,
  'what a run makes of it': NIGHTS,
  'what rollouts of other kinds look like': KINDS_ROLL,
  'what a run makes of other kinds': KINDS_NIGHTS,
};
