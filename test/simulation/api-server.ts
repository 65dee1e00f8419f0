import { keyOf, type Workload, type WorkloadRef } from '../../src/domain/model.ts';
import type { WorkloadChange } from '../../src/ports.ts';

/** One entry of the history that watches follow. */
export interface Change {
  readonly version: number;
  readonly change: WorkloadChange;
}

/** What somebody changed. Whoever changes the spec says so, because it makes a new generation. */
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

  /** Metadata or status. */
  update(ref: WorkloadRef, given: Given): Workload | undefined {
    const before = this.get(ref);
    return before && this.#store(before, { ...before, ...given, resourceVersion: this.#next() });
  }

  updateSpec(ref: WorkloadRef, given: Given): Workload | undefined {
    const before = this.get(ref);
    const generation = (before?.generation ?? 0) + 1;
    return before && this.#store(before, { ...before, ...given, generation, resourceVersion: this.#next() });
  }

  remove(ref: WorkloadRef): void {
    const before = this.get(ref);
    if (before === undefined) return;
    this.#workloads.delete(keyOf(ref));
    const { namespace, name, uid } = before;
    const version = Number(this.#next());
    this.history.push({ version, change: { kind: 'deleted', ref: { namespace, name }, uid } });
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
