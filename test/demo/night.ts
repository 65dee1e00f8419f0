/** One Job made from the CronJob, and what its worker says, as it says it. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/cluster.ts';
import type { Kubelet } from '../cluster/kubelet.ts';
import { until } from '../cluster/until.ts';
import { type Line, linesOf } from '../worker-log.ts';

export const RELEASE = { name: 'nightshift', namespace: 'ops' };

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly phase: string;
      readonly containerStatuses?: readonly {
        readonly state: { readonly terminated?: { readonly exitCode: number } };
      }[];
    };
  }[];
}

export interface Night {
  readonly pod: string;
  readonly exitCode: number;
  readonly lines: readonly Line[];
}

/** Runs a Job to its end; `onLine` sees each line of the log and may kill the worker. */
export async function night(
  world: { readonly cluster: Cluster; readonly kubelet: Kubelet },
  job: string,
  onLine: (line: Line, kill: () => void) => void,
): Promise<Night> {
  const { cluster, kubelet } = world;
  const { name, namespace } = RELEASE;
  await cluster.kubectl('-n', namespace, 'create', 'job', job, `--from=cronjob/${name}`);
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=job-name%3D${job}`;
  const pod = await until(`the Pod of Job ${job}`, async () => {
    const [found] = (await cluster.api<PodList>(path)).items;
    return found !== undefined && found.status.phase !== 'Pending' ? found.metadata.name : undefined;
  });
  const lines: Line[] = [];
  const kill = (): void => kubelet.kill(namespace, pod, 'SIGKILL');
  for (;;) {
    const [found] = (await cluster.api<PodList>(path)).items;
    for (const line of linesOf(readFileSync(kubelet.podLog(namespace, pod), 'utf8')).slice(lines.length)) {
      lines.push(line);
      onLine(line, kill);
    }
    const terminated = found?.status.containerStatuses?.[0]?.state.terminated;
    if (terminated !== undefined) return { pod, exitCode: terminated.exitCode, lines };
    await sleep(100);
  }
}
