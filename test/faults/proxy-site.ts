/**
 * A worker whose API server lies behind the fault proxy, and what must be true after every night, whatever broke. The worker
 * names a Pod that has failed already as its own, so that the run after a killed one takes over at once.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeconfig } from '../cluster/credentials.ts';
import { cluster, type Site, type Worker } from '../e2e/site.ts';
import { sidecarPolicy, upgradedSite } from '../e2e/upgraded.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';

export const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const INFLIGHT = 3;

export interface FaultySite extends AsyncDisposable {
  readonly site: Site;
  readonly proxy: FaultProxy;
  /** A run on its way. */
  start(): Worker;
  /** Runs until a run finds nothing left to do; returns the exit codes on the way there. */
  untilFresh(): Promise<(number | NodeJS.Signals)[]>;
  /** Each restarted exactly once, never more in flight than allowed. */
  assertSound(): Promise<void>;
}

export async function openFaultySite(): Promise<FaultySite> {
  const site = await upgradedSite(NAMES, { replicas: 1, podAnnotations: { 'test.nightshift/delay': '1s' } });
  const on = await cluster();
  const proxy = await startFaultProxy({ server: on.server, caFile: on.caFile, folder: on.folder });
  const direct = JSON.parse(readFileSync(await on.kubeconfigFor(site.home, 'nightshift'), 'utf8'));
  const file = join(on.folder, `${site.id}-faulty.kubeconfig`);
  const { user } = direct.users[0];
  writeFileSync(file, kubeconfig({ server: proxy.url, caFile: proxy.caFile, user, namespace: site.home }));
  const batches = { sizes: [2, 50], pause: '0s', inFlight: { workloads: INFLIGHT, pods: 50, perNamespace: 10 } };
  const policy = site.policyFile(sidecarPolicy(site, { batches }));
  const pod = await failedPod(site);
  const through = { KUBECONFIG: file, NIGHTSHIFT_POD_NAME: pod.name, NIGHTSHIFT_POD_UID: pod.uid };
  const start = (): Worker => site.start(['run', '--policy', policy, '--output', 'json'], through);
  return {
    site,
    proxy,
    start,
    async untilFresh() {
      const codes: (number | NodeJS.Signals)[] = [];
      for (let tick = 0; tick < 6; tick++) {
        codes.push(await start().ended);
        const { starts } = await site.checkpoint();
        const isOver = codes.at(-1) === 0 && starts.every(({ outcome }) => outcome !== undefined);
        if (isOver && Object.values(await site.restarts()).every(count => count >= 1)) return codes;
      }
      return assert.fail(`not fresh after ${codes.join()}: ${JSON.stringify(await site.restarts())}`);
    },
    async assertSound() {
      assert.deepEqual(await site.restarts(), Object.fromEntries(NAMES.map(name => [name, 1])));
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** A Pod whose containers have ended for good, as far as the API server knows. */
async function failedPod(site: Site): Promise<{ readonly name: string; readonly uid: string }> {
  const path = `/api/v1/namespaces/${site.home}/pods`;
  const spec = { nodeName: 'nowhere', containers: [{ name: 'worker', image: 'worker' }] };
  const body = { metadata: { name: 'worker' }, spec };
  const { metadata } = await site.cluster.api<{ metadata: { name: string; uid: string } }>(path, {
    method: 'POST',
    body,
  });
  await site.cluster.api(`${path}/worker/status`, { method: 'PATCH', body: { status: { phase: 'Failed' } } });
  return metadata;
}
