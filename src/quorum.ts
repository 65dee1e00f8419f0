import { forbiddenByBudget } from './domain/budget.ts';
import type { Restart } from './domain/verdict.ts';
import { endingOfError } from './gates.ts';
import { leave, type StartAnswer } from './quota-room.ts';
import type { StartWorld } from './start.ts';

/** Between two looks at a budget, and for how long what is missing may come back: Pods of ours that have just become ready. */
const POLL = 2_000;
const SETTLES = 30_000;

/**
 * Whether a rollout may start now as far as its budgets go, which only those of StatefulSets keep: they are read right before,
 * because hours may have passed since the look at the cluster. No request for anything else.
 */
export async function askQuorum({ workload: planned, way }: Restart, world: StartWorld): Promise<StartAnswer> {
  const { cluster, observed, clock, gates, announcer } = world;
  if (planned.kind !== 'StatefulSet' || way !== 'rollout') return { kind: 'room' };
  const workload = observed.latest(planned) ?? planned;
  const until = clock.elapsed() + SETTLES;
  try {
    for (;;) {
      const reason = forbiddenByBudget(workload, { way, budgets: await cluster.budgets(workload) });
      if (reason === undefined) return { kind: 'room' };
      if (clock.elapsed() >= until) return leave(workload, reason, announcer);
      await observed.pause(POLL);
      if ((await gates.check()) !== undefined) return { kind: 'closed' };
    }
  } catch (error) {
    gates.close(endingOfError(error, announcer));
    return { kind: 'closed' };
  }
}
