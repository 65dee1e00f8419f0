/**
 * What a run needs from the world. The real ones live in `kubernetes/` and `main.ts`; tests and the simulator bring
 * their own. Ports translate and never decide: an answer of the API server becomes one of the unions below.
 */
import type { StrangerCounts } from './domain/strangers.ts';
import type { Budget } from './domain/budget.ts';
import type { Admission } from './domain/drift.ts';
import type {
  Autoscaler,
  ConfigChanges,
  Kind,
  Namespace,
  Needs,
  Pod,
  ReplicaSetRef,
  Workload,
  WorkloadRef,
} from './domain/model.ts';
import type { PodUsage, Quota } from './domain/quota.ts';
import type { Report } from './domain/report.ts';
import type { News } from './news.ts';

/** Two clocks: windows and timestamps go by `now`, every span that is measured or awaited goes by `elapsed`. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. It may jump. */
  now(): number;
  /** Monotonic milliseconds since some fixed instant. */
  elapsed(): number;
  /** Resolves after so many milliseconds, or at once when the signal aborts; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** Everything that the verdicts of one run are made from. */
export interface Inventory {
  /** When it was read by the API server's clock (`Date` of the first answer), milliseconds since the epoch. */
  readonly at: number;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly workloads: readonly Workload[];
  /** Live Pods by the key of their workload. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  /** Empty where nobody needs to know. */
  readonly configChanges: ConfigChanges;
  /** The PodDisruptionBudgets that select its Pods, by the key of a workload; absent for none. */
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  /** The HorizontalPodAutoscalers by the key of the workload that they scale. */
  readonly autoscalers: ReadonlyMap<string, Autoscaler>;
  /** The ResourceQuotas of each namespace that has some. */
  readonly quotas: ReadonlyMap<string, readonly Quota[]>;
  /** There, what the newest Pod of a workload counts for, by its key. */
  readonly usage: ReadonlyMap<string, PodUsage>;
  /** Live Pods that belong to none of the workloads. */
  readonly strangers: StrangerCounts;
  /** From here a watch sees every change that the inventory did not. */
  readonly bookmark: WatchBookmark;
  /** Namespaces that were asked for and could not be read. */
  readonly skipped: readonly { readonly namespace: string; readonly why: string }[];
  /** Kinds that were asked for and that nobody has installed. */
  readonly unserved: readonly Kind[];
}

/** From where each kind is watched, in each namespace ('' for the whole cluster). */
export type WatchBookmark = readonly {
  readonly kind: Kind;
  readonly namespace: string;
  readonly resourceVersion: string;
}[];

export type WorkloadChange =
  | { readonly kind: 'changed'; readonly workload: Workload }
  | { readonly kind: 'deleted'; readonly ref: WorkloadRef; readonly uid: string };

/** The one change that nightshift makes to a workload, conditional on the version that was judged. */
export interface RestartOrder {
  readonly workload: Workload;
  /** T, for the Pod template. */
  readonly at: string;
  /** The record, for the workload. */
  readonly record: string;
}

/** Takes a restart back, conditional likewise. */
export interface UndoOrder {
  readonly workload: Workload;
  /** What stood in the Pod template before, undefined for nothing. */
  readonly back: string | undefined;
  readonly record: string;
}

/** Another number of replicas, and the record that tells of it, conditional likewise. */
export interface RescaleOrder {
  readonly workload: Workload;
  readonly replicas: number;
  readonly record: string;
}

/** A write that got no answer is carried out within so many milliseconds or never: the API server gives up on it. */
export const SERVER_TIMEOUT = 10_000;

/** What became of one attempt to evict a Pod. */
export type EvictAnswer =
  /** It is on its way out. */
  | { readonly kind: 'accepted' }
  /** It is not the Pod that was listed any more, or has changed just now. */
  | { readonly kind: 'changed' }
  /** A PodDisruptionBudget, which the message names, does not allow it now. */
  | { readonly kind: 'blocked'; readonly message: string; readonly retryAfter: number | undefined }
  /** It has several budgets, and is never evicted. */
  | { readonly kind: 'never'; readonly message: string }
  | Extract<PatchAnswer, { readonly kind: 'forbidden' | 'denied' | 'unanswered' }>;

/** What became of one PATCH attempt. Only `unanswered` leaves open whether it took effect. */
export type PatchAnswer =
  | { readonly kind: 'accepted'; readonly workload: Workload }
  /** 409, or 422 about metadata.uid: the object is not the one that was judged. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'gone' }
  /** 403 that a SelfSubjectAccessReview confirms. */
  | { readonly kind: 'forbidden'; readonly permission: Permission }
  /** Any other 4xx, with the server's words. */
  | { readonly kind: 'denied'; readonly message: string }
  /** 429, 5xx, a broken connection, no answer in time. `retryAfter` in milliseconds when the server named one. */
  | { readonly kind: 'unanswered'; readonly message: string; readonly retryAfter: number | undefined };

export interface Permission {
  readonly verb: string;
  /** As RBAC spells it: `deployments.apps`. */
  readonly resource: string;
  /** '' for the whole cluster. */
  readonly namespace: string;
}

/** Reads are repeated inside, while that can help; then they throw `OutOfReach`, or `NotPermitted` for a 403. */
export interface Cluster {
  /** Namespaces, budgets, quotas, autoscalers, workloads and live Pods, page by page. */
  inventory(needs: Needs): Promise<Inventory>;
  /** A fresh read (not from a cache); undefined when there is none of that name. */
  workload(ref: WorkloadRef): Promise<Workload | undefined>;
  /** The Pods that are not terminal of a workload, terminating ones included. */
  pods(workload: Workload, needs: Needs): Promise<readonly Pod[]>;
  /**
   * What a Pod of the workload would be now, as its ReplicaSet would send it: a dry run, which creates nothing. Throws
   * `NotPermitted`; whatever else goes wrong is a refusal.
   */
  tryPod(workload: Workload, replicaSet: ReplicaSetRef): Promise<Admission>;
  /** The ResourceQuotas of a namespace as they stand now. */
  quotas(namespace: string): Promise<readonly Quota[]>;
  /** The PodDisruptionBudgets that select Pods of a workload, as they stand now. */
  budgets(workload: Workload): Promise<readonly Budget[]>;
  /** The HorizontalPodAutoscaler of a workload as it stands now; undefined where there is none. */
  autoscaler(ref: WorkloadRef): Promise<Autoscaler | undefined>;
  /** Pods that wait for a node, counted no further than to `most`. */
  unscheduledPods(most: number): Promise<number>;
  /** The field manager that owns the template's restartedAt now, undefined when nobody is named. */
  ownerOfRestartedAt(ref: WorkloadRef): Promise<string | undefined>;
  /** One attempt, never repeated inside. */
  restart(order: RestartOrder): Promise<PatchAnswer>;
  /** One attempt. */
  undo(order: UndoOrder): Promise<PatchAnswer>;
  /** One attempt to replace the record of the workload as it was read; nothing else changes. */
  rewriteRecord(workload: Workload, record: string): Promise<PatchAnswer>;
  /** One attempt. */
  rescale(order: RescaleOrder): Promise<PatchAnswer>;
  /**
   * One attempt to take a Pod more than wanted back, conditional on nothing but the replicas and the record that were read: its
   * status changes all the time meanwhile.
   */
  scaleBack(order: RescaleOrder): Promise<PatchAnswer>;
  /** One attempt, as far as its PodDisruptionBudget allows. */
  evict(workload: WorkloadRef, pod: Pod): Promise<EvictAnswer>;
  /** Calls `onChange` for every change since the bookmark, until the signal aborts. Resumes and lists again by itself; throws only `NotPermitted`. */
  watch(bookmark: WatchBookmark, onChange: (change: WorkloadChange) => void, signal: AbortSignal): Promise<void>;
}

/** The API server gave no usable answer although it was asked again and again. */
export class OutOfReach extends Error {
  override name = 'OutOfReach';
}

/** What an error says, whatever was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** RBAC does not allow what the run must do. */
export class NotPermitted extends Error {
  override name = 'NotPermitted';
  readonly permission: Permission;
  constructor(permission: Permission, options?: ErrorOptions) {
    const where = permission.namespace === '' ? 'in the whole cluster' : `in namespace ${permission.namespace}`;
    super(`not permitted to ${permission.verb} ${permission.resource} ${where}`, options);
    this.permission = permission;
  }
}

export type Stored =
  | { readonly kind: 'found'; readonly text: string | undefined; readonly resourceVersion: string }
  | { readonly kind: 'missing' };

export type SaveAnswer =
  | { readonly kind: 'saved'; readonly resourceVersion: string }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unanswered'; readonly message: string; readonly retryAfter: number | undefined };

/** The Pod of a run, as the hold names it. */
export interface HolderPod {
  readonly name: string;
  readonly uid: string;
}

/** Where the checkpoint lives: one key of a ConfigMap that exists already. */
export interface CheckpointStore {
  /** `NAMESPACE/NAME`: who we are to other checkpoints. */
  readonly identity: string;
  read(): Promise<Stored>;
  /** One attempt, conditional on the resourceVersion. */
  write(text: string, resourceVersion: string): Promise<SaveAnswer>;
  /** Whether the Pod of another run still runs its container. */
  holder(pod: HolderPod): Promise<'running' | 'terminated' | 'vanished'>;
}

/** Where the policy comes from; read again during the run. */
export interface PolicySource {
  /** What a person calls it: the file's name, or `configmap/NAME`. */
  readonly name: string;
  /** The text; throws when there is none. */
  read(): Promise<string>;
}

/** Tells people and machines what happens. Never throws, and never holds the run up. */
export interface Announcer {
  tell(news: News): void;
  /** The end of the run: Events and whatever else outlives the process. */
  report(report: Report): Promise<void>;
}
