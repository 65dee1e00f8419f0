/** Argo Rollouts beside a test cluster: its custom resources in it, its controller as a process, with the rights it asks for. */
import { readdirSync, readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../cluster/cluster.ts';
import { assertRunning } from '../cluster/controlplane.ts';
import { isRunning, startProcess } from '../cluster/processes.ts';
import { until } from '../cluster/until.ts';
import { argoFiles } from './binaries.ts';

const NAMESPACE = 'argo-rollouts';

/** Server-side, for they are larger than what `kubectl apply` notes on an object. Returns once they are served. */
export async function installRollouts(cluster: Cluster): Promise<void> {
  const { crds } = await argoFiles();
  const files = readdirSync(crds).filter(name => name.endsWith('-crd.yaml'));
  await cluster.kubectlApply(
    files.map(name => readFileSync(join(crds, name), 'utf8')).join('\n---\n'),
    '--server-side',
    '--force-conflicts',
  );
  await until('Rollouts to be served', () =>
    cluster.api('/apis/argoproj.io/v1alpha1/rollouts').then(
      () => true,
      () => false,
    ),
  );
}

/** Rollouts and all that belongs to them are gone when it returns. */
export async function removeRollouts(cluster: Cluster): Promise<void> {
  await cluster.kubectl('delete', 'crd', 'rollouts.argoproj.io');
}

export interface Controller {
  /** Resolves when it has ended. It has no chance to say goodbye. */
  kill(): Promise<void>;
}

let started = 0;

/** Starts the controller; returns when it works. The custom resources must be there. */
export async function startController(cluster: Cluster): Promise<Controller> {
  const { controller, roles } = await argoFiles();
  const role = readFileSync(join(roles, 'argo-rollouts-clusterrole.yaml'), 'utf8');
  await cluster.kubectlApply([role, ...account].join('\n---\n'));
  const folder = join(cluster.folder, `argo-rollouts-${++started}`);
  mkdirSync(folder);
  const component = startProcess(cluster.folder, {
    name: 'argo-rollouts',
    file: controller,
    args: [
      `--kubeconfig=${await cluster.kubeconfigFor(NAMESPACE, 'argo-rollouts')}`,
      '--leader-elect=false',
      // Ports that the kernel chooses.
      '--metricsPort=0',
      '--healthzPort=0',
    ],
    folder,
    logFile: join(folder, 'log'),
  });
  await until(
    'the controller of Argo Rollouts to work',
    () => {
      assertRunning(component);
      return readFileSync(component.logFile, 'utf8').includes('Started rollout workers');
    },
    { seconds: 60 },
  );
  return {
    async kill() {
      component.process.kill('SIGKILL');
      await until('the controller of Argo Rollouts to end', () => !isRunning(component), { everyMilliseconds: 10 });
    },
  };
}

const account = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'argo-rollouts', namespace: NAMESPACE } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'argo-rollouts' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'argo-rollouts' },
    subjects: [{ kind: 'ServiceAccount', name: 'argo-rollouts', namespace: NAMESPACE }],
  },
].map(object => JSON.stringify(object));
