import { withoutChance } from './domain/chance.ts';
import { injectionOf, newestReplicaSet, type Admission, type Injection } from './domain/drift.ts';
import { keyOf, type Pod, type ReplicaSetRef, type Workload } from './domain/model.ts';
import { injectionCriteria, type Policy } from './domain/policy.ts';
import { settingsHaveToWait, untouchable } from './domain/vetoes.ts';
import { wantOf } from './domain/want.ts';
import type { Clock, Cluster, Inventory } from './ports.ts';

/** Trying Pods: what would admission make of a workload's Pod now, and do its live Pods differ from that? */

/** Pods tried at once: webhooks answer them one by one. */
const CONCURRENCY = 8;
/** A refusal that took so long came from somebody who does not answer; after so many in a row nobody is asked any more. */
const SLOW = 5_000;
const PATIENCE = 8;
/** So many trials have to agree before settings alone are called another. Two secrets in the order of a map are one of two texts. */
const AGREEING = 10;
/** Between the first trials and the others: what is written down to the second is another one then. */
const LATER = 1_100;
/** Workloads whose answers are kept at the same time. */
const CHUNK = 500;

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

export interface TrialWorld {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly policy: Policy;
}

/** One workload's live Pods against Pods that are tried now. Undefined where no criterion asks for it. Throws `NotPermitted`. */
export async function tryInjection(subject: Subject, world: TrialWorld): Promise<Tried | undefined> {
  if (injectionCriteria(world.policy).length === 0) return undefined;
  const trial = new Trial(subject, world);
  await trial.begin();
  if (trial.isOpen) {
    await world.clock.sleep(LATER);
    await trial.toTheEnd();
  }
  return trial.result;
}

export interface Trials {
  /** By the key of the workload. */
  readonly injections: ReadonlyMap<string, Injection>;
  /** Workloads that were asked about, and the dry runs that this took. */
  readonly workloads: number;
  readonly dryRuns: number;
  readonly milliseconds: number;
}

/**
 * The same for every workload whose verdict may depend on it: one trial for each that has not drifted. `unready` is a
 * reason not to ask anybody: then nothing is known. Ends early once the signal aborts. Throws `NotPermitted`.
 */
export async function tryInjections(
  { workloads, pods, namespaces }: Inventory,
  world: TrialWorld & {
    readonly by: string;
    readonly now: number;
    readonly only: string | undefined;
    readonly unready: string | undefined;
    readonly interrupted: AbortSignal;
  },
): Promise<Trials> {
  const { policy, clock, by, now, only, unready, interrupted } = world;
  const injections = new Map<string, Injection>();
  const began = clock.elapsed();
  if (injectionCriteria(policy).length === 0) return { injections, workloads: 0, dryRuns: 0, milliseconds: 0 };
  const bench = { by, now, policy, want: wantOf(policy) };
  let [asked, dryRuns] = [0, 0];
  const subjects = workloads
    .filter(workload => !untouchable({ workload, namespace: namespaces.get(workload.namespace) }, { policy, only }))
    .map(workload => ({ workload, pods: pods.get(keyOf(workload)) ?? [] }))
    .filter(subject => subject.pods.length > 0);
  const silence = new Silence(unready);
  for (let from = 0; from < subjects.length && !interrupted.aborted; from += CHUNK) {
    const chunk = subjects.slice(from, from + CHUNK);
    const later = clock.elapsed() + LATER;
    const open: Trial[] = [];
    await eachOf(chunk, interrupted, async ({ workload, pods: live }) => {
      if (silence.known !== undefined) {
        injections.set(keyOf(workload), silence.known);
        return;
      }
      const trial = new Trial({ workload, pods: live, replicaSet: newestReplicaSet(live) }, world);
      const sent = clock.elapsed();
      await trial.begin();
      silence.hear(trial.result.injection, clock.elapsed() - sent);
      injections.set(keyOf(workload), trial.result.injection);
      asked++;
      dryRuns += trial.count;
      const { injection } = trial.result;
      if (trial.isOpen && !settingsHaveToWait({ workload, injection }, bench)) open.push(trial);
    });
    if (open.length > 0) await clock.sleep(Math.max(0, later - clock.elapsed()), interrupted);
    await eachOf(open, interrupted, async trial => {
      const before = trial.count;
      await trial.toTheEnd();
      dryRuns += trial.count - before;
      injections.set(keyOf(trial.subject.workload), trial.result.injection);
    });
  }
  return { injections, workloads: asked, dryRuns, milliseconds: clock.elapsed() - began };
}

/** A few at a time. */
async function eachOf<T>(items: readonly T[], over: AbortSignal, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      if (over.aborted) return;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

/** One workload, tried until it is clear whether it has drifted or only chance makes it look so. */
class Trial {
  readonly subject: Subject;
  readonly #world: TrialWorld;
  #count = 0;
  #result: Tried = { injection: { kind: 'unknown', detail: 'nobody was asked' }, admission: NOT_YET };

  constructor(subject: Subject, world: TrialWorld) {
    this.subject = subject;
    this.#world = world;
  }

  /** By all trials so far. */
  get result(): Tried {
    return this.#result;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether more trials may show that there is no drift. Other containers and images need no more than two to be believed. */
  get isOpen(): boolean {
    const { injection } = this.#result;
    return injection.kind === 'drifted' && this.#count < (injection.inContainers ? 2 : AGREEING);
  }

  async begin(): Promise<void> {
    await this.#once();
    if (this.isOpen) await this.#once();
  }

  async toTheEnd(): Promise<void> {
    while (this.isOpen) await this.#once();
  }

  async #once(): Promise<void> {
    const { workload, replicaSet, pods } = this.subject;
    const { cluster, policy } = this.#world;
    const answer = await cluster.tryPod(workload, replicaSet);
    const admission = this.#count++ === 0 ? answer : withoutChance(this.#result.admission, answer);
    this.#result = { injection: injectionOf(pods, admission, injectionCriteria(policy)), admission };
  }
}

const NOT_YET: Admission = { kind: 'refused', message: 'nobody was asked' };

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
