import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import type { Cluster, User } from '@kubernetes/client-node';
import { LineCounter, parseDocument } from 'yaml';
import { at, isRecord, listAt, textAt } from './json.ts';

/** Which API server, and as whom. */
export interface Destination {
  /** With TLS settings; the proxy is kept apart, because the transport opens the connections. */
  readonly cluster: Cluster;
  readonly user: User;
  /** `proxy-url` of the kubeconfig; it beats the environment. */
  readonly proxy: string | undefined;
  /** The service account's or the context's namespace. */
  readonly namespace: string | undefined;
}

export interface Whereabouts {
  /** `--kubeconfig`: this file and no other. */
  readonly kubeconfig?: string | undefined;
  /** `--context` instead of the current one. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the kubelet mounts the service account. */
  readonly serviceAccount?: string | undefined;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The API server as kubectl would find it: the named kubeconfig, else the files of KUBECONFIG, else ~/.kube/config,
 * else the service account of the Pod. Throws an Error that names the file or the entry that is wrong.
 *
 * The files are read here rather than by client-node, which knows no `tokenFile`, takes relative paths of exec plugins
 * from the working directory, and refuses two files that define the same entry, where kubectl lets the first one win.
 */
export function findDestination(where: Whereabouts): Destination {
  const files = kubeconfigFiles(where);
  if (files.length > 0) return fromKubeconfig(files, where.context);
  const pod = fromServiceAccount(where);
  if (pod === undefined) {
    throw new Error(
      'no cluster to talk to: there is no kubeconfig (--kubeconfig, KUBECONFIG, ~/.kube/config) and this is no Pod',
    );
  }
  if (where.context !== undefined) throw new Error(`no context "${where.context}": there is no kubeconfig`);
  return pod;
}

function kubeconfigFiles({ kubeconfig, env }: Whereabouts): readonly string[] {
  if (kubeconfig !== undefined) return [kubeconfig];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter(file => file !== '');
  const candidates = listed.length > 0 ? listed : env['HOME'] ? [join(env['HOME'], '.kube', 'config')] : [];
  return candidates.filter(file => existsSync(file));
}

function fromServiceAccount({ env, serviceAccount = SERVICE_ACCOUNT }: Whereabouts): Destination | undefined {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const tokenFile = join(serviceAccount, 'token');
  if (!host || !existsSync(tokenFile)) return undefined;
  const namespace = join(serviceAccount, 'namespace');
  return {
    cluster: {
      name: 'pod',
      server: `https://${host.includes(':') ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] || '443'}`,
      caFile: join(serviceAccount, 'ca.crt'),
      skipTLSVerify: false,
    },
    user: { name: 'pod', authProvider: tokenFromFile(tokenFile) },
    proxy: undefined,
    namespace: existsSync(namespace) ? readFileSync(namespace, 'utf8').trim() : undefined,
  };
}

function fromKubeconfig(files: readonly string[], wanted: string | undefined): Destination {
  const configs = files.map(file => ({ config: readConfig(file), folder: dirname(resolve(file)) }));
  const contextName = wanted ?? configs.map(({ config }) => textAt(config, 'current-context')).find(name => name);
  if (contextName === undefined) throw new Error(`no current-context in ${files.join(', ')}: name one with --context`);

  // kubectl's rule for several files: the first one that has an entry wins.
  const find = (list: string, kind: string, name: string) => {
    for (const { config, folder } of configs) {
      const entry = listAt(config, list).find(candidate => textAt(candidate, 'name') === name);
      if (entry !== undefined) return { value: at(entry, kind), folder };
    }
    throw new Error(`no ${kind} "${name}" in ${files.join(', ')}`);
  };
  const context = find('contexts', 'context', contextName).value;
  const cluster = find('clusters', 'cluster', textAt(context, 'cluster') ?? '');
  const userName = textAt(context, 'user') ?? '';
  const user = userName === '' ? { value: {}, folder: cluster.folder } : find('users', 'user', userName);
  if (textAt(cluster.value, 'server') === undefined)
    throw new Error(`the cluster of context "${contextName}" names no server`);
  return {
    cluster: clusterOf(cluster.value, cluster.folder),
    user: userOf(userName, user, cluster.value),
    proxy: textAt(cluster.value, 'proxy-url'),
    namespace: textAt(context, 'namespace') || undefined,
  };
}

/** The document. Its text never gets into an error, because it may hold a token. */
function readConfig(file: string): unknown {
  if (!existsSync(file)) throw new Error(`there is no kubeconfig ${file}`);
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined)
    throw new Error(`${file} is no YAML: ${problem.code} in line ${lines.linePos(problem.pos[0]).line}`);
  const config: unknown = document.toJS();
  if (!isRecord(config)) throw new Error(`${file} is no kubeconfig`);
  return config;
}

function clusterOf(cluster: unknown, folder: string): Cluster {
  const tlsServerName = textAt(cluster, 'tls-server-name');
  return {
    name: 'cluster',
    server: (textAt(cluster, 'server') ?? '').replace(/\/+$/, ''),
    skipTLSVerify: at(cluster, 'insecure-skip-tls-verify') === true,
    ...(tlsServerName ? { tlsServerName } : {}),
    ...dataOrFile(cluster, folder, {
      data: 'certificate-authority-data',
      file: 'certificate-authority',
      as: ['caData', 'caFile'],
    }),
  };
}

function userOf(name: string, { value: user, folder }: { value: unknown; folder: string }, cluster: unknown): User {
  if (listAt(user, 'as-groups').length > 0) {
    throw new Error(`user "${name}" impersonates groups (as-groups), which is not supported`);
  }
  const tokenFile = textAt(user, 'tokenFile');
  return {
    name,
    // kubectl prefers the file, which can be renewed.
    ...(tokenFile
      ? { authProvider: tokenFromFile(resolve(folder, tokenFile)) }
      : { ...optional('token', textAt(user, 'token')), ...optional('authProvider', at(user, 'auth-provider')) }),
    ...optional('exec', isRecord(at(user, 'exec')) ? execOf(at(user, 'exec'), folder, cluster) : undefined),
    ...optional('username', textAt(user, 'username')),
    ...optional('password', textAt(user, 'password')),
    ...optional('impersonateUser', textAt(user, 'as')),
    ...dataOrFile(user, folder, {
      data: 'client-certificate-data',
      file: 'client-certificate',
      as: ['certData', 'certFile'],
    }),
    ...dataOrFile(user, folder, { data: 'client-key-data', file: 'client-key', as: ['keyData', 'keyFile'] }),
  };
}

/** A member, unless there is nothing to say. */
function optional(key: keyof User, value: unknown): Partial<User> {
  return value === undefined || value === null || value === '' ? {} : { [key]: value };
}

/** How client-node spells a token that is read from a file and read again when it gets old. */
function tokenFromFile(tokenFile: string): unknown {
  return { name: 'tokenFile', config: { tokenFile } };
}

/** Inline data beats the file, as in kubectl. */
function dataOrFile(
  entry: unknown,
  folder: string,
  names: { readonly data: string; readonly file: string; readonly as: readonly [string, string] },
): Record<string, string> {
  const data = textAt(entry, names.data);
  if (data) return { [names.as[0]]: data };
  const file = textAt(entry, names.file);
  return file ? { [names.as[1]]: resolve(folder, file) } : {};
}

/** The exec plugin with what client-node leaves out: its request in the environment, and paths relative to the file. */
function execOf(exec: unknown, folder: string, cluster: unknown): unknown {
  const command = textAt(exec, 'command') ?? '';
  const request = {
    kind: 'ExecCredential',
    apiVersion: textAt(exec, 'apiVersion') ?? 'client.authentication.k8s.io/v1',
    spec: { interactive: false, ...(at(exec, 'provideClusterInfo') === true ? { cluster } : {}) },
  };
  return {
    command: command.includes(sep) && !isAbsolute(command) ? resolve(folder, command) : command,
    args: listAt(exec, 'args'),
    env: [...listAt(exec, 'env'), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(request) }],
  };
}
