import { keyOf, type Kind, type WorkloadRef } from '../../src/domain/model.ts';
import type { WorkloadChange } from '../../src/ports.ts';
import type { ApiServer } from './api-server.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

const SECOND = 1_000;

export interface WatchWorld {
  readonly process: Process;
  readonly timeline: Timeline;
  readonly api: ApiServer;
  readonly random: Random;
  readonly trace: Trace;
  /** The probability that news is late, a stream breaks, or its place has expired. */
  readonly trouble: () => number;
  readonly met: Map<string, number>;
}

/** Whose object changed. */
const kindOf = (change: WorkloadChange): Kind => (change.kind === 'deleted' ? change.ref.kind : change.workload.kind);

export interface Known extends WorkloadRef {
  readonly uid: string;
}

/** One process's watch of one kind: every change in order, sooner or later; after a 410 only what is left of them. */
export class ProcessWatch {
  readonly #world: WatchWorld;
  readonly #onChange: (change: WorkloadChange) => void;
  readonly #kind: Kind;
  readonly #known: Map<string, Known>;
  /** Everything up to this version was told. */
  #version: number;
  #isDue = false;
  #isOver = false;
  readonly #unlisten: () => void;

  constructor(
    world: WatchWorld,
    from: {
      readonly kind: Kind;
      readonly version: number;
      readonly known: readonly Known[];
      readonly onChange: (change: WorkloadChange) => void;
    },
  ) {
    this.#world = world;
    this.#kind = from.kind;
    this.#version = from.version;
    this.#known = new Map(from.known.filter(({ kind }) => kind === from.kind).map(known => [keyOf(known), known]));
    this.#onChange = from.onChange;
    this.#unlisten = world.api.listen((after, before) => {
      if ((after ?? before)?.kind === from.kind) this.#becomesDue();
    });
    this.#becomesDue();
  }

  end(): void {
    this.#isOver = true;
    this.#unlisten();
  }

  #becomesDue(): void {
    const { timeline, random, process, trouble, met } = this.#world;
    if (process.isOver) this.end();
    if (this.#isDue || this.#isOver) return;
    this.#isDue = true;
    const isLate = random.chance(trouble());
    if (isLate) met.set('watchLate', (met.get('watchLate') ?? 0) + 1);
    const lag = isLate ? random.int(SECOND, 60 * SECOND) : random.int(1, 200);
    timeline.after(lag, () =>
      process.deliver(() => {
        this.#isDue = false;
        if (!this.#isOver) this.#tell();
      }),
    );
  }

  #tell(): void {
    const { api, random, trouble, trace, process, met } = this.#world;
    if (random.chance(Math.min(0.4, trouble() / 2))) {
      met.set('watchExpired', (met.get('watchExpired') ?? 0) + 1);
      trace.say(process.run, () => 'watch: 410, lists again');
      return this.#listAgain();
    }
    const { history } = api;
    let index = history.length;
    while (index > 0 && (history[index - 1]?.version ?? 0) > this.#version) index--;
    for (const { version, change } of history.slice(index)) {
      this.#version = version;
      if (kindOf(change) === this.#kind) this.#pass(change);
    }
  }

  #pass(change: WorkloadChange): void {
    if (change.kind === 'deleted') this.#known.delete(keyOf(change.ref));
    else {
      const { kind, namespace, name, uid } = change.workload;
      this.#known.set(keyOf(change.workload), { kind, namespace, name, uid });
    }
    this.#onChange(change);
  }

  #listAgain(): void {
    const { api } = this.#world;
    this.#version = api.version;
    for (const { uid, ...ref } of this.#known.values()) {
      if (api.get(ref)?.uid !== uid) this.#pass({ kind: 'deleted', ref, uid });
    }
    for (const workload of api.all()) {
      if (workload.kind === this.#kind) this.#pass({ kind: 'changed', workload });
    }
  }
}
