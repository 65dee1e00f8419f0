import { createHash } from 'node:crypto';

/** What happened, line by line: when (virtual time), who, what. Kept only where somebody is going to read it. */
export class Trace {
  readonly isKept: boolean;
  readonly #lines: string[] = [];
  readonly #now: () => number;

  constructor(isKept: boolean, now: () => number) {
    this.isKept = isKept;
    this.#now = now;
  }

  /** Costs nothing where nothing is kept: `what` is called only then. */
  say(who: string, what: () => string): void {
    if (this.isKept) this.#lines.push(`${stamp(this.#now())}  ${who.padEnd(11)} ${what()}`);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Equal for two runs that did the same. */
  get digest(): string {
    return createHash('sha256').update(this.#lines.join('\n')).digest('hex');
  }
}

/** `03-29 01:00:05.250`, UTC. */
export const stamp = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().slice(5, 23).replace('T', ' ');
