import type { Kind, StaleReason, Way, WorkloadRef } from './domain/model.ts';
import type { CommonCause } from './domain/causes.ts';
import type { Ending, Outcome } from './domain/report.ts';
import type { Plan } from './domain/plan.ts';

/** What a run tells while it goes on. A closed set: each kind is one constant message in the log. */
export type News =
  | { readonly kind: 'windowIgnored' }
  | { readonly kind: 'waitingForHold'; readonly holder: string; readonly milliseconds: number }
  | { readonly kind: 'namespaceSkipped'; readonly namespace: string; readonly detail: string }
  /** Pods were tried: for so many workloads, by so many dry runs. */
  | { readonly kind: 'tried'; readonly workloads: number; readonly dryRuns: number; readonly milliseconds: number }
  | { readonly kind: 'planned'; readonly plan: Plan; readonly sweep: string }
  /** Why several workloads are stale, or why some cannot be judged: once for all of them. */
  | { readonly kind: 'commonCause'; readonly cause: CommonCause }
  /** No Pod has a container that a criterion names. */
  | { readonly kind: 'containerUnseen'; readonly container: string }
  /** The policy names a kind of workload that nobody has installed. */
  | { readonly kind: 'kindUnserved'; readonly unserved: Kind }
  /** Something is waited for before anything starts. */
  | { readonly kind: 'notReady'; readonly detail: string }
  | { readonly kind: 'batchStarted'; readonly size: number; readonly remaining: number; readonly probing: boolean }
  | { readonly kind: 'pausing'; readonly milliseconds: number; readonly remaining: number }
  | { readonly kind: 'resumed'; readonly workload: WorkloadRef; readonly at: string }
  | {
      readonly kind: 'started';
      readonly workload: WorkloadRef;
      readonly at: string;
      readonly way: Way;
      readonly why: StaleReason;
      readonly detail: string;
    }
  | { readonly kind: 'repeating'; readonly workload: WorkloadRef; readonly detail: string }
  | { readonly kind: 'judgedAgain'; readonly workload: WorkloadRef; readonly detail: string }
  | { readonly kind: 'progress'; readonly workload: WorkloadRef; readonly detail: string }
  /** A PodDisruptionBudget does not allow an eviction now. */
  | { readonly kind: 'evictionBlocked'; readonly workload: WorkloadRef; readonly detail: string }
  /** What became of Pods that an earlier run of way `replace` left beside those that are wanted. */
  | { readonly kind: 'spares'; readonly detail: string; readonly isWarning: boolean }
  /** It failed, and is taken back. */
  | { readonly kind: 'undoing'; readonly workload: Outcome; readonly detail: string }
  | {
      readonly kind: 'ended';
      readonly outcome: Outcome;
      readonly remaining: number;
      /** Of the sweep so far, 0 before the first. */
      readonly typicalSeconds: number;
      /** How many may be in flight at once. */
      readonly width: number;
    }
  /** Nothing new starts from here; what is in flight is awaited. */
  | { readonly kind: 'ending'; readonly ending: Ending }
  | { readonly kind: 'saved'; readonly number: number }
  | { readonly kind: 'recordNotWritten'; readonly workload: WorkloadRef; readonly detail: string }
  /** A request without a usable answer, which is repeated. */
  | { readonly kind: 'trouble'; readonly detail: string }
  | { readonly kind: 'eventNotCreated'; readonly namespace: string; readonly detail: string }
  /** An error that nobody foresaw: a bug. */
  | { readonly kind: 'unexpected'; readonly error: unknown };
