import type { Namespace, Pod, Workload } from '../domain/model.ts';
import { keyOf } from '../domain/model.ts';
import type { Inventory } from '../ports.ts';
import { NotPermitted } from '../ports.ts';
import { Interner } from './interner.ts';
import { textAt } from './json.ts';
import { list } from './lists.ts';
import { isTerminal, projectPod, workloadNameOf } from './pod-projection.ts';
import { DEPLOYMENTS, NAMESPACES, PODS } from './resource.ts';
import type { Transport } from './transport.ts';
import { isBeingDeleted, projectNamespace, projectWorkload } from './workload-projection.ts';

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
  readonly resourceVersion: string;
  readonly date: number | undefined;
}

/**
 * Namespaces, then Deployments, then their live Pods. Throws `OutOfReach`, and `NotPermitted` unless the scope is a
 * list of namespaces: there a namespace that cannot be read is skipped, and said to be.
 *
 * @param now what the inventory is dated by when no answer carries a date, milliseconds since the epoch
 */
export async function readInventory(transport: Transport, scope: Scope, now: number): Promise<Inventory> {
  const interner = new Interner();
  const { parts, skipped } =
    scope.kind === 'cluster'
      ? { parts: new Map([['', await readCluster(transport, interner)]]), skipped: [] }
      : await readNamespaces(transport, interner, scope.names);
  const dates = [...parts.values()].flatMap(part => part.date ?? []);
  return {
    at: dates.length === 0 ? now : Math.min(...dates),
    namespaces: new Map(
      [...parts.values()].flatMap(part => part.namespaces).map(namespace => [namespace.name, namespace]),
    ),
    workloads: [...parts.values()].flatMap(part => part.workloads),
    pods: new Map([...parts.values()].flatMap(part => [...part.pods])),
    bookmark: new Map([...parts].map(([namespace, part]) => [namespace, part.resourceVersion])),
    skipped,
  };
}

async function readCluster(transport: Transport, interner: Interner): Promise<Part> {
  const keep = (object: unknown) => projectNamespace(object, interner);
  const namespaces = await list(transport, { resource: NAMESPACES, namespace: '', keep });
  return { ...(await readWorkloads(transport, interner, '')), namespaces: namespaces.items, date: namespaces.date };
}

async function readNamespaces(
  transport: Transport,
  interner: Interner,
  names: readonly string[],
): Promise<{ parts: ReadonlyMap<string, Part>; skipped: readonly Skipped[] }> {
  const wanted = [...new Set(names)];
  const found: (Part | Skipped)[] = [];
  const waiting = wanted.entries();
  const work = async () => {
    for (const [index, name] of waiting) found[index] = await readNamespace(transport, interner, name);
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

async function readNamespace(transport: Transport, interner: Interner, namespace: string): Promise<Part | Skipped> {
  try {
    const call = { verb: 'get', resource: NAMESPACES, namespace, name: namespace } as const;
    const { status, body, date } = await transport.read(call);
    if (status !== 200) return { namespace, why: 'there is no such namespace' };
    const part = await readWorkloads(transport, interner, namespace);
    return { ...part, namespaces: [projectNamespace(body, interner)], date };
  } catch (error) {
    // With namespaced rights the API server does not tell a forbidden namespace from one that does not exist.
    if (error instanceof NotPermitted) return { namespace, why: error.message };
    throw error;
  }
}

async function readWorkloads(
  transport: Transport,
  interner: Interner,
  namespace: string,
): Promise<Omit<Part, 'namespaces' | 'date'>> {
  const { items: workloads, resourceVersion } = await list(transport, {
    resource: DEPLOYMENTS,
    namespace,
    keep: object => projectWorkload(object, interner),
  });
  const pods = new Map<string, Pod[]>(workloads.map(workload => [keyOf(workload), []]));
  await list(transport, {
    resource: PODS,
    namespace,
    keep: object => {
      if (!isTerminal(object) && !isBeingDeleted(object)) podsOf(pods, object)?.push(projectPod(object, interner));
      return undefined;
    },
  });
  return { workloads, pods, resourceVersion };
}

/** Where the Pod belongs; undefined when it is no Pod of a Deployment that was listed. */
function podsOf(pods: ReadonlyMap<string, Pod[]>, pod: unknown): Pod[] | undefined {
  const name = workloadNameOf(pod);
  if (name === undefined) return undefined;
  return pods.get(keyOf({ namespace: textAt(pod, 'metadata', 'namespace') ?? '', name }));
}
