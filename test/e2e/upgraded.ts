/**
 * What people have nightshift for: a fleet whose sidecar injector was upgraded. A workload is stale until its Pods are
 * made anew, by whomever, and fresh from then on: what a tick more would do can be seen at once.
 */
import { type DeploymentWishes, settled } from '../cluster/fleet.ts';
import { installInjector, SIDECAR, upgradeInjector } from '../cluster/injector.ts';
import { cluster, quickPolicy, Site, type SiteOptions } from './site.ts';
import { applyAs } from './somebody.ts';

const OLD = 'docker.io/istio/proxyv2:1.24.1';
export const NEW = 'docker.io/istio/proxyv2:1.24.2';
export const NEWER = 'docker.io/istio/proxyv2:1.24.3';

let injector: Promise<void> | undefined;

export type Wishes = Omit<DeploymentWishes, 'namespace' | 'name'>;

/** A site with Deployments of these names, all with the old sidecar; new Pods get the new one. */
export async function upgradedSite(
  names: readonly string[],
  wishes: Wishes | ((name: string) => Wishes) = {},
  { manager = 'kubectl', ...options }: SiteOptions & { readonly manager?: string } = {},
): Promise<Site> {
  const site = await injectedSite(options);
  const wishesOf = (name: string): Wishes => (typeof wishes === 'function' ? wishes(name) : wishes);
  await Promise.all(names.map(name => applyAs(site, manager, name, manifestOf(site, name, wishesOf(name)))));
  await settled(site.cluster, site.namespaces);
  await upgrade(site);
  return site;
}

/** A site whose Pods get the old sidecar. */
export async function injectedSite(options: SiteOptions = {}): Promise<Site> {
  injector ??= cluster().then(on => installInjector(on, { image: OLD }));
  const [site] = await Promise.all([Site.open({ ...options, injected: true }), injector]);
  return site;
}

/** From now on new Pods get the new one. */
export const upgrade = (site: Site): Promise<void> => upgradeInjector(site.cluster, NEW, site.namespaces[0]);

/** What stands in Git, if there is one. Names are single letters, which are restarted in this order. */
export function manifestOf(site: Site, name: string, { annotations, ...wishes }: Wishes = {}): object {
  const priority = { 'nightshift/priority': String(-name.charCodeAt(0)) };
  return site.deployment({ replicas: 2, ...wishes, name, annotations: { ...priority, ...annotations } });
}

/** The criterion of who wants the new sidecar. */
export const wantsNew = { stale: [{ container: SIDECAR, imageNot: [NEW] }] };

/** Wants the new sidecar, or another image that is asked for. */
export function sidecarPolicy(
  site: Site,
  { wants = NEW, ...changes }: Readonly<Record<string, unknown>> & { readonly wants?: string } = {},
): Record<string, unknown> {
  return quickPolicy(site, { stale: [{ container: SIDECAR, imageNot: [wants] }], ...changes });
}

/** Names of those whose restart the API server accepted so far, sorted, once for each PATCH. */
export async function patched(site: Site): Promise<readonly string[]> {
  const accepted = (await site.requests()).filter(({ verb, code }) => verb === 'patch' && code === 200);
  return accepted.map(({ name }) => name).toSorted();
}

/** Every name with the same value. */
export const all = <T>(names: readonly string[], value: T): Record<string, T> =>
  Object.fromEntries(names.map(name => [name, value]));
