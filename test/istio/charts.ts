/** Istio's charts, rendered by helm and applied the way helm does. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../cluster/cluster.ts';

export const ISTIO_NAMESPACE = 'istio-system';

/** The revision without a name of its own. */
const DEFAULT = 'default';

/** The name of what is called otherwise in every revision but the default one. */
export function named(name: string, revision: string): string {
  return revision === DEFAULT ? name : `${name}-${revision}`;
}

const HUB = 'example.test/istio';

/** What istio-proxy and istio-init run. */
export function proxyImage(tag: string): string {
  return `${HUB}/proxyv2:${tag}`;
}

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  /** Of a MutatingWebhookConfiguration. */
  readonly webhooks?: readonly object[];
}

export interface WebhookValues {
  /** Where they find an istiod that runs outside the cluster. */
  readonly injectionUrl?: string | undefined;
  /** Further names by which namespaces and Pods may ask for the revision. */
  readonly revisionTags?: readonly string[] | undefined;
  /** The chart knows only `Fail`. */
  readonly failurePolicy?: 'Fail' | 'Ignore' | undefined;
}

export interface ChartValues extends WebhookValues {
  readonly revision: string;
  readonly tag: string;
}

/** Custom resources and little else. */
export function renderBase(cluster: Cluster, charts: string): Promise<Manifest[]> {
  return render(cluster, 'istio-base', join(charts, 'base'), { defaultRevision: '' });
}

export async function renderIstiod(cluster: Cluster, charts: string, values: ChartValues): Promise<Manifest[]> {
  const { revision, tag, injectionUrl = '', revisionTags = [], failurePolicy = 'Fail' } = values;
  const chart = join(charts, 'istio-control', 'istio-discovery');
  const manifests = await render(cluster, named('istiod', revision), chart, {
    revision: revision === DEFAULT ? '' : revision,
    revisionTags,
    global: { hub: HUB, tag, configValidation: false },
    istiodRemote: { injectionURL: injectionUrl },
  });
  return manifests.map(manifest =>
    manifest.webhooks === undefined
      ? manifest
      : { ...manifest, webhooks: manifest.webhooks.map(webhook => ({ ...webhook, failurePolicy })) },
  );
}

async function render(cluster: Cluster, release: string, chart: string, values: object): Promise<Manifest[]> {
  const flags = ['--namespace', ISTIO_NAMESPACE, '--set-json', JSON.stringify(values)];
  const text = await cluster.helm('template', release, chart, ...flags);
  return parseAllDocuments(text)
    .map(document => document.toJS())
    .filter(isManifest);
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

/** Server-side, so that what others have added to the objects stays: istiod's certificate in its webhooks. */
export function apply(cluster: Cluster, manifests: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests });
  return cluster.kubectlApply(list, '--server-side', '--force-conflicts');
}
