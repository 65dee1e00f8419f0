import type { Clock, HolderPod } from '../../src/ports.ts';
import type { Timeline } from './timeline.ts';

/** At which call of its ports something happens to a process, and when in its course. */
export interface Accident {
  readonly call: number;
  /** Before the request leaves, right after it has left, or when it has taken effect. */
  readonly moment: 'before' | 'sent' | 'effect';
  /** Milliseconds; undefined for a death. */
  readonly pause: number | undefined;
}

/**
 * One run, as the world sees it: all calls of its ports carry its identity. Of a dead process no promise is ever settled;
 * of a paused one only when it wakes, while time goes on: then it is a zombie.
 */
export class Process {
  state: 'alive' | 'paused' | 'dead' | 'ended' = 'alive';
  /** Its wall clock minus the API server's, milliseconds. */
  skew: number;
  /** What the kubelet says of its container once it is not alive any more, or is out of reach. */
  container: 'running' | 'terminated' | 'vanished' = 'running';
  /** Requests and timers that will come back; a process without one is stuck. */
  pending = 0;
  calls = 0;
  wasPaused = false;
  accident: Accident | undefined;
  readonly run: string;
  readonly pod: HolderPod | undefined;
  readonly interruption = new AbortController();
  readonly clock: Clock;
  readonly #timeline: Timeline;
  readonly #held: (() => void)[] = [];

  constructor(
    timeline: Timeline,
    { run, pod, skew }: { readonly run: string; readonly pod: HolderPod | undefined; readonly skew: number },
  ) {
    this.#timeline = timeline;
    this.run = run;
    this.pod = pod;
    this.skew = skew;
    this.clock = {
      now: () => timeline.now + this.skew,
      elapsed: () => timeline.now,
      sleep: (milliseconds, signal) => this.#sleep(milliseconds, signal),
    };
  }

  get isOver(): boolean {
    return this.state === 'dead' || this.state === 'ended';
  }

  /** Something reaches the process: now, when it wakes, or never. */
  deliver(what: () => void): void {
    if (this.state === 'paused') this.#held.push(what);
    else if (this.state === 'alive') {
      this.#timeline.awaken();
      what();
    }
  }

  kill(container: 'terminated' | 'vanished' | 'running'): void {
    if (this.isOver) return;
    this.state = 'dead';
    this.container = container;
    this.#held.length = 0;
  }

  pause(): void {
    this.wasPaused = true;
    if (this.state === 'alive') this.state = 'paused';
  }

  wake(): void {
    if (this.state !== 'paused') return;
    this.state = 'alive';
    for (const what of this.#held.splice(0)) this.deliver(what);
  }

  /** SIGTERM. */
  terminate(): void {
    this.deliver(() => this.interruption.abort());
  }

  end(): void {
    this.state = 'ended';
    this.container = 'terminated';
  }

  #sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise(resolve => {
      this.pending++;
      let isOver = false;
      const wake = (): void => {
        // Both may come when a process wakes: its timer, and what aborts it.
        if (isOver) return;
        isOver = true;
        this.#timeline.cancel(entry);
        signal?.removeEventListener('abort', wake);
        this.pending--;
        resolve();
      };
      const entry = this.#timeline.after(milliseconds, () => this.deliver(wake));
      signal?.addEventListener('abort', wake);
    });
  }
}
