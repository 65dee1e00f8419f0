import { decodeCheckpoint, type Checkpoint } from '../../src/domain/checkpoint.ts';
import { keyOf, type Workload } from '../../src/domain/model.ts';
import type { ApiServer } from './api-server.ts';
import type { ConfigMap } from './config-map.ts';
import type { ControllerManager } from './controller-manager.ts';
import type { Draft } from './draft.ts';
import { Eyes } from './eyes.ts';
import { type Flight, Flights, flightName, isComplete, refOf } from './flights.ts';
import type { Injector } from './injector.ts';
import { judgePlaces } from './kind-law.ts';
import type { PodQuotas } from './pod-quotas.ts';
import type { Process } from './process.ts';
import type { Timeline } from './timeline.ts';
import { stamp, type Trace } from './trace.ts';

/** An invariant that does not hold, and how. */
export interface Broken {
  readonly invariant: string;
  readonly detail: string;
}

export interface CourtWorld {
  readonly timeline: Timeline;
  readonly api: ApiServer;
  readonly controller: ControllerManager;
  readonly injector: Injector;
  readonly configMap: ConfigMap;
  readonly configChanges: ReadonlyMap<string, number>;
  readonly budgets: ReadonlyMap<string, readonly string[]>;
  readonly quotas: PodQuotas;
  readonly trace: Trace;
}

/** What all witnesses know together, and the first thing that went wrong. */
export class Court {
  broken: Broken | undefined;
  readonly world: CourtWorld;
  readonly flights: Flights;
  readonly eyes: Eyes;
  /** Whose save took effect last; undefined after somebody else wrote. */
  writer: Process | undefined;
  /** When something in the checkpoint was lost or forgotten for good. */
  forgottenAt = Number.NEGATIVE_INFINITY;
  /** When all of it was lost last. */
  lostAt = Number.NEGATIVE_INFINITY;
  /** When the injector changed last. */
  injectorChangedAt = Number.NEGATIVE_INFINITY;
  /** The policy's text, and when it changed last. */
  policy = { text: '', changedAt: Number.NEGATIVE_INFINITY };
  /** The stop that stands in the checkpoint, as it follows from what was told: undefined when there is none. */
  stop: { readonly at: number; readonly isManual: boolean } | undefined;
  /** Changes whenever the ramp has to begin with its canary. */
  rampEpoch = 0;
  /** Failures by occurrence, each as uid and T, as far as a save has told them. */
  readonly failures = new Map<string, Set<string>>();
  /** When each workload got another number of replicas, by key. */
  readonly scaledAt = new Map<string, number>();
  /** When each workload got another template, by key. */
  readonly editedAt = new Map<string, number>();
  /** How many each wants, whatever we add, by key. */
  readonly wanted = new Map<string, number>();
  /** When somebody opted a workload out, by uid. */
  readonly optedOutAt = new Map<string, number>();
  /** When somebody took Pods of a workload away, by uid. */
  readonly disturbedAt = new Map<string, number>();
  /** All that some save has told, whatever became of the stop. */
  readonly counted = new Set<string>();
  /** What happens in the quiet phase has no excuse. */
  isQuiet = false;
  /** Whether no request has met trouble so far. */
  isCalm: () => boolean = () => true;

  constructor(world: CourtWorld) {
    this.world = world;
    this.eyes = new Eyes(world);
    this.flights = new Flights(world, (flight, available, floor) =>
      this.breaks('availability', `${flightName(flight)} has ${available} available replicas, ${floor} are promised`),
    );
    world.controller.onPods = ({ kind, ...ref }) => {
      const workload = kind === 'Deployment' ? undefined : world.api.get({ kind, ...ref });
      if (workload === undefined) return;
      this.flights.lookAtPods(workload);
      judgePlaces(this, workload);
    };
  }

  breaks(invariant: string, detail: string): void {
    if (this.broken !== undefined) return;
    this.broken = { invariant, detail };
    this.world.trace.say('BROKEN', () => `${invariant}: ${detail}`);
  }

  /** Returns whether it holds. */
  demands(holds: boolean, invariant: string, detail: () => string): boolean {
    if (!holds) this.breaks(invariant, detail());
    return holds;
  }

  /** Nobody who forgot it can tell whose Pods are on their way out. */
  isOnlyEndingAndForgotten(flight: Flight): boolean {
    const { key, acceptedAt } = flight;
    const workload = this.world.api.get(refOf(key));
    if (workload === undefined || this.forgottenAt <= acceptedAt) return false;
    return isComplete({ ...workload, status: { ...workload.status, terminatingReplicas: 0 } }, flight.way);
  }

  /**
   * Whether it is in flight by the record alone (nothing else says so of a template that stays as it is): for as long as the
   * criteria, and the sweep, are what they were.
   */
  isBound(flight: Flight, draft: Draft): boolean {
    if (flight.way === 'rollout') return true;
    const workload = this.world.api.get(refOf(flight.key));
    return (
      workload !== undefined &&
      this.eyes.want(workload, draft) === flight.want &&
      this.checkpoint?.sweep?.id === flight.sweep
    );
  }

  /** By somebody else. */
  isScaled(workload: Workload): void {
    this.scaledAt.set(keyOf(workload), this.now);
    this.wanted.set(keyOf(workload), workload.replicas);
  }

  /** So that a process need not know it yet. */
  scaledRecently(key: string): boolean {
    return this.now - (this.scaledAt.get(key) ?? Number.NEGATIVE_INFINITY) < 120_000;
  }

  get now(): number {
    return this.world.timeline.now;
  }

  /** The checkpoint was deleted, emptied or damaged, or its criteria changed. */
  forgets(): void {
    this.forgottenAt = this.now;
    this.rampEpoch++;
  }

  /** Nothing that the checkpoint said is known any more. */
  losesAll(): void {
    this.writer = undefined;
    this.lostAt = this.now;
    this.counted.clear();
    this.forgets();
    this.forgivesAll();
  }

  /** Nobody remembers a stop or failures any more. */
  forgivesAll(): void {
    this.stop = undefined;
    this.failures.clear();
    this.rampEpoch++;
  }

  /** As it stands there. */
  get checkpoint(): Checkpoint | undefined {
    return decoded(this.world.configMap.text);
  }

  time = (): string => stamp(this.now);
}

const known = new Map<string, Checkpoint | undefined>();

/** Undefined for nothing and for what cannot be read. */
export function decoded(text: string | undefined): Checkpoint | undefined {
  if (text === undefined) return undefined;
  if (known.has(text)) return known.get(text);
  const result = decodeCheckpoint(text);
  const checkpoint = result.kind === 'checkpoint' ? result.checkpoint : undefined;
  if (known.size > 64) known.clear();
  known.set(text, checkpoint);
  return checkpoint;
}
