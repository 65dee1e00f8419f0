/**
 * A kubelet of one page: Pods that are bound to its Node run as processes of this machine, with their environment,
 * their ConfigMaps, a real service account token, and signals that arrive as they do from the real one. So the real
 * CronJob and Job controllers drive a real program under its real RBAC, without a container runtime.
 *
 * It runs the first container of a Pod, once (`restartPolicy: Never`), without init containers and limits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { apiServer } from './apiserver.ts';
import type { Cluster } from './cluster.ts';
import { Guest } from './kubelet/guest.ts';
import { keepNodeAlive, NODE, registerNode } from './kubelet/node.ts';
import type { Pod } from './kubelet/pod.ts';

export { kubeletPlacement } from './kubelet/node.ts';

export interface KubeletOptions {
  /** What to run for an image, such as `{ 'nightshift:test': [process.execPath, '/path/to/nightshift.mjs'] }`. */
  readonly images: Readonly<Record<string, readonly string[]>>;
}

export interface Kubelet extends AsyncDisposable {
  /** The file with what the Pod's process has printed; it stays when the Pod is gone. Throws for a Pod never seen. */
  podLog(namespace: string, name: string): string;
  /** The folder that stands for the Pod's file system, with `volumes/NAME`; it stays as well. */
  podFolder(namespace: string, name: string): string;
  /** Sends a signal to the Pod's process behind the cluster's back; throws when none runs. */
  kill(namespace: string, name: string, signal: NodeJS.Signals): void;
  /** Kills its processes and reports nothing any more, like a Node that is switched off. */
  stop(): Promise<void>;
}

interface PodEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'ERROR';
  readonly object: Pod;
}

/** Returns when the Node is Ready. Pods get there by `kubeletPlacement`. It ends with the cluster at the latest. */
export async function startKubelet(cluster: Cluster, { images }: KubeletOptions): Promise<Kubelet> {
  const api = apiServer(cluster.server, cluster.kubeletToken, cluster.caFile);
  const host = { api, server: cluster.server, clusterFolder: cluster.folder, images };
  const present = new Map<string, Guest>();
  const seen = new Map<string, Guest>();
  const stopping = new AbortController();

  function follow({ type, object: pod }: PodEvent): void {
    if (type === 'ERROR') return;
    const { uid, namespace, name } = pod.metadata;
    const known = present.get(uid);
    if (type === 'DELETED') {
      known?.abandon();
      present.delete(uid);
      return;
    }
    const guest = known ?? new Guest(pod, host);
    present.set(uid, guest);
    seen.set(`${namespace}/${name}`, guest);
    guest.update(pod);
    if (known === undefined) void guest.live();
  }

  async function followPods(): Promise<void> {
    const path = `/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3D${NODE}`;
    while (!stopping.signal.aborted) {
      try {
        for await (const event of api.watch<PodEvent>(path, stopping.signal)) follow(event);
      } catch {
        // The connection broke. The next watch begins with all Pods that there are.
      }
      await sleep(200, undefined, { ref: false });
    }
  }

  function guestOf(namespace: string, name: string): Guest {
    const guest = seen.get(`${namespace}/${name}`);
    if (guest === undefined) throw new Error(`no Pod ${namespace}/${name} was ever seen on ${NODE}`);
    return guest;
  }

  async function stop(): Promise<void> {
    stopping.abort();
    for (const guest of present.values()) guest.abandon();
    await api.close();
  }

  await registerNode(api);
  void keepNodeAlive(api, stopping.signal);
  void followPods();
  cluster.onStop(stop);
  return {
    podLog: (namespace, name) => guestOf(namespace, name).logFile,
    podFolder: (namespace, name) => guestOf(namespace, name).folder,
    kill(namespace, name, signal) {
      if (!guestOf(namespace, name).signal(signal)) throw new Error(`${namespace}/${name} does not run`);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
