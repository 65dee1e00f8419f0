/**
 * A real Kubernetes control plane of one's own: etcd, API server, controllers and scheduler, with nodes that only
 * pretend. It lives in a temporary folder, and nothing of it outlives this process, however that ends.
 *
 *     await using cluster = await startCluster();
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiRequest, type ApiServer, apiServer as connectTo } from './apiserver.ts';
import { type ApiRequestSeen, readAuditLog } from './audit.ts';
import { binaries } from './binaries.ts';
import {
  assertRunning,
  auditLogOf,
  fakeNode,
  startApiServer,
  startControllers,
  startEtcd,
  type Surroundings,
} from './controlplane.ts';
import { ADMIN, createCredentials, kubeconfig } from './credentials.ts';
import { hold } from './held.ts';
import {
  dataFolder,
  FOLDER_PREFIX,
  OWNER_SOCKET,
  removeCluster,
  removeClusterNow,
  removeDeadClusters,
  watchOver,
} from './leftovers.ts';
import { type Component, isRunning } from './processes.ts';
import { kwokConfiguration } from './stages.ts';
import { Hopeless, until } from './until.ts';

export interface ClusterOptions {
  /** Fake nodes, each for 1,000 Pods; default 10. */
  readonly nodes?: number;
  /** Added to the API server's own, such as `--goaway-chance=0.02`. */
  readonly apiServerFlags?: readonly string[];
}

export interface Cluster extends AsyncDisposable {
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly caFile: string;
  readonly adminToken: string;
  /** For the kubelet of one page, whose requests stay out of the audit log like those of the cluster's other parts. */
  readonly kubeletToken: string;
  /** For files of the cluster and of its tests; removed with it. */
  readonly folder: string;
  /** The folder with kubectl, helm and the rest. */
  readonly tools: string;
  /** As administrator; returns stdout, throws with stderr. */
  kubectl(...args: string[]): Promise<string>;
  kubectlApply(yaml: string): Promise<void>;
  helm(...args: string[]): Promise<string>;
  /** A request of the administrator; returns the parsed answer, throws ApiError. */
  api<T = unknown>(path: string, request?: ApiRequest): Promise<T>;
  /** Writes a kubeconfig with a fresh token of a service account (an hour) and its namespace; returns its path. */
  kubeconfigFor(namespace: string, serviceAccount: string): Promise<string>;
  /** All that a user (`admin`, `system:serviceaccount:NAMESPACE:NAME`) has asked so far, in order. */
  requestsBy(user: string): Promise<ApiRequestSeen[]>;
  /** The work is done, before everything is killed, when the cluster stops. */
  onStop(work: () => Promise<void>): void;
  /** Kills everything and removes the folder. May be called more than once. */
  stop(): Promise<void>;
}

/**
 * Builds what is missing (see `binaries`), removes what dead owners left, and starts a cluster: about six seconds.
 * Throws with the last lines of the component that could not start. Any number may run side by side.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const [tools] = await Promise.all([binaries(), removeDeadClusters()]);
  const folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
  await hold(join(folder, OWNER_SOCKET));
  const sayFarewell = watchOver(folder);
  const onExit = () => removeClusterNow(folder);
  process.once('exit', onExit);
  const remove = async () => {
    await removeCluster(folder);
    process.off('exit', onExit);
    sayFarewell();
  };

  try {
    const caFile = join(folder, 'apiserver.crt');
    const credentials = createCredentials(folder, caFile);
    const place = { folder, dataFolder: dataFolder(folder), tools, credentials };
    const { server, components, api } = await startControlPlane(place, caFile, options);
    return clusterOf({ ...place, server, caFile, api, components, remove });
  } catch (error) {
    await remove();
    throw error;
  }
}

interface ControlPlane {
  readonly server: string;
  readonly components: readonly Component[];
  readonly api: ApiServer;
}

async function startControlPlane(place: Surroundings, caFile: string, options: ClusterOptions): Promise<ControlPlane> {
  const { folder, credentials } = place;
  const { etcd, address } = await startEtcd(place);
  const { apiServer, server } = await startReadyApiServer(place, address, options.apiServerFlags ?? []);
  const stagesFile = join(folder, 'stages.yaml');
  writeFileSync(stagesFile, kwokConfiguration());
  const components = [etcd, apiServer, ...startControllers(place, server, stagesFile)];

  const api = connectTo(server, credentials.adminToken, caFile);
  const count = options.nodes ?? 10;
  const nodes = Array.from({ length: count }, (_, index) => fakeNode(index));
  await Promise.all(nodes.map(body => api.request('/api/v1/nodes', { method: 'POST', body })));
  await until('the nodes and the default service account', async () => {
    components.forEach(assertRunning);
    const { items } = await api.request<NodeList>('/api/v1/nodes');
    const usable = items.filter(node => (node.spec.taints ?? []).length === 0 && isReady(node));
    if (usable.length < count) return false;
    return api.request('/api/v1/namespaces/default/serviceaccounts/default');
  });
  return { server, components, api };
}

interface TokenRequest {
  readonly status: { readonly token: string };
}

interface NodeList {
  readonly items: readonly {
    readonly spec: { readonly taints?: readonly unknown[] };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

function isReady(node: NodeList['items'][number]): boolean {
  return (node.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** Between choosing a free port and taking it someone else may be quicker: then another one is chosen. */
async function startReadyApiServer(
  place: Surroundings,
  etcdAddress: string,
  flags: readonly string[],
): ReturnType<typeof startApiServer> {
  for (let attempt = 1; ; attempt += 1) {
    const started = await startApiServer(place, etcdAddress, flags);
    try {
      await until('the API server to be ready', async () => {
        assertRunning(started.apiServer);
        return answersReady(started.server, place);
      });
      return started;
    } catch (error) {
      const portTaken = error instanceof Hopeless && error.message.includes('address already in use');
      if (!portTaken || attempt === 5) throw error;
    }
  }
}

async function answersReady(server: string, { folder, credentials }: Surroundings): Promise<boolean> {
  const probe = connectTo(server, credentials.adminToken, join(folder, 'apiserver.crt'));
  try {
    return (await probe.request('/readyz')) === 'ok';
  } finally {
    await probe.close();
  }
}

type Parts = Surroundings & ControlPlane & { readonly caFile: string; readonly remove: () => Promise<void> };

function clusterOf({ folder, tools, credentials, server, caFile, api, components, remove }: Parts): Cluster {
  const adminKubeconfig = credentials.kubeconfigOf(ADMIN, server);
  const farewells: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;

  /** A request that failed because part of the cluster died should say so, with the reason. */
  async function blamed<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (stopping === undefined && !components.every(isRunning)) components.forEach(assertRunning);
      throw error;
    }
  }

  function runTool(tool: 'kubectl' | 'helm', args: readonly string[], input?: string): Promise<string> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, KUBECONFIG: adminKubeconfig };
    const work = new Promise<string>((resolve, reject) => {
      const child = execFile(join(tools, tool), args, { env, maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${tool} ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
      });
      child.stdin?.on('error', () => undefined).end(input);
    });
    return blamed(work);
  }

  async function stop(): Promise<void> {
    for (const farewell of farewells.splice(0).toReversed()) await farewell();
    await api.close();
    await remove();
  }

  async function tokenOf(namespace: string, serviceAccount: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
    const spec = { expirationSeconds: 3600 };
    const answer = await api.request<TokenRequest>(path, { method: 'POST', body: { spec } });
    return answer.status.token;
  }

  const cluster: Cluster = {
    server,
    kubeconfig: adminKubeconfig,
    caFile,
    adminToken: credentials.adminToken,
    kubeletToken: credentials.kubeletToken,
    folder,
    tools,
    kubectl: (...args) => runTool('kubectl', args),
    kubectlApply: async yaml => void (await runTool('kubectl', ['apply', '-f', '-'], yaml)),
    helm: (...args) => runTool('helm', args),
    api: (path, request) => blamed(api.request(path, request)),
    async kubeconfigFor(namespace, serviceAccount) {
      const token = await blamed(tokenOf(namespace, serviceAccount));
      const path = join(folder, `${namespace}.${serviceAccount}.kubeconfig`);
      writeFileSync(path, kubeconfig({ server, caFile, user: { token }, namespace }), { mode: 0o600 });
      return path;
    },
    async requestsBy(user) {
      return readAuditLog(auditLogOf(folder)).filter(request => request.user === user);
    },
    onStop: work => void farewells.push(work),
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
  return cluster;
}
