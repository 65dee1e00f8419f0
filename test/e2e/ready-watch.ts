import type { Site } from './site.ts';

interface PodEvent {
  readonly type: string;
  readonly object: {
    readonly metadata: {
      readonly uid: string;
      readonly deletionTimestamp?: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  };
}

/** From where a watch tells what is there, too, and a bookmark that this was all. */
const FROM_THE_BEGINNING = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

/** By the label `app`: Pods of the first namespace that are ready and not on their way out. */
export interface ReadyWatch extends AsyncDisposable {
  readonly now: (app: string) => number;
  /** The fewest at any moment, watched and not sampled. */
  readonly least: (app: string) => number;
}

/** Until the block ends. */
export function watchReady(site: Site): ReadyWatch {
  const over = new AbortController();
  const ready = new Map<string, Set<string>>();
  const least = new Map<string, number>();
  const see = ({ type, object: { metadata, status } }: PodEvent): string => {
    const app = metadata.labels?.['app'] ?? '';
    const isReady = status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') === true;
    const all = ready.get(app) ?? new Set();
    ready.set(app, all);
    if (type !== 'DELETED' && isReady && metadata.deletionTimestamp === undefined) all.add(metadata.uid);
    else all.delete(metadata.uid);
    return app;
  };
  const note = (app: string): void => {
    const count = ready.get(app)?.size ?? 0;
    least.set(app, Math.min(least.get(app) ?? Number.POSITIVE_INFINITY, count));
  };
  const follow = async (): Promise<void> => {
    const path = `/api/v1/namespaces/${site.namespaces[0]}/pods?watch=1&${FROM_THE_BEGINNING}`;
    let isComplete = false;
    for await (const event of site.cluster.watch<PodEvent>(path, over.signal)) {
      if (event.type === 'BOOKMARK') {
        if (!isComplete) for (const app of ready.keys()) note(app);
        isComplete = true;
        continue;
      }
      const app = see(event);
      if (isComplete) note(app);
    }
  };
  const following = follow();
  return {
    now: app => ready.get(app)?.size ?? 0,
    least: app => least.get(app) ?? Number.POSITIVE_INFINITY,
    async [Symbol.asyncDispose]() {
      over.abort();
      await following;
    },
  };
}
