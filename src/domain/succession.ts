import type { Pod, Way, Workload } from './model.ts';
import { promisedBy } from './way.ts';

/** Which Pod of a workload is replaced next, where its own controller does not decide that. */

interface Generations {
  /** Live Pods that are to be replaced. */
  readonly stale: readonly Pod[];
  /** Those that are not. */
  readonly fresh: readonly Pod[];
  /** How many are on their way out and still waited for. */
  readonly leaving: number;
}

/**
 * The next one to go, undefined while that would leave fewer available than the way promises. What is not ready goes first,
 * because nobody misses it; of a StatefulSet the highest ordinal, as its controller does; else the oldest.
 */
export function nextToGo(
  { stale, fresh, leaving }: Generations,
  { workload, way, mayBeDown }: { readonly workload: Workload; readonly way: Way; readonly mayBeDown: boolean },
): Pod | undefined {
  const [next] = stale.toSorted(
    (a, b) =>
      Number(a.ready) - Number(b.ready) ||
      (workload.kind === 'StatefulSet' ? ordinalOf(b) - ordinalOf(a) : a.createdAt - b.createdAt) ||
      (a.name < b.name ? -1 : 1),
  );
  if (next === undefined) return undefined;
  const { replicas, strategy, status } = workload;
  // The spare Pod takes over before anything goes.
  const wanted = way === 'replace' ? replicas - 1 : replicas;
  const readyNew = fresh.filter(({ ready }) => ready).length;
  if (way === 'replace' && readyNew === 0) return undefined;
  const floor = Math.max(promisedBy(way, wanted, strategy), mayBeDown ? 0 : 1);
  const width = Math.max(1, replicas - floor);
  // Those that were just evicted, or that are not there yet.
  const missing = fresh.length - readyNew + leaving + Math.max(0, replicas - stale.length - fresh.length - leaving);
  if (missing >= width) return undefined;
  if (!next.ready) return next;
  const ready = readyNew + stale.filter(pod => pod.ready).length;
  return Math.min(ready, status.availableReplicas) - 1 >= floor ? next : undefined;
}

function ordinalOf({ name }: Pod): number {
  const ordinal = /-(\d{1,9})$/.exec(name)?.[1];
  return ordinal === undefined ? -1 : Number(ordinal);
}
