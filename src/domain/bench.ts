import type { Start } from './checkpoint.ts';
import type { Budget } from './budget.ts';
import type { Injection } from './drift.ts';
import type { Autoscaler, ConfigChanges, Namespace, Pod, Workload } from './model.ts';
import type { Policy } from './policy.ts';
import type { Shortage } from './quota.ts';

/** What a verdict is made from, apart from the workload and its Pods. */
export interface Bench {
  readonly policy: Policy;
  /** As the look at the cluster showed them: what changes later belongs to the next sweep. */
  readonly configChanges: ConfigChanges;
  /** Hash of the criteria (want.ts, `wantOf`). */
  readonly want: string;
  /** `NAMESPACE/CHECKPOINT`. */
  readonly by: string;
  readonly sweep: { readonly id: string; readonly begin: number };
  /** The starts that the checkpoint remembers for this `want`, by workload key. */
  readonly past: ReadonlyMap<string, Start>;
  /** The checkpoint was empty: records of any sweep may be of a run that died. */
  readonly pastUnknown: boolean;
  /** Wall clock, milliseconds. */
  readonly now: number;
  /** `--only`: nothing else is selected. */
  readonly only: string | undefined;
}

export interface Judged {
  readonly workload: Workload;
  /** Live Pods. */
  readonly pods: readonly Pod[];
  /** Undefined when the namespace is gone. */
  readonly namespace: Namespace | undefined;
  /** What came of trying one of its Pods; undefined where no criterion asks for it. */
  readonly injection: Injection | undefined;
  /** The HorizontalPodAutoscaler of it, as the look at the cluster showed it. */
  readonly autoscaler: Autoscaler | undefined;
  /** The PodDisruptionBudgets that select its Pods. */
  readonly budgets: readonly Budget[];
  /** What the ResourceQuotas of its namespace lack for one more Pod of it. */
  readonly shortages: readonly Shortage[];
}
