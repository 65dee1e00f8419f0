/** Thirty workloads that get a spare Pod each, and runs that are killed at each step: what was added is taken back. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LAST_RESTART } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import { kubeconfig } from '../cluster/credentials.ts';
import { deploymentsOf } from '../cluster/fleet.ts';
import { SIDECAR } from '../cluster/injector.ts';
import { until } from '../cluster/until.ts';
import { watchReady } from '../e2e/ready-watch.ts';
import { failedPod, cluster, type Site } from '../e2e/site.ts';
import { injectedSite, NEW, sidecarPolicy, upgrade } from '../e2e/upgraded.ts';
import { startFaultProxy, type Rule } from './proxy.ts';

const NAMES = Array.from({ length: 30 }, (_, index) => `w${String(index).padStart(2, '0')}`);
const replicasOf = (name: string): number => (NAMES.indexOf(name) % 3 === 2 ? 2 : 1);
const TICKS = 5;

const PATCH = { method: 'PATCH', path: /deployments/ };
const SAVE = { method: 'PUT', path: /configmaps/ };
const EVICTION = { method: 'POST', path: /eviction/ };

/** The requests of a run in their order: the canary's one by one, then those of all others at the same time. */
const STEPS: readonly (readonly [step: string, rule: Omit<Rule, 'fault' | 'times'>])[] = [
  ['the record of the canary', PATCH],
  ['the save that says where the spare Pod will be', { ...SAVE, every: 3 }],
  ['the spare Pod of the canary', { ...PATCH, every: 2 }],
  ['the eviction of its old one', EVICTION],
  ['its replicas put back', { ...PATCH, every: 3 }],
  ['the tenth PATCH', { ...PATCH, every: 10 }],
  ['the thirtieth PATCH', { ...PATCH, every: 30 }],
  ['the fiftieth PATCH', { ...PATCH, every: 50 }],
  ['the fifth eviction', { ...EVICTION, every: 5 }],
  ['the twentieth eviction', { ...EVICTION, every: 20 }],
];

async function aFleet(): Promise<Site> {
  const site = await injectedSite({ also: ['create pods/eviction'] });
  await site.deploy(
    ...NAMES.map(name =>
      site.deployment({
        name,
        replicas: replicasOf(name),
        ...(replicasOf(name) === 1
          ? { spec: { strategy: { type: 'Recreate' } } }
          : { annotations: { 'nightshift/way': 'replace' } }),
      }),
    ),
  );
  await upgrade(site);
  return site;
}

/** Where SIGTERM is tried, too. */
const HEARD = 4;

describe('a run by replace that is killed', { concurrency: 3 }, () => {
  for (const [index, [step, rule]] of STEPS.entries()) {
    const signals = index < HEARD ? (['SIGKILL', 'SIGTERM'] as const) : (['SIGKILL'] as const);
    for (const [when, signal] of signals.flatMap(
      one =>
        [
          ['before', one],
          ['after', one],
        ] as const,
    )) {
      test(`by ${signal} ${when} ${step} leaves what the next ones put right, and no workload without a Pod`, async () => {
        const site = await aFleet();
        const on = await cluster();
        await using proxy = await startFaultProxy({ server: on.server, caFile: on.caFile, folder: on.folder });
        const direct = JSON.parse(readFileSync(await on.kubeconfigFor(site.home, 'nightshift'), 'utf8'));
        const file = join(on.folder, `${site.id}-faulty.kubeconfig`);
        const { user } = direct.users[0];
        writeFileSync(file, kubeconfig({ server: proxy.url, caFile: proxy.caFile, user, namespace: site.home }));
        const pod = await failedPod(site);
        const environment = { KUBECONFIG: file, NIGHTSHIFT_POD_NAME: pod.name, NIGHTSHIFT_POD_UID: pod.uid };
        const policy = sidecarPolicy(site, {
          restart: { mayReplace: true },
          batches: { sizes: [1, 50], pause: '0s', inFlight: { workloads: 10, pods: 200, perNamespace: 10 } },
        });
        const words = ['run', '--policy', site.policyFile(policy), '--output', 'json'];
        await using ready = watchReady(site);
        await until('all Pods to be watched', () => NAMES.every(name => ready.now(name) === replicasOf(name)));
        const run = async (): Promise<number | NodeJS.Signals> => {
          const worker = site.start(words, environment);
          kill = () => worker.process.kill(signal);
          return worker.ended;
        };
        let kill: () => void = () => undefined;
        proxy.add({ ...rule, times: 1, fault: { kind: 'act', when, act: () => kill() } });
        assert.equal(await run(), signal === 'SIGKILL' ? signal : 143, 'the step was reached');
        const codes: (number | NodeJS.Signals)[] = [];
        for (let tick = 0; tick < TICKS; tick++) {
          codes.push(await run());
          const { sweep, starts } = await site.checkpoint();
          if (sweep === null && starts.every(({ outcome }) => outcome !== undefined)) break;
        }
        assert.deepEqual([...new Set(codes)], [0]);
        await assertWhole(site);
        assert.deepEqual(await sidecarsOf(site), [NEW]);
        for (const name of NAMES) assert.ok(ready.least(name) >= replicasOf(name), `${name}: ${ready.least(name)}`);
        // A Pod that was evicted is not asked for again by the next run, for it is gone.
        const evicted = (await site.requests()).filter(
          ({ resource, code }) => resource === 'pods/eviction' && code === 201,
        );
        const needed = NAMES.reduce((sum, name) => sum + replicasOf(name), 0);
        // Who is told to end while the spare Pod of the canary is there has that one go.
        const spare = signal === 'SIGTERM' ? 1 : 0;
        assert.ok(evicted.length >= needed && evicted.length <= needed + spare, `${evicted.length} of ${needed}`);
      });
    }
  }
});

/** Of all Pods, once each. */
async function sidecarsOf(site: Site): Promise<readonly (string | undefined)[]> {
  const { items } = await site.cluster.api<{
    items: readonly { spec: { containers: readonly { name: string; image: string }[] } }[];
  }>(`/api/v1/namespaces/${site.namespaces[0]}/pods`);
  return [...new Set(items.map(({ spec }) => spec.containers.find(({ name }) => name === SIDECAR)?.image))];
}

/** Every workload wants what it wanted, owes nothing and kept its template; the checkpoint looks nowhere any more. */
async function assertWhole(site: Site): Promise<void> {
  const deployments = await deploymentsOf(site.cluster, site.namespaces[0]);
  for (const { metadata, spec } of deployments) {
    assert.equal(spec.replicas, replicasOf(metadata.name), metadata.name);
    assert.equal(parseRecord(metadata.annotations?.[LAST_RESTART])?.replicas, undefined, metadata.name);
    assert.equal(spec.template.metadata.annotations?.['kubectl.kubernetes.io/restartedAt'], undefined);
  }
  const { starts } = await site.checkpoint();
  assert.deepEqual(
    starts.filter(({ spare }) => spare !== undefined),
    [],
  );
}
