/**
 * The volumes of a Pod as folders, written as the kubelet writes them: the files are links through `..data`, which is
 * swapped in one step, so that a reader sees the old content or the new and never half of each.
 */
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ApiServer, ApiError } from '../apiserver.ts';
import { type ConfigMapSource, fieldOf, type Pod, type ProjectedSource, type TokenSource, type Volume } from './pod.ts';

/** File contents by path below the mount point. */
type Payload = ReadonlyMap<string, string>;

export interface Volumes {
  /** The folder of a volume on this machine. */
  folderOf(volume: string): string;
  /** Brings the content up to date; throws when a ConfigMap that must exist does not. */
  refresh(): Promise<void>;
}

export function volumesOf(pod: Pod, api: ApiServer, podFolder: string): Volumes {
  const payloads = new Map<string, () => Promise<Payload>>();
  const written = new Map<string, string>();
  const folderOf = (volume: string) => join(podFolder, 'volumes', volume);
  const configMap = (source: ConfigMapSource) => readConfigMap(api, pod.metadata.namespace, source);

  for (const volume of pod.spec.volumes ?? []) {
    mkdirSync(folderOf(volume.name), { recursive: true });
    payloads.set(volume.name, payloadOf(volume));
  }

  function payloadOf(volume: Volume): () => Promise<Payload> {
    const { configMap: source, projected, emptyDir } = volume;
    if (source !== undefined) return () => configMap(source);
    if (emptyDir !== undefined) return async () => new Map();
    if (projected === undefined) throw new Error(`this kubelet has no volumes of the kind of ${volume.name}`);
    const parts = (projected.sources ?? []).map(partOf);
    return async () => new Map((await Promise.all(parts.map(read => read()))).flatMap(payload => [...payload]));
  }

  function partOf(source: ProjectedSource): () => Promise<Payload> {
    const { configMap: map, serviceAccountToken, downwardAPI } = source;
    if (map !== undefined) return () => configMap(map);
    if (serviceAccountToken !== undefined) return tokenReader(api, pod, serviceAccountToken);
    const items = downwardAPI?.items ?? [];
    const fields = items.flatMap(({ path, fieldRef }) => (fieldRef === undefined ? [] : [[path, fieldRef] as const]));
    return async () => new Map(fields.map(([path, fieldRef]) => [path, fieldOf(pod, fieldRef)]));
  }

  async function refresh(): Promise<void> {
    for (const [volume, read] of payloads) {
      const payload = await read();
      const content = JSON.stringify([...payload]);
      if (written.get(volume) === content) continue;
      writeAtomically(folderOf(volume), payload);
      written.set(volume, content);
    }
  }

  return { folderOf, refresh };
}

async function readConfigMap(api: ApiServer, namespace: string, source: ConfigMapSource): Promise<Payload> {
  const data = await configMapData(api, namespace, source.name);
  if (data === undefined && source.optional !== true) throw new Error(`configmap "${source.name}" not found`);
  if (data === undefined || source.items === undefined) return new Map(Object.entries(data ?? {}));
  return new Map(source.items.map(({ key, path }) => [path, data[key] ?? '']));
}

/** Undefined when there is no such ConfigMap. */
export async function configMapData(
  api: ApiServer,
  namespace: string,
  name: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const { data } = await api.request<{ readonly data?: Readonly<Record<string, string>> }>(
      `/api/v1/namespaces/${namespace}/configmaps/${name}`,
    );
    return data ?? {};
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** A token that is bound to the Pod, fetched again after four fifths of its life, as the kubelet does. */
function tokenReader(api: ApiServer, pod: Pod, source: TokenSource): () => Promise<Payload> {
  const { metadata, spec } = pod;
  const { audience, expirationSeconds = 3600, path } = source;
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: metadata.name, uid: metadata.uid };
  const audiences = audience === undefined ? {} : { audiences: [audience] };
  const url = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${spec.serviceAccountName ?? 'default'}/token`;
  const body = { spec: { ...audiences, expirationSeconds, boundObjectRef } };
  let payload: Payload = new Map();
  let refreshAt = 0;
  return async () => {
    if (performance.now() < refreshAt) return payload;
    const { status } = await api.request<{ readonly status: { readonly token: string } }>(url, {
      method: 'POST',
      body,
    });
    payload = new Map([[path, status.token]]);
    refreshAt = performance.now() + expirationSeconds * 800;
    return payload;
  };
}

function writeAtomically(folder: string, payload: Payload): void {
  const data = join(folder, '..data');
  const before = readlink(data);
  const version = `..${new Date().toISOString().replaceAll(/[:.T-]/g, '_')}`;
  for (const [path, content] of payload) {
    const file = join(folder, version, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  mkdirSync(join(folder, version), { recursive: true });
  symlinkSync(version, `${data}_tmp`);
  renameSync(`${data}_tmp`, data);

  const names = new Set([...payload.keys()].map(path => path.split('/')[0] ?? path));
  const visible = readdirSync(folder).filter(name => !name.startsWith('..'));
  for (const name of visible) if (!names.has(name)) rmSync(join(folder, name));
  for (const name of names) if (!visible.includes(name)) symlinkSync(join('..data', name), join(folder, name));
  if (before !== undefined) rmSync(join(folder, before), { recursive: true });
}

function readlink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
