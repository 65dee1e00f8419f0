/**
 * Where the worker is tried for real: one control plane for all tests of the process, and for each test namespaces, a
 * checkpoint and a service account of its own, so that tests run side by side and their requests can be told apart.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type Checkpoint, decodeCheckpoint } from '../../src/domain/checkpoint.ts';
import type { ApiRequestSeen } from '../cluster/audit.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { deploy, type DeploymentWishes, deployment, deploymentsOf, namespace, restartsOf } from '../cluster/fleet.ts';
import { Hopeless, until } from '../cluster/until.ts';
import { type Line, linesOf, reportOf, type RunReport } from '../worker-log.ts';

export const BUNDLE = fileURLToPath(new URL('../../dist/nightshift.mjs', import.meta.url));

let shared: Promise<Cluster> | undefined;

/** The control plane of this process, started by the first test that asks. */
export function cluster(): Promise<Cluster> {
  shared ??= startCluster();
  return shared;
}

after(async () => (await shared)?.stop());

export const OPEN = { allow: [{ name: 'always', opens: '0 0 * * *', lasts: '1d' }] };

/** A policy under which nothing waits longer than it has to. */
export function quickPolicy(site: Site, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    apiVersion: 'nightshift/v1alpha1',
    kind: 'RestartPolicy',
    windows: OPEN,
    select: { namespaces: { include: site.namespaces } },
    stale: [{ podOlderThan: '1s' }],
    batches: { sizes: [1, 50], pause: '0s', inFlight: { workloads: 10, pods: 200, perNamespace: 10 } },
    rollout: { timeout: '60s', soak: '0s' },
    ...changes,
  };
}

/** A worker process: what it has logged so far, and how it ended. */
export interface Worker {
  readonly process: ChildProcess;
  readonly lines: () => readonly Line[];
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Resolves with the first line of that message (and workload). */
  said(message: string, workload?: string): Promise<Line>;
}

export interface SiteOptions {
  readonly namespaces?: number;
  /** The injector of test/cluster looks after its namespaces. */
  readonly injected?: boolean;
  /** What its runs may restart besides Deployments. */
  readonly kinds?: readonly ('statefulsets' | 'daemonsets' | 'rollouts')[];
  /** A right that is taken away: `patch deployments`. */
  readonly without?: string;
  /** Rights that only some criteria need: `create pods`. */
  readonly also?: readonly string[];
}

let sites = 0;

export class Site {
  readonly cluster: Cluster;
  readonly id: string;
  readonly home: string;
  readonly namespaces: readonly string[];
  readonly user: string;
  #kubeconfig = '';
  #policies = 0;

  constructor(inCluster: Cluster, namespaces: number) {
    this.cluster = inCluster;
    this.id = `s${++sites}`;
    this.home = `${this.id}-home`;
    this.namespaces = Array.from({ length: namespaces }, (_, index) => `${this.id}-${String.fromCharCode(97 + index)}`);
    this.user = `system:serviceaccount:${this.home}:nightshift`;
  }

  /** Namespaces, service account with exactly the rights of the chart, an empty checkpoint. */
  static async open(options: SiteOptions = {}): Promise<Site> {
    const site = new Site(await cluster(), options.namespaces ?? 1);
    const { home, id } = site;
    await site.cluster.kubectlApply(
      [
        namespace(home, { injected: false }),
        ...site.namespaces.map(name => namespace(name, { injected: options.injected ?? false })),
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nightshift', namespace: home } },
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'nightshift-checkpoint', namespace: home } },
        ...rights(id, home, options),
      ]
        .map(object => JSON.stringify(object))
        .join('\n---\n'),
    );
    site.#kubeconfig = await site.cluster.kubeconfigFor(home, 'nightshift');
    return site;
  }

  /** In the first namespace, unless told otherwise. */
  deployment(wishes: Omit<DeploymentWishes, 'namespace'> & { readonly namespace?: string }): object {
    return deployment({ namespace: this.namespaces[0] ?? '', ...wishes });
  }

  /** Applies, and waits until all in the site's namespaces is available and stale (older than `podOlderThan: 1s`). */
  async deploy(...manifests: readonly object[]): Promise<void> {
    await deploy(this.cluster, manifests, { namespaces: this.namespaces });
    await this.age();
  }

  /** Waits until every Pod that is there now is stale. */
  async age(): Promise<void> {
    // Creation times are cut to the second, so the youngest Pod is older than a second after two.
    await sleep(2_100);
  }

  policyFile(policy: object): string {
    const file = join(this.cluster.folder, `${this.id}-policy-${++this.#policies}.yaml`);
    writeFileSync(file, stringify(policy));
    return file;
  }

  /** Starts the bundle as its service account; what it prints is kept, unless it goes to a file descriptor. */
  start(
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    stdout: 'pipe' | number = 'pipe',
  ): Worker {
    const child = spawn(process.execPath, [BUNDLE, ...words], {
      env: { PATH: process.env['PATH'] ?? '', KUBECONFIG: this.#kubeconfig, ...environment },
      stdio: ['ignore', stdout, 'pipe'],
    });
    return watchWorker(child);
  }

  /** `run` under a policy, awaited: its exit code, its log and its report. */
  async run(
    policy: object | string,
    ...words: readonly string[]
  ): Promise<{ readonly code: number | NodeJS.Signals; readonly worker: Worker; readonly report: RunReport }> {
    const file = typeof policy === 'string' ? policy : this.policyFile(policy);
    const worker = this.start(['run', '--policy', file, '--output', 'json', ...words]);
    const code = await worker.ended;
    return { code, worker, report: reportOf(worker.stdout()) };
  }

  /** As it stands now; throws when it cannot be read. */
  async checkpoint(): Promise<Checkpoint> {
    const { data } = await this.cluster.api<{ data?: Record<string, string> }>(
      `/api/v1/namespaces/${this.home}/configmaps/nightshift-checkpoint`,
    );
    const decoded = decodeCheckpoint(data?.['checkpoint.json']);
    if (decoded.kind !== 'checkpoint') throw new Error(decoded.problem);
    return decoded.checkpoint;
  }

  /** Restarts by workload name in the site's namespaces, counted from ReplicaSets. */
  async restarts(): Promise<Record<string, number>> {
    const all = await restartsOf(this.cluster, this.namespaces);
    return Object.fromEntries([...all].map(([key, count]) => [key.split('/')[1], count]));
  }

  /** Available replicas by workload name in the first namespace. */
  async available(): Promise<Record<string, number>> {
    const deployments = await deploymentsOf(this.cluster, this.namespaces[0]);
    return Object.fromEntries(
      deployments.map(({ metadata, status }) => [metadata.name, status.availableReplicas ?? 0]),
    );
  }

  /** What the worker asked of the API server so far. */
  async requests(): Promise<readonly ApiRequestSeen[]> {
    return this.cluster.requestsBy(this.user);
  }
}

/** `name: outcome` or `name: failed(why)`. */
export function outcomesByName(report: RunReport): Record<string, string> {
  return Object.fromEntries(
    report.outcomes.map(({ name, outcome, why }) => [name, why === undefined ? outcome : `${outcome}(${why})`]),
  );
}

/** Of a site's namespaces only, where those of another test may be on their way out. */
export function leftByName({ left }: RunReport, site?: Site): Record<string, string> {
  const ours = left.filter(
    ({ namespace: where, why }) => why !== 'notSelected' && (site === undefined || site.namespaces.includes(where)),
  );
  return Object.fromEntries(ours.map(({ name, why }) => [name, why]));
}

/** A Pod whose containers have ended for good: who takes its name for its own is taken over at once when it is killed. */
export async function failedPod(site: Site): Promise<{ readonly name: string; readonly uid: string }> {
  const path = `/api/v1/namespaces/${site.home}/pods`;
  const spec = { schedulerName: 'nobody', containers: [{ name: 'worker', image: 'worker' }] };
  const body = { metadata: { name: 'worker' }, spec };
  const { metadata } = await site.cluster.api<{ metadata: { name: string; uid: string } }>(path, {
    method: 'POST',
    body,
  });
  await site.cluster.api(`${path}/worker/status`, { method: 'PATCH', body: { status: { phase: 'Failed' } } });
  return metadata;
}

function watchWorker(child: ChildProcess): Worker {
  let output = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  const { promise: ended, resolve } = Promise.withResolvers<number | NodeJS.Signals>();
  let over = false;
  child.once('close', (code, signal) => {
    over = true;
    resolve(signal ?? code ?? -1);
  });
  const lines = (): readonly Line[] => linesOf(output);
  const said = (message: string, workload?: string): Promise<Line> =>
    until(
      `the worker to say "${message}"`,
      () => {
        const line = lines().find(l => l.message === message && (workload === undefined || l.workload === workload));
        if (line === undefined && over) throw new Hopeless(`it ended without; it said ${output} ${errors}`);
        return line;
      },
      { seconds: 60, everyMilliseconds: 20 },
    );
  return { process: child, lines, stdout: () => output, stderr: () => errors, ended, said };
}

/** The rights that the README promises. */
function rights(id: string, home: string, { without, also = [], kinds = [] }: SiteOptions): object[] {
  const rule = (apiGroups: string, resource: string, verbs: readonly string[]) => ({
    apiGroups: [apiGroups],
    resources: [resource],
    verbs: verbs.filter(verb => `${verb} ${resource}` !== without),
  });
  const subjects = [{ kind: 'ServiceAccount', name: 'nightshift', namespace: home }];
  const api = 'rbac.authorization.k8s.io';
  const everywhere = [
    ...['deployments', ...kinds].map(kind =>
      rule(kind === 'rollouts' ? 'argoproj.io' : 'apps', kind, ['get', 'list', 'watch', 'patch']),
    ),
    rule('', 'pods', ['list']),
    rule('', 'namespaces', ['list']),
    rule('', 'events', ['create']),
    rule('policy', 'poddisruptionbudgets', ['list']),
    rule('', 'resourcequotas', ['list']),
    rule('autoscaling', 'horizontalpodautoscalers', ['list']),
    ...also.map(right => rule('', right.split(' ')[1] ?? '', right.split(' ').slice(0, 1))),
  ].filter(({ verbs }) => verbs.length > 0);
  const local = [rule('', 'pods', ['get']), rule('', 'configmaps', ['get', 'update'])];
  const name = `nightshift-${id}`;
  return [
    { apiVersion: `${api}/v1`, kind: 'ClusterRole', metadata: { name }, rules: everywhere },
    {
      apiVersion: `${api}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: api, kind: 'ClusterRole', name },
      subjects,
    },
    { apiVersion: `${api}/v1`, kind: 'Role', metadata: { name, namespace: home }, rules: local },
    {
      apiVersion: `${api}/v1`,
      kind: 'RoleBinding',
      metadata: { name, namespace: home },
      roleRef: { apiGroup: api, kind: 'Role', name },
      subjects,
    },
  ];
}
