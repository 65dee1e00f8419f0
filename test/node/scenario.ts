/**
 * The chart's Job on a real node: one sweep over a fleet of pretended Pods, interrupted in every way that a container
 * can end, and finished. Run by `main.ts` on the machine that `machine.sh` makes; its arguments are archives of images.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Checkpoint, decodeCheckpoint } from '../../src/domain/checkpoint.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { deploy, deployment, namespace, restartsOf } from '../cluster/fleet.ts';
import { installInjector, SIDECAR, upgradeInjector } from '../cluster/injector.ts';
import { until } from '../cluster/until.ts';
import { step } from './command.ts';
import { IMAGE } from './images.ts';
import { Job } from './job.ts';
import { cgroupOf, placement, readProc, startRealNode } from './real-node.ts';

const NAME = 'nightshift';
const NAMESPACE = 'night';
const TEAMS = ['team-a', 'team-b', 'team-c'];
const FLEET = TEAMS.flatMap(team =>
  Array.from({ length: 12 }, (_, index) => ({ namespace: team, name: `app-${index}` })),
);
const OLD = 'example.test/proxy:1';
const NEW = 'example.test/proxy:2';
const MEBIBYTE = 2 ** 20;

const values = {
  // Never by itself: the tests make the Jobs.
  schedule: '0 0 1 1 *',
  image: { ...IMAGE, pullPolicy: 'Never' },
  resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  ...placement,
  policy: {
    apiVersion: 'nightshift/v1alpha1',
    kind: 'RestartPolicy',
    windows: { allow: [{ name: 'always', opens: '0 0 * * *', lasts: '24h' }] },
    select: { namespaces: { include: ['team-*'] } },
    stale: [{ container: SIDECAR, imageNot: [NEW] }],
    // Slow enough to be interrupted in the middle again and again.
    batches: { sizes: [1, 100], pause: '0s', inFlight: { workloads: 2, perNamespace: 2 } },
    rollout: { timeout: '1m', soak: '1s' },
  },
};

let cluster: Cluster;
/** The one sweep of this file; set by the first test. */
let sweep: string;

before(async () => {
  const [, , ...archives] = process.argv;
  const { NIGHTSHIFT_TEST_CGROUP: cgroup = '' } = process.env;
  cluster = await step('control plane ready', () => startCluster({ nodes: 3 }));
  await step('real node ready', () => startRealNode(cluster, cgroup, archives));
  await step('fleet ready, then made stale', async () => {
    await installInjector(cluster, { image: OLD });
    await deploy(cluster, [
      ...TEAMS.map(team => namespace(team)),
      ...FLEET.map(each => deployment({ ...each, replicas: 2 })),
    ]);
    await upgradeInjector(cluster, NEW);
  });
  await step('chart installed', async () => {
    const file = join(cluster.folder, 'values.json');
    writeFileSync(file, JSON.stringify(values));
    const chart = join(import.meta.dirname, '../../charts/nightshift');
    await cluster.helm('install', NAME, chart, '--namespace', NAMESPACE, '--create-namespace', '--values', file);
  });
});
after(() => cluster?.stop());

test('the Job restarts the fleet from a container that may do nothing else', async () => {
  const job = await jobInTheMiddle('delete');
  const pid = await job.process();
  const status = readProc(pid, 'status');
  assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
  assert.match(status, /^Gid:\t65532\t65532\t65532\t65532$/m);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    assert.match(status, new RegExp(`^${set}:\t0+$`, 'm'));
  }
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^Seccomp:\t2$/m);
  const files = ['LICENSE', 'nightshift.cdx.json', 'nightshift.licenses.txt', 'nightshift.mjs'];
  assert.deepEqual(readdirSync(`/proc/${pid}/root/app`).toSorted(), files);
  assert.throws(() => writeFileSync(`/proc/${pid}/root/app/new`, ''), { code: 'EROFS' });
  assert.equal(memoryOf(pid, 'limit_in_bytes'), 128 * MEBIBYTE);
  process.stderr.write(
    `test node: ${(memoryOf(pid, 'max_usage_in_bytes') / MEBIBYTE).toFixed(0)} MiB at most so far\n`,
  );

  const end = await job.endAfter(path =>
    cluster.api(path, { method: 'DELETE', body: { propagationPolicy: 'Background' } }),
  );
  assert.equal(end.exitCode, 143, await job.log());
  sweep = (await resumable()).id;
});

test('SIGTERM at the deadline of the Job leaves a checkpoint that the next one resumes', async () => {
  const job = await jobInTheMiddle('deadline');
  const end = await job.endAfter(path =>
    cluster.api(path, { method: 'PATCH', body: { spec: { activeDeadlineSeconds: 1 } } }),
  );
  assert.equal(end.exitCode, 143, await job.log());
  assert.equal((await resumable()).id, sweep);
  await until('the Job to be failed', async () => (await job.condition()) === 'Failed');
});

test('after SIGKILL the next Job goes on at once', async () => {
  const job = await jobInTheMiddle('killed');
  process.kill(await job.process(), 'SIGKILL');
  const { exitCode, reason } = await job.end();
  assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'Error' });
  assert.notEqual((await checkpoint()).hold, null);
});

test('a Job whose memory limit is too small to start does no harm', async () => {
  const earlier = await checkpoint();
  const job = await Job.create(cluster, { name: 'small', namespace: NAMESPACE, cronJob: NAME, memoryLimit: '24Mi' });
  const { exitCode, reason } = await job.end();
  assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'OOMKilled' });
  assert.deepEqual(await checkpoint(), earlier);
});

test('after being out of memory in the middle of the sweep the next Job goes on at once', async () => {
  const job = await jobInTheMiddle('greedy');
  const hog = takeMemory(cgroupOf(await job.process(), 'memory'));
  try {
    const { exitCode, reason } = await job.end();
    assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'OOMKilled' });
  } finally {
    hog.kill('SIGKILL');
  }
});

test('the last Job finishes the sweep: every workload was restarted exactly once', async () => {
  const earlier = await checkpoint();
  assert.equal(earlier.sweep?.id, sweep);
  const job = await Job.create(cluster, { name: 'last', namespace: NAMESPACE, cronJob: NAME });
  const end = await job.end();
  assert.equal(end.exitCode, 0, await job.log());
  const message: unknown = JSON.parse(end.message ?? '');
  assert.partialDeepStrictEqual(message, { exitCode: 0, ending: 'swept', failed: [] });
  await until('the Job to be complete', async () => (await job.condition()) === 'Complete');

  for (const team of TEAMS) assert.deepEqual(await sidecarsIn(team), [NEW]);
  const restarts = await restartsOf(cluster);
  assert.deepEqual(Object.fromEntries(restarts), Object.fromEntries(FLEET.map(each => [keyOf(each), 1])));
  const { hold, sweep: open } = await checkpoint();
  assert.deepEqual({ hold, open }, { hold: null, open: null });
});

/**
 * A Job that has restarted some of the fleet, but not yet all. It gets there within half a minute, and so did not wait
 * the full minute that a hold of unknown fate costs.
 */
async function jobInTheMiddle(name: string): Promise<Job> {
  const earlier = await restartedSoFar();
  const job = await Job.create(cluster, { name, namespace: NAMESPACE, cronJob: NAME });
  try {
    await until('a few restarts', async () => (await restartedSoFar()) >= earlier + 4);
  } catch (error) {
    throw new Error(`Job ${name} printed:\n${await job.log()}`, { cause: error });
  }
  assert.ok((await restartedSoFar()) < FLEET.length, 'there is something left to do');
  return job;
}

async function restartedSoFar(): Promise<number> {
  return [...(await restartsOf(cluster)).values()].filter(count => count > 0).length;
}

async function sidecarsIn(team: string): Promise<string[]> {
  const pods = ['get', 'pods', `--namespace=${team}`, '--output=json'];
  const { items }: PodList = JSON.parse(await cluster.kubectl(...pods));
  const containers = items.flatMap(({ spec }) => spec.containers);
  return [...new Set(containers.filter(({ name }) => name === SIDECAR).map(({ image }) => image))];
}

interface PodList {
  readonly items: readonly { readonly spec: { readonly containers: readonly { name: string; image: string }[] } }[];
}

/** The sweep that stands in the checkpoint; asserts that nobody holds it any more. */
async function resumable(): Promise<NonNullable<Checkpoint['sweep']>> {
  const { hold, sweep: open, runs } = await checkpoint();
  assert.equal(hold, null);
  assert.equal(runs.at(-1)?.exitCode, 143);
  assert.ok(open !== null && open.remaining > 0);
  return open;
}

async function checkpoint(): Promise<Checkpoint> {
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/${NAME}-checkpoint`;
  const { data } = await cluster.api<{ data?: Record<string, string> }>(path);
  const decoded = decodeCheckpoint(data?.['checkpoint.json']);
  assert.equal(decoded.kind, 'checkpoint');
  return decoded.checkpoint;
}

/** Fills what is left of a memory limit from inside it: the kernel then ends the largest process there, the worker. */
function takeMemory(cgroup: string): ReturnType<typeof spawn> {
  const script = 'echo $$ >"$0/cgroup.procs" && exec dd if=/dev/zero of=/dev/null bs=125M';
  return spawn('sh', ['-c', script, cgroup], { stdio: 'ignore' });
}

function memoryOf(pid: number, what: string): number {
  return Number(readFileSync(join(cgroupOf(pid, 'memory'), `memory.${what}`), 'utf8'));
}

const keyOf = ({ namespace: team, name }: (typeof FLEET)[number]) => `${team}/${name}`;
