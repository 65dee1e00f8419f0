import type { Admission } from './domain/drift.ts';
import { parseInstant } from './domain/instant.ts';
import type { Pod, Workload } from './domain/model.ts';
import { injectionCriteria, type Policy } from './domain/policy.ts';
import type { RestartRecord } from './domain/record.ts';
import { doom, stuckReason } from './domain/rollout.ts';
import { hasContainer, namedContainers, type AgeReference, type Staleness } from './domain/staleness.ts';
import { stalenessNow } from './evidence.ts';
import type { Landing } from './flight.ts';
import type { StartWorld } from './start.ts';

/** One restart that leaves the template as it is, between its record and its outcome. */
export interface Turnover {
  readonly workload: Workload;
  readonly record: RestartRecord & { readonly way: NonNullable<RestartRecord['way']> };
  readonly age: AgeReference;
  /** An earlier run began it. */
  readonly isResumed: boolean;
  /** As a flight knows them (flight.ts). */
  readonly has: readonly string[];
  readonly tried: Admission | undefined;
  /** By which its Pods are judged. */
  readonly policy: Policy;
  /** Whether it was for what the policy asks for now. */
  readonly isWanted: boolean;
}

/** The live Pods, by what the criteria say of each. */
export interface Sorted {
  readonly stale: readonly Pod[];
  readonly fresh: readonly Pod[];
  readonly unknown: readonly Pod[];
  /** Why the first of these is not known, '' without any. */
  readonly detail: string;
}

/** Tells the Pods from before from their replacements, and what the replacements prove. */
export class Generations {
  readonly #turnover: Turnover;
  readonly #world: StartWorld;
  /** The Pods that it had at first sight, by uid: all others are replacements. */
  #before: ReadonlySet<string> | undefined;
  #has: readonly string[] = [];
  /** What is known for sure of each Pod, by uid. */
  readonly #verdicts = new Map<string, Staleness>();

  constructor(turnover: Turnover, world: StartWorld) {
    this.#turnover = turnover;
    this.#world = world;
  }

  /** All of them are judged anew next time: an injector may have changed while they were judged one by one. */
  forget(): void {
    this.#verdicts.clear();
  }

  /** What an earlier run has made is a replacement already, and what its old Pods have, the new ones have to have. */
  #begin(live: readonly Pod[]): void {
    const { record, isResumed, has, policy } = this.#turnover;
    const since = isResumed ? (parseInstant(record.at) ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    this.#before = new Set(live.filter(({ createdAt }) => createdAt < since).map(({ uid }) => uid));
    const seen = namedContainers(policy.stale).filter(name => live.some(pod => hasContainer(pod, name)));
    this.#has = isResumed ? seen : has;
  }

  /** Each Pod is judged once, for what it was made of does not change; ages count from the beginning of the sweep. */
  async sort(workload: Workload, live: readonly Pod[]): Promise<Sorted> {
    if (this.#before === undefined) this.#begin(live);
    let detail = '';
    for (const pod of live) {
      if (this.#verdicts.has(pod.uid)) continue;
      const { age, tried, policy } = this.#turnover;
      const staleness = await stalenessNow(
        { workload, pods: [pod], age, want: undefined, tried },
        { ...this.#world, policy, configChanges: this.#world.bench.configChanges },
      );
      if (staleness.kind === 'unknown') detail ||= staleness.detail;
      else this.#verdicts.set(pod.uid, staleness);
    }
    const of = (verdict: 'stale' | 'fresh' | undefined) =>
      live.filter(({ uid }) => this.#verdicts.get(uid)?.kind === verdict);
    return { stale: of('stale'), fresh: of('fresh'), unknown: of(undefined), detail };
  }

  /** What its replacements say for sure; `isStill` when nothing has moved for so long that they are believed to be doomed. */
  failureOf({ stale, fresh, unknown }: Sorted, isStill: boolean): Landing | undefined {
    const isNew = ({ uid }: Pod): boolean => this.#before?.has(uid) !== true;
    for (const { name, uid } of stale.filter(isNew)) {
      const verdict = this.#verdicts.get(uid);
      // What an earlier run made may have grown too old since.
      if (verdict?.kind !== 'stale' || verdict.why === 'podTooOld') continue;
      return { outcome: 'ineffective', detail: `made anew, but in ${name} ${verdict.detail}` };
    }
    const made = [...stale, ...fresh, ...unknown].filter(isNew);
    const lost = this.#has.filter(name => made.some(pod => !hasContainer(pod, name)));
    if (lost.length > 0) {
      const detail = `its new Pods lack ${lost.join(', ')}, which the ones before had: is the injector there?`;
      return { outcome: 'failed', why: 'notProven', detail };
    }
    const waiting = [...fresh, ...unknown].filter(pod => !pod.ready);
    const reason = waiting.length === 0 ? undefined : doom(waiting);
    return reason !== undefined && isStill ? { outcome: 'failed', ...reason } : undefined;
  }

  /** What some of them are could not be found out in time. */
  notKnown(workload: Workload, { unknown, detail }: Sorted): Landing {
    return this.#turnover.tried === undefined && injectionCriteria(this.#turnover.policy).length > 0
      ? { outcome: 'interrupted', detail: `its new Pods are not proven yet: ${detail}` }
      : { outcome: 'failed', ...stuckReason(workload, unknown, { why: 'notProven', detail }) };
  }
}
