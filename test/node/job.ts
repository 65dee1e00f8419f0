/** Jobs made from the chart's CronJob, and how their one container ends. */
import type { Cluster } from '../cluster/cluster.ts';
import { until } from '../cluster/until.ts';
import { logOf, processOf } from './real-node.ts';

export interface End {
  readonly exitCode: number;
  readonly reason: string;
  /** The container's last words. */
  readonly message?: string;
}

export interface JobWishes {
  readonly name: string;
  readonly namespace: string;
  readonly cronJob: string;
  /** Instead of the chart's. */
  readonly memoryLimit?: string;
}

interface JobObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: { resources: { limits: Record<string, string> } }[] } };
  };
}

interface PodObject {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly state: { readonly running?: object; readonly terminated?: End };
    }[];
  };
}

export class Job {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #name: string;

  private constructor(cluster: Cluster, { namespace, name }: JobWishes) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** Like `kubectl create job NAME --from=cronjob/CRONJOB`. */
  static async create(cluster: Cluster, wishes: JobWishes): Promise<Job> {
    const { name, namespace, cronJob, memoryLimit } = wishes;
    const options = [`--from=cronjob/${cronJob}`, `--namespace=${namespace}`, '--dry-run=client', '--output=json'];
    const object: JobObject = JSON.parse(await cluster.kubectl('create', 'job', name, ...options));
    for (const { resources } of object.spec.template.spec.containers) {
      if (memoryLimit !== undefined) Object.assign(resources, { requests: {}, limits: { memory: memoryLimit } });
    }
    await cluster.api(`/apis/batch/v1/namespaces/${namespace}/jobs`, { method: 'POST', body: object });
    return new Job(cluster, wishes);
  }

  /** The process id of the worker, seen from the Node, once it runs. */
  async process(): Promise<number> {
    return until(`a process of Job ${this.#name}`, async () => {
      const status = (await this.#pod())?.status.containerStatuses?.[0];
      return status?.state.running && status.containerID !== undefined && processOf(status.containerID);
    });
  }

  /** Waits for the end of the container; throws with its log when it lasts longer than a minute and a half. */
  async end(): Promise<End> {
    try {
      return await until(
        `the end of Job ${this.#name}`,
        async () => (await this.#pod())?.status.containerStatuses?.[0]?.state.terminated,
        { seconds: 90 },
      );
    } catch (error) {
      throw new Error(`${this.#name} printed:\n${await this.log()}`, { cause: error });
    }
  }

  /**
   * Does something that deletes the Pod and waits for the end of its container. A finalizer keeps the object until
   * then: without one it is gone with its exit code as soon as the container has ended.
   */
  async endAfter(action: (path: string) => Promise<unknown>): Promise<End> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods/${(await this.#pod())?.metadata.name ?? ''}`;
    const change = (patch: object) =>
      this.#cluster.api(path, { method: 'PATCH', body: [patch], contentType: 'application/json-patch+json' });
    await change({ op: 'add', path: '/metadata/finalizers/0', value: 'nightshift.test/keep' });
    await action(`/apis/batch/v1/namespaces/${this.#namespace}/jobs/${this.#name}`);
    const end = await this.end();
    await change({ op: 'remove', path: '/metadata/finalizers/0' });
    return end;
  }

  async condition(): Promise<string | undefined> {
    const path = `/apis/batch/v1/namespaces/${this.#namespace}/jobs/${this.#name}`;
    const { status } = await this.#cluster.api<{ status: { conditions?: { type: string; status: string }[] } }>(path);
    return status.conditions?.find(
      ({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'),
    )?.type;
  }

  async log(): Promise<string> {
    return logOf(this.#namespace, (await this.#pod())?.metadata.name ?? '');
  }

  async #pod(): Promise<PodObject | undefined> {
    const selector = encodeURIComponent(`batch.kubernetes.io/job-name=${this.#name}`);
    const path = `/api/v1/namespaces/${this.#namespace}/pods?labelSelector=${selector}`;
    return (await this.#cluster.api<{ items: PodObject[] }>(path)).items[0];
  }
}
