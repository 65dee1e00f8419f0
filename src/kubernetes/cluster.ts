import type { Budget } from '../domain/budget.ts';
import type { Admission } from '../domain/drift.ts';
import {
  keyOf,
  type Autoscaler,
  type Needs,
  type Pod,
  type ReplicaSetRef,
  type Workload,
  type WorkloadRef,
} from '../domain/model.ts';
import type { Quota } from '../domain/quota.ts';
import type {
  Clock,
  Cluster,
  Inventory,
  EvictAnswer,
  PatchAnswer,
  RescaleOrder,
  RestartOrder,
  UndoOrder,
  WatchBookmark,
  WorkloadChange,
} from '../ports.ts';
import { readAutoscalers } from './autoscalers.ts';
import { BudgetsSeen, readBudgets } from './budgets.ts';
import { Interner } from './interner.ts';
import type { Scope } from './inventory.ts';
import { readInventory } from './inventory.ts';
import { at, listAt, textAt, textsAt } from './json.ts';
import { resourceOf, translationOf } from './kinds.ts';
import { list } from './lists.ts';
import { evict } from './evict.ts';
import { patch, recordBody, rescaleBody, restartBody, scaleBackBody, undoBody } from './patch.ts';
import { controlledBy, isTerminal, projectPod } from './pod-projection.ts';
import { readQuotas } from './quotas.ts';
import { PODS } from './resource.ts';
import type { Transport } from './transport.ts';
import { tryPod } from './trial.ts';
import type { Known } from './watch.ts';
import { watchWorkloads } from './watch.ts';
import { projectWorkload } from './workload-projection.ts';

export interface ClusterOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scope: Scope;
  /** Who owns the fields of a restart. */
  readonly fieldManager: string;
}

/** The cluster behind an API server. Translates, decides nothing. */
export class KubernetesCluster implements Cluster {
  readonly #options: ClusterOptions;
  /** By bookmark: what was there when it was taken, so that a watch can tell what has vanished since. */
  readonly #known = new WeakMap<WatchBookmark, readonly Known[]>();

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  async inventory(needs: Needs): Promise<Inventory> {
    const { transport, clock, scope } = this.#options;
    const inventory = await readInventory(transport, { scope, needs, now: clock.now() });
    const known = inventory.workloads.map(({ namespace, name, kind, uid }) => ({ namespace, name, kind, uid }));
    this.#known.set(inventory.bookmark, known);
    return inventory;
  }

  async workload(ref: WorkloadRef): Promise<Workload | undefined> {
    const object = await this.#object(ref);
    return object === undefined ? undefined : projectWorkload(object, ref.kind, new Interner());
  }

  async pods(workload: Workload, needs: Needs): Promise<readonly Pod[]> {
    const interner = new Interner();
    return this.#podsOf(workload, pod => projectPod(pod, interner, needs));
  }

  tryPod(workload: Workload, replicaSet: ReplicaSetRef): Promise<Admission> {
    return tryPod(this.#options, { workload, replicaSet });
  }

  async quotas(namespace: string): Promise<readonly Quota[]> {
    return (await readQuotas(this.#options.transport, namespace)).get(namespace) ?? [];
  }

  async budgets(workload: Workload): Promise<readonly Budget[]> {
    const all = await readBudgets(this.#options.transport, workload.namespace);
    if (all.size === 0) return [];
    const budgets = new BudgetsSeen(all);
    for (const labels of await this.#podsOf(workload, pod => textsAt(pod, 'metadata', 'labels'))) {
      budgets.see(workload, labels);
    }
    return budgets.all.get(keyOf(workload)) ?? [];
  }

  async autoscaler({ kind, namespace, name }: WorkloadRef): Promise<Autoscaler | undefined> {
    const { transport } = this.#options;
    return (await readAutoscalers(transport, { namespace, kinds: [kind] })).get(keyOf({ kind, namespace, name }));
  }

  async unscheduledPods(most: number): Promise<number> {
    const { scope, transport } = this.#options;
    let count = 0;
    for (const namespace of scope.kind === 'cluster' ? [''] : scope.names) {
      if (count >= most) break;
      const query = { fieldSelector: 'spec.nodeName=,status.phase=Pending', limit: String(most - count) };
      const { body } = await transport.read({ verb: 'list', resource: PODS, namespace, query, metadataOnly: true });
      count += listAt(body, 'items').length;
    }
    return count;
  }

  async ownerOfRestartedAt(ref: WorkloadRef): Promise<string | undefined> {
    const object = await this.#object(ref);
    const path = translationOf(ref.kind).restartedAt.map(key => `f:${key}`);
    const owners = listAt(object, 'metadata', 'managedFields')
      .filter(entry => at(entry, 'fieldsV1', ...path))
      // Several managers may have applied the same value; the last one is who to ask.
      .toSorted((a, b) => (textAt(a, 'time') ?? '').localeCompare(textAt(b, 'time') ?? ''));
    return textAt(owners.at(-1), 'manager');
  }

  restart(order: RestartOrder): Promise<PatchAnswer> {
    return this.#patch(order.workload, restartBody(order));
  }

  undo(order: UndoOrder): Promise<PatchAnswer> {
    return this.#patch(order.workload, undoBody(order));
  }

  rewriteRecord(workload: Workload, record: string): Promise<PatchAnswer> {
    return this.#patch(workload, recordBody(workload, record));
  }

  rescale(order: RescaleOrder): Promise<PatchAnswer> {
    return this.#patch(order.workload, rescaleBody(order));
  }

  scaleBack(order: RescaleOrder): Promise<PatchAnswer> {
    return this.#patch(order.workload, scaleBackBody(order));
  }

  evict(workload: WorkloadRef, pod: Pod): Promise<EvictAnswer> {
    return evict(this.#options.transport, workload, pod);
  }

  watch(bookmark: WatchBookmark, onChange: (change: WorkloadChange) => void, signal: AbortSignal): Promise<void> {
    const { transport, clock } = this.#options;
    return watchWorkloads({ transport, clock, bookmark, known: this.#known.get(bookmark) ?? [], onChange, signal });
  }

  #patch(ref: WorkloadRef, body: unknown): Promise<PatchAnswer> {
    const { transport, fieldManager } = this.#options;
    return patch(transport, { ref, body, fieldManager });
  }

  /** Of those that are not terminal what is to be kept of each. */
  async #podsOf<Kept>(workload: Workload, project: (pod: unknown) => Kept): Promise<readonly Kept[]> {
    const { items } = await list(this.#options.transport, {
      resource: PODS,
      namespace: workload.namespace,
      labelSelector: workload.selector,
      keep: pod => (!isTerminal(pod) && isOf(pod, workload) ? project(pod) : undefined),
    });
    return items;
  }

  async #object({ namespace, name, kind }: WorkloadRef): Promise<unknown> {
    const { status, body } = await this.#options.transport.read({
      verb: 'get',
      resource: resourceOf(kind),
      namespace,
      name,
    });
    return status === 200 ? body : undefined;
  }
}

function isOf(pod: unknown, { kind, name }: WorkloadRef): boolean {
  const workload = controlledBy(pod);
  return workload?.kind === kind && workload.name === name;
}
