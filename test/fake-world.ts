import type { Budget } from '../src/domain/budget.ts';
import { EMPTY, decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../src/domain/checkpoint.ts';
import type { Admission } from '../src/domain/drift.ts';
import {
  keyOf,
  type Autoscaler,
  type Namespace,
  type Pod,
  type Workload,
  type WorkloadRef,
} from '../src/domain/model.ts';
import type { PodUsage, Quota } from '../src/domain/quota.ts';
import type { News } from '../src/news.ts';
import type {
  Announcer,
  CheckpointStore,
  Clock,
  Cluster,
  EvictAnswer,
  Inventory,
  PatchAnswer,
  RescaleOrder,
  RestartOrder,
  SaveAnswer,
  Stored,
  UndoOrder,
  WatchBookmark,
  WorkloadChange,
} from '../src/ports.ts';
import { aNamespace, aPod, BY, imagesOf, NOW, SECOND, somePods, type GivenWorkload } from './build.ts';

/** What happens to a workload after its template changed; `cluster.update` and `setPods` tell the world. */
export type Script = (cluster: FakeCluster, workload: Workload) => Promise<void>;

/** Holds workloads and Pods, and plays the script of whoever is restarted. */
export class FakeCluster implements Cluster {
  readonly #clock: Clock;
  readonly #workloads = new Map<string, Workload>();
  readonly #pods = new Map<string, readonly Pod[]>();
  readonly #watchers = new Set<(change: WorkloadChange) => void>();
  #version = 1000;
  /** Every call but the watch, as `VERB NAMESPACE/NAME`. */
  readonly calls: string[] = [];
  readonly scripts = new Map<string, Script>();
  readonly namespaces = new Map<string, Namespace>();
  readonly budgetsOf = new Map<string, readonly Budget[]>();
  readonly autoscalers = new Map<string, Autoscaler>();
  readonly quotasIn = new Map<string, readonly Quota[]>();
  readonly usage = new Map<string, PodUsage>();
  readonly configChanges = new Map<string, number>();
  skipped: Inventory['skipped'] = [];
  unserved: Inventory['unserved'] = [];
  /** What becomes of a Pod that is tried. */
  onTry: (workload: Workload) => Admission = () => ({ kind: 'refused', message: 'nobody injects anything here' });
  owner: string | undefined;
  /** The network and the API server between a restart and us; `apply` is what an ideal one does. */
  onRestart = (_: RestartOrder, apply: () => PatchAnswer): Promise<PatchAnswer> => Promise.resolve(apply());
  onUndo = (apply: () => PatchAnswer): Promise<PatchAnswer> => Promise.resolve(apply());
  onRewrite = (apply: () => PatchAnswer): PatchAnswer => apply();
  onRescale = (_: RescaleOrder, apply: () => PatchAnswer): PatchAnswer => apply();
  /** What the API server says to an eviction; `apply` takes the Pod away and has its replacement made. */
  onEvict = (_: Pod, apply: () => EvictAnswer): EvictAnswer => apply();
  isAvailable = (pod: Pod): boolean => pod.ready;
  /** What a Pod that is made now is like. */
  newPod: Partial<Pod> = { images: imagesOf('app:1', 'proxy:2') };

  constructor(clock: Clock, workloads: readonly Workload[] = []) {
    this.#clock = clock;
    for (const workload of workloads) this.add(workload);
  }

  /** With as many Pods of last month as it has replicas. */
  add(workload: Workload, pods: readonly Pod[] = somePods(workload.replicas)): void {
    this.#workloads.set(keyOf(workload), workload);
    this.#pods.set(keyOf(workload), pods);
    this.namespaces.set(workload.namespace, aNamespace({ name: workload.namespace }));
  }

  get = (ref: WorkloadRef): Workload | undefined => this.#workloads.get(keyOf(ref));

  /** A change by anybody; a change of the template or of restartedAt has to come with its generation. */
  update(ref: WorkloadRef, { status, ...given }: GivenWorkload): Workload {
    const before = this.get(ref);
    if (before === undefined) throw new Error(`there is no ${keyOf(ref)}`);
    const resourceVersion = String(++this.#version);
    const workload = { ...before, resourceVersion, ...given, status: { ...before.status, ...status } };
    this.#workloads.set(keyOf(ref), workload);
    for (const watcher of this.#watchers) watcher({ kind: 'changed', workload });
    return workload;
  }

  setPods(ref: WorkloadRef, pods: readonly Pod[]): void {
    this.#pods.set(keyOf(ref), pods);
  }

  remove(ref: WorkloadRef): void {
    const uid = this.get(ref)?.uid ?? '';
    this.#workloads.delete(keyOf(ref));
    this.#pods.delete(keyOf(ref));
    for (const watcher of this.#watchers) watcher({ kind: 'deleted', ref, uid });
  }

  inventory(): Promise<Inventory> {
    this.calls.push('inventory');
    const pods = new Map([...this.#pods].map(([key, all]) => [key, all.filter(pod => !pod.terminating)]));
    const { namespaces, skipped, unserved, budgetsOf: budgets, autoscalers, usage, configChanges } = this;
    const quotas = new Map(this.quotasIn);
    const workloads = [...this.#workloads.values()];
    const seen = {
      namespaces,
      workloads,
      pods,
      budgets,
      autoscalers,
      quotas,
      usage,
      configChanges,
      bookmark: [],
      skipped,
      unserved,
      strangers: new Map(),
    };
    return Promise.resolve({ at: this.#clock.now(), ...seen });
  }

  workload(ref: WorkloadRef): Promise<Workload | undefined> {
    this.calls.push(`get ${keyOf(ref)}`);
    return Promise.resolve(this.get(ref));
  }

  pods(workload: Workload): Promise<readonly Pod[]> {
    this.calls.push(`pods ${keyOf(workload)}`);
    return Promise.resolve(this.#pods.get(keyOf(workload)) ?? []);
  }

  budgets(workload: Workload): Promise<readonly Budget[]> {
    this.calls.push(`budgets ${keyOf(workload)}`);
    return Promise.resolve(this.budgetsOf.get(keyOf(workload)) ?? []);
  }

  quotas(namespace: string): Promise<readonly Quota[]> {
    this.calls.push(`quotas ${namespace}`);
    return Promise.resolve(this.quotasIn.get(namespace) ?? []);
  }

  autoscaler(ref: WorkloadRef): Promise<Autoscaler | undefined> {
    this.calls.push(`autoscaler ${keyOf(ref)}`);
    return Promise.resolve(this.autoscalers.get(keyOf(ref)));
  }

  unscheduled = 0;

  unscheduledPods(most: number): Promise<number> {
    this.calls.push('unscheduled');
    return Promise.resolve(Math.min(most, this.unscheduled));
  }

  tryPod(workload: Workload): Promise<Admission> {
    this.calls.push(`try ${keyOf(workload)}`);
    return Promise.resolve(this.onTry(workload));
  }

  ownerOfRestartedAt = (): Promise<string | undefined> => Promise.resolve(this.owner);

  restart(order: RestartOrder): Promise<PatchAnswer> {
    this.calls.push(`restart ${keyOf(order.workload)}`);
    return this.onRestart(order, () => this.#apply(order));
  }

  #apply({ workload, at, record }: RestartOrder): PatchAnswer {
    const standing = this.get(workload);
    if (standing === undefined) return { kind: 'gone' };
    if (standing.resourceVersion !== workload.resourceVersion) return { kind: 'conflict' };
    const [generation, revision] = [standing.generation + 1, standing.revision + 1];
    const accepted = this.update(workload, { restartedAt: at, record, generation, revision });
    void (this.scripts.get(keyOf(workload)) ?? rollsOut())(this, accepted);
    return { kind: 'accepted', workload: accepted };
  }

  undo({ workload, back, record }: UndoOrder): Promise<PatchAnswer> {
    this.calls.push(`undo ${keyOf(workload)}`);
    return this.onUndo(() => {
      const standing = this.get(workload);
      if (standing === undefined) return { kind: 'gone' };
      if (standing.resourceVersion !== workload.resourceVersion) return { kind: 'conflict' };
      const [generation, revision] = [standing.generation + 1, standing.revision + 1];
      const accepted = this.update(workload, { restartedAt: back, record, generation, revision });
      void rollsOut()(this, accepted);
      return { kind: 'accepted', workload: accepted };
    });
  }

  rewriteRecord(workload: Workload, record: string): Promise<PatchAnswer> {
    this.calls.push(`rewrite ${keyOf(workload)}`);
    const apply = (): PatchAnswer =>
      this.get(workload)?.resourceVersion === workload.resourceVersion
        ? { kind: 'accepted', workload: this.update(workload, { record }) }
        : { kind: 'conflict' };
    return Promise.resolve(this.onRewrite(apply));
  }

  rescale(order: RescaleOrder): Promise<PatchAnswer> {
    return this.#rescale(order, standing => standing.resourceVersion === order.workload.resourceVersion);
  }

  scaleBack(order: RescaleOrder): Promise<PatchAnswer> {
    const { uid, replicas, record } = order.workload;
    const isAsRead = (standing: Workload): boolean =>
      standing.uid === uid && standing.replicas === replicas && standing.record === record;
    return this.#rescale(order, isAsRead);
  }

  #rescale(order: RescaleOrder, isAsJudged: (standing: Workload) => boolean): Promise<PatchAnswer> {
    const { workload, replicas, record } = order;
    this.calls.push(`rescale ${keyOf(workload)} ${replicas}`);
    const apply = (): PatchAnswer => {
      const standing = this.get(workload);
      if (standing === undefined) return { kind: 'gone' };
      if (!isAsJudged(standing)) return { kind: 'conflict' };
      const accepted = this.update(workload, { replicas, record, generation: standing.generation + 1 });
      void this.#fill(workload);
      return { kind: 'accepted', workload: accepted };
    };
    return Promise.resolve(this.onRescale(order, apply));
  }

  evict(workload: WorkloadRef, pod: Pod): Promise<EvictAnswer> {
    this.calls.push(`evict ${keyOf(workload)} ${pod.name}`);
    const apply = (): EvictAnswer => {
      const pods = this.#pods.get(keyOf(workload)) ?? [];
      if (!pods.some(({ uid }) => uid === pod.uid)) return { kind: 'changed' };
      this.#pods.set(
        keyOf(workload),
        pods.filter(({ uid }) => uid !== pod.uid),
      );
      void this.#fill(workload);
      return { kind: 'accepted' };
    };
    return Promise.resolve(this.onEvict(pod, apply));
  }

  #made = 0;

  /**
   * As a ReplicaSet does: those that are not ready go first, and with bad luck the oldest, and what is missing is made and
   * ready after ten seconds.
   */
  async #fill(ref: WorkloadRef): Promise<void> {
    await this.sleep(SECOND);
    const live = (): readonly Pod[] => this.#pods.get(keyOf(ref)) ?? [];
    const { replicas, restartedAt } = this.get(ref) ?? { replicas: 0, restartedAt: undefined };
    const gone = live()
      .toSorted((a, b) => Number(a.ready) - Number(b.ready) || a.createdAt - b.createdAt)
      .slice(0, Math.max(0, live().length - replicas));
    const kept = live().filter(pod => !gone.includes(pod));
    const made = Array.from({ length: replicas - kept.length }, () =>
      aPod({ name: `new-${++this.#made}`, createdAt: this.#clock.now(), restartedAt, ...this.newPod, ready: false }),
    );
    this.#pods.set(keyOf(ref), [...kept, ...made]);
    this.#count(ref);
    await this.sleep(10 * SECOND);
    if (this.newPod.ready === false) return;
    const names = new Set(made.map(({ name }) => name));
    this.#pods.set(
      keyOf(ref),
      live().map(pod => (names.has(pod.name) ? { ...pod, ready: true } : pod)),
    );
    this.#count(ref);
  }

  #count(ref: WorkloadRef): void {
    const workload = this.get(ref);
    if (workload === undefined) return;
    const pods = this.#pods.get(keyOf(ref)) ?? [];
    const availableReplicas = pods.filter(this.isAvailable).length;
    const counted = { replicas: pods.length, updatedReplicas: pods.length, availableReplicas };
    this.update(ref, { status: { ...counted, observedGeneration: workload.generation } });
  }

  async watch(_: WatchBookmark, onChange: (change: WorkloadChange) => void, signal: AbortSignal): Promise<void> {
    this.#watchers.add(onChange);
    await this.#clock.sleep(Number.POSITIVE_INFINITY, signal);
    this.#watchers.delete(onChange);
  }

  sleep = (milliseconds: number): Promise<void> => this.#clock.sleep(milliseconds);
}

/** New Pods, all available after so long, in place of the old ones. */
export const rollsOut =
  ({
    seconds = 10,
    pod = {},
    pods = () => ({}),
  }: {
    readonly seconds?: number;
    /** What the new Pods are like, all of them, and each. */
    readonly pod?: Partial<Pod>;
    readonly pods?: (index: number) => Partial<Pod>;
  } = {}): Script =>
  async (cluster, workload) => {
    await cluster.sleep(SECOND);
    const { generation: observedGeneration, replicas, restartedAt } = workload;
    cluster.update(workload, { status: { observedGeneration, updatedReplicas: 1, replicas: replicas + 1 } });
    await cluster.sleep((seconds - 1) * SECOND);
    const images = imagesOf('app:2', 'proxy:2');
    const made = somePods(replicas, { restartedAt, createdAt: NOW, images, ...pod });
    cluster.setPods(
      workload,
      made.map((one, index) => ({ ...one, ...pods(index) })),
    );
    const done = { updatedReplicas: replicas, replicas, availableReplicas: replicas };
    if (cluster.get(workload)?.restartedAt === restartedAt) cluster.update(workload, { status: done });
  };

/** One new Pod beside the old ones, which never becomes available. */
export const getsStuck =
  (pod: Partial<Pod> = {}): Script =>
  async (cluster, workload) => {
    await cluster.sleep(SECOND);
    const { generation: observedGeneration, replicas, restartedAt } = workload;
    cluster.setPods(workload, [...somePods(replicas), aPod({ name: 'new', restartedAt, ...pod })]);
    cluster.update(workload, { status: { observedGeneration, updatedReplicas: 1, replicas: replicas + 1 } });
  };

/** A ConfigMap with one key; every write is conditional. */
export class FakeStore implements CheckpointStore {
  readonly identity = BY;
  /** What was written, in order. */
  readonly saves: Checkpoint[] = [];
  text: string | undefined;
  version = 1;
  missing = false;
  reads = 0;
  holderState: 'running' | 'terminated' | 'vanished' = 'vanished';
  /** The network between a write and us. */
  onWrite = (apply: () => SaveAnswer): Promise<SaveAnswer> => Promise.resolve(apply());

  constructor(checkpoint?: Checkpoint) {
    this.text = checkpoint && encodeCheckpoint(checkpoint);
  }

  get checkpoint(): Checkpoint {
    const decoded = decodeCheckpoint(this.text);
    return decoded.kind === 'checkpoint' ? decoded.checkpoint : EMPTY;
  }

  read(): Promise<Stored> {
    this.reads++;
    const { text, version, missing } = this;
    return Promise.resolve(missing ? { kind: 'missing' } : { kind: 'found', text, resourceVersion: String(version) });
  }

  write(text: string, resourceVersion: string): Promise<SaveAnswer> {
    return this.onWrite(() => {
      if (this.missing) return { kind: 'missing' };
      if (resourceVersion !== String(this.version)) return { kind: 'conflict' };
      this.put(text);
      this.saves.push(this.checkpoint);
      return { kind: 'saved', resourceVersion: String(this.version) };
    });
  }

  /** A write by anybody; without a text only a label changes. */
  put(text = this.text): void {
    this.text = text;
    this.version++;
  }

  holder = (): Promise<'running' | 'terminated' | 'vanished'> => Promise.resolve(this.holderState);
}

/** Remembers what was told, and when. */
export class FakeAnnouncer implements Announcer {
  readonly told: (News & { readonly time: number })[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  tell(news: News): void {
    this.told.push({ ...news, time: this.#clock.elapsed() });
  }

  of = <K extends News['kind']>(kind: K) =>
    this.told.filter((news): news is News & { kind: K; time: number } => news.kind === kind);

  report = (): Promise<void> => Promise.resolve();
}
