import { availabilityOf, worse, type Availability } from './domain/availability.ts';
import { keyOf, type Way, type Workload, type WorkloadRef } from './domain/model.ts';
import type { Clock, WorkloadChange } from './ports.ts';

interface Measured {
  readonly uid: string;
  readonly way: Way;
  /** The fewest that it was to have. */
  replicas: number;
  readonly available: number;
  worst: Availability;
}

/** The newest that is known of each workload of the plan: filled by the watch and by reads, awaited by the flights. */
export class Observed {
  readonly #clock: Clock;
  readonly #latest = new Map<string, Workload | undefined>();
  readonly #napping = new Map<string, Set<AbortController>>();
  readonly #measured = new Map<string, Measured>();
  #closed = false;

  constructor(clock: Clock, workloads: readonly Workload[]) {
    this.#clock = clock;
    for (const workload of workloads) this.#latest.set(keyOf(workload), workload);
  }

  /** The newest version, undefined once it is gone. */
  latest(ref: WorkloadRef): Workload | undefined {
    return this.#latest.get(keyOf(ref));
  }

  /** What a read or an answer said; `undefined` when it is gone. What is older than what is known is ignored. */
  put(ref: WorkloadRef, workload: Workload | undefined): void {
    const key = keyOf(ref);
    if (workload !== undefined && isOlder(workload, this.#latest.get(key))) return;
    this.#latest.set(key, workload);
    const measured = this.#measured.get(key);
    if (measured !== undefined && workload?.uid === measured.uid) {
      // An autoscaler may take replicas away and bring them back: what it brings has to come up first.
      measured.replicas = Math.min(measured.replicas, workload.replicas);
      measured.worst = worse(availabilityOf(workload, measured), measured.worst);
    }
    this.#wake(key);
  }

  /**
   * From now on the worst moment of its availability is remembered; what it has now is what it had at its start. `replicas`
   * are those that it wants, where there is one more.
   */
  measure(workload: Workload, way: Way, replicas = workload.replicas): void {
    const { uid, status } = workload;
    const base = { uid, way, replicas, available: status.availableReplicas };
    this.#measured.set(keyOf(workload), { ...base, worst: availabilityOf(workload, base) });
  }

  /** The worst moment since `measure`. */
  worstOf(ref: WorkloadRef): Availability | undefined {
    return this.#measured.get(keyOf(ref))?.worst;
  }

  /** A change from the watch. It may lag behind what reads and answers said, or be ahead of them. */
  see(change: WorkloadChange): void {
    const ref = change.kind === 'changed' ? change.workload : change.ref;
    const key = keyOf(ref);
    if (!this.#latest.has(key)) return;
    const known = this.#latest.get(key);
    if (change.kind === 'deleted') {
      if (known?.uid === change.uid) this.put(ref, undefined);
    } else this.put(ref, change.workload);
  }

  /** Resolves at the next change of the workload, after so many milliseconds, or when this is closed. */
  async change(ref: WorkloadRef, milliseconds: number): Promise<void> {
    if (this.#closed) return;
    await this.#nap(keyOf(ref), milliseconds);
  }

  /** Resolves after so many milliseconds, or at `wake` or `close`. */
  async pause(milliseconds: number): Promise<void> {
    if (!this.#closed) await this.#nap('', milliseconds);
  }

  /** Ends every pause. */
  wake(): void {
    this.#wake('');
  }

  async #nap(key: string, milliseconds: number): Promise<void> {
    const nap = new AbortController();
    const naps = this.#napping.get(key) ?? new Set();
    this.#napping.set(key, naps.add(nap));
    await this.#clock.sleep(Math.max(0, milliseconds), nap.signal);
    naps.delete(nap);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Wakes everybody for good: the run ends without awaiting what is in flight. */
  close(): void {
    this.#closed = true;
    for (const key of this.#napping.keys()) this.#wake(key);
  }

  #wake(key: string): void {
    for (const nap of this.#napping.get(key) ?? []) nap.abort();
  }
}

/**
 * Resource versions of one kind of object can be compared as numbers (documented since Kubernetes 1.35, true for etcd
 * ever since); where they cannot, an older generation is older.
 */
function isOlder(workload: Workload, known: Workload | undefined): boolean {
  if (known === undefined || known.uid !== workload.uid) return false;
  const [version, knownVersion] = [workload.resourceVersion, known.resourceVersion];
  const comparable = /^\d+$/.test(version) && /^\d+$/.test(knownVersion);
  return comparable ? BigInt(version) < BigInt(knownVersion) : workload.generation < known.generation;
}
