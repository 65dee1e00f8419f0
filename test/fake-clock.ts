import type { Clock } from '../src/ports.ts';
import { DAY, NOW } from './build.ts';

/** Beyond it time stands still, so that a test that waits for nothing ends. */
const LONGEST = 3 * DAY;

/** Time that passes only when nobody has anything else to do; then the next sleeper wakes. */
export class FakeClock implements Clock {
  readonly #start: number;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  #elapsed = 0;
  #due = false;

  constructor(start = NOW) {
    this.#start = start;
  }

  now = (): number => this.#start + this.#elapsed;
  elapsed = (): number => this.#elapsed;

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise(resolve => {
      const sleeper = {
        until: this.#elapsed + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake);
      this.#passSoon();
    });
  }

  /** Something that happens so much later. */
  after(milliseconds: number, happens: () => void): void {
    void this.sleep(milliseconds).then(happens);
  }

  /** Immediates come after every promise that can be settled is. */
  #passSoon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      const [next] = [...this.#sleepers].toSorted((a, b) => a.until - b.until);
      if (next === undefined || next.until > LONGEST) return;
      this.#elapsed = Math.max(this.#elapsed, next.until);
      next.wake();
      this.#passSoon();
    });
  }
}
