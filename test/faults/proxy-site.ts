/**
 * A worker whose API server lies behind the fault proxy, and what must be true after every night, whatever broke. The worker
 * names a Pod that has failed already as its own, so that the run after a killed one takes over at once.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubeconfig } from '../cluster/credentials.ts';
import type { Behaviour } from '../cluster/stages.ts';
import { cluster, failedPod, OPEN, type Site, type Worker } from '../e2e/site.ts';
import { NEW, sidecarPolicy, upgradedSite, type Wishes } from '../e2e/upgraded.ts';
import { freezeFrom, NO_FREEZE } from './freeze.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';
import { assertFresh, assertRestartedOnce, witnessOf } from './witness.ts';

export const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
export const INFLIGHT = 3;

const BATCHES = { sizes: [2, 50], pause: '0s', inFlight: { workloads: INFLIGHT, pods: 50, perNamespace: 10 } };
/** The window closes in the middle of the first run, and opens again soon. */
const CLOSES_AFTER = 5_000;
const LASTS = 4_000;
/**
 * The first starts of an occurrence may go out in its last moment, and a machine that has much to do takes a while to bring
 * them here; for those that come later the window is too short by then.
 */
const ON_ITS_WAY = 2_000;

export interface FaultySiteOptions {
  /** Whether the window closes in the middle of the night and opens again, as it does by default. */
  readonly freeze?: boolean;
  /** What the Pods of the last workload do once it is restarted. */
  readonly lastOne?: Behaviour;
  /** Of the policy; without a word the sidecar's image counts. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Rights that it needs. */
  readonly also?: readonly string[];
}

export interface FaultySite extends AsyncDisposable {
  readonly site: Site;
  readonly proxy: FaultProxy;
  /** A run on its way, with more in its environment, or another standard output. */
  start(environment?: Readonly<Record<string, string>>, stdout?: number): Worker;
  /** The run that was started last. */
  current(): Worker | undefined;
  /** Resolves once no freeze is on. */
  awake(): Promise<void>;
  /** Runs until a run finds nothing left to do; returns the exit codes on the way there. */
  untilFresh(): Promise<(number | NodeJS.Signals)[]>;
  /** Each restarted exactly once and fresh, never more in flight than allowed, nothing started outside the window. */
  assertSound(): Promise<void>;
}

const wishesFor = (name: string, lastOne: Behaviour | undefined): Wishes => ({
  replicas: 1,
  podAnnotations: { 'test.nightshift/delay': '1s' },
  ...(lastOne !== undefined && name === NAMES.at(-1) ? { whenRestarted: lastOne } : {}),
});

export async function openFaultySite(options: FaultySiteOptions = {}): Promise<FaultySite> {
  const { lastOne, policy: changes = {}, also = [] } = options;
  const site = await upgradedSite(NAMES, name => wishesFor(name, lastOne), { also });
  const on = await cluster();
  const proxy = await startFaultProxy({ server: on.server, caFile: on.caFile, folder: on.folder });
  const direct = JSON.parse(readFileSync(await on.kubeconfigFor(site.home, 'nightshift'), 'utf8'));
  const file = join(on.folder, `${site.id}-faulty.kubeconfig`);
  const { user } = direct.users[0];
  writeFileSync(file, kubeconfig({ server: proxy.url, caFile: proxy.caFile, user, namespace: site.home }));
  const pod = await failedPod(site);
  const through = { KUBECONFIG: file, NIGHTSHIFT_POD_NAME: pod.name, NIGHTSHIFT_POD_UID: pod.uid };
  let freeze = NO_FREEZE;
  const policyFile = (): string => {
    // The outcome of a failed one is written whenever it fails: nothing to hold against a freeze.
    if (options.freeze !== false && lastOne === undefined) freeze = freezeFrom(Date.now() + CLOSES_AFTER, LASTS);
    const windows = { ...OPEN, deny: freeze.deny };
    return site.policyFile(sidecarPolicy(site, { windows, batches: BATCHES, onFailure: { stopAfter: 9 }, ...changes }));
  };
  let policy: string | undefined;
  const witness = witnessOf(site);
  let current: Worker | undefined;
  const start: FaultySite['start'] = (environment = {}, stdout) => {
    policy ??= policyFile();
    current = site.start(['run', '--policy', policy, '--output', 'json'], { ...through, ...environment }, stdout);
    return current;
  };
  return {
    site,
    proxy,
    start,
    current: () => current,
    awake: () => freeze.over(),
    async untilFresh() {
      const codes: (number | NodeJS.Signals)[] = [];
      for (let tick = 0; tick < 6; tick++) {
        await freeze.over();
        codes.push(await start().ended);
        const { starts } = await site.checkpoint();
        const isOver = codes.at(-1) === 0 && starts.every(({ outcome }) => outcome !== undefined);
        if (isOver && Object.values(await site.restarts()).every(count => count >= 1)) return codes;
      }
      return assert.fail(`not fresh after ${codes.join()}: ${JSON.stringify(await site.restarts())}`);
    },
    async assertSound() {
      await assertRestartedOnce(site, NAMES);
      await assertFresh(site, lastOne === undefined ? NAMES : NAMES.slice(0, -1), NEW);
      assert.ok(witness.most <= INFLIGHT, `${witness.most} in flight at a time`);
      const patches = proxy.seen.filter(({ method, path }) => method === 'PATCH' && path.includes('/deployments/'));
      for (const { path, at } of patches) {
        const isLate = freeze.covers(at) && freeze.since(at) > ON_ITS_WAY;
        assert.ok(!isLate, `${path} came ${freeze.since(at)} ms after the window closed`);
      }
    },
    async [Symbol.asyncDispose]() {
      await witness[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
