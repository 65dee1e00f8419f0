/** A cluster for scenarios, simulated or real: reached through the worker's own ports, and changed by somebody. */
import { formatInstant } from '../../src/domain/instant.ts';
import type { Kind, Strategy, Workload, WorkloadRef } from '../../src/domain/model.ts';
import type { Clock, Cluster, PatchAnswer } from '../../src/ports.ts';

/** What the Pods of a restart suffer from. */
export type Illness = 'image' | 'crashes' | 'config' | 'init';

/** Those that are played. */
export const PLAYED = ['Deployment', 'StatefulSet', 'DaemonSet'] as const satisfies readonly Kind[];
/** A DaemonSet is for all of these. */
export const NODES = 10;

/** A workload as a scenario begins: available, and stale to whoever asks for `podOlderThan: 1s`. */
export interface Part {
  readonly name: string;
  /** Deployment */
  readonly kind?: (typeof PLAYED)[number];
  /** podManagementPolicy: Parallel, of a StatefulSet. */
  readonly parallel?: boolean;
  /** 2 */
  readonly replicas?: number;
  /** A quarter more and a quarter less. */
  readonly strategy?: Strategy;
  /** Of the Pods that a restart makes; healthy. */
  readonly sick?: Illness;
  /** progressDeadlineSeconds; 600 */
  readonly deadline?: number;
  /** How long a Pod takes to be available, seconds: so that something can happen meanwhile. */
  readonly ready?: number;
  readonly optedOut?: boolean;
  readonly downtimeAllowed?: boolean;
  /** Higher goes first. */
  readonly priority?: number;
}

/** What a scenario says of the policy; the rest is so that nothing waits longer than it has to. */
export interface Wishes {
  /** `age` is `podOlderThan: 1s`, `image` wants the sidecar that new Pods get, `typo` one that nobody gets. */
  readonly stale?: 'age' | 'image' | 'typo' | 'drift';
  readonly sizes?: readonly number[];
  readonly stopAfter?: number;
  readonly downtime?: 'skip' | 'allow';
  readonly undo?: boolean;
  /** Deployments only. */
  readonly kinds?: readonly Kind[];
}

export const wished = (wishes: Wishes): Required<Wishes> => ({
  stale: 'age',
  sizes: [1, 50],
  stopAfter: 1,
  downtime: 'skip',
  undo: false,
  kinds: ['Deployment'],
  ...wishes,
});

/** How a run ended, of what both kinds of reports say. */
export interface Ended {
  readonly exitCode: number;
  readonly ending: { readonly kind: string };
  readonly outcomes: readonly { readonly name: string; readonly outcome: string; readonly why?: string }[];
  readonly left: readonly { readonly namespace: string; readonly name: string; readonly why: string }[];
}

export interface Running {
  readonly ended: Promise<Ended>;
  terminate(): void;
}

/** Other people and controllers, who change Deployments. */
export interface Somebody {
  scales(name: string, replicas: number): Promise<void>;
  pauses(name: string, paused: boolean): Promise<void>;
  restarts(name: string): Promise<void>;
  setsImage(name: string): Promise<void>;
  /** `kubectl rollout undo`. */
  undoes(name: string): Promise<void>;
  /** As a GitOps tool that knows nothing of our keys. */
  takesBack(name: string): Promise<void>;
  relabels(name: string): Promise<void>;
  removes(name: string): Promise<void>;
  /** A namesake, once it is gone. */
  deploys(part: Part): Promise<void>;
  /** An admission policy that lets no change of the template through. */
  denies(name: string): Promise<void>;
}

export interface Theatre extends AsyncDisposable {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly somebody: Somebody;
  /** Resolves once all of them are available and stale. */
  deploy(...parts: readonly Part[]): Promise<void>;
  start(wishes: Wishes): Running;
}

export interface Scenario {
  readonly title: string;
  /** Its namespace gets sidecars, of a new version once all is deployed. */
  readonly injected?: boolean;
  readonly play: (theatre: Theatre) => Promise<unknown>;
  readonly ends: unknown;
}

export const rolling = (maxSurge: number | string, maxUnavailable: number | string): Strategy => ({
  kind: 'rollingUpdate',
  maxSurge,
  maxUnavailable,
});

export function restart({ cluster, clock }: Theatre, workload: Workload): Promise<PatchAnswer> {
  return cluster.restart({ workload, at: formatInstant(clock.now()), record: '{}' });
}

/** Resolves once the workload is so, as the API server tells it. Throws after a minute. */
export async function until(
  { clock, cluster, namespace }: Theatre,
  [name, what, kind = 'Deployment']: readonly [name: string, what: string, kind?: Kind],
  holds: (workload: Workload) => boolean,
): Promise<Workload> {
  const deadline = clock.elapsed() + 60_000;
  for (;;) {
    const workload = await cluster.workload({ kind, namespace, name });
    if (workload !== undefined && holds(workload)) return workload;
    if (clock.elapsed() > deadline) throw new Error(`${name} did not become ${what}: ${JSON.stringify(workload)}`);
    await clock.sleep(50);
  }
}

export async function known(
  { cluster, namespace }: Theatre,
  name: string,
  kind: Kind = 'Deployment',
): Promise<Workload> {
  const workload = await cluster.workload({ kind, namespace, name });
  if (workload === undefined) throw new Error(`there is no ${name}`);
  return workload;
}

/** As kubectl would call it. */
export const isComplete = ({ generation, replicas, status }: Workload): boolean =>
  status.observedGeneration >= generation &&
  status.updatedReplicas === replicas &&
  status.replicas === replicas &&
  status.availableReplicas === replicas &&
  (status.terminatingReplicas ?? 0) === 0;

/** Its new Pods are being made. */
export const isUnderWay = (workload: Workload): boolean =>
  workload.restartedAt !== undefined &&
  workload.status.observedGeneration >= workload.generation &&
  workload.status.updatedReplicas > 0 &&
  !isComplete(workload);

export interface Following extends AsyncDisposable {
  /** Every state of every workload since, and what was deleted. */
  readonly seen: readonly (Workload | (WorkloadRef & { readonly gone: string }))[];
  of(name: string): readonly Workload[];
}

/** What the worker itself would list. */
export const NEEDS = { kinds: PLAYED, shapes: false, config: false, volumes: false, secrets: false } as const;

/** Follows the namespace by the worker's own watch. */
export async function follow({ cluster, namespace }: Theatre): Promise<Following> {
  const { bookmark } = await cluster.inventory(NEEDS);
  const seen: Following['seen'][number][] = [];
  const over = new AbortController();
  const watching = cluster.watch(
    bookmark,
    change => {
      const entry = change.kind === 'changed' ? change.workload : { ...change.ref, gone: change.uid };
      if (entry.namespace === namespace) seen.push(entry);
    },
    over.signal,
  );
  return {
    seen,
    of: name => seen.filter(entry => entry.name === name).filter(entry => 'status' in entry),
    async [Symbol.asyncDispose]() {
      over.abort();
      await watching;
    },
  };
}
