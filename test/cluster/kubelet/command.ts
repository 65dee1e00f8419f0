/** What a container runs, translated for a process of this machine, where nothing can be mounted at `/etc` or `/var`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiServer } from '../apiserver.ts';
import { kubeconfig } from '../credentials.ts';
import { type Container, type EnvironmentVariable, fieldOf, type Pod } from './pod.ts';
import { configMapData, type Volumes } from './volumes.ts';

export interface LocalCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  /** Where the process leaves its last words. */
  readonly terminationMessageFile: string;
}

export interface Surroundings {
  readonly pod: Pod;
  /** The program of the container's image. */
  readonly entrypoint: readonly string[];
  readonly podFolder: string;
  readonly volumes: Volumes;
  readonly api: ApiServer;
  readonly server: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Mount paths in arguments and in the values of variables become paths below the Pod's folder. The service account is
 * handed over as a kubeconfig in KUBECONFIG that reads the token from its file, so that a worker needs no test hook.
 * Throws when a ConfigMap that a variable needs is missing.
 */
export async function localCommand(surroundings: Surroundings): Promise<LocalCommand> {
  const { pod, entrypoint, podFolder, volumes, api, server } = surroundings;
  const [container] = pod.spec.containers;
  const terminationMessagePath = container.terminationMessagePath ?? '/dev/termination-log';
  const terminationMessageFile = join(podFolder, 'termination-log');
  writeFileSync(terminationMessageFile, '');
  const places = new Map(mountsOf(container, volumes)).set(terminationMessagePath, terminationMessageFile);
  const translate = translator(places);

  const { hostname, port } = new URL(server);
  const env: Record<string, string> = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const serviceAccount = places.get(SERVICE_ACCOUNT);
  if (serviceAccount !== undefined) env['KUBECONFIG'] = writeKubeconfig(podFolder, serviceAccount, { pod, server });
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, pod, api);
    if (value !== undefined) env[variable.name] = translate(expand(value, env));
  }

  const [file, ...args] = [...(container.command ?? entrypoint), ...(container.args ?? [])];
  if (file === undefined) throw new Error('neither the image nor the container names a command');
  return {
    file: translate(expand(file, env)),
    args: args.map(arg => translate(expand(arg, env))),
    env,
    workingFolder: container.workingDir === undefined ? podFolder : translate(container.workingDir),
    terminationMessageFile,
  };
}

function mountsOf(container: Container, volumes: Volumes): [string, string][] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath }) => {
    const folder = volumes.folderOf(name);
    return [mountPath.replace(/\/$/, ''), subPath === undefined ? folder : join(folder, subPath)];
  });
}

/** Replaces whole leading parts of paths, the longest that fits, wherever a path begins in a text. */
function translator(places: ReadonlyMap<string, string>): (text: string) => string {
  const paths = [...places.keys()].toSorted((a, b) => b.length - a.length).map(path => RegExp.escape(path));
  const pattern = new RegExp(`(?<=^|[=:,;\\s"'])(${paths.join('|')})(?=$|[/:,;\\s"'])`, 'g');
  return text => text.replaceAll(pattern, path => places.get(path) ?? path);
}

/** `$(NAME)` of an earlier variable, as in the API's documentation of `args`; unknown ones stay as they are. */
function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
}

function writeKubeconfig(
  podFolder: string,
  serviceAccount: string,
  { pod, server }: { pod: Pod; server: string },
): string {
  const path = join(podFolder, 'kubeconfig');
  const user = { tokenFile: join(serviceAccount, 'token') };
  const { namespace } = pod.metadata;
  writeFileSync(path, kubeconfig({ server, caFile: join(serviceAccount, 'ca.crt'), user, namespace }));
  return path;
}

async function valueOf(variable: EnvironmentVariable, pod: Pod, api: ApiServer): Promise<string | undefined> {
  const { value = '', valueFrom } = variable;
  if (valueFrom?.fieldRef !== undefined) return fieldOf(pod, valueFrom.fieldRef);
  const reference = valueFrom?.configMapKeyRef;
  if (reference === undefined) return value;
  const data = await configMapData(api, pod.metadata.namespace, reference.name);
  const found = data?.[reference.key];
  if (found === undefined && reference.optional !== true) {
    throw new Error(`configmap "${reference.name}" not found, or without the key "${reference.key}"`);
  }
  return found;
}
