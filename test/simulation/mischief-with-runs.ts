import type { Mischief } from './mischief.ts';
import type { Accident, Process } from './process.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A process that may still act, rather the latest. */
const latest = ({ cron }: Stage): Process | undefined => cron.active.filter(({ state }) => state === 'alive').at(-1);

/** It dies, and often somebody starts the next one soon. */
export function die(stage: Stage, process: Process, random: Random): void {
  process.kill(random.weighted([[7, 'terminated'] as const, [2, 'vanished'] as const, [1, 'running'] as const]));
  // A node that is lost keeps its Pod for a while.
  if (process.container === 'running') stage.timeline.after(5 * MINUTE, () => (process.container = 'vanished'));
  stage.trace.say(process.run, () => `KILLED, its container is ${process.container}`);
  startSoon(stage, random);
}

/** It stands still; its Pod may be force-deleted meanwhile, so that it wakes as a zombie. */
export function standStill(stage: Stage, process: Process, random: Random): void {
  const milliseconds = random.weighted([
    [2, random.int(1, 30) * SECOND],
    [4, random.int(30, 200) * SECOND],
    [1, random.int(3, 40) * MINUTE],
  ]);
  process.pause();
  stage.trace.say(process.run, () => `STANDS STILL for ${milliseconds / SECOND} s`);
  stage.timeline.after(milliseconds, () => {
    if (process.state === 'paused') stage.trace.say(process.run, () => 'WAKES');
    process.wake();
  });
  if (random.chance(0.6)) {
    process.container = 'vanished';
    startSoon(stage, random);
  }
}

function startSoon(stage: Stage, random: Random): void {
  if (random.chance(0.7)) stage.timeline.after(random.int(1, 70) * SECOND, () => stage.cron.tick());
}

const anAccident = (random: Random, call: number): Accident => ({
  call,
  moment: random.pick(['before', 'sent', 'effect']),
  pause: random.chance(0.5) ? 1 : undefined,
});

/** What happens to the runs themselves. */
export const PROCESS_MISCHIEF = {
  kill: ((stage, random) => {
    const process = latest(stage);
    if (process === undefined) return undefined;
    die(stage, process, random);
    return process.run;
  }) satisfies Mischief,
  /** To the next run, at one of its calls. */
  accident: (({ cron }, random) => {
    const accident = anAccident(random, random.int(1, 60));
    cron.accidents.push(accident);
    return `${accident.moment} call ${accident.call} of the next run`;
  }) satisfies Mischief,
  accidentSoon: ((stage, random) => {
    const process = latest(stage);
    if (process === undefined) return undefined;
    process.accident = anAccident(random, process.calls + random.int(1, 8));
    return `${process.accident.moment} a call of ${process.run}`;
  }) satisfies Mischief,
  pause: ((stage, random) => {
    const process = latest(stage);
    if (process === undefined) return undefined;
    standStill(stage, process, random);
    return process.run;
  }) satisfies Mischief,
  terminate: ((stage, random) => {
    const process = latest(stage);
    if (process === undefined) return undefined;
    process.terminate();
    // The kubelet's patience.
    stage.timeline.after(30 * SECOND, () => {
      if (process.isOver) return;
      const isExcused = process.state === 'paused' || process.wasPaused || !stage.court.isCalm();
      stage.court.demands(isExcused, 'SIGTERM ends a run', () => `${process.run} goes on after 30 s`);
      die(stage, process, random);
    });
    return process.run;
  }) satisfies Mischief,
  overlap: ((stage, random) => {
    const twice = random.chance(0.3);
    stage.cron.start();
    if (twice) stage.timeline.after(random.int(0, 2_000), () => stage.cron.start());
    return twice ? 'two more runs' : 'one more run';
  }) satisfies Mischief,
  clockJumps: ((stage, random) => {
    const process = latest(stage);
    if (process === undefined) return undefined;
    process.skew += random.pick([-90, -20, 20, 90]) * SECOND;
    return `of ${process.run}`;
  }) satisfies Mischief,
  /** From somebody's laptop. */
  only: ((stage, random) => {
    const all = stage.workloads();
    if (all.length === 0) return undefined;
    const { namespace, name } = random.pick(all);
    const only = `${namespace}/${name}`;
    stage.cron.start({ only });
    return only;
  }) satisfies Mischief,
  resume: (({ cron }) => {
    cron.resume();
    return 'somebody says it';
  }) satisfies Mischief,
};
