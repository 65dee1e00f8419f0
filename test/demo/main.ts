/** `npm run demo`: a night of nightshift on a real control plane, with a kill, a stop and a resume. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { deploy, restartsOf } from '../cluster/fleet.ts';
import { installInjector, SIDECAR, upgradeInjector } from '../cluster/injector.ts';
import { type Kubelet, kubeletPlacement, startKubelet } from '../cluster/kubelet.ts';
import { table } from '../../src/terminal/table.ts';
import { BROKEN, fleet, NAMESPACES } from './fleet.ts';
import type { Line } from '../worker-log.ts';
import { night, RELEASE } from './night.ts';
import { observeAvailability, type Seen, sidecarImages } from './observer.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUNDLE = join(ROOT, 'dist/nightshift.mjs');
const CHART = join(ROOT, 'charts/nightshift');
const OLD = 'docker.io/istio/proxyv2:1.24.1';
const NEW = 'docker.io/istio/proxyv2:1.24.2';
const broken = `${BROKEN.namespace}/${BROKEN.name}`;

const began = performance.now();
const say = (text = ''): void => void process.stdout.write(`${text}\n`);
const headline = (text: string): void =>
  say(`\n[${((performance.now() - began) / 1000).toFixed(0).padStart(2)} s] ${text}`);

/** Quicker than a real night: no pause, a short soak. */
const POLICY = {
  apiVersion: 'nightshift/v1alpha1',
  kind: 'RestartPolicy',
  windows: { allow: [{ name: 'demo', opens: '0 0 * * *', lasts: '1d' }] },
  select: { namespaces: { include: NAMESPACES } },
  stale: [{ injection: 'drift' }],
  batches: { sizes: [1, 5, 10], pause: '0s', inFlight: { workloads: 10, pods: 60, perNamespace: 5 } },
  rollout: { timeout: '1m', soak: '1s' },
};

async function main(): Promise<void> {
  headline('A control plane: etcd, API server, controllers, scheduler; kwok plays 10 nodes.');
  await using cluster = await startCluster();
  await using kubelet = await startKubelet(cluster, { images: { 'nightshift:demo': [process.execPath, BUNDLE] } });

  headline(`A sidecar injector (${OLD}) and a fleet in ${NAMESPACES.join(', ')}.`);
  await installInjector(cluster, { image: OLD });
  await deploy(cluster, fleet(), { namespaces: NAMESPACES });
  const before = await sidecarImages(cluster, SIDECAR);
  say(`${before.size} Deployments are up, all with ${[...new Set(before.values())].join(', ')}.`);

  headline('helm install nightshift charts/nightshift');
  await installChart(cluster);

  headline(`The injector is upgraded to ${NEW}. Every Pod keeps its old sidecar until its workload restarts.`);
  await upgradeInjector(cluster, NEW);
  const watching = new AbortController();
  const seen = observeAvailability(cluster, watching.signal);

  headline('nightshift plan --policy configmap/nightshift-policy');
  say(shorten(await nightshift(cluster, 'plan')));

  await nights({ cluster, kubelet });

  watching.abort();
  headline("What it came to, counted from ReplicaSets, Pods and a watch of the demo's own:\n");
  const after = await sidecarImages(cluster, SIDECAR);
  const sound = await tell({ before, after, seen, restarts: await restartsOf(cluster) });
  headline(sound ? 'Done.' : 'Something is not as it should be: see above.');
  process.exitCode = sound ? 0 : 1;
}

async function nights(world: { readonly cluster: Cluster; readonly kubelet: Kubelet }): Promise<void> {
  const { cluster } = world;
  headline('kubectl create job night-1 --from=cronjob/nightshift, and SIGKILL in the middle of it');
  let started = 0;
  const first = await night(world, 'night-1', (line, kill) => {
    tellLine(line);
    if (line.message === 'restart started' && ++started === 12) {
      say('           kill -9: the worker is gone, with restarts in flight');
      kill();
    }
  });
  say(`night-1: exit code ${first.exitCode}.`);

  headline('night-2 resumes: it awaits what is in flight, goes on, and stops when a workload does not come up again');
  const second = await night(world, 'night-2', tellLine);
  say(
    `night-2: exit code ${second.exitCode}. Its old Pods serve: ${broken} has ${await availability(cluster)} replicas available.`,
  );

  headline('night-3 is the tick ten minutes later: the stop holds');
  const third = await night(world, 'night-3', tellLine);
  say(`night-3: exit code ${third.exitCode}.`);

  headline(`${broken} is mended, and somebody says: nightshift resume`);
  const remove = [{ op: 'remove', path: '/spec/template/metadata/annotations/test.nightshift~1when-restarted' }];
  const at = ['-n', BROKEN.namespace] as const;
  await cluster.kubectl(...at, 'patch', 'deployment', BROKEN.name, '--type=json', '-p', JSON.stringify(remove));
  await cluster.kubectl(...at, 'rollout', 'status', `deployment/${BROKEN.name}`, '--timeout=30s');
  say(await nightshift(cluster, 'resume'));
  const fourth = await night(world, 'night-4', tellLine);
  say(`night-4: exit code ${fourth.exitCode}.`);
}

async function installChart(cluster: Cluster): Promise<void> {
  const values = join(cluster.folder, 'values.yaml');
  // The clock of the demo is `kubectl create job`, so the schedule never comes.
  const image = { repository: 'nightshift', tag: 'demo' };
  writeFileSync(values, JSON.stringify({ schedule: '0 0 29 2 *', image, policy: POLICY, ...kubeletPlacement }));
  await cluster.helm('install', RELEASE.name, CHART, '-n', RELEASE.namespace, '--create-namespace', '--values', values);
  say(`Release ${RELEASE.name} in namespace ${RELEASE.namespace}.`);
}

/** The worker as an administrator runs it from a laptop. */
async function nightshift(cluster: Cluster, command: string): Promise<string> {
  const words = [command, '--namespace', RELEASE.namespace, '--policy', `configmap/${RELEASE.name}-policy`];
  const { stdout } = await promisify(execFile)(process.execPath, [BUNDLE, ...words], {
    env: { KUBECONFIG: cluster.kubeconfig },
  });
  return stdout.trimEnd();
}

async function availability(cluster: Cluster): Promise<string> {
  return cluster.kubectl(
    '-n',
    BROKEN.namespace,
    'get',
    'deployment',
    BROKEN.name,
    '-o',
    'jsonpath={.status.availableReplicas} of {.spec.replicas}',
  );
}

/** The beginning of a long table. */
function shorten(text: string): string {
  const lines = text.split('\n');
  return lines.length <= 16 ? text : [...lines.slice(0, 12), `... ${lines.length - 12} more lines`].join('\n');
}

function tellLine(line: Line): void {
  const time = String(line['time']).slice(11, 19);
  const workload = line.workload ?? '';
  switch (line.message) {
    case 'planned':
      return say(
        `  ${time}  planned: ${String(line['batches']) === '' ? 'nothing to restart' : `batches of ${String(line['batches'])}`}; ${String(line['inFlight'])} in flight; left alone: ${String(line['left']) || 'none'}`,
      );
    case 'restart of an earlier run is in flight':
      return say(`  ${time}  resume     ${workload}, restarted ${String(line['at'])}`);
    case 'restart ended':
      return say(
        `  ${time}  ${String(line['outcome']).padEnd(10)} ${workload}  ${[line['why'], line['detail']].filter(Boolean).join(': ')}${line['why'] ? '' : `in ${String(line['seconds'])} s`}`,
      );
    case 'nothing new starts':
    case 'run ended':
      return say(`  ${time}  ${line.message}: ${String(line['detail'] ?? line['summary'])}`);
    default:
      return undefined;
  }
}

interface Findings {
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
  readonly seen: ReadonlyMap<string, Seen>;
  readonly restarts: ReadonlyMap<string, number>;
}

/** Prints the table; true when every workload was restarted once, is fresh, and never fell below its floor. */
async function tell({ before, after, seen, restarts }: Findings): Promise<boolean> {
  const tag = (image: string | undefined): string => image?.replace(/^.*:/, '') ?? 'none';
  const rows = [...before.keys()].toSorted().map(key => {
    const { replicas = 0, least = 0, floor = 0 } = seen.get(key) ?? {};
    const fine = after.get(key) === NEW && restarts.get(key) === 1 && least >= floor;
    return {
      fine,
      cells: [
        key,
        tag(before.get(key)),
        tag(after.get(key)),
        String(restarts.get(key)),
        String(replicas),
        String(least),
        String(floor),
        fine ? '' : '<-- look',
      ],
    };
  });
  say(
    table(
      ['WORKLOAD', 'SIDECAR BEFORE', 'AFTER', 'RESTARTS', 'REPLICAS', 'LEAST AVAILABLE', 'PROMISED', ''],
      rows.map(({ cells }) => cells),
    ),
  );
  const fresh = rows.filter(({ cells }) => cells[2] === tag(NEW)).length;
  const once = rows.filter(({ cells }) => cells[3] === '1').length;
  const kept = [...seen].filter(([key, { least, floor }]) => before.has(key) && least >= floor).length;
  say(
    `\n${rows.length} workloads: ${fresh} fresh, ${once} restarted exactly once, ${kept} never below what their strategy promises.`,
  );
  return rows.every(({ fine }) => fine);
}

await main();
