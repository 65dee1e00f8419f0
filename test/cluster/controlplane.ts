/** The five programs of a cluster: what each is started with, and how one knows that it is ready. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Tool } from './binaries.ts';
import type { ComponentName, Credentials } from './credentials.ts';
import { type Component, isRunning, lastLines, startProcess } from './processes.ts';
import { Hopeless, until } from './until.ts';

export interface Surroundings {
  readonly folder: string;
  readonly dataFolder: string;
  readonly tools: string;
  readonly caFile: string;
  readonly credentials: Credentials;
}

/** Starts etcd on a port that the kernel chooses; returns its address once it serves. */
export async function startEtcd(place: Surroundings): Promise<{ etcd: Component; address: string }> {
  mkdirSync(place.dataFolder, { recursive: true, mode: 0o700 });
  const anyPort = 'http://127.0.0.1:0';
  const etcd = start(place, 'etcd', [
    `--data-dir=${place.dataFolder}`,
    '--unsafe-no-fsync',
    '--quota-backend-bytes=8589934592',
    '--enable-grpc-gateway=false',
    `--listen-client-urls=${anyPort}`,
    `--advertise-client-urls=${anyPort}`,
    `--listen-peer-urls=${anyPort}`,
    `--initial-advertise-peer-urls=${anyPort}`,
    `--initial-cluster=default=${anyPort}`,
  ]);
  const address = await until('etcd to serve', () => {
    assertRunning(etcd);
    return /serving client traffic.*"address":"([^"]+)"/.exec(readFileSync(etcd.logFile, 'utf8'))?.[1];
  });
  return { etcd, address: `http://${address}` };
}

export interface ApiServerWishes {
  readonly etcdAddress: string;
  readonly flags: readonly string[];
}

/** Starts the API server on a port that is free now; whoever takes that port first makes it end with an error. */
export async function startApiServer(
  place: Surroundings,
  wishes: ApiServerWishes,
): Promise<{ apiServer: Component; server: string; port: number }> {
  const port = await freePort();
  return { apiServer: apiServerAt(port, place, wishes), server: `https://127.0.0.1:${port}`, port };
}

/** Starts it where it was. */
export function apiServerAt(port: number, place: Surroundings, { etcdAddress, flags }: ApiServerWishes): Component {
  const { credentials, folder } = place;
  return start(place, 'kube-apiserver', [
    `--etcd-servers=${etcdAddress}`,
    '--bind-address=127.0.0.1',
    // Only announced, never used (an address of documentation): machines without a network have no other.
    '--advertise-address=192.0.2.1',
    `--secure-port=${port}`,
    `--cert-dir=${folder}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    `--service-account-key-file=${credentials.serviceAccountKeyFile}`,
    `--service-account-signing-key-file=${credentials.serviceAccountKeyFile}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${credentials.tokenFile}`,
    '--authorization-mode=Node,RBAC',
    '--max-requests-inflight=2000',
    '--max-mutating-requests-inflight=1000',
    `--audit-policy-file=${credentials.auditPolicyFile}`,
    `--audit-log-path=${auditLogOf(folder)}`,
    // Blocking: an entry is written before the answer leaves, so that a count is exact.
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=0',
    ...flags,
  ]);
}

export function auditLogOf(folder: string): string {
  return join(folder, 'audit.log');
}

/** The programs that work through the API server: Deployments and Jobs, scheduling, and the nodes' make-believe. */
export function startControllers(place: Surroundings, server: string, stagesFile: string): Component[] {
  const kubeconfigOf = (component: ComponentName) => place.credentials.kubeconfigOf(component, server);
  const generous = ['--kube-api-qps=5000', '--kube-api-burst=10000'];
  return [
    start(place, 'kube-controller-manager', [
      `--kubeconfig=${kubeconfigOf('controller-manager')}`,
      `--service-account-private-key-file=${place.credentials.serviceAccountKeyFile}`,
      `--root-ca-file=${place.caFile}`,
      '--use-service-account-credentials=false',
      '--leader-elect=false',
      '--secure-port=0',
      '--concurrent-deployment-syncs=20',
      '--concurrent-replicaset-syncs=20',
      ...generous,
    ]),
    start(place, 'kube-scheduler', [
      `--kubeconfig=${kubeconfigOf('scheduler')}`,
      '--leader-elect=false',
      '--secure-port=0',
      ...generous,
    ]),
    start(place, 'kwok', [
      `--kubeconfig=${kubeconfigOf('kwok')}`,
      `--manage-nodes-with-label-selector=${FAKE_NODE.join('=')}`,
      '--node-lease-duration-seconds=40',
      '--cidr=10.0.0.0/8',
      `--config=${stagesFile}`,
    ]),
  ];
}

/** The label of the nodes that kwok plays. */
export const FAKE_NODE = ['type', 'kwok'] as const;

/** A Node of 128 processors and a thousand Pods. */
export function fakeNode(index: number): object {
  const resources = { cpu: '128', memory: '512Gi', pods: '1000' };
  const name = `node-${index}`;
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', [FAKE_NODE[0]]: FAKE_NODE[1] };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: { allocatable: resources, capacity: resources },
  };
}

/** Throws, with the end of its log, when the component has ended. */
export function assertRunning(component: Component): void {
  if (isRunning(component)) return;
  const { exitCode, signalCode } = component.process;
  const how = signalCode === null ? `exit code ${exitCode ?? 'unknown'}` : signalCode;
  throw new Hopeless(`${component.name} has ended (${how}); its last lines:\n${lastLines(component.logFile)}`);
}

function start(place: Surroundings, tool: Tool, args: readonly string[]): Component {
  const { folder, tools } = place;
  return startProcess(folder, {
    name: tool,
    file: join(tools, tool),
    args,
    folder,
    logFile: join(folder, `${tool}.log`),
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
