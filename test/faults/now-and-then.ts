/** Runs that are killed at moments that chance chooses, and one that is let go on to its end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failedPod, type Site } from '../e2e/site.ts';
import type { Random } from '../simulation/random.ts';

const KILLS = 3;

/** Kills some runs, each after so many milliseconds at most; returns what starts one more, with its exit code. */
export async function killedNowAndThen(
  site: Site,
  policy: Readonly<Record<string, unknown>>,
  { random, longest }: { readonly random: Random; readonly longest: number },
): Promise<() => Promise<number | NodeJS.Signals>> {
  // Of a Job's Pod that is over, so that the next run does not wait for its hold to expire.
  const { name, uid } = await failedPod(site);
  const words = ['run', '--policy', site.policyFile(policy), '--output', 'json'];
  const start = () => site.start(words, { NIGHTSHIFT_POD_NAME: name, NIGHTSHIFT_POD_UID: uid });
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = start();
    await Promise.race([sleep(random.int(0, longest)), worker.ended]);
    worker.process.kill('SIGKILL');
    await worker.ended;
  }
  return () => start().ended;
}
