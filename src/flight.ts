import { isNewerThan, isTakenBack } from './domain/instant.ts';
import type { Admission } from './domain/drift.ts';
import type {
  ConfigChanges,
  Condition,
  FailureReason,
  OutcomeKind,
  Pod,
  Reason,
  Workload,
  WorkloadRef,
} from './domain/model.ts';
import { isOfRestart } from './domain/newness.ts';
import { injectionCriteria, needsOf, type Policy } from './domain/policy.ts';
import { doom, rolloutState, stuckReason, type RolloutState } from './domain/rollout.ts';
import { hasContainer, type AgeReference } from './domain/staleness.ts';
import { unreachable } from './domain/model.ts';
import { stalenessNow } from './evidence.ts';
import type { Observed } from './observed.ts';
import type { Clock, Cluster } from './ports.ts';

/** One restart between its PATCH and its outcome. */
export interface Flight {
  readonly ref: WorkloadRef;
  readonly uid: string;
  /** T. */
  readonly at: string;
  /** Hash of the template that the PATCH answered with, or of the record after a crash. */
  readonly template: string;
  /** The Progressing condition from before, where it is known. */
  readonly before: Condition | undefined;
  readonly age: AgeReference;
  /** What was wanted of it, as its record says. */
  readonly want: string;
  /** Containers that the Pods before had and the new ones have to have; not known after a crash. */
  readonly has: readonly string[];
  /** The restartedAt that stood there before. */
  readonly stood: string | undefined;
  /** What a Pod was to get when it was started; undefined after a crash, and where no criterion asks for it. */
  readonly tried: Admission | undefined;
}

export interface FlightWorld {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly observed: Observed;
  readonly policy: Policy;
  readonly configChanges: ConfigChanges;
  readonly progress: (ref: WorkloadRef, detail: string) => void;
}

export interface Landing {
  readonly outcome: OutcomeKind;
  /** A PodDisruptionBudget denied it, or an autoscaler took it back: that says nothing about other workloads. */
  readonly isOfItself?: boolean;
  /** It failed, and everything is as it was before. */
  readonly isAsBefore?: boolean;
  readonly why?: FailureReason;
  readonly detail: string;
}

/** Pods are looked at when nothing moved for so long, then so much later, then again and again. */
const LOOKS = [15_000, 30_000, 60_000];
/** Between two looks for proof. */
const AGAIN = 2_000;
/** Between two tries whether an injector can be asked again. */
const UNKNOWN = 15_000;
/** Between two looks for old Pods, where the API server does not count them. */
const LEAVING = 15_000;
/** A proof that comes late because of the soak gets at least so long. */
const PROOF = 30_000;

/** Follows a restart to its outcome; the time counts from this call. Whatever says "failed" is read afresh first. */
export async function follow(flight: Flight, world: FlightWorld): Promise<Landing> {
  return new Following(flight, world).toTheEnd();
}

/** Who removes the annotation leaves no trace; who sets another value is its owner. */
export const takenBack = (owner: string | undefined): string =>
  `restartedAt was taken back, its owner now: ${owner ?? 'unknown'}`;

class Following {
  readonly #flight: Flight;
  readonly #world: FlightWorld;
  #deadline: number;
  #completeSince: number | undefined;
  #lastCounters = '';
  #lookDue = 0;
  #looks = 0;

  constructor(flight: Flight, world: FlightWorld) {
    this.#flight = flight;
    this.#world = world;
    this.#deadline = world.clock.elapsed() + world.policy.rollout.timeout;
  }

  async toTheEnd(): Promise<Landing> {
    const { observed } = this.#world;
    while (!observed.closed) {
      const workload = observed.latest(this.#flight.ref);
      const landing =
        workload === undefined || workload.deleting || !this.#isOurs(workload)
          ? await this.#explain()
          : await this.#step(workload);
      if (landing !== undefined) return landing;
    }
    return { outcome: 'interrupted', detail: 'the run ended first; the next one awaits it' };
  }

  /** Waits or decides; undefined means: look at the newest version again. */
  async #step(workload: Workload): Promise<Landing | undefined> {
    const { clock, policy } = this.#world;
    const state = rolloutState(workload, this.#flight.before);
    const now = clock.elapsed();
    this.#noteProgress(workload, state);
    switch (state.kind) {
      case 'failed':
        return this.#fail(state.reason);
      case 'progressing':
        this.#completeSince = undefined;
        if (now >= this.#deadline) return this.#timeOut();
        if (now >= this.#lookDue) return this.#lookAtPods();
        return this.#wait(Math.min(this.#deadline, this.#lookDue) - now);
      case 'terminating':
        if (now < this.#deadline) return this.#wait(this.#deadline - now);
        return this.#prove(workload, state.detail);
      case 'complete': {
        this.#completeSince ??= now;
        const soaked = this.#completeSince + policy.rollout.soak;
        return now < soaked ? this.#wait(soaked - now) : this.#prove(workload, '');
      }
      default:
        return unreachable(state);
    }
  }

  #noteProgress(workload: Workload, state: RolloutState): void {
    const { progressing: _, ...counters } = workload.status;
    const text = JSON.stringify([workload.generation, counters]);
    if (text === this.#lastCounters) return;
    this.#lastCounters = text;
    this.#looks = 0;
    this.#lookDue = this.#world.clock.elapsed() + (LOOKS[0] ?? 0);
    if ('detail' in state) this.#world.progress(this.#flight.ref, state.detail);
  }

  async #wait(milliseconds: number): Promise<undefined> {
    await this.#world.observed.change(this.#flight.ref, milliseconds);
    return undefined;
  }

  /** No progress for a while: when all new Pods are doomed there is no use in waiting for the timeout. */
  async #lookAtPods(): Promise<Landing | undefined> {
    this.#looks++;
    this.#lookDue = this.#world.clock.elapsed() + (LOOKS[this.#looks] ?? LOOKS.at(-1) ?? 0);
    // Read afresh, in case the watch is silent.
    const workload = await this.#readAgain();
    if (workload === undefined || !this.#isOurs(workload)) return undefined;
    if (rolloutState(workload, this.#flight.before).kind !== 'progressing') return undefined;
    const reason = doom(this.#newPods(await this.#podsOf(workload)));
    return reason === undefined ? undefined : this.#failIfStill('progressing', reason);
  }

  /** Progress deadline exceeded; the Pods know better why. */
  async #fail(reason: Reason<FailureReason>): Promise<Landing | undefined> {
    const workload = await this.#readAgain();
    if (workload === undefined || !this.#isOurs(workload)) return undefined;
    const pods = this.#newPods(await this.#podsOf(workload));
    return this.#failIfStill('failed', stuckReason(workload, pods, reason));
  }

  async #timeOut(): Promise<Landing | undefined> {
    const workload = await this.#readAgain();
    if (workload === undefined || !this.#isOurs(workload)) return undefined;
    const state = rolloutState(workload, this.#flight.before);
    if (state.kind !== 'progressing') return undefined;
    const pods = this.#newPods(await this.#podsOf(workload));
    const detail = workload.paused ? `somebody paused it; ${state.detail}` : state.detail;
    return { outcome: 'failed', ...stuckReason(workload, pods, { why: 'timeout', detail }) };
  }

  async #failIfStill(kind: RolloutState['kind'], reason: Reason<FailureReason>): Promise<Landing | undefined> {
    const workload = await this.#readAgain();
    if (workload === undefined || !this.#isOurs(workload)) return undefined;
    const still = rolloutState(workload, this.#flight.before).kind === kind;
    return still ? { outcome: 'failed', ...reason } : undefined;
  }

  /** The rollout says it is done: its Pods have to say so too. */
  async #prove(workload: Workload, note: string): Promise<Landing | undefined> {
    const { policy, clock } = this.#world;
    const pods = await this.#podsOf(workload);
    const live = pods.filter(pod => !pod.terminating);
    const late = clock.elapsed() >= Math.max(this.#deadline, (this.#completeSince ?? 0) + policy.rollout.soak + PROOF);
    const proven = live.filter(pod => this.#isNew(pod)).length;
    if (live.length < workload.replicas || proven < live.length) {
      const again = await this.#readAgain();
      if (
        again === undefined ||
        !this.#isOurs(again) ||
        rolloutState(again, this.#flight.before).kind === 'progressing'
      )
        return undefined;
      if (!late) return this.#wait(AGAIN);
      const verb = workload.kind === 'Rollout' ? 'are not from before' : 'carry';
      const detail = `${proven} of ${live.length} live Pods ${verb} ${this.#flight.at}, ${workload.replicas} expected`;
      return { outcome: 'failed', why: 'notProven', detail };
    }
    // A container that is gone meets no criterion: its injector was down and ignored when the Pods were made.
    const lost = this.#flight.has.filter(name => live.some(pod => !hasContainer(pod, name)));
    if (lost.length > 0) {
      const detail = `its new Pods lack ${lost.join(', ')}, which the ones before had: is the injector there?`;
      return { outcome: 'failed', why: 'notProven', detail };
    }
    const staleness = await stalenessNow({ ...this.#flight, workload, pods: live }, this.#world);
    if (staleness.kind === 'stale') return { outcome: 'ineffective', detail: `rolled out, but ${staleness.detail}` };
    if (staleness.kind === 'unknown') return late ? this.#notKnown(staleness.detail) : this.#wait(UNKNOWN);
    // Before Kubernetes 1.35 the Deployment does not count Pods on their way out, only the list shows them.
    const leaving = pods.length - live.length;
    if (leaving > 0 && workload.status.terminatingReplicas === undefined && clock.elapsed() < this.#deadline) {
      return this.#wait(LEAVING);
    }
    return { outcome: 'restarted', detail: leaving > 0 ? `${leaving} old Pods still terminating` : note };
  }

  /** Pods that did not get what they were to get have failed; where nobody knows what that was, the next run asks again. */
  #notKnown(detail: string): Landing {
    return this.#flight.tried === undefined && injectionCriteria(this.#world.policy).length > 0
      ? { outcome: 'interrupted', detail: `rolled out, and not proven yet: ${detail}` }
      : { outcome: 'failed', why: 'notProven', detail };
  }

  #isOurs(workload: Workload): boolean {
    const { uid, at, template } = this.#flight;
    return workload.uid === uid && workload.restartedAt === at && workload.template === template;
  }

  /** Somebody changed or deleted it: a fresh read says what that means for us. */
  async #explain(): Promise<Landing | undefined> {
    const workload = await this.#readAgain();
    const { uid, at, template, ref, stood } = this.#flight;
    if (workload === undefined) return { outcome: 'gone', detail: 'it was deleted' };
    if (workload.uid !== uid) return { outcome: 'gone', detail: 'it was deleted and created again' };
    if (workload.deleting) return { outcome: 'gone', detail: 'it is being deleted' };
    if (this.#isOurs(workload)) return undefined;
    if (workload.template !== template) return { outcome: 'superseded', detail: 'somebody changed its Pod template' };
    // A clock that is behind ours writes an older T; a value from before T was there says that T was taken back.
    if (isNewerThan(workload.restartedAt, stood) || !isTakenBack(workload.restartedAt, at)) {
      return { outcome: 'superseded', detail: `somebody restarted it at ${workload.restartedAt ?? ''}` };
    }
    const owner = await this.#world.cluster.ownerOfRestartedAt(ref);
    return { outcome: 'reverted', detail: takenBack(owner) };
  }

  #podsOf(workload: Workload): Promise<readonly Pod[]> {
    const { cluster, policy } = this.#world;
    return cluster.pods(workload, needsOf(policy));
  }

  async #readAgain(): Promise<Workload | undefined> {
    const { cluster, observed } = this.#world;
    const workload = await cluster.workload(this.#flight.ref);
    observed.put(this.#flight.ref, workload);
    return workload;
  }

  #newPods(pods: readonly Pod[]): Pod[] {
    return pods.filter(pod => !pod.terminating && this.#isNew(pod));
  }

  #isNew(pod: Pod): boolean {
    const { ref, at } = this.#flight;
    return isOfRestart(pod, { kind: ref.kind, at });
  }
}
