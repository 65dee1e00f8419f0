/**
 * Istio, as far as it decides what a new Pod looks like: its own injector, from its own charts, in as many revisions
 * as a test needs. A change has happened when its promise resolves: a dry run of a Pod has shown it.
 *
 *     await installIstio(cluster);
 *     const stable = await Revision.add(cluster, { name: 'default', tag: '1.31.0' });
 *     await stable.upgrade('1.31.1');
 */
import { parse, stringify } from 'yaml';
import { ApiError } from '../cluster/apiserver.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { namespace } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { type IstioFiles, istioFiles } from './binaries.ts';
import {
  apply,
  ISTIO_NAMESPACE,
  type Manifest,
  named,
  proxyImage,
  renderBase,
  renderIstiod,
  type WebhookValues,
} from './charts.ts';
import { type Istiod, startIstiod } from './istiod.ts';
import { newPod, type NewPod, proxyOf, TRIAL_NAMESPACE } from './new-pod.ts';

export interface RevisionOptions {
  /** `default` is for namespaces with `istio-injection: enabled`, any other for those that name it: `istio.io/rev`. */
  readonly name: string;
  /** Of the images that it injects. */
  readonly tag: string;
  /** Whether istio-proxy is a native sidecar; default false. */
  readonly native?: boolean;
}

/** What an istiod outside the cluster does without. */
const LEFT_OUT = new Set(['Deployment', 'Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler']);
const WEBHOOKS = 'MutatingWebhookConfiguration';

/** Builds what is missing, and prepares the cluster. No Pod is touched before there is a revision. */
export async function installIstio(cluster: Cluster): Promise<void> {
  const { charts } = await istioFiles();
  const namespaces = [ISTIO_NAMESPACE, TRIAL_NAMESPACE].map(name => namespace(name, { injected: false }));
  await apply(cluster, [...namespaces, ...(await renderBase(cluster, charts))]);
}

export class Revision {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #files: IstioFiles;
  #tag: string;
  #native: boolean;
  /** The one that runs, or that ran last: the webhooks call it. */
  #istiod: Istiod | undefined;

  private constructor(cluster: Cluster, files: IstioFiles, { name, tag, native = false }: RevisionOptions) {
    this.#cluster = cluster;
    this.#files = files;
    this.name = name;
    this.#tag = tag;
    this.#native = native;
  }

  /** From now on its Pods are injected, until the cluster stops. */
  static async add(cluster: Cluster, options: RevisionOptions): Promise<Revision> {
    const revision = new Revision(cluster, await istioFiles(), options);
    // The webhooks follow when somebody answers them.
    await revision.#apply(({ kind }) => kind !== WEBHOOKS && !LEFT_OUT.has(kind));
    await revision.start();
    return revision;
  }

  /** As `helm upgrade` does it: other images are injected, by the same istiod. */
  async upgrade(tag: string): Promise<void> {
    this.#tag = tag;
    const config = named('istio-sidecar-injector', this.name);
    await this.#apply(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === config);
    await this.#shown();
  }

  /** From now on the revision tag, a name that namespaces may use instead, stands for this revision. */
  async takeRevisionTag(tag: string): Promise<void> {
    await this.#applyWebhooks({ revisionTags: [tag] });
    await this.#shown(tag);
  }

  /** A change of the mesh's configuration, not of the injector's: proxies get one more environment variable. */
  async setProxyMetadata(name: string, value: string): Promise<void> {
    const path = `/api/v1/namespaces/${ISTIO_NAMESPACE}/configmaps/${named('istio', this.name)}`;
    const { data } = await this.#cluster.api<{ readonly data: { readonly mesh: string } }>(path);
    const mesh = parse(data.mesh);
    mesh.defaultConfig.proxyMetadata = { ...mesh.defaultConfig.proxyMetadata, [name]: value };
    await this.#cluster.api(path, { method: 'PATCH', body: { data: { mesh: stringify(mesh) } } });
    await until(`new Pods of ${this.name} to get ${name}=${value}`, async () => {
      const env = proxyOf(await this.newPod())?.env ?? [];
      return env.some(variable => variable.name === name && variable.value === value);
    });
  }

  /** istiod is down, its webhooks stay: new Pods are refused or, with Ignore, come without a sidecar. */
  async stop(failurePolicy: 'Fail' | 'Ignore' = 'Fail'): Promise<void> {
    await this.#istiod?.kill();
    await this.#applyWebhooks({ failurePolicy });
    await until(`new Pods of ${this.name} to do without istiod`, () =>
      this.newPod().then(
        pod => failurePolicy === 'Ignore' && proxyOf(pod) === undefined,
        error => failurePolicy === 'Fail' && error instanceof ApiError && error.status === 500,
      ),
    );
  }

  /** Starts istiod anew, as it was unless told otherwise. */
  async start({ native = this.#native }: { readonly native?: boolean } = {}): Promise<void> {
    await this.#istiod?.kill();
    this.#native = native;
    const { pilotDiscovery } = this.#files;
    this.#istiod = await startIstiod(this.#cluster, { pilotDiscovery, revision: this.name, native });
    await this.#applyWebhooks();
    await this.#shown();
  }

  /** A dry run of a Pod that asks for this revision, or for one by its revision tag. */
  newPod(revision: string = this.name): Promise<NewPod> {
    return newPod(this.#cluster, { namespace: TRIAL_NAMESPACE, labels: { 'istio.io/rev': revision } });
  }

  /** That a new Pod is this revision's, with its images. */
  async #shown(revision: string = this.name): Promise<void> {
    await until(`new Pods of ${revision} to get ${this.#tag}`, async () => {
      this.#istiod?.assertRunning();
      const pod = await this.newPod(revision);
      return pod.metadata.annotations?.['istio.io/rev'] === this.name && proxyOf(pod)?.image === proxyImage(this.#tag);
    });
  }

  /** Applies what the chart holds of that sort for the revision as it is now. */
  async #apply(chosen: (manifest: Manifest) => boolean, webhooks: WebhookValues = {}): Promise<void> {
    const values = { revision: this.name, tag: this.#tag, injectionUrl: this.#istiod?.injectionUrl, ...webhooks };
    const manifests = await renderIstiod(this.#cluster, this.#files.charts, values);
    await apply(this.#cluster, manifests.filter(chosen));
  }

  async #applyWebhooks({ revisionTags = [], failurePolicy }: WebhookValues = {}): Promise<void> {
    const tags = new Set([...(await this.#revisionTags()), ...revisionTags]);
    await this.#apply(({ kind }) => kind === WEBHOOKS, { revisionTags: [...tags], failurePolicy });
  }

  /** Those that stand for this revision now: another one may have taken some in the meantime. */
  async #revisionTags(): Promise<string[]> {
    const selector = encodeURIComponent(`istio.io/rev=${this.name},istio.io/tag`);
    const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?labelSelector=${selector}`;
    const { items } = await this.#cluster.api<{ readonly items: readonly Manifest[] }>(path);
    return items.map(({ metadata }) => metadata.labels?.['istio.io/tag'] ?? '');
  }
}
