import type { Random } from './random.ts';
import type { Stage } from './stage.ts';
import { CLUSTER_MISCHIEF } from './mischief-in-cluster.ts';
import { OPERATOR_MISCHIEF } from './mischief-of-operators.ts';
import { PROCESS_MISCHIEF } from './mischief-with-runs.ts';

/** Does it, and says what it did; undefined where there was nothing to do it to. */
export type Mischief = (stage: Stage, random: Random) => string | undefined;

const ALL = { ...CLUSTER_MISCHIEF, ...OPERATOR_MISCHIEF, ...PROCESS_MISCHIEF };

export type MischiefName = keyof typeof ALL;

/** Each kind, and how often it is drawn. */
export const MISCHIEF: readonly (readonly [weight: number, kind: MischiefName])[] = [
  [4, 'scale'],
  [2, 'takeBack'],
  [2, 'gitOps'],
  [2, 'undo'],
  [2, 'setImage'],
  [2, 'otherRestart'],
  [1, 'remove'],
  [2, 'recreate'],
  [3, 'optOut'],
  [4, 'pauseRollout'],
  [3, 'relabel'],
  [2, 'evict'],
  [5, 'sicken'],
  [3, 'pin'],
  [3, 'upgrade'],
  [3, 'injectorFails'],
  [3, 'injectorIgnored'],
  [2, 'changeConfig'],
  [3, 'editLimits'],
  [3, 'editCriteria'],
  [1, 'freeze'],
  [2, 'spoilPolicy'],
  [1, 'deleteCheckpoint'],
  [1, 'emptyCheckpoint'],
  [1, 'corruptCheckpoint'],
  [3, 'relabelCheckpoint'],
  [2, 'storm'],
  [2, 'outage'],
  [3, 'sluggish'],
  [4, 'stall'],
  [2, 'deny'],
  [1, 'forbid'],
  [9, 'kill'],
  [9, 'accident'],
  [9, 'accidentSoon'],
  [7, 'pause'],
  [4, 'terminate'],
  [4, 'overlap'],
  [2, 'clockJumps'],
  [1, 'only'],
  [2, 'resume'],
];

/** Half of all waits for a restart to be in flight, because there it matters; but not for ever. */
const PATIENCE = 10 * 60_000;

export function makeMischief(kind: MischiefName, stage: Stage, random: Random): void {
  const { timeline, court } = stage;
  if (random.chance(0.5)) return make(kind, stage, random);
  const until = timeline.now + PATIENCE;
  const wait = (): void => {
    if (court.flights.flying().length > 0) timeline.after(random.int(0, 8_000), () => make(kind, stage, random));
    else if (timeline.now < until) timeline.after(3_000, wait);
  };
  wait();
}

function make(kind: MischiefName, stage: Stage, random: Random): void {
  const done = ALL[kind](stage, random);
  if (done === undefined) return;
  stage.count(kind);
  stage.trace.say('MISCHIEF', () => `${kind}: ${done}`);
}
