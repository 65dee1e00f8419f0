/** The chart, installed by helm, with its CronJob's Pods as processes of this machine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cluster } from '../cluster/cluster.ts';
import { type Kubelet, kubeletPlacement, startKubelet } from '../cluster/kubelet.ts';
import { until } from '../cluster/until.ts';
import { type Line, linesOf } from '../worker-log.ts';
import { BUNDLE, cluster } from './site.ts';

const CHART = fileURLToPath(new URL('../../charts/nightshift', import.meta.url));
const IMAGE = { repository: 'nightshift', tag: 'test' };

let sharedKubelet: Promise<Kubelet> | undefined;

async function kubelet(): Promise<Kubelet> {
  const on = await cluster();
  sharedKubelet ??= startKubelet(on, { images: { 'nightshift:test': [process.execPath, BUNDLE] } });
  return sharedKubelet;
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly phase: string;
      readonly containerStatuses?: readonly {
        readonly state: { readonly terminated?: { readonly exitCode: number; readonly message?: string } };
      }[];
    };
  }[];
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

  /** `kubectl create job --from=cronjob/nightshift`; resolves with the Job's name once its Pod runs. */
  async startJob(): Promise<string> {
    const job = `night-${++this.#jobs}`;
    await this.cluster.kubectl('-n', this.namespace, 'create', 'job', job, '--from=cronjob/nightshift');
    await until(`the Pod of Job ${job}`, async () => {
      const pod = await this.pod(job);
      return pod !== undefined && pod.status.phase !== 'Pending';
    });
    return job;
  }

  async pod(job: string): Promise<PodList['items'][number] | undefined> {
    const path = `/api/v1/namespaces/${this.namespace}/pods?labelSelector=job-name%3D${job}`;
    return (await this.cluster.api<PodList>(path)).items[0];
  }

  async kill(job: string, signal: NodeJS.Signals): Promise<void> {
    this.#kubelet.kill(this.namespace, (await this.pod(job))?.metadata.name ?? '', signal);
  }

  /** What the Job's worker has logged so far; the Pod must still exist, or be named. */
  lines(pod: string): readonly Line[] {
    return linesOf(readFileSync(this.#kubelet.podLog(this.namespace, pod), 'utf8'));
  }

  /** Resolves when the worker of the Job has said that message so many times. */
  async said(job: string, message: string, times = 1): Promise<string> {
    const pod = (await this.pod(job))?.metadata.name ?? '';
    await until(
      `${job} to say "${message}"`,
      () => this.lines(pod).filter(line => line.message === message).length >= times,
      { seconds: 60 },
    );
    return pod;
  }

  /** Resolves when the Job's Pod has ended. */
  async ended(job: string): Promise<Ended> {
    return until(
      `the end of ${job}`,
      async () => {
        const pod = await this.pod(job);
        const terminated = pod?.status.containerStatuses?.[0]?.state.terminated;
        if (pod === undefined || terminated === undefined) return undefined;
        const { exitCode, message = '' } = terminated;
        return { exitCode, message, lines: this.lines(pod.metadata.name) };
      },
      { seconds: 120, everyMilliseconds: 100 },
    );
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
