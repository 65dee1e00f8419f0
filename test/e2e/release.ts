/** The chart, installed by helm, with its CronJob's Pods as processes of this machine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster } from '../cluster/cluster.ts';
import { createJob, endOf, type RunningJob } from '../cluster/jobs.ts';
import { type Kubelet, kubeletPlacement, startKubelet } from '../cluster/kubelet.ts';
import { until } from '../cluster/until.ts';
import { type Line, linesOf } from '../worker-log.ts';
import { BUNDLE, cluster, type Site } from './site.ts';

const CHART = fileURLToPath(new URL('../../charts/nightshift', import.meta.url));
const IMAGE = { repository: 'nightshift', tag: 'test' };

let sharedKubelet: Promise<Kubelet> | undefined;

async function kubelet(): Promise<Kubelet> {
  const on = await cluster();
  sharedKubelet ??= startKubelet(on, { images: { 'nightshift:test': [process.execPath, BUNDLE] } });
  return sharedKubelet;
}

/** How a Job's only Pod ended. */
export interface Ended {
  readonly exitCode: number;
  readonly message: string;
  readonly lines: readonly Line[];
}

export class Release {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly #kubelet: Kubelet;
  #jobs = 0;

  constructor(on: Cluster, kubeletOfNode: Kubelet, namespace: string) {
    this.cluster = on;
    this.#kubelet = kubeletOfNode;
    this.namespace = namespace;
  }

  /** `helm install nightshift` in the namespace, with a schedule that does not tick while tests run. */
  static async install(namespace: string, values: object): Promise<Release> {
    const release = new Release(await cluster(), await kubelet(), namespace);
    await release.helm('install', values);
    return release;
  }

  async helm(verb: 'install' | 'upgrade', values: object): Promise<void> {
    const file = join(this.cluster.folder, `values-${this.namespace}-${verb}.json`);
    writeFileSync(file, JSON.stringify({ schedule: '0 0 29 2 *', image: IMAGE, ...kubeletPlacement, ...values }));
    await this.cluster.helm(
      verb,
      'nightshift',
      CHART,
      '-n',
      this.namespace,
      '--values',
      file,
      ...(verb === 'install' ? ['--create-namespace'] : []),
    );
  }

  /** Resolves once the guard is asked, a moment after it was written; the Deployment is one that the release may restart. */
  async guarded(site: Site, name: string): Promise<void> {
    const user = `system:serviceaccount:${this.namespace}:nightshift`;
    const words = ['-n', site.namespaces[0] ?? '', 'patch', 'deployment', name, '--as', user, '--dry-run=server'];
    await until('the guard to be in force', async () => {
      const says = await this.cluster.kubectl(...words, '-p', '{"spec":{"replicas":99}}').then(() => '', String);
      return says.includes(`ValidatingAdmissionPolicy 'nightshift-guard.${this.namespace}'`);
    });
  }

  /** `kubectl create job --from=cronjob/nightshift`; resolves once its Pod runs. */
  async startJob(): Promise<RunningJob> {
    return createJob(this.cluster, { namespace: this.namespace, job: `night-${++this.#jobs}` }, 'nightshift');
  }

  kill({ pod }: RunningJob, signal: NodeJS.Signals): void {
    this.#kubelet.kill(this.namespace, pod, signal);
  }

  /** What the Job's worker has logged so far, also when the Pod is gone. */
  lines({ pod }: RunningJob): readonly Line[] {
    return linesOf(readFileSync(this.#kubelet.podLog(this.namespace, pod), 'utf8'));
  }

  /** Resolves when the worker of the Job has said that message so many times. */
  async said(job: RunningJob, message: string, times = 1): Promise<void> {
    const often = () => this.lines(job).filter(line => line.message === message).length >= times;
    await until(`${job.job} to say "${message}"`, often, { seconds: 60 });
  }

  /** Resolves when the Job's Pod has ended. */
  async ended(job: RunningJob): Promise<Ended> {
    const patience = { seconds: 120, everyMilliseconds: 100 };
    const { exitCode, message = '' } = await until(`the end of ${job.job}`, () => endOf(this.cluster, job), patience);
    return { exitCode, message, lines: this.lines(job) };
  }

  async run(): Promise<Ended> {
    return this.ended(await this.startJob());
  }

  /** The text of the checkpoint as it stands. */
  async checkpointText(): Promise<string> {
    return this.cluster.kubectl(
      '-n',
      this.namespace,
      'get',
      'configmap',
      'nightshift-checkpoint',
      '-o',
      'jsonpath={.data.checkpoint\\.json}',
    );
  }
}
