import { parseInstant } from '../../src/domain/instant.ts';
import {
  KINDS,
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
import { rolls } from './kinds.ts';
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
  /** A replacement that was stale went with the spare Pod. */
  lostStale: boolean;
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

  /** Pods came or went, of which the status of the other kinds may never say anything. */
  lookAtPods(workload: Workload): void {
    this.#see(workload, workload);
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
      // By the other ways restartedAt is that of another restart.
      const isOther = flight.way !== 'rollout' || isLater(after.restartedAt, flight.at);
      if (after.template !== flight.template || isOther) flight.supersededAt ??= now;
      else flight.takenBackAt ??= now;
      flight.completeSince = undefined;
      return;
    }
    const isUnwilling = after.optedOut || after.paused || (flight.way === 'evict' && after.replicas <= 1);
    if (flight.way !== 'rollout' && isUnwilling) flight.supersededAt ??= now;
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
      isComplete(after, flight.way) &&
      this.#isThere(after) &&
      (flight.way === 'rollout' || (flight.stale(after) === 0 && spareOf(after) === undefined))
    ) {
      flight.completeSince ??= now;
      flight.completeAt ??= now;
    } else flight.completeSince = undefined;
    this.#watchAvailability(flight, after);
  }

  #watchAvailability(flight: Flight, workload: Workload): void {
    if (flight.isDisturbed || !isFlying(flight)) return;
    const available = this.#availableOf(workload);
    const floor = Math.min(flight.available, floorOf(workload, flight.way));
    if (available < floor) this.#onFall(flight, available, floor);
  }

  /** Whether all Pods that stay are available, where the status counts others. */
  #isThere(workload: Workload): boolean {
    if (workload.kind === 'Deployment') return true;
    const live = this.#world.controller.pods(workload).filter(({ state }) => state !== 'terminating');
    return live.length === workload.replicas && live.every(({ state }) => state === 'available');
  }

  /** What the status of the other kinds says may be late, and counts Pods on their way out; a DaemonSet promises nodes. */
  #availableOf(workload: Workload): number {
    if (workload.kind === 'Deployment') return workload.status.availableReplicas;
    const available = this.#world.controller.pods(workload).filter(({ state }) => state === 'available');
    return workload.kind === 'DaemonSet' ? new Set(available.map(({ place }) => place)).size : available.length;
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

/** Where the template stays as it is, it may be another one than that of the Pods (OnDelete, partition). */
export function isComplete(workload: Workload, way: Way): boolean {
  const { generation, replicas, status } = workload;
  const isUpdated = status.updatedReplicas === replicas || (way !== 'rollout' && !rolls(workload));
  return (
    status.observedGeneration === generation &&
    workload.awaits === undefined &&
    isUpdated &&
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
      const isRolling = workload.strategy.kind === 'rollingUpdate';
      const atOnce = isRolling ? Math.max(1, Math.min(unavailable, replicas - 1)) : 1;
      return replicas - atOnce;
    }
    case 'replace':
      return spareOf(workload) ?? replicas;
    default:
      return unreachable(way);
  }
}

type Restartable = Pick<Workload, 'kind' | 'strategy' | 'replicas' | 'record' | 'way' | 'downtimeAllowed'>;

/** How a workload is to be restarted, and whether that leaves it without a Pod; no way where what it asks for does not exist. */
export function wayIn(
  workload: Restartable,
  { downtime, mayReplace }: { readonly downtime: 'skip' | 'allow'; readonly mayReplace: boolean },
): { readonly way: Way | undefined; readonly hasGap: boolean } {
  const isGapAllowed = downtime === 'allow' || workload.downtimeAllowed;
  const asked = WAYS.find(one => one === workload.way);
  const isReplaced = floorOf(workload) === 0 && !isGapAllowed && mayReplace;
  const way = workload.kind === 'Deployment' ? (asked ?? (isReplaced ? 'replace' : 'rollout')) : wayOfKind(workload);
  return { way, hasGap: way !== undefined && !isGapAllowed && floorOf(workload, way) === 0 };
}

/** Only a Deployment may have a Pod more; a Rollout has its own evictions; and what does not roll is evicted. */
function wayOfKind(workload: Restartable): Way | undefined {
  const own = rolls(workload) ? 'rollout' : 'evict';
  const asked = workload.way ?? own;
  if (asked === 'evict') return workload.kind === 'Rollout' ? undefined : 'evict';
  return asked === 'rollout' && rolls(workload) ? 'rollout' : undefined;
}

/** That the key tells of (model.ts keyOf). */
export function refOf(key: string): WorkloadRef {
  const [, namespace = '', name = '', said] = /^([^/]*)\/(\S*)(?: \((.*)\))?$/.exec(key) ?? [];
  return { kind: KINDS.find(kind => kind === said) ?? 'Deployment', namespace, name };
}

export const flightName = ({ key, at }: Flight): string => `${key} (${at})`;
