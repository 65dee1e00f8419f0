/** One istiod, the process of one revision: `pilot-discovery` outside the cluster, with the rights that its chart gives. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../cluster/cluster.ts';
import { assertRunning } from '../cluster/controlplane.ts';
import { isRunning, startProcess } from '../cluster/processes.ts';
import { until } from '../cluster/until.ts';
import { ISTIO_NAMESPACE, named } from './charts.ts';

export interface IstiodOptions {
  readonly pilotDiscovery: string;
  readonly revision: string;
  /** Whether istio-proxy becomes an init container that restarts always. */
  readonly native: boolean;
}

export interface Istiod {
  /** For the webhooks of its revision. */
  readonly injectionUrl: string;
  /** Throws, with the end of its log, when it has ended. */
  assertRunning(): void;
  /** Resolves when it has ended. It has no chance to say goodbye. */
  kill(): Promise<void>;
}

let started = 0;

/** Returns when it serves webhooks, on a port that the kernel chooses. Its chart must have been applied. */
export async function startIstiod(cluster: Cluster, options: IstiodOptions): Promise<Istiod> {
  const { pilotDiscovery, revision, native } = options;
  const name = named('istiod', revision);
  const kubeconfig = await cluster.kubeconfigFor(ISTIO_NAMESPACE, name);
  // It looks for certificates and configuration in its working folder, which therefore is its own.
  const folder = join(cluster.folder, `istiod-${++started}`);
  mkdirSync(folder);
  const component = startProcess(cluster.folder, {
    name,
    file: pilotDiscovery,
    args: [
      'discovery',
      `--kubeconfig=${kubeconfig}`,
      ...['httpAddr', 'httpsAddr', 'monitoringAddr'].map(flag => `--${flag}=127.0.0.1:0`),
      // No proxy will ever ask it for a configuration.
      ...['grpcAddr', 'secureGRPCAddr'].map(flag => `--${flag}=`),
      '--ctrlz_port=0',
    ],
    folder,
    logFile: join(cluster.folder, `istiod-${started}.log`),
    env: {
      REVISION: revision,
      POD_NAME: `${name}-0`,
      POD_NAMESPACE: ISTIO_NAMESPACE,
      CLUSTER_ID: 'Kubernetes',
      PILOT_CERT_PROVIDER: 'istiod',
      // A name in the certificate by which the API server reaches it.
      ISTIOD_CUSTOM_HOST: 'localhost',
      VALIDATION_WEBHOOK_CONFIG_NAME: '',
      ENABLE_NATIVE_SIDECARS: String(native),
    },
  });
  const port = await until(
    `${name} to serve webhooks`,
    () => {
      assertRunning(component);
      return /starting webhook service at \S+:(\d+)/.exec(readFileSync(component.logFile, 'utf8'))?.[1];
    },
    { seconds: 60 },
  );
  return {
    injectionUrl: `https://localhost:${port}/inject`,
    assertRunning: () => assertRunning(component),
    async kill() {
      component.process.kill('SIGKILL');
      await until(`${name} to end`, () => !isRunning(component), { everyMilliseconds: 10 });
    },
  };
}
