import { keyOf, type Workload, type WorkloadRef } from '../../src/domain/model.ts';
import type { WorkloadChange } from '../../src/ports.ts';

/** One entry of the history that watches follow. */
export interface Change {
  readonly version: number;
  readonly change: WorkloadChange;
}

/** What somebody changed. */
type Given = Partial<Omit<Workload, 'resourceVersion' | 'generation'>>;

/** Told of every change, in order: what was there and what is. */
export type Listener = (after: Workload | undefined, before: Workload | undefined) => void;

/** Holds the Deployments, numbers every change, and remembers all of them. */
export class ApiServer {
  readonly history: Change[] = [];
  readonly #workloads = new Map<string, Workload>();
  readonly #listeners = new Set<Listener>();
  #version = 1000;

  /** Returns what ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get version(): number {
    return this.#version;
  }

  get = (ref: WorkloadRef): Workload | undefined => this.#workloads.get(keyOf(ref));

  all(): readonly Workload[] {
    return [...this.#workloads.values()];
  }

  create(workload: Workload): void {
    this.#store(undefined, { ...workload, resourceVersion: this.#next() });
  }

  /** A change of the spec or of an annotation makes a new generation (pkg/registry/apps/deployment strategy.go); no change makes no version. */
  update(ref: WorkloadRef, given: Given): Workload | undefined {
    const before = this.get(ref);
    if (before === undefined) return undefined;
    const { status = before.status, revision = before.revision, labels = before.labels, ...meant } = given;
    const standing = new Map<string, unknown>(Object.entries(before));
    const isMeant = Object.entries(meant).some(([key, value]) => standing.get(key) !== value);
    const isOther = status !== before.status || revision !== before.revision || labels !== before.labels;
    if (!isMeant && !isOther) return before;
    const generation = before.generation + (isMeant ? 1 : 0);
    return this.#store(before, { ...before, ...given, generation, resourceVersion: this.#next() });
  }

  remove(ref: WorkloadRef): void {
    const before = this.get(ref);
    if (before === undefined) return;
    this.#workloads.delete(keyOf(ref));
    const { kind, namespace, name, uid } = before;
    const version = Number(this.#next());
    this.history.push({ version, change: { kind: 'deleted', ref: { kind, namespace, name }, uid } });
    for (const listener of this.#listeners) listener(undefined, before);
  }

  #store(before: Workload | undefined, workload: Workload): Workload {
    this.#workloads.set(keyOf(workload), workload);
    this.history.push({ version: this.#version, change: { kind: 'changed', workload } });
    for (const listener of this.#listeners) listener(workload, before);
    return workload;
  }

  #next(): string {
    return String(++this.#version);
  }
}
