/** Jobs made from a CronJob, and their only Pod. */
import type { Cluster } from './cluster.ts';
import { until } from './until.ts';

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly state: { readonly terminated?: Terminated } }[];
  };
}

interface Terminated {
  readonly exitCode: number;
  readonly message?: string;
}

interface JobRef {
  readonly namespace: string;
  readonly job: string;
}

export interface RunningJob extends JobRef {
  readonly pod: string;
}

/** `kubectl create job JOB --from=cronjob/CRONJOB`; resolves once its Pod runs. */
export async function createJob(cluster: Cluster, ref: JobRef, cronJob: string): Promise<RunningJob> {
  const { namespace, job } = ref;
  await cluster.kubectl('-n', namespace, 'create', 'job', job, `--from=cronjob/${cronJob}`);
  return until(`the Pod of Job ${job}`, async () => {
    const pod = await podOf(cluster, ref);
    return pod !== undefined && pod.status.phase !== 'Pending' ? { ...ref, pod: pod.metadata.name } : undefined;
  });
}

/** How the Job's Pod ended, undefined while it runs or when it is gone. */
export async function endOf(cluster: Cluster, ref: JobRef): Promise<Terminated | undefined> {
  return (await podOf(cluster, ref))?.status.containerStatuses?.[0]?.state.terminated;
}

async function podOf(cluster: Cluster, { namespace, job }: JobRef): Promise<Pod | undefined> {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=job-name%3D${job}`;
  return (await cluster.api<{ items: Pod[] }>(path)).items[0];
}
