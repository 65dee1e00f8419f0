import { formatInstant } from '../../src/domain/instant.ts';
import { keyOf, type Condition, type RolloutStatus, type Workload } from '../../src/domain/model.ts';
import type { ApiServer } from './api-server.ts';
import type { Injector } from './injector.ts';
import type { ReplicaSet, Sickness, SimulatedPod } from './pods.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

const SECOND = 1_000;
/** How soon the creation of a refused Pod is tried again. */
const AGAIN = 5 * SECOND;

/** How the Pods of one workload behave. */
export interface Temper {
  /** Milliseconds until a Pod is available, at least and at most. */
  ready: readonly [number, number];
  /** The same for its end. */
  ending: readonly [number, number];
  /** progressDeadlineSeconds, in milliseconds. */
  readonly deadline: number;
  /** What new Pods suffer from; undefined for healthy ones. */
  sickness: Sickness | undefined;
}

/** What only the controller knows of a workload. */
interface Care {
  readonly sets: ReplicaSet[];
  counters: string;
  progressedAt: number;
  condition: Condition | undefined;
}

/**
 * Makes Pods what Deployments say, as the Deployment and ReplicaSet controllers do (pkg/controller/deployment rolling.go,
 * recreate.go, sync.go): with a lag, within surge and unavailability, the unhealthy old ones first.
 */
export class DeploymentController {
  /** By key. */
  readonly tempers = new Map<string, Temper>();
  /** How late it sees a change, milliseconds. */
  lag: readonly [number, number] = [20, 1_500];
  /** Whether a quota of the namespace refuses one more Pod. */
  isFull: (namespace: string) => boolean = () => false;
  /** Whether the API server tells of Pods on their way out. */
  servesTerminating = true;
  readonly #care = new Map<string, Care>();
  readonly #due = new Set<string>();
  readonly #world: {
    readonly timeline: Timeline;
    readonly api: ApiServer;
    readonly injector: Injector;
    readonly random: Random;
  };
  #names = 0;

  constructor(world: {
    readonly timeline: Timeline;
    readonly api: ApiServer;
    readonly injector: Injector;
    readonly random: Random;
  }) {
    this.#world = world;
    world.api.listen((after, before) => {
      if (after === undefined || after.generation !== before?.generation) this.look(after ?? before);
    });
  }

  /** Pods of a workload, those on their way out included. */
  pods({ uid }: Pick<Workload, 'uid'>): readonly SimulatedPod[] {
    return this.#careFor(uid).sets.flatMap(({ pods }) => pods);
  }

  sets({ uid }: Pick<Workload, 'uid'>): readonly ReplicaSet[] {
    return this.#careFor(uid).sets;
  }

  /** Pods that are there from the beginning. */
  adopt(
    workload: Workload,
    made: readonly { readonly createdAt: number; readonly sidecar: number | undefined }[],
  ): void {
    const set = this.#newSet(workload, workload.revision);
    for (const { createdAt, sidecar } of made) {
      set.pods.push({
        name: this.#podName(set),
        set,
        createdAt,
        sidecar,
        app: workload.template,
        state: 'available',
        sickness: undefined,
      });
    }
  }

  /** Something changed: it will see. */
  look(workload: Workload | undefined, milliseconds = this.#between(this.lag)): void {
    if (workload === undefined) return;
    const key = keyOf(workload);
    if (this.#due.has(key)) return;
    this.#due.add(key);
    this.#world.timeline.after(milliseconds, () => {
      this.#due.delete(key);
      const now = this.#world.api.get(workload);
      if (now !== undefined) this.#sync(now);
    });
  }

  /** A node is lost, or somebody deletes a Pod. */
  evict(workload: Workload): void {
    const pods = this.pods(workload).filter(({ state }) => state === 'available');
    if (pods.length === 0) return;
    this.remove(workload, this.#world.random.pick(pods));
  }

  /** It is deleted. */
  remove(workload: Workload, pod: SimulatedPod): void {
    this.#end(workload, pod);
    this.look(workload);
  }

  /** What keeps its Pods from starting is mended. */
  heal(workload: Workload): void {
    const temper = this.#temper(workload);
    temper.sickness = undefined;
    for (const pod of this.pods(workload)) {
      if (pod.state !== 'starting' || pod.sickness === undefined) continue;
      pod.sickness = undefined;
      this.#becomesAvailable(workload, pod);
    }
  }

  #sync(workload: Workload): void {
    const { sets } = this.#careFor(workload.uid);
    let fresh = sets.find(set => set.template === workload.template && set.restartedAt === workload.restartedAt);
    const newest = Math.max(0, ...sets.map(({ revision }) => revision));
    let failure: string | undefined;
    if (workload.paused) {
      failure = this.#scalePaused(workload, sets);
    } else {
      const isNew = fresh === undefined;
      if (fresh === undefined) fresh = this.#newSet(workload, newest + 1);
      else if (fresh.revision < newest) fresh.revision = newest + 1;
      const count = this.pods(workload).length;
      failure =
        workload.strategy.kind === 'recreate' ? this.#recreate(workload, fresh) : this.#roll(workload, fresh, isNew);
      // New Pods, as all changes of a ReplicaSet, are a reason to look again.
      if (this.pods(workload).length > count) this.look(workload);
    }
    if (failure !== undefined) this.#lookLater(workload, AGAIN);
    this.#writeStatus(workload, fresh, failure);
  }

  /** Of one ReplicaSet as it should be; of several (a rollout that was paused) only what is too many goes, the old ones first. */
  #scalePaused(workload: Workload, sets: readonly ReplicaSet[]): string | undefined {
    const [only, another] = sets.filter(({ pods }) => pods.some(({ state }) => state !== 'terminating'));
    if (only !== undefined && another === undefined) return this.#scale(workload, only, workload.replicas);
    const most = workload.replicas === 0 ? 0 : workload.replicas + fenceposts(workload).surge;
    const live = this.#live(workload).toSorted((a, b) => a.set.revision - b.set.revision);
    for (const pod of live.slice(0, Math.max(0, live.length - most))) this.#end(workload, pod);
    return undefined;
  }

  #recreate(workload: Workload, fresh: ReplicaSet): string | undefined {
    const old = this.pods(workload).filter(({ set }) => set !== fresh);
    for (const pod of old) if (pod.state !== 'terminating') this.#end(workload, pod);
    return old.length > 0 ? undefined : this.#scale(workload, fresh, workload.replicas);
  }

  /** Where a ReplicaSet grows, the others shrink only at the next look; one that is made now has its Pods from the beginning. */
  #roll(workload: Workload, fresh: ReplicaSet, isNew: boolean): string | undefined {
    const { surge, unavailable } = fenceposts(workload);
    const news = (): SimulatedPod[] => fresh.pods.filter(({ state }) => state !== 'terminating');
    const room = workload.replicas + surge - this.#live(workload).length;
    const count = news().length;
    const failure = this.#scale(workload, fresh, Math.min(workload.replicas, count + Math.max(0, room)));
    if (!isNew && news().length > count) return failure;
    const old = this.#live(workload).filter(({ set }) => set !== fresh);
    const least = workload.replicas - unavailable;
    const newUnavailable = news().filter(({ state }) => state !== 'available').length;
    let most = this.#live(workload).length - least - newUnavailable;
    for (const pod of old.filter(({ state }) => state !== 'available')) if (most-- > 0) this.#end(workload, pod);
    const available = this.#live(workload).filter(({ state }) => state === 'available').length;
    let down = available - least;
    for (const pod of old.filter(({ state }) => state === 'available')) if (down-- > 0) this.#end(workload, pod);
    return failure;
  }

  /** Returns why a Pod could not be created, undefined when all is well. */
  #scale(workload: Workload, set: ReplicaSet, replicas: number): string | undefined {
    const live = set.pods.filter(({ state }) => state !== 'terminating');
    const surplus = live.toSorted((a, b) => Number(a.state === 'available') - Number(b.state === 'available'));
    for (const pod of surplus.slice(0, Math.max(0, live.length - replicas))) this.#end(workload, pod);
    for (let count = live.length; count < replicas; count++) {
      if (this.isFull(workload.namespace)) return 'exceeded quota';
      const sidecar = this.#world.injector.inject(workload);
      if (sidecar === 'refused') return 'failed calling webhook';
      this.#create(workload, set, sidecar);
    }
    return undefined;
  }

  #create(workload: Workload, set: ReplicaSet, sidecar: number | undefined): void {
    const { sickness } = this.#temper(workload);
    const createdAt = this.#world.timeline.now;
    const pod: SimulatedPod = {
      name: this.#podName(set),
      set,
      createdAt,
      sidecar,
      app: set.template,
      state: 'starting',
      sickness,
    };
    set.pods.push(pod);
    if (sickness === undefined) this.#becomesAvailable(workload, pod);
  }

  #becomesAvailable(workload: Workload, pod: SimulatedPod): void {
    this.#world.timeline.after(this.#between(this.#temper(workload).ready), () => {
      if (pod.state !== 'starting') return;
      pod.state = 'available';
      this.look(workload);
    });
  }

  #end(workload: Workload, pod: SimulatedPod): void {
    pod.state = 'terminating';
    this.#world.timeline.after(this.#between(this.#temper(workload).ending), () => {
      pod.set.pods = pod.set.pods.filter(other => other !== pod);
      this.look(workload);
    });
  }

  #writeStatus(workload: Workload, fresh: ReplicaSet | undefined, replicaFailure: string | undefined): void {
    const { timeline, api } = this.#world;
    const care = this.#careFor(workload.uid);
    const live = this.#live(workload);
    const updated = live.filter(({ set }) => set === fresh);
    const counters = {
      observedGeneration: workload.generation,
      replicas: live.length,
      updatedReplicas: updated.length,
      availableReplicas: live.filter(({ state }) => state === 'available').length,
      terminatingReplicas: this.servesTerminating ? this.pods(workload).length - live.length : undefined,
    };
    const text = JSON.stringify([counters, fresh?.name]);
    const now = timeline.now;
    if (text !== care.counters) care.progressedAt = now;
    care.counters = text;
    const { deadline } = this.#temper(workload);
    const available = updated.filter(({ state }) => state === 'available').length;
    const isDone =
      updated.length === workload.replicas && live.length === updated.length && available === updated.length;
    const isLate = now - care.progressedAt >= deadline;
    if (!workload.paused) {
      const reason = isDone ? 'NewReplicaSetAvailable' : isLate ? 'ProgressDeadlineExceeded' : 'ReplicaSetUpdated';
      if (reason !== care.condition?.reason || care.progressedAt === now)
        care.condition = { reason, message: reason, lastUpdateTime: formatInstant(now) };
      if (!isDone && !isLate) this.#lookLater(workload, deadline);
    }
    const status: RolloutStatus = { ...counters, progressing: care.condition, replicaFailure };
    const revision = fresh?.revision ?? workload.revision;
    if (revision !== workload.revision || !isSame(status, workload.status)) api.update(workload, { status, revision });
  }

  /** Whatever else happens meanwhile. */
  #lookLater(workload: Workload, milliseconds: number): void {
    this.#world.timeline.after(milliseconds, () => this.look(workload));
  }

  #live(workload: Workload): SimulatedPod[] {
    return this.pods(workload).filter(({ state }) => state !== 'terminating');
  }

  #newSet({ name, uid, template, restartedAt }: Workload, revision: number): ReplicaSet {
    const { sets } = this.#careFor(uid);
    const set = {
      name: `${name}-${++this.#names}`,
      uid: `set-${this.#names}`,
      template,
      restartedAt,
      revision,
      pods: [],
    };
    sets.push(set);
    return set;
  }

  #podName = ({ name }: ReplicaSet): string => `${name}-${++this.#names}`;

  #careFor(uid: string): Care {
    let care = this.#care.get(uid);
    if (care === undefined) {
      care = { sets: [], counters: '', progressedAt: this.#world.timeline.now, condition: undefined };
      this.#care.set(uid, care);
    }
    return care;
  }

  #temper(workload: Workload): Temper {
    const temper = this.tempers.get(keyOf(workload));
    if (temper === undefined) throw new Error(`nobody said how ${keyOf(workload)} behaves`);
    return temper;
  }

  #between([from, to]: readonly [number, number]): number {
    return this.#world.random.int(from, to);
  }
}

/** How many Pods may be too many, and how many too few: surge rounds up, unavailable down, and one of them is never zero. */
export function fenceposts({ strategy, replicas }: Pick<Workload, 'strategy' | 'replicas'>) {
  if (strategy.kind !== 'rollingUpdate') return { surge: 0, unavailable: replicas };
  const share = (value: number | string, round: (value: number) => number): number =>
    typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100);
  const surge = share(strategy.maxSurge, Math.ceil);
  const unavailable = share(strategy.maxUnavailable, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

const isSame = (one: RolloutStatus, other: RolloutStatus): boolean => JSON.stringify(one) === JSON.stringify(other);
