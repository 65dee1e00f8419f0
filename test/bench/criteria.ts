/**
 * `npm run bench:criteria [DEPLOYMENTS]`: what each criterion costs, on a real control plane: requests, time and memory of
 * a look at a fleet that is fresh, and of restarting fifty of it. Time and memory are given as ratios to the first row,
 * because those travel from machine to machine.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { table } from '../../src/terminal/table.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { deploy, deployment, namespace } from '../cluster/fleet.ts';
import { installInjector, SIDECAR, upgradeInjector } from '../cluster/injector.ts';

const BUNDLE = fileURLToPath(new URL('../../dist/nightshift.mjs', import.meta.url));
const NAMESPACES = Array.from({ length: 10 }, (_, index) => `team-${index}`);
const [OLD, NEW] = ['example.test/proxy:1', 'example.test/proxy:2'];
const DEPLOYMENTS = Number(process.argv[2] ?? 1000);
const RESTARTED = 50;
/** Of each look, of which the median is told. */
const TIMES = 5;

interface Cost {
  readonly requests: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly megabytes: number;
}

const CRITERIA: readonly { readonly name: string; readonly stale: readonly object[] }[] = [
  { name: 'podOlderThan', stale: [{ podOlderThan: '300d' }] },
  { name: 'imageNot', stale: [{ container: SIDECAR, imageNot: ['example.test/proxy:*'] }] },
  { name: 'configChanged', stale: [{ configChanged: {} }] },
  { name: 'configChanged, with Secrets and volumes', stale: [{ configChanged: { secrets: true, volumes: true } }] },
  { name: 'injection: drift', stale: [{ injection: 'drift' }] },
];

await using cluster = await startCluster();
say(`${DEPLOYMENTS} Deployments of two replicas in ${NAMESPACES.length} namespaces, all with an injected sidecar.`);
await prepare(cluster);

const looks = new Map<string, Cost[]>(CRITERIA.map(({ name }) => [name, []]));
for (let time = 0; time < TIMES; time++) {
  // In turn, so that all see the same weather.
  for (const { name, stale } of CRITERIA) looks.get(name)?.push(await cost(cluster, 'plan', policy(stale)));
}
say(`\nA look at all of them (nightshift plan), none of them stale, ${TIMES} times each:\n`);
say(rows([...looks].map(([name, costs]) => ({ name, cost: median(costs), per: DEPLOYMENTS }))));

const few = { namespaces: { include: ['few'] } };
const restarts: { name: string; cost: Cost; per: number }[] = [];
for (const [index, stale] of [[{ container: SIDECAR, imageNot: [NEW] }], [{ injection: 'drift' }]].entries()) {
  await cluster.kubectlApply(JSON.stringify(namespace('few')));
  await upgradeInjector(cluster, OLD);
  await deploy(cluster, fleet('few', RESTARTED), { namespaces: ['few'] });
  await upgradeInjector(cluster, NEW);
  const name = index === 0 ? 'imageNot' : 'injection: drift';
  restarts.push({ name, cost: await cost(cluster, 'run', policy(stale, few)), per: RESTARTED });
  await cluster.kubectl('delete', 'namespace', 'few');
}
say(`\nRestarting ${RESTARTED} of them, ten at a time, the look at all of them included:\n`);
say(rows(restarts));

async function prepare(on: Cluster): Promise<void> {
  await installInjector(on, { image: OLD });
  await on.kubectlApply(NAMESPACES.map(name => JSON.stringify(namespace(name))).join('\n---\n'));
  for (const name of NAMESPACES) {
    await deploy(on, fleet(name, Math.ceil(DEPLOYMENTS / NAMESPACES.length)), { namespaces: [name] });
  }
  const checkpoint = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'nightshift-checkpoint', namespace: 'default' },
  };
  await on.kubectlApply(JSON.stringify(checkpoint));
  await on.kubectl('create', 'serviceaccount', 'bench');
  await on.kubectl(
    'create',
    'clusterrolebinding',
    'bench',
    '--clusterrole=cluster-admin',
    '--serviceaccount=default:bench',
  );
}

function fleet(where: string, count: number): object[] {
  const labels = (name: string) => ({ app: name });
  return Array.from({ length: count }, (_, index) => {
    const name = `app-${index}`;
    const env = [{ name: 'LEVEL', valueFrom: { configMapKeyRef: { name: 'settings', key: 'level', optional: true } } }];
    const containers = [{ name: 'app', image: 'example.test/app:1', env }];
    const template = { metadata: { labels: labels(name) }, spec: { containers } };
    return deployment({ namespace: where, name, replicas: 2, spec: { template } });
  });
}

function policy(stale: readonly object[], select: object = { namespaces: { include: NAMESPACES } }): object {
  return {
    apiVersion: 'nightshift/v1alpha1',
    kind: 'RestartPolicy',
    windows: { allow: [{ name: 'always', opens: '0 0 * * *', lasts: '1d' }] },
    select,
    stale,
    batches: { sizes: [1000], pause: '0s', inFlight: { workloads: 10, pods: 100, perNamespace: 10 } },
    rollout: { timeout: '2m', soak: '0s' },
  };
}

/** One process, with the image's flags: what it asked for, how long it took, and the most memory it had. */
async function cost(on: Cluster, command: 'plan' | 'run', of: object): Promise<Cost> {
  const file = join(on.folder, 'bench-policy.yaml');
  writeFileSync(file, stringify(of));
  const user = 'system:serviceaccount:default:bench';
  const KUBECONFIG = await on.kubeconfigFor('default', 'bench');
  const before = (await on.requestsBy(user)).length;
  const began = performance.now();
  const words = ['--max-old-space-size=96', '--max-semi-space-size=4', BUNDLE, command, '--policy', file];
  const child = spawn(process.execPath, words, { env: { KUBECONFIG }, stdio: ['ignore', 'ignore', 'inherit'] });
  let kilobytes = 0;
  const sampling = setInterval(() => (kilobytes = Math.max(kilobytes, peakOf(child.pid))), 20);
  const code = await new Promise<number | null>(resolve => child.once('close', resolve));
  clearInterval(sampling);
  if (code !== 0) throw new Error(`${command} exited with ${code}`);
  const seconds = (performance.now() - began) / 1000;
  const requests: Record<string, number> = {};
  for (const { verb, resource } of (await on.requestsBy(user)).slice(before)) {
    requests[`${verb} ${resource}`] = (requests[`${verb} ${resource}`] ?? 0) + 1;
  }
  return { requests, seconds, megabytes: kilobytes / 1024 };
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it has just ended
  }
}

function median(costs: readonly Cost[]): Cost {
  const sorted = costs.toSorted((a, b) => a.seconds - b.seconds);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('nothing was measured');
  return middle;
}

function rows(measured: readonly { readonly name: string; readonly cost: Cost; readonly per: number }[]): string {
  const [first] = measured;
  const ratio = (value: number, of: number | undefined): string => `x ${(value / (of ?? value)).toFixed(2)}`;
  return table(
    ['CRITERION', 'REQUESTS', 'EACH', 'SECONDS', '', 'MIB', '', 'OF WHICH'],
    measured.map(({ name, cost: { requests, seconds, megabytes }, per }) => {
      const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
      const most = Object.entries(requests).toSorted(([, a], [, b]) => b - a);
      return [
        name,
        String(total),
        (total / per).toFixed(2),
        seconds.toFixed(2),
        ratio(seconds, first?.cost.seconds),
        megabytes.toFixed(0),
        ratio(megabytes, first?.cost.megabytes),
        most.map(([what, count]) => `${count} ${what}`).join(', '),
      ];
    }),
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
