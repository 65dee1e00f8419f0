import { unreachable } from '../../src/domain/model.ts';
import { parseInstant } from '../../src/domain/instant.ts';
import type { Workload, WorkloadRef } from '../../src/domain/model.ts';
import type { ControllerManager } from './controller-manager.ts';
import type { Draft, Wish } from './draft.ts';
import type { Injector } from './injector.ts';
import type { SimulatedPod } from './pods.ts';

interface Seen {
  readonly controller: ControllerManager;
  readonly injector: Injector;
  readonly configChanges: ReadonlyMap<string, number>;
}

/** What the simulator sees for itself: whether Pods match a criterion, from its own objects and in its own words. */
export class Eyes {
  readonly #world: Seen;

  constructor(world: Seen) {
    this.#world = world;
  }

  live(workload: Workload): SimulatedPod[] {
    return this.#world.controller.pods(workload).filter(({ state }) => state !== 'terminating');
  }

  /** Live Pods that match a criterion of the policy; ages count at `begin`, and never for Pods that carry `fresh`. */
  stale(
    workload: Workload,
    draft: Draft,
    { begin, fresh }: { readonly begin: number; readonly fresh?: string | undefined },
  ): SimulatedPod[] {
    const matches = (pod: SimulatedPod, wish: Wish): boolean =>
      !(isOfTime(wish) && isMadeBy(fresh, pod, workload)) && this.#matches(pod, { workload, wish, begin });
    return this.live(workload).filter(pod => draft.stale.some(wish => matches(pod, wish)));
  }

  #matches(
    pod: SimulatedPod,
    { workload, wish, begin }: { readonly workload: Workload; readonly wish: Wish; readonly begin: number },
  ): boolean {
    const { injector, configChanges } = this.#world;
    switch (wish.kind) {
      case 'age':
        return begin - second(pod.createdAt) > wish.age;
      case 'image':
        return pod.sidecar !== undefined && pod.sidecar !== wish.version;
      case 'drift':
        return pod.sidecar !== injector.meant(workload);
      case 'config':
        return (configChanges.get(`configmap/${workload.namespace}/settings`) ?? 0) > second(pod.createdAt);
      default:
        return unreachable(wish);
    }
  }

  /** What a restart is for: the criteria, and what the injector would put in where one of them asks for that. */
  want(workload: Workload, { stale }: Draft): string {
    const asks = stale.some(({ kind }) => kind === 'drift');
    return JSON.stringify([stale, asks ? this.#world.injector.meant(workload) : null]);
  }
}

const second = (milliseconds: number): number => Math.floor(milliseconds / 1000) * 1000;
const isOfTime = ({ kind }: Wish): boolean => kind === 'age' || kind === 'config';

/** Whether the restart T made the Pod. A Rollout's Pods say nothing of it: what was there at T is of before. */
export function isMadeBy(t: string | undefined, { set, createdAt }: SimulatedPod, { kind }: WorkloadRef): boolean {
  if (t === undefined) return false;
  return kind === 'Rollout' ? second(createdAt) >= instantOf(t) : set.restartedAt === t;
}

/** Milliseconds since the epoch of T or of a sweep's id. */
export const instantOf = (text: string | undefined): number => parseInstant(text ?? '') ?? 0;
