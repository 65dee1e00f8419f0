/** One Job made from the CronJob, and what its worker says, as it says it. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/cluster.ts';
import { createJob, endOf } from '../cluster/jobs.ts';
import type { Kubelet } from '../cluster/kubelet.ts';
import { type Line, linesOf } from '../worker-log.ts';

export const RELEASE = { name: 'nightshift', namespace: 'ops' };

export interface Night {
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
  const running = await createJob(cluster, { namespace, job }, name);
  const { pod } = running;
  const lines: Line[] = [];
  const kill = (): void => kubelet.kill(namespace, pod, 'SIGKILL');
  for (;;) {
    // Asked before the log is read, so that its last lines are not missed.
    const end = await endOf(cluster, running);
    for (const line of linesOf(readFileSync(kubelet.podLog(namespace, pod), 'utf8')).slice(lines.length)) {
      lines.push(line);
      onLine(line, kill);
    }
    if (end !== undefined) return { exitCode: end.exitCode, lines };
    await sleep(100);
  }
}
