/** From nothing to a control plane that runs Pods. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiServer, apiServer as connectTo } from './apiserver.ts';
import {
  apiServerAt,
  type ApiServerWishes,
  assertRunning,
  fakeNode,
  startApiServer,
  startControllers,
  startEtcd,
  type Surroundings,
} from './controlplane.ts';
import type { Component } from './processes.ts';
import { kwokConfiguration } from './stages.ts';
import { Hopeless, until } from './until.ts';

export interface ControlPlaneOptions {
  /** Fake nodes, each for 1,000 Pods; default 10. */
  readonly nodes?: number;
  /** Added to the API server's own, such as `--goaway-chance=0.02`. */
  readonly apiServerFlags?: readonly string[];
}

/** On a busy machine. A component that has ended is noticed at once. */
const PATIENCE = { seconds: 120 };

export interface ControlPlane {
  readonly server: string;
  readonly components: readonly Component[];
  readonly api: ApiServer;
  /** Kills the API server and starts it again where it was; resolves once it is ready. */
  readonly restartApiServer: () => Promise<void>;
}

/** Starts everything, each part when the one it needs is ready, and returns when Pods can run. */
export async function startControlPlane(place: Surroundings, options: ControlPlaneOptions): Promise<ControlPlane> {
  const { folder, credentials, caFile } = place;
  const { etcd, address } = await startEtcd(place);
  const wishes = { etcdAddress: address, flags: options.apiServerFlags ?? [] };
  const { apiServer, server, port } = await startReadyApiServer(place, wishes);
  const stagesFile = join(folder, 'stages.yaml');
  writeFileSync(stagesFile, kwokConfiguration());
  const components = [etcd, apiServer, ...startControllers(place, server, stagesFile)];

  const api = connectTo(server, credentials.adminToken, caFile);
  const count = options.nodes ?? 10;
  const nodes = Array.from({ length: count }, (_, index) => fakeNode(index));
  await Promise.all(nodes.map(body => api.request('/api/v1/nodes', { method: 'POST', body })));
  await until(
    'the nodes and the default service account',
    async () => {
      components.forEach(assertRunning);
      const { items } = await api.request<NodeList>('/api/v1/nodes');
      const usable = items.filter(node => (node.spec.taints ?? []).length === 0 && isReady(node));
      if (usable.length < count) return false;
      return api.request('/api/v1/namespaces/default/serviceaccounts/default');
    },
    PATIENCE,
  );
  const restartApiServer = async (): Promise<void> => {
    const index = components.findIndex(({ name }) => name === apiServer.name);
    const before = components[index] ?? apiServer;
    before.process.kill('SIGKILL');
    await before.ended;
    const after = apiServerAt(port, place, wishes);
    components[index] = after;
    await readiness(after, server, place);
  };
  return { server, components, api, restartApiServer };
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
async function startReadyApiServer(place: Surroundings, wishes: ApiServerWishes): ReturnType<typeof startApiServer> {
  for (let attempt = 1; ; attempt += 1) {
    const started = await startApiServer(place, wishes);
    try {
      await readiness(started.apiServer, started.server, place);
      return started;
    } catch (error) {
      const portTaken = error instanceof Hopeless && error.message.includes('address already in use');
      if (!portTaken || attempt === 5) throw error;
    }
  }
}

async function readiness(apiServer: Component, server: string, place: Surroundings): Promise<void> {
  await until(
    'the API server to be ready',
    async () => {
      assertRunning(apiServer);
      return answersReady(server, place);
    },
    PATIENCE,
  );
}

async function answersReady(server: string, { caFile, credentials }: Surroundings): Promise<boolean> {
  const probe = connectTo(server, credentials.adminToken, caFile);
  try {
    return (await probe.request('/readyz')) === 'ok';
  } finally {
    await probe.close();
  }
}
