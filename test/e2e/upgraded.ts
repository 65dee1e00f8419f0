/**
 * What people have nightshift for: a fleet whose sidecar injector was upgraded. A workload is stale until its Pods are
 * made anew, by whomever, and fresh from then on: what a tick more would do can be seen at once.
 */
import { deploy, type DeploymentWishes } from '../cluster/fleet.ts';
import { installInjector, SIDECAR, upgradeInjector } from '../cluster/injector.ts';
import { cluster, quickPolicy, Site } from './site.ts';

const OLD = 'docker.io/istio/proxyv2:1.24.1';
const NEW = 'docker.io/istio/proxyv2:1.24.2';

let injector: Promise<void> | undefined;

/** A site with Deployments of these names, all with the old sidecar; new Pods get the new one. */
export async function upgradedSite(
  names: readonly string[],
  wishes: Omit<DeploymentWishes, 'namespace' | 'name'> = {},
): Promise<Site> {
  injector ??= cluster().then(on => installInjector(on, { image: OLD }));
  const [site] = await Promise.all([Site.open({ injected: true }), injector]);
  const manifests = names.map(name => site.deployment({ replicas: 2, ...wishes, name }));
  await deploy(site.cluster, manifests, { namespaces: site.namespaces });
  await upgradeInjector(site.cluster, NEW, site.namespaces[0]);
  return site;
}

/** Wants the new sidecar, or another image that is asked for. */
export function sidecarPolicy(
  site: Site,
  { wants = NEW, ...changes }: Readonly<Record<string, unknown>> & { readonly wants?: string } = {},
): Record<string, unknown> {
  return quickPolicy(site, { stale: [{ container: SIDECAR, imageNot: [wants] }], ...changes });
}

/** Names of those whose restart the API server accepted so far, in order, once for each PATCH. */
export async function patched(site: Site): Promise<readonly string[]> {
  const accepted = (await site.requests()).filter(({ verb, code }) => verb === 'patch' && code === 200);
  return accepted.map(({ name }) => name);
}
