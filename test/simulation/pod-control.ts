import { keyOf, unreachable, type Kind, type Workload } from '../../src/domain/model.ts';
import type { ApiServer } from './api-server.ts';
import type { Injector } from './injector.ts';
import type { ReplicaSet, Sickness, SimulatedPod } from './pods.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

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
  /** Only those that a restart of the template makes suffer from it. */
  readonly ofRestarts?: boolean;
  /** podManagementPolicy: Parallel of a StatefulSet; else OrderedReady. */
  readonly isParallel?: boolean;
}

export interface ControllerWorld {
  readonly timeline: Timeline;
  readonly api: ApiServer;
  readonly injector: Injector;
  readonly random: Random;
}

/** A Pod that is there from the beginning. */
export interface Adopted {
  readonly createdAt: number;
  readonly sidecar: number | undefined;
}

/**
 * What all controllers do with Pods (pkg/controller/controller_utils.go PodControl), and what kubelets do then: a Pod is made
 * of a template, admission puts something into it, it becomes available or does not, and it takes its time to end.
 */
export class PodControl {
  /** By key. */
  readonly tempers = new Map<string, Temper>();
  readonly world: ControllerWorld;
  readonly #sets = new Map<string, ReplicaSet[]>();
  /** Told of every change of Pods, at once. */
  onPods: (workload: Workload) => void = () => undefined;
  /** Whether a quota of the namespace refuses one more Pod. */
  isFull: (namespace: string) => boolean = () => false;
  /** What a controller gets to see: a Pod is available, or gone. */
  readonly #onChange: (workload: Workload) => void;
  #names = 0;

  constructor(world: ControllerWorld, onChange: (workload: Workload) => void) {
    this.world = world;
    this.#onChange = onChange;
  }

  /** Those on their way out included. */
  pods(workload: Pick<Workload, 'uid'>): readonly SimulatedPod[] {
    return this.sets(workload).flatMap(({ pods }) => pods);
  }

  live(workload: Pick<Workload, 'uid'>): SimulatedPod[] {
    return this.pods(workload).filter(({ state }) => state !== 'terminating');
  }

  /** Its ReplicaSets; of a StatefulSet or a DaemonSet its ControllerRevisions. */
  sets({ uid }: Pick<Workload, 'uid'>): ReplicaSet[] {
    let sets = this.#sets.get(uid);
    if (sets === undefined) this.#sets.set(uid, (sets = []));
    return sets;
  }

  /** The one of its template, made where there is none yet. One that comes back is the newest again. */
  setOfTemplate(workload: Workload): ReplicaSet {
    const sets = this.sets(workload);
    const newest = Math.max(0, ...sets.map(({ revision }) => revision));
    const standing = sets.find(set => isOfTemplate(set, workload));
    if (standing === undefined) return this.newSet(workload, newest + 1);
    if (standing.revision < newest) standing.revision = newest + 1;
    return standing;
  }

  newSet(workload: Workload, revision: number): ReplicaSet {
    const { kind, name, uid, template } = workload;
    const number = ++this.#names;
    const identity = isOfReplicaSets(kind) ? { name: `${name}-${number}`, uid: `set-${number}` } : { name, uid };
    const set = { ...identity, template, restartedAt: restartedAtOf(workload), revision, pods: [] };
    this.sets(workload).push(set);
    return set;
  }

  adopt(workload: Workload, made: readonly Adopted[]): void {
    const set = this.newSet(workload, workload.revision);
    for (const [place, pod] of made.entries()) {
      set.pods.push({
        ...this.#identity(workload, set, place),
        set,
        ...pod,
        app: workload.template,
        state: 'available',
        serves: true,
        sickness: undefined,
      });
    }
  }

  /** Returns why it could not be created, undefined when all is well. `place` is its ordinal or its node, where it has one. */
  create(workload: Workload, set: ReplicaSet, place = 0): string | undefined {
    const { injector, timeline } = this.world;
    if (this.isFull(workload.namespace)) return 'exceeded quota';
    const sidecar = injector.inject(workload);
    if (sidecar === 'refused') return 'failed calling webhook';
    const { sickness: drawn, ofRestarts = false } = this.temper(workload);
    const sickness = ofRestarts && set.restartedAt === undefined ? undefined : drawn;
    const pod: SimulatedPod = {
      ...this.#identity(workload, set, place),
      set,
      createdAt: timeline.now,
      sidecar,
      app: set.template,
      state: 'starting',
      serves: false,
      sickness,
    };
    set.pods.push(pod);
    this.onPods(workload);
    if (sickness === undefined) this.#becomesAvailable(workload, pod);
    return undefined;
  }

  end(workload: Workload, pod: SimulatedPod): void {
    pod.state = 'terminating';
    this.onPods(workload);
    this.world.timeline.after(this.between(this.temper(workload).ending), () => {
      pod.set.pods = pod.set.pods.filter(other => other !== pod);
      this.onPods(workload);
      this.#onChange(workload);
    });
  }

  /** What keeps its Pods from starting is mended. */
  heal(workload: Workload): void {
    const temper = this.temper(workload);
    temper.sickness = undefined;
    for (const pod of this.pods(workload)) {
      if (pod.state !== 'starting' || pod.sickness === undefined) continue;
      pod.sickness = undefined;
      this.#becomesAvailable(workload, pod);
    }
  }

  temper(workload: Workload): Temper {
    const temper = this.tempers.get(keyOf(workload));
    if (temper === undefined) throw new Error(`nobody said how ${keyOf(workload)} behaves`);
    return temper;
  }

  between([from, to]: readonly [number, number]): number {
    return this.world.random.int(from, to);
  }

  #becomesAvailable(workload: Workload, pod: SimulatedPod): void {
    this.world.timeline.after(this.between(this.temper(workload).ready), () => {
      if (pod.state !== 'starting') return;
      pod.state = 'available';
      pod.serves = true;
      this.onPods(workload);
      this.#onChange(workload);
    });
  }

  /** A StatefulSet's Pod has the name of the one before it, and another uid. */
  #identity({ kind, name }: Workload, set: ReplicaSet, place: number): Pick<SimulatedPod, 'name' | 'uid' | 'place'> {
    const number = ++this.#names;
    switch (kind) {
      case 'Deployment':
      case 'Rollout': {
        const podName = `${set.name}-${number}`;
        return { name: podName, uid: `uid of ${podName}`, place: undefined };
      }
      case 'StatefulSet':
        return { name: `${name}-${place}`, uid: `uid of ${name}-${place}, the ${number}th`, place };
      case 'DaemonSet':
        return { name: `${name}-${number}`, uid: `uid of ${name}-${number}`, place };
      default:
        return unreachable(kind);
    }
  }
}

const isOfReplicaSets = (kind: Kind): boolean => kind === 'Deployment' || kind === 'Rollout';

/** In the template; a Rollout's stands beside it, and makes no new one. */
const restartedAtOf = ({ kind, restartedAt }: Workload): string | undefined =>
  kind === 'Rollout' ? undefined : restartedAt;

export const isOfTemplate = (set: ReplicaSet, workload: Workload): boolean =>
  set.template === workload.template && set.restartedAt === restartedAtOf(workload);
