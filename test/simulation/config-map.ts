import type { CheckpointStore, HolderPod, SaveAnswer, Stored } from '../../src/ports.ts';
import type { Network } from './network.ts';
import type { Process } from './process.ts';
import type { Trace } from './trace.ts';

/** The ConfigMap that the checkpoint lives in. */
export class ConfigMap {
  readonly identity = 'ops/nightshift-checkpoint';
  exists = true;
  text: string | undefined;
  #version = 1;
  /** For how long its version had stood still before it changed last, milliseconds. */
  stoodFor = Number.POSITIVE_INFINITY;
  #changedAt = Number.NEGATIVE_INFINITY;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get version(): string {
    return String(this.#version);
  }

  read(): Stored {
    return this.exists ? { kind: 'found', text: this.text, resourceVersion: this.version } : { kind: 'missing' };
  }

  write(text: string, resourceVersion: string): SaveAnswer {
    if (!this.exists) return { kind: 'missing' };
    if (resourceVersion !== this.version) return { kind: 'conflict' };
    this.put(text);
    return { kind: 'saved', resourceVersion: this.version };
  }

  /** A write by anybody; with the same text only a label changes. */
  put(text: string | undefined): void {
    this.text = text;
    this.#version++;
    this.stoodFor = this.#now() - this.#changedAt;
    this.#changedAt = this.#now();
  }

  remove(): void {
    this.exists = false;
    this.put(undefined);
  }

  /** `helm upgrade`. */
  recreate(): void {
    if (this.exists) return;
    this.exists = true;
    this.put(undefined);
  }
}

/** Told of what one process does to the checkpoint. */
export interface StoreWitness {
  /** An attempt leaves. */
  sending(text: string): void;
  /** It took effect; `before` is what stood there. */
  wrote(text: string, before: string | undefined): void;
  /** The process knows that the save of this text was made; when it was sent, by its monotonic clock. */
  acknowledged(text: string, sentAt: number): void;
}

export interface StoreWorld {
  readonly process: Process;
  readonly network: Network;
  readonly configMap: ConfigMap;
  /** What the kubelet says of a run's Pod. */
  readonly holders: (pod: HolderPod) => 'running' | 'terminated' | 'vanished';
  readonly witness: StoreWitness;
  readonly trace: Trace;
}

/** The checkpoint as one process reaches it. */
export class ProcessStore implements CheckpointStore {
  readonly identity: string;
  /** Texts on their way or of unknown fate, and when they were sent. */
  readonly #sent = new Map<string, number>();
  readonly #world: StoreWorld;

  constructor(world: StoreWorld) {
    this.#world = world;
    this.identity = world.configMap.identity;
  }

  async read(): Promise<Stored> {
    const { network, process, configMap, witness } = this.#world;
    const stored = await network.read(process, 'read checkpoint', () => configMap.read());
    if (stored.kind !== 'found' || stored.text === undefined) return stored;
    const sentAt = this.#sent.get(stored.text);
    if (sentAt !== undefined) witness.acknowledged(stored.text, sentAt);
    return stored;
  }

  write(text: string, resourceVersion: string): Promise<SaveAnswer> {
    const { network, process, configMap, witness, trace } = this.#world;
    const sentAt = process.clock.elapsed();
    this.#sent.clear();
    this.#sent.set(text, sentAt);
    witness.sending(text);
    return network.write<SaveAnswer>(process, {
      what: 'save checkpoint',
      effect: () => {
        const before = configMap.text;
        const answer = configMap.write(text, resourceVersion);
        trace.say(process.run, () => `save checkpoint: ${answer.kind}`);
        if (answer.kind === 'saved') witness.wrote(text, before);
        return answer;
      },
      arrives: answer => {
        if (answer.kind === 'saved') witness.acknowledged(text, sentAt);
      },
      unanswered: (message, retryAfter) => ({ kind: 'unanswered', message, retryAfter }),
      conflict: { kind: 'conflict' },
    });
  }

  holder(pod: HolderPod): Promise<'running' | 'terminated' | 'vanished'> {
    const { network, process, holders } = this.#world;
    return network.read(process, `look at Pod ${pod.name}`, () => holders(pod));
  }
}
