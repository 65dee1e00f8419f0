import type { CheckpointStore, Clock, Cluster } from '../ports.ts';
import { ConfigMapCheckpoint } from './checkpoint-store.ts';
import { KubernetesCluster } from './cluster.ts';
import { Connection } from './connection.ts';
import { Events } from './events.ts';
import type { Whereabouts } from './kubeconfig.ts';
import { textAt } from './json.ts';
import { CONFIG_MAPS } from './resource.ts';
import { Transport } from './transport.ts';

export interface ConnectOptions extends Whereabouts {
  readonly clock: Clock;
  /** Of the checkpoint; default the service account's, else the context's, else `default`. */
  readonly namespace?: string | undefined;
  /** Work only there, with namespaced rights; undefined or empty for the whole cluster. */
  readonly namespaces?: readonly string[] | undefined;
  /** The name of the checkpoint's ConfigMap. */
  readonly checkpoint: string;
  /** Who owns the fields that nightshift writes; default `nightshift`. */
  readonly fieldManager?: string | undefined;
  /** Names this process in Events; default `nightshift`. */
  readonly instance?: string | undefined;
  /** How long a read may be repeated in all, in milliseconds, where that is less than usual: a person waits. */
  readonly patience?: number | undefined;
  /** Once it aborts, no read is repeated any more. */
  readonly interrupted?: AbortSignal | undefined;
  /** Told of every failure that is followed by a repeat. */
  readonly onTrouble?: ((message: string) => void) | undefined;
}

/** Everything that a run needs of Kubernetes. */
export interface Kubernetes {
  readonly cluster: Cluster;
  readonly checkpointStore: CheckpointStore;
  readonly events: Events;
  /** Where the checkpoint lives. */
  readonly namespace: string;
  /** The API server's address. */
  readonly server: string;
  /** How many requests went out so far, by `VERB RESOURCE`. */
  readonly requests: ReadonlyMap<string, number>;
  /** Throws an Error that says what is missing, `OutOfReach` or `NotPermitted`. */
  readonly readConfigMapKey: (namespace: string, name: string, key: string) => Promise<string>;
  /** Breaks off what is under way and closes every socket. */
  readonly close: () => Promise<void>;
}

/**
 * Finds the API server as kubectl would, and sends nothing yet. Throws an Error that says what is wrong with the
 * kubeconfig.
 */
export function connect(options: ConnectOptions): Kubernetes {
  const { clock, checkpoint: name, fieldManager = 'nightshift', instance = 'nightshift', namespaces = [] } = options;
  const connection = new Connection(options, clock);
  const transport = new Transport({ ...options, connection, clock });
  const namespace = options.namespace ?? connection.namespace ?? 'default';
  const scope =
    namespaces.length === 0 ? { kind: 'cluster' as const } : { kind: 'namespaces' as const, names: namespaces };
  return {
    cluster: new KubernetesCluster({ transport, clock, scope, fieldManager }),
    checkpointStore: new ConfigMapCheckpoint({ transport, namespace, name, fieldManager }),
    events: new Events(transport, clock, instance),
    namespace,
    server: connection.server.href,
    requests: transport.requests,
    readConfigMapKey: (...place) => readConfigMapKey(transport, ...place),
    close: () => transport.close(),
  };
}

async function readConfigMapKey(
  transport: Transport,
  ...[namespace, name, key]: [string, string, string]
): Promise<string> {
  const { status, body } = await transport.read({ verb: 'get', resource: CONFIG_MAPS, namespace, name });
  if (status === 404) throw new Error(`there is no ConfigMap ${namespace}/${name}`);
  const text = textAt(body, 'data', key);
  if (text === undefined) throw new Error(`the ConfigMap ${namespace}/${name} has no key "${key}"`);
  return text;
}
