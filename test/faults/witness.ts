/** What really happened to a site's workloads, seen by a watch of the test's own and told by Pods and ReplicaSets. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { LAST_RESTART, RESTARTED_AT } from '../../src/domain/model.ts';
import type { DeploymentObject } from '../cluster/fleet.ts';
import { SIDECAR } from '../cluster/injector.ts';
import type { Site } from '../e2e/site.ts';
import { complete } from '../e2e/somebody.ts';
import { all } from '../e2e/upgraded.ts';

export interface Witness extends AsyncDisposable {
  /** The most workloads that were in flight at one moment so far. */
  readonly most: number;
}

/** From now on. An API server that goes away is asked again; what happened meanwhile stays unseen. */
export function witnessOf({ cluster, namespaces }: Site): Witness {
  const over = new AbortController();
  const { signal } = over;
  const path = `/apis/apps/v1/namespaces/${namespaces[0]}/deployments?watch=1`;
  let most = 0;
  const follow = async (): Promise<void> => {
    // A watch begins with what stands there: one state of all, which is complete after a few events.
    const standing = new Map<string, DeploymentObject>();
    for await (const { type, object } of cluster.watch<{ type: string; object: DeploymentObject }>(path, signal)) {
      if (type === 'ERROR') return;
      if (type === 'DELETED') standing.delete(object.metadata.name);
      else standing.set(object.metadata.name, object);
      most = Math.max(most, [...standing.values()].filter(isInFlight).length);
    }
  };
  const following = (async (): Promise<void> => {
    while (!signal.aborted) {
      await follow().catch(() => undefined);
      await sleep(100, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    get most() {
      return most;
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await following;
    },
  };
}

/** Restarted, and the rollout is not over: a failed one never is, but it is given up. */
function isInFlight(deployment: DeploymentObject): boolean {
  const { metadata, spec } = deployment;
  const isRestarted = spec.template.metadata.annotations?.[RESTARTED_AT] !== undefined;
  const isGivenUp = metadata.annotations?.[LAST_RESTART]?.includes('"outcome":"failed"') ?? false;
  return isRestarted && !isGivenUp && !complete(deployment);
}

interface Pod {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
}

/** Each has one live Pod, which a restart made and which carries that sidecar. */
export async function assertFresh(
  { cluster, namespaces }: Site,
  names: readonly string[],
  sidecar: string,
): Promise<void> {
  const { items } = await cluster.api<{ items: Pod[] }>(`/api/v1/namespaces/${namespaces[0]}/pods`);
  const live = items.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined && names.includes(metadata.labels['app'] ?? ''),
  );
  const images = live.map(({ metadata, spec }) => {
    const isNew = metadata.annotations?.[RESTARTED_AT] !== undefined;
    const image = spec.containers.find(({ name }) => name === SIDECAR)?.image;
    return [metadata.labels['app'], isNew ? image : `${image}, and no restart made it`];
  });
  assert.deepEqual(Object.fromEntries(images), all(names, sidecar));
  assert.equal(live.length, names.length, 'live Pods');
}

/** Counted from ReplicaSets. */
export async function assertRestartedOnce(site: Site, names: readonly string[]): Promise<void> {
  assert.deepEqual(await site.restarts(), all(names, 1));
}
