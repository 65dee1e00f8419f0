import type { Clock } from '../../src/ports.ts';

/**
 * A clock for tests: pauses between attempts (under ten seconds) pass at once, deadlines (ten and more) come only
 * when `pass` says so. Nothing waits for real time.
 */
export class PatientClock implements Clock {
  /** Pauses that were taken, in milliseconds. */
  readonly pauses: number[] = [];
  readonly #waiting = new Set<{ readonly until: number; readonly wake: () => void }>();
  #elapsed = 0;
  readonly #start: number;

  constructor(start = Date.parse('2026-11-23T01:00:00Z')) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    if (milliseconds < 10_000) {
      this.pauses.push(milliseconds);
      this.#elapsed += milliseconds;
      return new Promise(resolve => setImmediate(resolve));
    }
    return new Promise(resolve => {
      const sleeper = {
        until: this.#elapsed + milliseconds,
        wake: () => {
          this.#waiting.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#waiting.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  /** Lets time pass, and whatever was due by then happen. */
  pass(milliseconds: number): void {
    this.#elapsed += milliseconds;
    for (const sleeper of this.#waiting) if (sleeper.until <= this.#elapsed) sleeper.wake();
  }
}
