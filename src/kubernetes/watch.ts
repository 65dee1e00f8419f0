import type { Kind, Workload, WorkloadRef } from '../domain/model.ts';
import { keyOf } from '../domain/model.ts';
import type { Clock, WatchBookmark, WorkloadChange } from '../ports.ts';
import { OutOfReach } from '../ports.ts';
import { Interner } from './interner.ts';
import { textAt } from './json.ts';
import { resourceOf } from './kinds.ts';
import { list } from './lists.ts';
import type { Call } from './resource.ts';
import type { End } from './stream.ts';
import { streamOf } from './stream.ts';
import type { Transport } from './transport.ts';
import { projectWorkload } from './workload-projection.ts';

/** The server ends a stream after so many seconds, jittered; that spreads long watches over its replicas. */
const LASTS = 300;

/**
 * Streams in a row without a word, after which the place is doubted: an etcd that came back from a backup does not know
 * our resourceVersion yet and says anything but 410.
 */
const LOST_AFTER = 5;

/** Who tries a Pod reads it again. */
const WITHOUT_TEMPLATE = { shapes: false };

export interface Known extends WorkloadRef {
  readonly uid: string;
}

export interface WatchOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly bookmark: WatchBookmark;
  /** What was there at the bookmark: whatever of it a later list does not show has been deleted. */
  readonly known: readonly Known[];
  readonly onChange: (change: WorkloadChange) => void;
  readonly signal: AbortSignal;
}

/**
 * Every change of a workload since the bookmark, by one watch for each kind and namespace (or the cluster), until the
 * signal aborts. Streams that end or break are resumed where they were; after a 410 everything is listed again.
 * Throws `NotPermitted`.
 */
export async function watchWorkloads(options: WatchOptions): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const watches = options.bookmark.map(async place => {
    try {
      await new WorkloadWatch({ ...options, signal }, place).run();
    } catch (error) {
      failed.abort();
      throw error;
    }
  });
  const broken = (await Promise.allSettled(watches)).find(result => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
}

class WorkloadWatch {
  readonly #options: WatchOptions;
  readonly #kind: Kind;
  readonly #namespace: string;
  readonly #known: Map<string, Known>;
  #resourceVersion: string;
  /** Streams in a row of which nothing was heard. */
  #silent = 0;

  constructor(options: WatchOptions, { kind, namespace, resourceVersion }: WatchBookmark[number]) {
    this.#options = options;
    this.#kind = kind;
    this.#namespace = namespace;
    this.#resourceVersion = resourceVersion;
    const here = options.known.filter(
      known => known.kind === kind && (namespace === '' || known.namespace === namespace),
    );
    this.#known = new Map(here.map(known => [keyOf(known), known]));
  }

  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      const end = await this.#follow();
      await clock.sleep(this.#pauseAfter(end), signal);
      const isLost = end.kind === 'expired' || (this.#silent > 0 && this.#silent % LOST_AFTER === 0);
      if (isLost && !signal.aborted) await this.#listAgain();
    }
  }

  /** Reports what one stream says, to its end. */
  async #follow(): Promise<End> {
    const { transport, clock, signal } = this.#options;
    const call = this.#call();
    this.#silent++;
    for await (const told of streamOf({ transport, clock, call, signal })) {
      if (signal.aborted) break;
      if (told.kind === 'event') this.#take(told.type, told.object);
      else {
        if (told.kind === 'broken') transport.trouble(call, told.message);
        return told;
      }
    }
    return { kind: 'closed' };
  }

  #call(): Call {
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#resourceVersion,
      timeoutSeconds: String(Math.round(LASTS * (1 + Math.random() / 5))),
    };
    return { verb: 'watch', resource: resourceOf(this.#kind), namespace: this.#namespace, query };
  }

  #take(type: string, object: unknown): void {
    this.#silent = 0;
    this.#resourceVersion = textAt(object, 'metadata', 'resourceVersion') ?? this.#resourceVersion;
    if (type === 'BOOKMARK') return;
    const workload = projectWorkload(object, this.#kind, new Interner(), WITHOUT_TEMPLATE);
    if (type === 'DELETED') this.#deleted(workload);
    else this.#changed(workload);
  }

  #changed(workload: Workload): void {
    const { namespace, name, kind, uid } = workload;
    const before = this.#known.get(keyOf(workload));
    if (before !== undefined && before.uid !== uid) this.#deleted(before);
    this.#known.set(keyOf(workload), { namespace, name, kind, uid });
    this.#options.onChange({ kind: 'changed', workload });
  }

  #deleted({ namespace, name, kind, uid }: Known): void {
    const ref = { namespace, name, kind };
    this.#known.delete(keyOf(ref));
    this.#options.onChange({ kind: 'deleted', ref, uid });
  }

  /** Everything as it is now, and what has vanished meanwhile. Keeps the old place when that cannot be read. */
  async #listAgain(): Promise<void> {
    const { transport, signal } = this.#options;
    const interner = new Interner();
    try {
      const { items, resourceVersion } = await list(transport, {
        resource: resourceOf(this.#kind),
        namespace: this.#namespace,
        keep: object => projectWorkload(object, this.#kind, interner, WITHOUT_TEMPLATE),
        signal,
      });
      if (signal.aborted) return;
      const present = new Set(items.map(keyOf));
      for (const [key, known] of this.#known) if (!present.has(key)) this.#deleted(known);
      for (const workload of items) this.#changed(workload);
      this.#resourceVersion = resourceVersion;
    } catch (error) {
      // The stream will say 410 again, and then it is tried again.
      if (!(error instanceof OutOfReach)) throw error;
    }
  }

  /** Milliseconds. None after a stream that had something to say: it ended as streams do. */
  #pauseAfter(end: End): number {
    const { transport } = this.#options;
    if (end.kind === 'broken') return Math.max(transport.backoff(this.#silent), end.retryAfter ?? 0);
    return this.#silent <= 1 ? 0 : transport.backoff(this.#silent - 2);
  }
}
