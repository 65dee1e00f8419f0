/**
 * A real Kubernetes control plane of one's own: etcd, API server, controllers and scheduler, with nodes that only
 * pretend. It lives in a temporary folder, and nothing of it outlives this process, however that ends.
 *
 *     await using cluster = await startCluster();
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiRequest } from './apiserver.ts';
import { type ApiRequestSeen, readAuditLog } from './audit.ts';
import { binaries, type Tool } from './binaries.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './bring-up.ts';
import { assertRunning, auditLogOf, type Surroundings } from './controlplane.ts';
import { ADMIN, createCredentials, kubeconfig } from './credentials.ts';
import { dataFolder, removeDeadClusters } from './leftovers.ts';
import { createOwnedFolder } from './owned-folder.ts';
import { isRunning } from './processes.ts';

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
  kubectlApply(yaml: string, ...flags: string[]): Promise<void>;
  helm(...args: string[]): Promise<string>;
  /** A request of the administrator; returns the parsed answer, throws ApiError. */
  api<T = unknown>(path: string, request?: ApiRequest): Promise<T>;
  /** The events of a watch (`/api/v1/pods?watch=1`), until the signal aborts, which ends the loop quietly. */
  watch<T = unknown>(path: string, signal: AbortSignal): AsyncGenerator<T, void, undefined>;
  /** Writes a kubeconfig with a fresh token of a service account (an hour) and its namespace; returns its path. */
  kubeconfigFor(namespace: string, serviceAccount: string): Promise<string>;
  /** All that a user (`admin`, `system:serviceaccount:NAMESPACE:NAME`) has asked so far, in order. */
  requestsBy(user: string): Promise<ApiRequestSeen[]>;
  /** Kills the API server and starts it again where it was; resolves once it is ready. */
  restartApiServer(): Promise<void>;
  /** SIGSTOP, until the function that this returns is called. */
  freeze(tool: Tool): () => void;
  /** The work is done, before everything is killed, when the cluster stops. */
  onStop(work: () => Promise<void>): void;
  /** Kills everything and removes the folder. May be called more than once. */
  stop(): Promise<void>;
}

/**
 * Builds what is missing (see `binaries`), removes what dead owners left, and starts a cluster: about four seconds.
 * Throws with the last lines of the component that could not start. Any number may run side by side.
 */
export async function startCluster(options: ControlPlaneOptions = {}): Promise<Cluster> {
  const [tools] = await Promise.all([binaries(), removeDeadClusters()]);
  const { path: folder, remove } = await createOwnedFolder();
  try {
    const caFile = join(folder, 'apiserver.crt');
    const credentials = createCredentials(folder, caFile);
    const place = { folder, dataFolder: dataFolder(folder), tools, caFile, credentials };
    const controlPlane = await startControlPlane(place, options);
    return clusterOf({ ...place, ...controlPlane, remove });
  } catch (error) {
    await remove();
    throw error;
  }
}

interface TokenRequest {
  readonly status: { readonly token: string };
}

type Parts = Surroundings & ControlPlane & { readonly remove: () => Promise<void> };

function clusterOf(parts: Parts): Cluster {
  const { folder, tools, credentials, server, caFile, api, components, restartApiServer, remove } = parts;
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
    kubectlApply: async (yaml, ...flags) => void (await runTool('kubectl', ['apply', ...flags, '-f', '-'], yaml)),
    helm: (...args) => runTool('helm', args),
    api: (path, request) => blamed(api.request(path, request)),
    watch: (path, signal) => api.watch(path, signal),
    async kubeconfigFor(namespace, serviceAccount) {
      const token = await blamed(tokenOf(namespace, serviceAccount));
      const path = join(folder, `${namespace}.${serviceAccount}.kubeconfig`);
      writeFileSync(path, kubeconfig({ server, caFile, user: { token }, namespace }), { mode: 0o600 });
      return path;
    },
    async requestsBy(user) {
      return readAuditLog(auditLogOf(folder)).filter(request => request.user === user);
    },
    restartApiServer,
    freeze(tool) {
      const frozen = components.filter(({ name }) => name === tool);
      for (const { process: each } of frozen) each.kill('SIGSTOP');
      return () => {
        for (const { process: each } of frozen) each.kill('SIGCONT');
      };
    },
    onStop: work => void farewells.push(work),
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
  return cluster;
}
