import type { Budget } from './budget.ts';
import type { Bench } from './bench.ts';
import type { Checkpoint, Start } from './checkpoint.ts';
import { parseInstant } from './instant.ts';
import type { Injection } from './drift.ts';
import { enterOccurrence, isOfRamp, newSweep, outlivesUnknown } from './ledger.ts';
import { countSweep, reconcile } from './reconcile.ts';
import { keyOf, type Autoscaler, type ConfigChanges, type Namespace, type Pod, type Workload } from './model.ts';
import { makePlan, type Plan } from './plan.ts';
import type { Policy } from './policy.ts';
import { shortagesOf, type PodUsage, type Quota, type Shortage } from './quota.ts';
import { owedRecord } from './record.ts';
import { markSpare } from './starts.ts';
import { judge, type Verdict } from './verdict.ts';
import { wantOf } from './want.ts';
import type { Occurrence } from './window.ts';

/** One look at the cluster. */
export interface Look {
  /** By the API server's clock, milliseconds since the epoch. */
  readonly at: number;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly workloads: readonly Workload[];
  /** Live Pods by the key of their workload. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  readonly configChanges: ConfigChanges;
  /** By the key of their workload. */
  readonly autoscalers: ReadonlyMap<string, Autoscaler>;
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  /** ResourceQuotas by namespace, and where there are some, what one Pod counts for, by the key of its workload. */
  readonly quotas: ReadonlyMap<string, readonly Quota[]>;
  readonly usage: ReadonlyMap<string, PodUsage>;
  /** Namespaces that were asked for and could not be read. */
  readonly skipped: readonly { readonly namespace: string }[];
}

/** What else is known when the look is assessed. */
export interface Circumstances {
  readonly policy: Policy;
  readonly occurrence: Occurrence;
  /** `NAMESPACE/CHECKPOINT`. */
  readonly by: string;
  /** Wall clock, milliseconds. */
  readonly now: number;
  readonly only: string | undefined;
  /** What came of trying Pods, by the key of their workload; none where no criterion asks for it. */
  readonly injections: ReadonlyMap<string, Injection>;
}

/** What a look means: the checkpoint that goes with it, the plan, and the bench to judge by again later. */
export interface Assessment {
  readonly checkpoint: Checkpoint;
  readonly plan: Plan;
  readonly bench: Bench;
  /** Restarts of this sweep that were taken back since the last look. */
  readonly reverted: readonly Workload[];
}

/**
 * Inventory and checkpoint become verdicts and a plan. A sweep opens when something is eligible and none is open, and
 * closes when nothing eligible is left.
 */
export function assess(look: Look, stored: Checkpoint, circumstances: Circumstances): Assessment {
  const { policy, occurrence, by, now, only, injections } = circumstances;
  const want = wantOf(policy);
  const entered = enterOccurrence(stored, { policy, occurrence, want });
  const sweep = entered.sweep ?? newSweep(look.at);
  const bench: Bench = {
    policy,
    configChanges: look.configChanges,
    want,
    by,
    sweep: { id: sweep.id, begin: parseInstant(sweep.id) ?? look.at },
    past: new Map(entered.starts.map((start): [string, Start] => [start.workload, start])),
    pastUnknown: stored.want === '',
    now,
    only,
  };
  const judgeOne = (workload: Workload, shortages: readonly Shortage[]): Verdict => {
    const key = keyOf(workload);
    const judged = {
      workload,
      pods: look.pods.get(key) ?? [],
      namespace: look.namespaces.get(workload.namespace),
      injection: injections.get(key),
      autoscaler: look.autoscalers.get(key),
      budgets: look.budgets.get(key) ?? [],
      shortages,
    };
    return judge(judged, bench);
  };
  const alone = look.workloads.map(workload => judgeOne(workload, shortagesIn(look, workload)));
  // What a rollout of ours takes it gives back: who lacks it waits for that, and is asked again when it starts.
  const busy = new Set(alone.filter(({ kind }) => kind === 'inFlight').map(({ workload }) => workload.namespace));
  const verdicts = alone.map(verdict => (isCrowdedOut(verdict, busy) ? judgeOne(verdict.workload, []) : verdict));
  const eligible = verdicts.some(verdict => verdict.kind !== 'leave');
  // With --only most of the cluster is not looked at: that neither opens a sweep for nothing nor closes an open one.
  const isOpen = entered.sweep !== null;
  const waits = isOpen && outlivesUnknown(sweep, { policy, now }) && verdicts.some(isUnknown);
  const stays = eligible || waits || (only !== undefined && isOpen);
  const settled = reconcile({ ...entered, sweep: stays ? sweep : null }, verdicts, {
    by,
    now,
    unread: new Set(look.skipped.map(({ namespace }) => namespace)),
    only,
  });
  const known = bench.pastUnknown ? withSpares(settled, look.workloads, by) : settled;
  // Those of an earlier occurrence, or for other criteria, are awaited before its canary, and are no part of its ramp.
  const flying = verdicts.filter(
    verdict => verdict.kind === 'inFlight' && isOfRamp(settled, { at: verdict.record.at, for: verdict.record.want }),
  );
  const ramp = {
    sizes: policy.batches.sizes,
    place: (settled.occurrence?.done ?? 0) + flying.length,
    probing: sweep.ineffectiveInRow > 0,
  };
  const plan = makePlan(verdicts, ramp, policy.order);
  const reverted = newlyReverted(entered, settled);
  return {
    checkpoint: countSweep(known, verdicts),
    plan,
    bench,
    reverted: look.workloads.filter(workload => reverted.has(keyOf(workload))),
  };
}

/** Whoever lost the checkpoint knows what is owed from the records alone, and the run after this one from the checkpoint. */
function withSpares(checkpoint: Checkpoint, workloads: readonly Workload[], by: string): Checkpoint {
  return workloads.reduce((marked, workload) => {
    const owed = owedRecord(workload, by);
    return owed === undefined ? marked : markSpare(marked, workload, owed.at);
  }, checkpoint);
}

function shortagesIn({ quotas, usage }: Look, workload: Workload): readonly Shortage[] {
  const one = usage.get(keyOf(workload));
  return one === undefined ? [] : shortagesOf(quotas.get(workload.namespace) ?? [], [{ usage: one, count: 1 }]);
}

const isCrowdedOut = (verdict: Verdict, busy: ReadonlySet<string>): boolean =>
  verdict.kind === 'leave' && verdict.why === 'quotaTooSmall' && busy.has(verdict.workload.namespace);

function newlyReverted({ starts: before }: Checkpoint, { starts, sweep }: Checkpoint): ReadonlySet<string> {
  const known = new Set(before.filter(({ outcome }) => outcome === 'reverted').map(({ workload }) => workload));
  const since = starts.filter(({ outcome, at }) => outcome === 'reverted' && sweep !== null && at >= sweep.id);
  return new Set(since.map(({ workload }) => workload)).difference(known);
}

const isUnknown = (verdict: Verdict): boolean => verdict.kind === 'leave' && verdict.why === 'unknown';
