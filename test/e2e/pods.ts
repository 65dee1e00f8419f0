/** Pods as anybody with kubectl sees them. */
import { SIDECAR } from '../cluster/injector.ts';
import type { Site } from './site.ts';

export interface PodSeen {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** The Pods of one app, those on their way out included. */
export async function podsOf({ cluster, namespaces }: Site, app: string): Promise<readonly PodSeen[]> {
  const path = `/api/v1/namespaces/${namespaces[0]}/pods?labelSelector=app%3D${app}`;
  return (await cluster.api<{ readonly items: readonly PodSeen[] }>(path)).items;
}

/** Those on their way out left out. */
export const livePodsOf = async (site: Site, app: string): Promise<readonly PodSeen[]> =>
  (await podsOf(site, app)).filter(({ metadata }) => metadata.deletionTimestamp === undefined);

export const uidsOf = (pods: readonly PodSeen[]): readonly string[] =>
  pods.map(({ metadata }) => metadata.uid).toSorted();

/** The image of its sidecar, undefined where it has none. */
export const sidecarOf = ({ spec }: PodSeen): string | undefined =>
  spec.containers.find(({ name }) => name === SIDECAR)?.image;
