import { keyOf } from './domain/model.ts';
import { reliedOn, type Policy } from './domain/policy.ts';
import { unreadiness } from './domain/rollout.ts';
import { endingOfError } from './gates.ts';
import type { Cluster } from './ports.ts';
import type { StartWorld } from './start.ts';

/** Between two looks whether what has to be ready is, and between two whether there is room, while restarts go out. */
const POLL = 5_000;
const ROOM = 15_000;

/**
 * What is waited for before anything starts (`ready` of the policy), as a phrase; undefined when all of it is available
 * and rolled out. Throws like a read.
 */
export async function notReady(policy: Pick<Policy, 'ready'>, cluster: Cluster): Promise<string | undefined> {
  const waiting: string[] = [];
  for (const ref of reliedOn(policy)) {
    const why = unreadiness(await cluster.workload(ref));
    if (why !== undefined) waiting.push(`${keyOf(ref)} is not ready: ${why}`);
  }
  return waiting.length === 0 ? undefined : waiting.join('; ');
}

/**
 * Why Pods that are made now would find no node (`batches.unscheduledPods`), as a phrase; undefined where nobody asks, or
 * where there is room. Throws like a read.
 */
export async function noRoom({ batches }: Pick<Policy, 'batches'>, cluster: Cluster): Promise<string | undefined> {
  const most = batches.unscheduledPods;
  if (most === undefined) return undefined;
  const count = await cluster.unscheduledPods(most + 1);
  return count > most ? `more than ${most} Pods wait for a node` : undefined;
}

/**
 * Waits for all of it, and for room, at most as long as a rollout may take; the next run waits again. Returns whether the next batch
 * may start, or what is in flight go on; where it may not, the gates are closed.
 */
export async function becomesReady(world: StartWorld, { inFlight = false } = {}): Promise<boolean> {
  const { bench, cluster, clock, gates, announcer, observed } = world;
  const until = clock.elapsed() + bench.policy.rollout.timeout;
  for (let told = false; ; told = true) {
    let waiting: string | undefined;
    try {
      waiting = (await notReady(bench.policy, cluster)) ?? (await noRoom(bench.policy, cluster));
    } catch (error) {
      // What is in flight is awaited, or left to the next run: that is for the gates to say.
      gates.close(endingOfError(error, announcer));
    }
    if (waiting === undefined) return (inFlight ? gates.endingInFlight : gates.ending) === undefined;
    if (!told) announcer.tell({ kind: 'notReady', detail: waiting });
    if (clock.elapsed() >= until) gates.close({ kind: 'notReady', detail: waiting });
    else await observed.pause(POLL);
    if ((await (inFlight ? gates.checkInFlight() : gates.check())) !== undefined) return false;
  }
}

/** Whether Pods still find a node, between two starts of one batch: asked now and then, and not right after a batch began. */
export class Room {
  readonly #world: StartWorld;
  #seen: number;

  constructor(world: StartWorld) {
    this.#world = world;
    this.#seen = world.clock.elapsed();
  }

  async isThere(): Promise<boolean> {
    const { bench, cluster, clock, gates, announcer } = this.#world;
    if (clock.elapsed() - this.#seen < ROOM) return true;
    this.#seen = clock.elapsed();
    try {
      return (await noRoom(bench.policy, cluster)) === undefined;
    } catch (error) {
      gates.close(endingOfError(error, announcer));
      return false;
    }
  }
}
