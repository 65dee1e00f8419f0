/** A freeze in the middle of a night: nothing may start in it. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Freeze {
  /** As the policy says it. */
  readonly deny: readonly object[];
  covers(at: number): boolean;
  /** Milliseconds since it began. */
  since(at: number): number;
  /** Resolves once it has ended, at once while it has not begun. */
  over(): Promise<void>;
}

export const NO_FREEZE: Freeze = { deny: [], covers: () => false, since: () => 0, over: () => Promise.resolve() };

/** For so many milliseconds, from the next whole second on. */
export function freezeFrom(at: number, lasts: number): Freeze {
  const from = Math.ceil(at / 1000) * 1000;
  const until = from + lasts;
  const covers = (instant: number): boolean => instant >= from && instant < until;
  const text = (instant: number): string => new Date(instant).toISOString().slice(0, 19);
  return {
    deny: [{ name: 'freeze', from: text(from), until: text(until) }],
    covers,
    since: instant => instant - from,
    over: async () => {
      while (covers(Date.now())) await sleep(until - Date.now());
    },
  };
}
