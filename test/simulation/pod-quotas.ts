import { keyOf, type Workload } from '../../src/domain/model.ts';
import type { PodUsage, Quota } from '../../src/domain/quota.ts';
import { aQuota, aUsage } from '../build.ts';
import type { ApiServer } from './api-server.ts';
import type { ControllerManager } from './controller-manager.ts';

const POD: PodUsage = aUsage({ pods: '1' });

/** ResourceQuotas that allow so many Pods beside those that the workloads of a namespace want: somebody sees to that. */
export class PodQuotas {
  /** By namespace; absent for one without a quota. */
  readonly room: ReadonlyMap<string, number>;
  /** How many it wants, whatever we add. */
  wantedOf = ({ replicas }: Workload): number => replicas;
  readonly #api: ApiServer;
  readonly #controller: ControllerManager;

  constructor(room: PodQuotas['room'], world: { readonly api: ApiServer; readonly controller: ControllerManager }) {
    this.room = room;
    this.#api = world.api;
    this.#controller = world.controller;
  }

  /** Workloads of the namespace. */
  in(namespace: string): readonly Workload[] {
    return this.#api.all().filter(workload => workload.namespace === namespace);
  }

  /** Pods that are there, those on their way out included. */
  used(namespace: string): number {
    return this.in(namespace).reduce((sum, workload) => sum + this.#controller.pods(workload).length, 0);
  }

  isFull(namespace: string): boolean {
    const hard = this.#hard(namespace);
    return hard !== undefined && this.used(namespace) >= hard;
  }

  /** As the API server tells them. */
  list(namespace: string): readonly Quota[] {
    const hard = this.#hard(namespace);
    if (hard === undefined) return [];
    const [allowed, used] = [String(hard), String(this.used(namespace))];
    return [aQuota({ namespace, hard: { pods: allowed }, used: { pods: used } })];
  }

  /** What an inventory has of them. */
  get seen(): {
    readonly quotas: ReadonlyMap<string, readonly Quota[]>;
    readonly usage: ReadonlyMap<string, PodUsage>;
  } {
    const namespaces = [...this.room.keys()];
    const all = namespaces.flatMap(namespace => this.in(namespace));
    const live = all.filter(workload => this.#controller.pods(workload).some(({ state }) => state !== 'terminating'));
    return {
      quotas: new Map(namespaces.map(namespace => [namespace, this.list(namespace)])),
      usage: new Map(live.map(workload => [keyOf(workload), POD])),
    };
  }

  #hard(namespace: string): number | undefined {
    const room = this.room.get(namespace);
    return room && this.in(namespace).reduce((sum, workload) => sum + this.wantedOf(workload), room);
  }
}
