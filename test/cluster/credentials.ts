/** Who may talk to the API server of a cluster: a bearer token each, and a kubeconfig file to go with it. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The cluster's own parts, each under a name of its own so that the audit log can leave them out. */
export const COMPONENTS = ['controller-manager', 'scheduler', 'kwok', 'kubelet'] as const;
export type ComponentName = (typeof COMPONENTS)[number];

export const ADMIN = 'admin';

export function userOf(component: ComponentName): string {
  return `test-cluster:${component}`;
}

export interface Credentials {
  readonly adminToken: string;
  readonly kubeletToken: string;
  readonly tokenFile: string;
  readonly serviceAccountKeyFile: string;
  readonly auditPolicyFile: string;
  /** Writes the kubeconfig of a component once the API server's address is known; returns its path. */
  kubeconfigOf(component: ComponentName | typeof ADMIN, server: string): string;
}

/** Writes keys, tokens and the audit policy into the cluster's folder. */
export function createCredentials(folder: string, caFile: string): Credentials {
  const users = [ADMIN, ...COMPONENTS] as const;
  const tokens = new Map<string, string>(users.map(user => [user, randomBytes(16).toString('hex')]));
  const tokenOf = (user: string) => tokens.get(user) ?? '';
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const line = (user: (typeof users)[number]) => {
    const name = user === ADMIN ? ADMIN : userOf(user);
    return `${tokenOf(user)},${name},${name},"system:masters"\n`;
  };
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    adminToken: tokenOf(ADMIN),
    kubeletToken: tokenOf('kubelet'),
    tokenFile: write('tokens.csv', users.map(line).join('')),
    serviceAccountKeyFile: write('service-account.key', privateKey.export({ type: 'sec1', format: 'pem' }).toString()),
    auditPolicyFile: write('audit-policy.json', JSON.stringify(auditPolicy)),
    kubeconfigOf: (user, server) =>
      write(`${user}.kubeconfig`, kubeconfig({ server, caFile, user: { token: tokenOf(user) } })),
  };
}

/** Everything that is not the cluster talking to itself, once answered (watches: once opened), without bodies. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'None', users: ['system:apiserver', ...COMPONENTS.map(userOf)] }, { level: 'Metadata' }],
};

/** The text of a kubeconfig with one context (JSON, which is YAML). */
export function kubeconfig(content: {
  readonly server: string;
  readonly caFile: string;
  readonly user: { readonly token: string } | { readonly tokenFile: string };
  readonly namespace?: string;
}): string {
  const { server, caFile, user, namespace } = content;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'test', user }],
    contexts: [
      { name: 'test', context: { cluster: 'test', user: 'test', ...(namespace === undefined ? {} : { namespace }) } },
    ],
    'current-context': 'test',
  });
}
