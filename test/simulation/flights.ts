import { parseInstant } from '../../src/domain/instant.ts';
import {
  unreachable,
  WAYS,
  type OutcomeKind,
  type Way,
  type Workload,
  type WorkloadRef,
} from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import type { ApiServer } from './api-server.ts';
import type { ControllerManager } from './controller-manager.ts';
import type { Process } from './process.ts';
import { fenceposts } from './replica-sets.ts';
import type { Timeline } from './timeline.ts';

/** One restart of ours that the API server accepted, and what became of it, whatever anybody believes. */
export interface Flight {
  readonly key: string;
  readonly uid: string;
  /** T. */
  readonly at: string;
  readonly process: Process;
  readonly sweep: string;
  readonly template: string;
  readonly way: Way;
  /** The restartedAt that stands in the template while it is ours. */
  readonly standing: string | undefined;
  /** Live Pods that match a criterion of its policy. */
  readonly stale: (workload: Workload) => number;
  /** What it was for: the criteria, and what the injector would have put in. */
  readonly want: string;
  /** The same in the record's own words. */
  readonly recordWant: string;
  readonly acceptedAt: number;
  /** It took effect when nobody could know of it: its process was dead, asleep or had lost the hold. */
  readonly isOrphan: boolean;
  /** The ramp that it counts in. */
  readonly ramp: string;
  readonly available: number;
  /** A ReplicaSet with this T was made. */
  tookEffect: boolean;
  /** Since when it has been complete without a break. */
  completeSince: number | undefined;
  /** When it was complete for the first time. What a Pod should be may change without a word of the workload. */
  completeAt: number | undefined;
  takenBackAt: number | undefined;
  supersededAt: number | undefined;
  goneAt: number | undefined;
  /** As some run told it. */
  end: { readonly outcome: OutcomeKind; readonly at: number; readonly wasRestarted: boolean } | undefined;
  /** The process that told last that it leaves it to the next one. */
  leftBy: Process | undefined;
  /** Somebody else took Pods away or scaled it meanwhile. */
  isDisturbed: boolean;
}

/** Follows every restart on the API server's own objects. */
export class Flights {
  readonly all: Flight[] = [];
  /** The last one of each workload, by uid. */
  readonly #last = new Map<string, Flight>();
  readonly #world: { readonly timeline: Timeline; readonly controller: ControllerManager };
  readonly #onFall: (flight: Flight, available: number, floor: number) => void;

  constructor(
    world: { readonly timeline: Timeline; readonly api: ApiServer; readonly controller: ControllerManager },
    onFall: (flight: Flight, available: number, floor: number) => void,
  ) {
    this.#world = world;
    this.#onFall = onFall;
    world.api.listen((after, before) => this.#see(after, before));
  }

  last = ({ uid }: Pick<Workload, 'uid'>): Flight | undefined => this.#last.get(uid);

  add(flight: Flight): void {
    const before = this.#last.get(flight.uid);
    if (before !== undefined) before.supersededAt ??= flight.acceptedAt;
    this.all.push(flight);
    this.#last.set(flight.uid, flight);
  }

  /** Still rolling out, and no run has told an end. */
  flying(): Flight[] {
    return this.all.filter(isFlying);
  }

  #see(after: Workload | undefined, before: Workload | undefined): void {
    const uid = (after ?? before)?.uid ?? '';
    const flight = this.#last.get(uid);
    if (flight === undefined) return;
    const { now } = this.#world.timeline;
    if (after === undefined) {
      flight.goneAt ??= now;
      return;
    }
    const isOurs = after.restartedAt === flight.standing && after.template === flight.template;
    if (!isOurs) {
      if (after.template !== flight.template || isLater(after.restartedAt, flight.at)) flight.supersededAt ??= now;
      else flight.takenBackAt ??= now;
      flight.completeSince = undefined;
      return;
    }
    if (flight.way !== 'rollout' && after.optedOut) flight.supersededAt ??= now;
    const isScaled = before !== undefined && before.replicas !== after.replicas;
    const isSpare = flight.way === 'replace' && isScaled && before.record !== after.record;
    if (isScaled && !isSpare) flight.isDisturbed = true;
    const spare = before && spareOf(before);
    if (isScaled && !isSpare && spare === after.replicas) flight.takenBackAt ??= now;
    else if (isScaled && !isSpare && spare !== undefined) flight.supersededAt ??= now;
    if (!flight.tookEffect) {
      const sets = this.#world.controller.sets(after);
      flight.tookEffect = sets.some(set => set.restartedAt === flight.at && set.template === flight.template);
    }
    if (
      isComplete(after) &&
      (flight.way === 'rollout' || (flight.stale(after) === 0 && spareOf(after) === undefined))
    ) {
      flight.completeSince ??= now;
      flight.completeAt ??= now;
    } else flight.completeSince = undefined;
    this.#watchAvailability(flight, after);
  }

  #watchAvailability(flight: Flight, workload: Workload): void {
    if (flight.isDisturbed || !isFlying(flight)) return;
    const { availableReplicas } = workload.status;
    const floor = Math.min(flight.available, floorOf(workload, flight.way));
    if (availableReplicas < floor) this.#onFall(flight, availableReplicas, floor);
  }
}

const isLater = (standing: string | undefined, t: string): boolean =>
  standing !== undefined && (parseInstant(standing) ?? 0) > (parseInstant(t) ?? 0);

export const isFlying = (flight: Flight): boolean =>
  flight.end === undefined &&
  flight.completeAt === undefined &&
  flight.takenBackAt === undefined &&
  flight.supersededAt === undefined &&
  flight.goneAt === undefined;

export function isComplete({ generation, replicas, status }: Workload): boolean {
  return (
    status.observedGeneration === generation &&
    status.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas >= replicas &&
    (status.terminatingReplicas ?? 0) === 0
  );
}

/** How many it wants, while it has one more. */
export const spareOf = ({ record }: Pick<Workload, 'record'>): number | undefined => parseRecord(record)?.replicas;

/** How many its strategy, or the way, promises to stay available. */
export function floorOf(workload: Pick<Workload, 'strategy' | 'replicas' | 'record'>, way: Way = 'rollout'): number {
  const { replicas } = workload;
  const { unavailable } = fenceposts(workload);
  switch (way) {
    case 'rollout':
      return Math.max(0, replicas - unavailable);
    case 'evict': {
      const atOnce = workload.strategy.kind === 'recreate' ? 1 : Math.max(1, Math.min(unavailable, replicas - 1));
      return replicas - atOnce;
    }
    case 'replace':
      return spareOf(workload) ?? replicas;
    default:
      return unreachable(way);
  }
}

/** How a workload is to be restarted, and whether that leaves it without a Pod. */
export function wayIn(
  workload: Pick<Workload, 'strategy' | 'replicas' | 'record' | 'way' | 'downtimeAllowed'>,
  { downtime, mayReplace }: { readonly downtime: 'skip' | 'allow'; readonly mayReplace: boolean },
): { readonly way: Way; readonly hasGap: boolean } {
  const isGapAllowed = downtime === 'allow' || workload.downtimeAllowed;
  const isReplaced = floorOf(workload) === 0 && !isGapAllowed && mayReplace;
  const way = WAYS.find(one => one === workload.way) ?? (isReplaced ? 'replace' : 'rollout');
  return { way, hasGap: !isGapAllowed && floorOf(workload, way) === 0 };
}

export function refOf(key: string): WorkloadRef {
  const [namespace = '', name = ''] = key.split('/');
  return { kind: 'Deployment', namespace, name };
}

export const flightName = ({ key, at }: Flight): string => `${key} (${at})`;
