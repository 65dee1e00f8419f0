/** The chart on a real control plane: what helm and Kubernetes make of it, and that it says true things. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { V1ConfigMap, V1CronJob, V1JobList, V1Pod, V1PodList } from '@kubernetes/client-node';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { installInjector, SIDECAR } from '../cluster/injector.ts';
import { until } from '../cluster/until.ts';
import { CHART, ENVIRONMENTS, environmentFile, POLICY } from './helm.ts';

let cluster: Cluster;
before(async () => {
  cluster = await startCluster({ nodes: 1 });
});
after(() => cluster.stop());

/** Installs in a namespace of that name, with a schedule that does not tick while tests run. */
async function install(namespace: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } };
  await cluster.kubectlApply(JSON.stringify(object));
  await cluster.helm('install', namespace, CHART, '-n', namespace, '--set-json', values(namespace));
}

function values(namespace: string, more: object = {}): string {
  const never = '0 0 29 2 *';
  const rbac = { namespaces: [namespace] };
  return JSON.stringify({ policy: POLICY, schedule: never, fullnameOverride: 'n', rbac, ...more });
}

test('what a run saved survives upgrades and rollbacks, and goes with helm uninstall', async () => {
  await install('kept');
  const path = '/api/v1/namespaces/kept/configmaps/n-checkpoint';
  const { metadata, data } = await cluster.api<V1ConfigMap>(path);
  assert.equal(data, undefined);

  const saved = { 'checkpoint.json': '{"sweep":"2026-12-01T01:00:00Z"}' };
  const file = join(cluster.folder, 'checkpoint.json');
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: saved }));
  await cluster.kubectl('replace', '-f', file, '--kubeconfig', await cluster.kubeconfigFor('kept', 'n'));

  const upgrade = ['upgrade', 'kept', CHART, '-n', 'kept', '--set-json'];
  const changes = [
    [...upgrade, values('kept', { image: { tag: '9' } })],
    [...upgrade, values('kept', { nameOverride: 'other-labels' })],
    [...upgrade, values('kept', { dryRun: true }), '--server-side=false'],
    ['rollback', 'kept', '1', '-n', 'kept'],
  ];
  for (const change of changes) {
    await cluster.helm(...change);
    const upgraded = await cluster.api<V1ConfigMap>(path);
    const { uid } = upgraded.metadata ?? {};
    assert.deepEqual({ uid, data: upgraded.data }, { uid: metadata?.uid, data: saved }, change.join(' '));
  }

  await cluster.helm('uninstall', 'kept', '-n', 'kept');
  const kinds = [
    'cronjobs,jobs,configmaps,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings',
    'validatingadmissionpolicies,validatingadmissionpolicybindings',
  ].join(',');
  const left = await cluster.kubectl('get', kinds, '-A', '-l', 'app.kubernetes.io/instance=kept', '-o', 'name');
  assert.equal(left, '');
});

test('its Pod passes the Pod Security Standard restricted and is not injected', async () => {
  await installInjector(cluster, { image: 'proxy:1' });
  await install('strict', { 'pod-security.kubernetes.io/enforce': 'restricted', 'istio-injection': 'enabled' });
  await cluster.kubectl('create', 'job', 'run', '--from=cronjob/n', '-n', 'strict');
  const path = '/api/v1/namespaces/strict/pods';
  const pod = await until('the Pod of the Job', async () => (await cluster.api<V1PodList>(path)).items[0]);
  assert.deepEqual(namesIn(pod), ['nightshift']);

  // The same Pod without the opt-outs: the injector adds a container, which the standard does not let pass.
  const metadata = { name: 'not-opted-out' };
  const injected = cluster.api<V1Pod>(`${path}?dryRun=All`, { method: 'POST', body: { metadata, spec: pod.spec } });
  await assert.rejects(injected, new RegExp(`violates PodSecurity "restricted.*${SIDECAR}`));
});

const namesIn = ({ spec }: V1Pod) =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ name }) => name);

test('the commands of the notes do what the notes say', async () => {
  await install('noted');
  const notes = await cluster.helm('get', 'notes', 'noted', '-n', 'noted');
  const commands = notes.replaceAll('\\\n', '').match(/(?<=^ {2})kubectl (?!logs).+/gm) ?? [];
  const [plan = '', now = '', suspend = '', remove = '', ...others] = commands;
  assert.deepEqual(others, []);

  await shell(plan);
  await shell(now);
  const argumentsOf = async () => {
    const { items } = await cluster.api<V1JobList>('/apis/batch/v1/namespaces/noted/jobs');
    return items.map(({ metadata, spec }) => [metadata?.name, spec?.template.spec?.containers[0]?.args]);
  };
  assert.deepEqual(await argumentsOf(), [
    ['n-now', ['run']],
    ['n-plan', ['plan']],
  ]);
  await shell(suspend);
  const cronJob = await cluster.api<V1CronJob>('/apis/batch/v1/namespaces/noted/cronjobs/n');
  assert.equal(cronJob.spec?.suspend, true);
  await shell(remove);
  await until('the Jobs to be gone', async () => (await argumentsOf()).length === 0);
});

const shell = (command: string) => {
  const env = {
    HOME: cluster.folder,
    PATH: `${cluster.tools}:${process.env['PATH'] ?? ''}`,
    KUBECONFIG: cluster.kubeconfig,
  };
  return promisify(execFile)('/bin/sh', ['-c', command], { env });
};

for (const environment of ENVIRONMENTS) {
  test(`the API server accepts the values for ${environment}`, async () => {
    const args = ['--create-namespace', '--values', environmentFile(environment)];
    await cluster.helm('install', `nightshift-${environment}`, CHART, '-n', environment, ...args);
  });
}

test('a second release of the same name for the whole cluster is refused', async () => {
  const args = ['--create-namespace', '--values', environmentFile('dev')];
  const second = cluster.helm('install', 'nightshift-dev', CHART, '-n', 'second', ...args);
  await assert.rejects(second, /ClusterRole "nightshift-dev".*cannot be imported into the current release/);
});
