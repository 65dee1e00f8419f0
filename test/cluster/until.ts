import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for a condition and returns its value: asks again every 50 ms until the answer is neither undefined, null nor
 * false. Throws after the deadline (30 s), naming what was waited for and, when the last attempt threw, why.
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  options: { readonly seconds?: number; readonly everyMilliseconds?: number } = {},
): Promise<T> {
  const { seconds = 30, everyMilliseconds = 50 } = options;
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    let cause: unknown;
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      cause = error;
    }
    if (performance.now() > deadline) {
      const why = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`waited ${seconds} s in vain for ${what}${why}`, { cause });
    }
    await sleep(everyMilliseconds);
  }
}

/** Thrown by a condition that can never come true any more: `until` gives up at once. */
export class Hopeless extends Error {}
