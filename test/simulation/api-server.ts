import { keyOf, type Kind, type Workload, type WorkloadRef } from '../../src/domain/model.ts';
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

/** Holds the workloads, numbers every change, and remembers all of them. */
export class ApiServer {
  /** What a Rollout's controller has still to do, of what stands there. */
  awaitsOf: (workload: Workload) => string | undefined = () => undefined;
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
    this.#store(undefined, this.#complete({ ...workload, resourceVersion: this.#next() }));
  }

  /** No change makes no version. */
  update(ref: WorkloadRef, given: Given): Workload | undefined {
    const before = this.get(ref);
    if (before === undefined) return undefined;
    const standing = new Map<string, unknown>(Object.entries(before));
    const changed = Object.entries(given).filter(([key, value]) => standing.get(key) !== value);
    const isMeant = changed.some(([key]) => makesGeneration(before.kind, key));
    const after = this.#complete({ ...before, ...given, generation: before.generation + (isMeant ? 1 : 0) });
    if (changed.length === 0 && after.awaits === before.awaits) return before;
    return this.#store(before, { ...after, resourceVersion: this.#next() });
  }

  /** What is read from the rest of the object. */
  #complete(workload: Workload): Workload {
    const { kind, generation } = workload;
    if (kind === 'Deployment') return workload;
    return { ...workload, revision: generation, awaits: kind === 'Rollout' ? this.awaitsOf(workload) : undefined };
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

const OF_STATUS: ReadonlySet<string> = new Set(['status', 'revision', 'labels']);
const OF_SPEC: ReadonlySet<string> = new Set(['restartedAt', 'template', 'replicas', 'paused', 'strategy']);

/**
 * A change of the spec does, and of a Deployment one of an annotation, too (pkg/registry/apps/deployment strategy.go, and those
 * of the other kinds). How many Pods a DaemonSet wants is nothing that it says itself.
 */
function makesGeneration(kind: Kind, key: string): boolean {
  if (kind === 'Deployment') return !OF_STATUS.has(key);
  return OF_SPEC.has(key) && !(kind === 'DaemonSet' && key === 'replicas');
}
