import type { StrangerCounts } from '../domain/strangers.ts';
import type { Budget } from '../domain/budget.ts';
import type { Autoscaler, ConfigChanges, Kind, Namespace, Needs, Pod, Workload, WorkloadRef } from '../domain/model.ts';
import { keyOf } from '../domain/model.ts';
import type { PodUsage, Quota } from '../domain/quota.ts';
import type { PodShape } from '../domain/shape.ts';
import type { Inventory, WatchBookmark } from '../ports.ts';
import { NotPermitted } from '../ports.ts';
import { readAutoscalers } from './autoscalers.ts';
import { BudgetsSeen, readBudgets } from './budgets.ts';
import { readConfigChanges } from './config.ts';
import { Interner } from './interner.ts';
import { textAt, textsAt } from './json.ts';
import { resourceOf } from './kinds.ts';
import { list, NotServed } from './lists.ts';
import { controlledBy, isTerminal, projectPod } from './pod-projection.ts';
import { readQuotas, Usages } from './quotas.ts';
import { NAMESPACES, PODS } from './resource.ts';
import type { Transport } from './transport.ts';
import { isBeingDeleted, ownerOf, projectNamespace, projectWorkload } from './workload-projection.ts';

/** What a run may see: everything, or these namespaces. */
export type Scope = { readonly kind: 'cluster' } | { readonly kind: 'namespaces'; readonly names: readonly string[] };

/** Namespaces that are read at the same time. */
const CONCURRENCY = 4;

type Skipped = Inventory['skipped'][number];

/** One namespace's part of the inventory, or the whole cluster's. */
interface Part {
  readonly namespaces: readonly Namespace[];
  readonly workloads: readonly Workload[];
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  readonly autoscalers: ReadonlyMap<string, Autoscaler>;
  readonly quotas: ReadonlyMap<string, readonly Quota[]>;
  readonly usage: ReadonlyMap<string, PodUsage>;
  readonly configChanges: ConfigChanges;
  readonly strangers: StrangerCounts;
  readonly bookmark: WatchBookmark;
  readonly unserved: readonly Kind[];
  readonly date: number | undefined;
}

/** What reads a part. */
interface Reader {
  readonly transport: Transport;
  readonly interner: Interner;
  readonly needs: Needs;
}

/**
 * Namespaces, then budgets, autoscalers, quotas and workloads, then their live Pods. Throws `OutOfReach`, and `NotPermitted` unless the scope is a
 * list of namespaces: there a namespace that cannot be read is skipped, and said to be.
 *
 * `now` is what the inventory is dated by when no answer carries a date, in milliseconds since the epoch
 */
export async function readInventory(
  transport: Transport,
  { scope, needs, now }: { readonly scope: Scope; readonly needs: Needs; readonly now: number },
): Promise<Inventory> {
  const reader = { transport, interner: new Interner(), needs };
  const { parts, skipped } =
    scope.kind === 'cluster'
      ? { parts: new Map([['', await readCluster(reader)]]), skipped: [] }
      : await readNamespaces(reader, scope.names);
  const dates = [...parts.values()].flatMap(part => part.date ?? []);
  return {
    at: dates.length === 0 ? now : Math.min(...dates),
    namespaces: new Map(
      [...parts.values()].flatMap(part => part.namespaces).map(namespace => [namespace.name, namespace]),
    ),
    workloads: [...parts.values()].flatMap(part => part.workloads),
    pods: new Map([...parts.values()].flatMap(part => [...part.pods])),
    budgets: new Map([...parts.values()].flatMap(part => [...part.budgets])),
    autoscalers: new Map([...parts.values()].flatMap(part => [...part.autoscalers])),
    quotas: new Map([...parts.values()].flatMap(part => [...part.quotas])),
    usage: new Map([...parts.values()].flatMap(part => [...part.usage])),
    configChanges: new Map([...parts.values()].flatMap(part => [...part.configChanges])),
    strangers: new Map([...parts.values()].flatMap(part => [...part.strangers])),
    bookmark: [...parts.values()].flatMap(part => part.bookmark),
    skipped,
    unserved: [...new Set([...parts.values()].flatMap(part => part.unserved))],
  };
}

async function readCluster(reader: Reader): Promise<Part> {
  const { transport, interner } = reader;
  const keep = (object: unknown) => projectNamespace(object, interner);
  const namespaces = await list(transport, { resource: NAMESPACES, namespace: '', keep });
  return { ...(await readWorkloads(reader, '')), namespaces: namespaces.items, date: namespaces.date };
}

async function readNamespaces(
  reader: Reader,
  names: readonly string[],
): Promise<{ parts: ReadonlyMap<string, Part>; skipped: readonly Skipped[] }> {
  const wanted = [...new Set(names)];
  const found: (Part | Skipped)[] = [];
  const waiting = wanted.entries();
  const work = async () => {
    for (const [index, name] of waiting) found[index] = await readNamespace(reader, name);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const parts = new Map<string, Part>();
  const skipped: Skipped[] = [];
  for (const [index, name] of wanted.entries()) {
    const one = found[index];
    if (one === undefined) continue;
    if ('why' in one) skipped.push(one);
    else parts.set(name, one);
  }
  return { parts, skipped };
}

async function readNamespace(reader: Reader, namespace: string): Promise<Part | Skipped> {
  const { transport, interner } = reader;
  try {
    const call = { verb: 'get', resource: NAMESPACES, namespace, name: namespace } as const;
    const { status, body, date } = await transport.read(call);
    if (status !== 200) return { namespace, why: 'there is no such namespace' };
    const part = await readWorkloads(reader, namespace);
    return { ...part, namespaces: [projectNamespace(body, interner)], date };
  } catch (error) {
    // With namespaced rights the API server does not tell a forbidden namespace from one that does not exist.
    if (error instanceof NotPermitted) return { namespace, why: error.message };
    throw error;
  }
}

async function readWorkloads(
  { transport, interner, needs }: Reader,
  namespace: string,
): Promise<Omit<Part, 'namespaces' | 'date'>> {
  const configChanges = await readConfigChanges(transport, namespace, needs);
  const budgets = new BudgetsSeen(await readBudgets(transport, namespace));
  const autoscalers = await readAutoscalers(transport, { namespace, kinds: needs.kinds });
  const quotas = await readQuotas(transport, namespace);
  const usages = new Usages(quotas);
  const workloads: Workload[] = [];
  const bookmark: WatchBookmark[number][] = [];
  const unserved: Kind[] = [];
  for (const kind of needs.kinds) {
    const resource = resourceOf(kind);
    const listed = await list(transport, {
      resource,
      namespace,
      keep: object => {
        const workload = projectWorkload(object, kind, interner, needs);
        budgets.see(workload, textsAt(object, 'spec', 'template', 'metadata', 'labels'));
        return workload;
      },
    }).catch((error: unknown) => {
      // Where nobody has installed it there is none of it, nor anything to watch.
      if (error instanceof NotServed && resource.custom) return undefined;
      throw error;
    });
    if (listed === undefined) {
      unserved.push(kind);
      continue;
    }
    workloads.push(...listed.items);
    bookmark.push({ kind, namespace, resourceVersion: listed.resourceVersion });
  }
  const strangers = new StrangersSeen();
  const pods = new Map<string, Pod[]>(workloads.map(workload => [keyOf(workload), []]));
  const annotations = new Map<string, Annotations>();
  const frugal = (workload: WorkloadRef, shape: PodShape): PodShape => {
    const kept = annotations.get(keyOf(workload)) ?? new Annotations();
    annotations.set(keyOf(workload), kept);
    return { ...shape, annotations: kept.keep(shape.annotations) };
  };
  await list(transport, {
    resource: PODS,
    namespace,
    keep: object => {
      if (isTerminal(object) || isBeingDeleted(object)) return undefined;
      const workload = workloadOf(object);
      const others = workload && pods.get(keyOf(workload));
      if (workload === undefined || others === undefined) {
        // One of a kind that is looked for is of a workload that has gone or come since.
        if (workload === undefined || !needs.kinds.includes(workload.kind)) strangers.see(object, workload?.kind);
        return undefined;
      }
      budgets.see(workload, textsAt(object, 'metadata', 'labels'));
      const pod = projectPod(object, interner, needs);
      usages.see(workload, { object, createdAt: pod.createdAt });
      others.push(pod.shape === undefined ? pod : { ...pod, shape: frugal(workload, pod.shape) });
      return undefined;
    },
  });
  return {
    workloads,
    pods,
    budgets: budgets.all,
    autoscalers,
    quotas,
    usage: usages.all,
    configChanges,
    strangers: strangers.counts,
    bookmark,
    unserved,
  };
}

class StrangersSeen {
  readonly counts = new Map<string, Map<string, number>>();

  /** `kind` is that of its workload, where that is a kind that nightshift knows. */
  see(pod: unknown, kind: Kind | undefined): void {
    const namespace = textAt(pod, 'metadata', 'namespace') ?? '';
    const counts = this.counts.get(namespace) ?? new Map<string, number>();
    const controller = kind ?? ownerOf(pod)?.kind ?? '';
    this.counts.set(namespace, counts.set(controller, (counts.get(controller) ?? 0) + 1));
  }
}

/** So many Pods of a workload may differ in their annotations; something may write another one on each. */
const ANNOTATIONS_KEPT = 8;

/** Of one workload's Pods. Beyond these a Pod is taken to have those of the one before: fifty thousand texts would not fit. */
class Annotations {
  readonly #kept = new Map<string, string>();
  #last = '';

  keep(text: string): string {
    this.#last = this.#kept.get(text) ?? (this.#kept.size < ANNOTATIONS_KEPT ? text : this.#last);
    this.#kept.set(this.#last, this.#last);
    return this.#last;
  }
}

/** What the Pod is of; undefined when it is of nothing that nightshift knows. */
function workloadOf(pod: unknown): WorkloadRef | undefined {
  const workload = controlledBy(pod);
  return workload && { namespace: textAt(pod, 'metadata', 'namespace') ?? '', ...workload };
}
