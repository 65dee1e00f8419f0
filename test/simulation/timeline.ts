/** Something that will happen. */
export interface Entry {
  readonly at: number;
  readonly order: number;
  /** Undefined once it was called off. */
  happens: (() => void) | undefined;
}

/** More events than this at one instant are a loop that never waits. */
const MOST_AT_ONCE = 50_000;

/** Virtual time: it passes only from one event to the next, when nobody has anything left to do. */
export class Timeline {
  /** Milliseconds since the epoch. */
  now: number;
  /** Events so far. */
  steps = 0;
  #order = 0;
  #atOnce = 0;
  #awakened = false;
  /** A binary heap, the earliest first. */
  readonly #heap: Entry[] = [];

  constructor(now: number) {
    this.now = now;
  }

  at(time: number, happens: () => void): Entry {
    const entry = { at: Math.max(this.now, Math.round(time)), order: this.#order++, happens };
    this.#push(entry);
    return entry;
  }

  after(milliseconds: number, happens: () => void): Entry {
    return this.at(this.now + milliseconds, happens);
  }

  cancel(entry: Entry): void {
    entry.happens = undefined;
  }

  /** A promise was settled: whoever waits for it goes on before time does. */
  awaken(): void {
    this.#awakened = true;
  }

  /** Lets everything happen until `isOver` says so after some event, or nothing is left. */
  async pass(isOver: () => boolean): Promise<void> {
    await settled();
    for (let entry = this.#pop(); entry !== undefined; entry = this.#pop()) {
      if (entry.happens === undefined) continue;
      this.#atOnce = entry.at === this.now ? this.#atOnce + 1 : 0;
      if (this.#atOnce > MOST_AT_ONCE) throw new Error('time stands still: something goes round without ever waiting');
      this.now = entry.at;
      this.steps++;
      entry.happens();
      if (this.#awakened) {
        this.#awakened = false;
        await settled();
      }
      if (isOver()) return;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, below)) {
        child++;
        below = right;
      }
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Immediates come after every promise that can be settled is. */
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
