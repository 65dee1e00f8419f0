import { assess } from './domain/assessment.ts';
import { stopInForce } from './domain/ledger.ts';
import type { Plan } from './domain/plan.ts';
import { missingOnly, needsOf } from './domain/policy.ts';
import { strangersIn, type Strangers } from './domain/strangers.ts';
import { unseenContainers } from './domain/staleness.ts';
import { wantOf } from './domain/want.ts';
import type { WindowState } from './domain/window.ts';
import { readCheckpoint } from './hold.ts';
import type { Inventory } from './ports.ts';
import { readPolicy } from './read-policy.ts';
import { noRoom, notReady } from './readiness.ts';
import { tryInjections } from './trials.ts';
import { windowsOf, type Wishes, type World } from './world.ts';

export type Preview =
  | { readonly kind: 'unusable'; readonly detail: string }
  | {
      readonly kind: 'plan';
      readonly window: WindowState;
      readonly plan: Plan;
      readonly sweep: string | null;
      /** Why a run would start nothing even while the window is open. */
      readonly stop: string | undefined;
      /** What a run would wait for before it starts anything. */
      readonly unready: string | undefined;
      readonly skipped: Inventory['skipped'];
      /** What in the selected Namespaces no run restarts. */
      readonly strangers: readonly Strangers[];
      /** Containers that the policy names and no Pod has. */
      readonly unseen: readonly string[];
      /** Kinds that the policy names and nobody has installed. */
      readonly unserved: Inventory['unserved'];
      /** `--only` names a Deployment that is not there. */
      readonly missing: string | undefined;
    };

/** What a run would do now: the plan that `run` carries out, made without the hold and without a write. Throws like `run`. */
export async function preview(world: World, wishes: Wishes): Promise<Preview> {
  const policy = await readPolicy(world.policySource);
  const now = world.clock.now();
  const window = windowsOf(policy, wishes, now)(now);
  const { cluster, store } = world.connect();
  const read = await readCheckpoint(store);
  if (read.kind === 'unusable') return read;
  // Outside the window the plan is the one of the next opening.
  const occurrence = window.kind === 'open' ? window.occurrence : { name: '', opensAt: window.opensAt ?? now };
  const { checkpoint } = read;
  const stop = stopInForce(checkpoint, { policy, want: wantOf(policy), occurrence });
  const inventory = await cluster.inventory(needsOf(policy));
  const unready = await notReady(policy, cluster);
  const waiting = unready ?? (await noRoom(policy, cluster));
  const { only } = wishes;
  const { clock, interrupted } = world;
  const by = store.identity;
  const trial = { cluster, clock, policy, by, now, only, unready, interrupted };
  const { injections } = await tryInjections(inventory, trial);
  const assessment = assess(inventory, checkpoint, { policy, occurrence, by, now, only, injections });
  return {
    kind: 'plan',
    window,
    plan: assessment.plan,
    sweep: assessment.checkpoint.sweep?.id ?? null,
    stop: stop?.detail,
    unready: waiting,
    unseen: unseenContainers(policy.stale, inventory.pods.values()),
    unserved: inventory.unserved,
    skipped: inventory.skipped,
    strangers: strangersIn(inventory.strangers, { policy, namespaces: inventory.namespaces }),
    missing: missingOnly(only, inventory.workloads, policy),
  };
}
