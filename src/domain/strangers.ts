import { KINDS, type Namespace } from './model.ts';
import { namespaceSelected, type Policy } from './policy.ts';

/** Pods that belong to nothing that is restarted: what becomes of them is told, so that nobody waits for it. */

/** By namespace how many live Pods each controller has: a kind that nightshift knows, `KIND.GROUP` of another one, or '' for none. */
export type StrangerCounts = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface Strangers {
  readonly controller: string;
  readonly pods: number;
  readonly why: 'endByThemselves' | 'staticPods' | 'withoutController' | 'kindNotSelected' | 'unknownController';
}

/** In the selected namespaces, the most first. */
export function strangersIn(
  counts: StrangerCounts,
  { policy, namespaces }: { readonly policy: Policy; readonly namespaces: ReadonlyMap<string, Namespace> },
): readonly Strangers[] {
  const sums = new Map<string, number>();
  for (const [name, controllers] of counts) {
    const namespace = namespaces.get(name);
    if (namespace === undefined || !namespaceSelected(policy, namespace)) continue;
    for (const [controller, pods] of controllers) sums.set(controller, (sums.get(controller) ?? 0) + pods);
  }
  return [...sums]
    .map(([controller, pods]) => ({ controller, pods, why: whyOf(controller) }))
    .toSorted((a, b) => b.pods - a.pods || (a.controller < b.controller ? -1 : 1));
}

function whyOf(controller: string): Strangers['why'] {
  if (controller === '') return 'withoutController';
  if (controller === 'Job.batch') return 'endByThemselves';
  // A mirror Pod belongs to its Node (pkg/kubelet/pod mirror_client.go).
  if (controller === 'Node') return 'staticPods';
  return KINDS.some(kind => kind === controller) ? 'kindNotSelected' : 'unknownController';
}
