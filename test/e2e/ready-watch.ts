import type { Site } from './site.ts';

interface PodEvent {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly uid: string; readonly deletionTimestamp?: string };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  };
}

/** Watches, and does not sample, how many Pods of a workload are ready and not on their way out, until the block ends. */
export function watchReady(
  site: Site,
  app: string,
): AsyncDisposable & { readonly least: () => number; readonly now: () => number } {
  const over = new AbortController();
  const ready = new Set<string>();
  let least = Number.POSITIVE_INFINITY;
  const follow = async (): Promise<void> => {
    const path = `/api/v1/namespaces/${site.namespaces[0]}/pods?watch=1&labelSelector=app%3D${app}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    let isComplete = false;
    for await (const { type, object } of site.cluster.watch<PodEvent>(path, over.signal)) {
      if (type === 'BOOKMARK') isComplete = true;
      else {
        const isReady = object.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') === true;
        const counts = type !== 'DELETED' && isReady && object.metadata.deletionTimestamp === undefined;
        if (counts) ready.add(object.metadata.uid);
        else ready.delete(object.metadata.uid);
      }
      if (isComplete) least = Math.min(least, ready.size);
    }
  };
  const following = follow();
  return {
    least: () => least,
    now: () => ready.size,
    async [Symbol.asyncDispose]() {
      over.abort();
      await following;
    },
  };
}
