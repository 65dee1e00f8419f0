/** Nights in which every run is killed at a moment that chance chooses, until so many were: what is left then is one good run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { type FaultySite, openFaultySite } from './proxy-site.ts';

/** In which a run starts a few, on a machine that has little else to do. */
const LONGEST = 2_500;
/** A run that restarts everything sends a few more. */
const MOST_REQUESTS = 20;
/** More in one night would leave the last run nothing to do. */
const KILLS_A_NIGHT = 6;

/**
 * Nights side by side until so many runs were killed in all; returns how many that were, in how many nights. Throws for the
 * first night that was not sound, with its seed.
 */
export async function killAtRandom(
  kills: number,
  { seed, lanes }: { readonly seed: string; readonly lanes: number },
): Promise<{ readonly kills: number; readonly nights: number }> {
  let killed = 0;
  let nights = 0;
  let isBroken = false;
  const lane = async (): Promise<void> => {
    while (killed < kills && !isBroken) {
      const name = `${seed}/${nights++}`;
      try {
        const more = await night(new Random(name), Math.min(KILLS_A_NIGHT, kills - killed));
        killed += more;
      } catch (error) {
        isBroken = true;
        throw new Error(`a night that was not sound, seed ${name}: ${String(error)}`, { cause: error });
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const broken = ends.find(end => end.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  return { kills: killed, nights };
}

/** Returns how many of its runs were killed. */
async function night(random: Random, most: number): Promise<number> {
  await using faulty = await openFaultySite({ freeze: random.chance(0.25) });
  let killed = 0;
  for (let run = 0; run < 2 * most && killed < most && !(await isOver(faulty)); run++) {
    if ((await killedRun(faulty, random)) === 'SIGKILL') killed++;
  }
  faulty.proxy.clear();
  await faulty.untilFresh();
  await faulty.assertSound();
  return killed;
}

async function isOver({ site }: FaultySite): Promise<boolean> {
  return Object.values(await site.restarts()).every(count => count > 0);
}

/** By the clock, or by a request that arrives or is carried out; how the run ended. */
async function killedRun(faulty: FaultySite, random: Random): Promise<number | NodeJS.Signals> {
  const byTheClock = random.chance(0.5);
  const after = byTheClock ? random.int(0, LONGEST) : random.int(1, MOST_REQUESTS);
  const when = random.pick(['before', 'after'] as const);
  await faulty.awake();
  faulty.proxy.clear();
  let kill = (): void => undefined;
  if (!byTheClock) faulty.proxy.add({ every: after, times: 1, fault: { kind: 'act', when, act: () => kill() } });
  const worker = faulty.start();
  kill = () => void worker.process.kill('SIGKILL');
  if (byTheClock) void sleep(after).then(kill);
  return worker.ended;
}
