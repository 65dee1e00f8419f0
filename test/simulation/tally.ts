import type { Result } from './simulate.ts';

/** What many simulations came to. */
export class Tally {
  seeds = 0;
  nights = 0;
  runs = 0;
  restarts = 0;
  readonly met = new Map<string, number>();
  readonly #began = performance.now();

  add({ nights, runs, restarts, met }: Result): void {
    this.seeds++;
    this.nights += nights;
    this.runs += runs;
    this.restarts += restarts;
    for (const [kind, count] of met) this.met.set(kind, (this.met.get(kind) ?? 0) + count);
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  toString(): string {
    const { seeds, nights, runs, restarts, seconds } = this;
    const aMinute = Math.round((nights / seconds) * 60);
    const faults = [...this.met].toSorted(([, a], [, b]) => b - a).map(([kind, count]) => `${kind} ${count}`);
    return [
      `${seeds} seeds, ${nights} nights, ${runs} runs, ${restarts} restarts in ${seconds.toFixed(1)} s: ${aMinute} nights a minute`,
      `faults and interference: ${faults.join(', ')}`,
    ].join('\n');
  }
}
