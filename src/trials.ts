import { injectionOf, newestReplicaSet, withoutChance, type Admission, type Injection } from './domain/drift.ts';
import { keyOf, type Pod, type ReplicaSetRef, type Workload } from './domain/model.ts';
import { injectionCriteria, type Policy } from './domain/policy.ts';
import { untouchable } from './domain/vetoes.ts';
import type { Clock, Cluster, Inventory } from './ports.ts';

/** Trying Pods: what would admission make of a workload's Pod now, and do its live Pods differ from that? */

/** Pods tried at once: webhooks answer them one by one. */
const CONCURRENCY = 8;
/** A refusal that took so long came from somebody who does not answer; after so many in a row nobody is asked any more. */
const SLOW = 5_000;
const PATIENCE = 8;

export interface Subject {
  readonly workload: Workload;
  /** Live ones. */
  readonly pods: readonly Pod[];
  /** That a new Pod would be of. */
  readonly replicaSet: ReplicaSetRef;
}

/** What came of trying. */
export interface Tried {
  readonly injection: Injection;
  readonly admission: Admission;
}

/** One workload's live Pods against a Pod that is tried now. Undefined where no criterion asks for it. Throws `NotPermitted`. */
export async function tryInjection(
  { workload, pods, replicaSet }: Subject,
  { cluster, policy }: { readonly cluster: Cluster; readonly policy: Policy },
): Promise<Tried | undefined> {
  const criteria = injectionCriteria(policy);
  if (criteria.length === 0) return undefined;
  const first = await cluster.tryPod(workload, replicaSet);
  const injection = injectionOf(pods, first, criteria);
  if (injection.kind !== 'drifted') return { injection, admission: first };
  // A second one tells what only chance made different.
  const admission = withoutChance(first, await cluster.tryPod(workload, replicaSet));
  return { injection: injectionOf(pods, admission, criteria), admission };
}

export interface Trials {
  /** By the key of the workload. */
  readonly injections: ReadonlyMap<string, Injection>;
  readonly milliseconds: number;
}

/**
 * The same for every workload whose verdict may depend on it: one trial, or two where it drifted, for each. `unready` is
 * a reason not to ask anybody: then nothing is known. Ends early once the signal aborts. Throws `NotPermitted`.
 */
export async function tryInjections(
  { workloads, pods, namespaces }: Inventory,
  world: {
    readonly cluster: Cluster;
    readonly clock: Clock;
    readonly policy: Policy;
    readonly only: string | undefined;
    readonly unready: string | undefined;
    readonly interrupted: AbortSignal;
  },
): Promise<Trials> {
  const { policy, clock, only, unready, interrupted } = world;
  const injections = new Map<string, Injection>();
  const began = clock.elapsed();
  if (injectionCriteria(policy).length === 0) return { injections, milliseconds: 0 };
  const subjects = workloads
    .filter(workload => !untouchable({ workload, namespace: namespaces.get(workload.namespace) }, { policy, only }))
    .map(workload => ({ workload, pods: pods.get(keyOf(workload)) ?? [] }))
    .filter(subject => subject.pods.length > 0);
  const silence = new Silence(unready);
  const waiting = subjects.values();
  const work = async (): Promise<void> => {
    for (const { workload, pods: live } of waiting) {
      if (interrupted.aborted) return;
      const known = silence.known;
      const sent = clock.elapsed();
      const injection =
        known ?? (await tryInjection({ workload, pods: live, replicaSet: newestReplicaSet(live) }, world))?.injection;
      if (injection === undefined) return;
      if (known === undefined) silence.hear(injection, clock.elapsed() - sent);
      injections.set(keyOf(workload), injection);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return { injections, milliseconds: clock.elapsed() - began };
}

/** Whether it is of no use to ask any more. */
class Silence {
  #inRow = 0;
  #known: Injection | undefined;

  constructor(unready: string | undefined) {
    if (unready !== undefined) this.#known = { kind: 'unknown', detail: unready };
  }

  /** What there is to say about those who are not asked, undefined while asking makes sense. */
  get known(): Injection | undefined {
    return this.#known;
  }

  hear(injection: Injection, milliseconds: number): void {
    this.#inRow = injection.kind === 'unknown' && milliseconds >= SLOW ? this.#inRow + 1 : 0;
    if (this.#inRow >= PATIENCE) this.#known = injection;
  }
}
