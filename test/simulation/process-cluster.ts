import type { Budget } from '../../src/domain/budget.ts';
import type { Admission } from '../../src/domain/drift.ts';
import {
  keyOf,
  type Kind,
  type Namespace,
  type Needs,
  type Pod,
  type Workload,
  type WorkloadRef,
} from '../../src/domain/model.ts';
import type { Quota } from '../../src/domain/quota.ts';
import type {
  Cluster,
  EvictAnswer,
  Inventory,
  PatchAnswer,
  RescaleOrder,
  RestartOrder,
  UndoOrder,
  WatchBookmark,
  WorkloadChange,
} from '../../src/ports.ts';
import type { ApiServer } from './api-server.ts';
import type { ControllerManager } from './controller-manager.ts';
import type { Injector } from './injector.ts';
import type { Network } from './network.ts';
import { projected, type SimulatedPod } from './pods.ts';
import type { PodQuotas } from './pod-quotas.ts';
import type { Process } from './process.ts';
import { ProcessWatch, type Known } from './process-watch.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** What all processes share. */
export interface Cosmos {
  readonly timeline: Timeline;
  readonly api: ApiServer;
  readonly controller: ControllerManager;
  readonly injector: Injector;
  readonly network: Network;
  readonly trace: Trace;
  readonly random: Random;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly budgets: ReadonlyMap<string, readonly string[]>;
  readonly quotas: PodQuotas;
  /** `configmap/NAMESPACE/NAME` -> milliseconds. */
  readonly configChanges: Map<string, number>;
  /** Keys whose PATCHes some webhook refuses. */
  readonly denied: Set<string>;
  /** Keys whose Pods no budget lets be evicted. */
  readonly blocked: Set<string>;
  /** RBAC was taken away. */
  readonly rights: { mayPatch: boolean };
}

/** What there was of one kind. */
interface List {
  readonly kind: Kind;
  readonly at: number;
  readonly workloads: readonly Workload[];
  readonly version: number;
}

/** Told of what one process does to the cluster. */
export interface ClusterWitness {
  /** Deployments were read; their Pods are a moment later. */
  inventoryRead(): void;
  podsRead(workload: Workload): void;
  restartSent(order: RestartOrder): void;
  restartTookEffect(order: RestartOrder, judged: Workload, accepted: Workload): void;
  recordSent(workload: Workload, record: string): void;
  undoSent(workload: Workload): void;
  evictionSent(workload: WorkloadRef, uid: string): void;
  evictionRefused(workload: WorkloadRef): void;
  recordRewritten(before: Workload, record: string): void;
  rescaled(before: Workload, order: RescaleOrder): void;
  evicted(workload: Workload, pod: SimulatedPod): void;
}

/** The cluster as one process reaches it. */
export class ProcessCluster implements Cluster {
  readonly #cosmos: Cosmos;
  readonly #process: Process;
  readonly #witness: ClusterWitness;
  readonly #known = new WeakMap<WatchBookmark, readonly Known[]>();

  constructor(cosmos: Cosmos, process: Process, witness: ClusterWitness) {
    this.#cosmos = cosmos;
    this.#process = process;
    this.#witness = witness;
  }

  async inventory({ kinds }: Needs): Promise<Inventory> {
    const { api, network, timeline, namespaces, budgets, quotas, configChanges } = this.#cosmos;
    const lists: List[] = [];
    // One after the other: what changes meanwhile is in one list, and not in another.
    for (const kind of kinds) {
      const list = await network.read(this.#process, `list ${kind}s`, (): List => {
        if (lists.length === 0) this.#witness.inventoryRead();
        const at = Math.floor(timeline.now / 1000) * 1000;
        const workloads = api.all().filter(workload => workload.kind === kind);
        return { kind, at, workloads, version: api.version };
      });
      lists.push(list);
    }
    const workloads = lists.flatMap(list => list.workloads);
    const read = await network.read(this.#process, 'list Pods', () => {
      // Whose workload came later is nobody's.
      const entries = workloads.map(workload => [keyOf(workload), api.get(workload)] as const);
      const pods = new Map(entries.map(([key, now]) => [key, now === undefined ? [] : this.#live(now)]));
      return { pods, ...quotas.seen, configChanges: new Map(configChanges) };
    });
    const bookmark = lists.map(({ kind, version }) => ({ kind, namespace: '', resourceVersion: String(version) }));
    this.#known.set(
      bookmark,
      workloads.map(({ kind, namespace, name, uid }) => ({ kind, namespace, name, uid })),
    );
    return {
      at: lists[0]?.at ?? timeline.now,
      namespaces,
      workloads,
      budgets: new Map([...budgets].map(([key, names]) => [key, names.map(generous)])),
      autoscalers: new Map(),
      ...read,
      bookmark,
      skipped: [],
      unserved: [],
      strangers: new Map(),
    };
  }

  workload(ref: WorkloadRef): Promise<Workload | undefined> {
    return this.#cosmos.network.read(this.#process, `get ${keyOf(ref)}`, () => this.#cosmos.api.get(ref));
  }

  pods(workload: Workload): Promise<readonly Pod[]> {
    const { network, api, controller } = this.#cosmos;
    return network.read(this.#process, `list Pods of ${keyOf(workload)}`, () => {
      const now = api.get(workload);
      if (now !== undefined) this.#witness.podsRead(now);
      return now === undefined ? [] : controller.pods(now).map(projected);
    });
  }

  tryPod(workload: Workload): Promise<Admission> {
    const { network, injector } = this.#cosmos;
    return network
      .read(this.#process, `try a Pod of ${keyOf(workload)}`, () => injector.tryPod(workload))
      .catch((): Admission => ({ kind: 'refused', message: 'no answer' }));
  }

  autoscaler(): Promise<undefined> {
    return this.#cosmos.network.read(this.#process, 'list HorizontalPodAutoscalers', () => undefined);
  }

  budgets(workload: Workload): Promise<readonly Budget[]> {
    const { network, budgets } = this.#cosmos;
    const key = keyOf(workload);
    return network.read(this.#process, `list the budgets of ${key}`, () => (budgets.get(key) ?? []).map(generous));
  }

  quotas(namespace: string): Promise<readonly Quota[]> {
    const { network, quotas } = this.#cosmos;
    return network.read(this.#process, `list ResourceQuotas of ${namespace}`, () => quotas.list(namespace));
  }

  unscheduledPods(): Promise<number> {
    return this.#cosmos.network.read(this.#process, 'count Pods without a node', () => 0);
  }

  ownerOfRestartedAt(ref: WorkloadRef): Promise<string | undefined> {
    return this.#cosmos.network.read(this.#process, `owner of ${keyOf(ref)}`, () => undefined);
  }

  restart(order: RestartOrder): Promise<PatchAnswer> {
    const { at, record, workload } = order;
    this.#witness.restartSent(order);
    return this.#patch(workload, `PATCH ${keyOf(workload)} ${at} at version ${workload.resourceVersion}`, judged => {
      const accepted = this.#cosmos.api.update(workload, { restartedAt: at, record });
      if (accepted === undefined) return { kind: 'gone' };
      this.#witness.restartTookEffect(order, judged, accepted);
      return { kind: 'accepted', workload: accepted };
    });
  }

  undo({ workload, back, record }: UndoOrder): Promise<PatchAnswer> {
    this.#witness.undoSent(workload);
    this.#witness.recordSent(workload, record);
    return this.#patch(workload, `take ${keyOf(workload)} back to ${back ?? 'nothing'}`, () => {
      const accepted = this.#cosmos.api.update(workload, { restartedAt: back, record });
      return accepted === undefined ? { kind: 'gone' } : { kind: 'accepted', workload: accepted };
    });
  }

  rewriteRecord(workload: Workload, record: string): Promise<PatchAnswer> {
    this.#witness.recordSent(workload, record);
    return this.#patch(workload, `rewrite the record of ${keyOf(workload)}`, before => {
      this.#witness.recordRewritten(before, record);
      const accepted = this.#cosmos.api.update(workload, { record });
      return accepted === undefined ? { kind: 'gone' } : { kind: 'accepted', workload: accepted };
    });
  }

  rescale(order: RescaleOrder): Promise<PatchAnswer> {
    return this.#rescale(order, isThatVersion(order.workload));
  }

  scaleBack(order: RescaleOrder): Promise<PatchAnswer> {
    const { replicas, record } = order.workload;
    return this.#rescale(order, standing => standing.replicas === replicas && standing.record === record);
  }

  #rescale(order: RescaleOrder, isAsJudged: (standing: Workload) => boolean): Promise<PatchAnswer> {
    const { workload, replicas, record } = order;
    this.#witness.recordSent(workload, record);
    const apply = (before: Workload): PatchAnswer => {
      this.#count(replicas > before.replicas ? 'spareAdded' : 'spareReturned');
      this.#witness.rescaled(before, order);
      const accepted = this.#cosmos.api.update(workload, { replicas, record });
      return accepted === undefined ? { kind: 'gone' } : { kind: 'accepted', workload: accepted };
    };
    return this.#patch(workload, `scale ${keyOf(workload)} to ${replicas}`, apply, isAsJudged);
  }

  evict(ref: WorkloadRef, { name, uid }: Pod): Promise<EvictAnswer> {
    const { network, api, controller, rights, blocked, trace } = this.#cosmos;
    this.#witness.evictionSent(ref, uid);
    const decide = (): EvictAnswer => {
      if (!rights.mayPatch) {
        const { namespace } = ref;
        this.#witness.evictionRefused(ref);
        return { kind: 'forbidden', permission: { verb: 'create', resource: 'pods/eviction', namespace } };
      }
      const workload = api.get(ref);
      const pod = workload && controller.pods(workload).find(one => one.uid === uid && one.state !== 'terminating');
      if (workload === undefined || pod === undefined) return { kind: 'changed' };
      if (blocked.has(keyOf(ref)) && pod.state === 'available') {
        this.#count('evictionBlocked');
        this.#witness.evictionRefused(ref);
        return { kind: 'blocked', message: 'The disruption budget web needs all of them', retryAfter: 10_000 };
      }
      this.#count('evicted');
      this.#witness.evicted(workload, pod);
      controller.remove(workload, pod);
      return { kind: 'accepted' };
    };
    return network.write<EvictAnswer>(this.#process, {
      what: `evict ${name}`,
      effect: () => {
        const answer = decide();
        trace.say(this.#process.run, () => `evict ${name}: ${answer.kind}`);
        return answer;
      },
      unanswered: (message, retryAfter) => {
        this.#witness.evictionRefused(ref);
        return { kind: 'unanswered', message, retryAfter };
      },
      conflict: { kind: 'changed' },
    });
  }

  watch(bookmark: WatchBookmark, onChange: (change: WorkloadChange) => void, signal: AbortSignal): Promise<void> {
    const { timeline, api, trace, network, random } = this.#cosmos;
    const { promise, resolve } = Promise.withResolvers<void>();
    const trouble = (): number => (network.isDown || network.isStalled ? 1 : network.trouble);
    const world = { process: this.#process, timeline, api, random, trace, trouble, met: network.met };
    const known = this.#known.get(bookmark) ?? [];
    const watches = bookmark.map(
      ({ kind, resourceVersion }) =>
        new ProcessWatch(world, { kind, version: Number(resourceVersion), known, onChange }),
    );
    const end = (): void => {
      for (const watch of watches) watch.end();
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return promise;
  }

  #count(what: string): void {
    const { met } = this.#cosmos.network;
    met.set(what, (met.get(what) ?? 0) + 1);
  }

  #live(workload: Workload): Pod[] {
    return this.#cosmos.controller
      .pods(workload)
      .filter(({ state }) => state !== 'terminating')
      .map(projected);
  }

  /** Conditional on uid and version. A mutating webhook is asked before the version is compared, a guard after. */
  #patch(
    workload: Workload,
    what: string,
    apply: (standing: Workload) => PatchAnswer,
    isAsJudged = isThatVersion(workload),
  ): Promise<PatchAnswer> {
    const { api, network, denied, rights, random, trace } = this.#cosmos;
    const decide = (): PatchAnswer => {
      if (!rights.mayPatch) {
        const { namespace } = workload;
        return { kind: 'forbidden', permission: { verb: 'patch', resource: 'deployments.apps', namespace } };
      }
      const isDenied = denied.has(keyOf(workload));
      const refusal = { kind: 'denied', message: 'a webhook says no' } as const;
      const standing = api.get(workload);
      if (standing === undefined) return { kind: 'gone' };
      if (isDenied && random.chance(0.5)) return refusal;
      if (standing.uid !== workload.uid || !isAsJudged(standing)) return { kind: 'conflict' };
      return isDenied ? refusal : apply(standing);
    };
    return network.write<PatchAnswer>(this.#process, {
      what,
      effect: () => {
        const answer = decide();
        trace.say(this.#process.run, () => `${what}: ${answer.kind}`);
        return answer;
      },
      unanswered: (message, retryAfter) => ({ kind: 'unanswered', message, retryAfter }),
      conflict: { kind: 'conflict' },
    });
  }
}

/** Whom a budget is shared with matters here, not how many it allows. */
const generous = (name: string): Budget => ({ name, counted: { expected: 100, allowed: 100, isFailing: false } });

/** Without a version there is no condition on it. */
const isThatVersion =
  ({ resourceVersion }: Workload) =>
  (standing: Workload): boolean =>
    resourceVersion === '' || standing.resourceVersion === resourceVersion;
