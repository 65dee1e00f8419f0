import type { ConfigChanges, Needs } from '../domain/model.ts';
import { at, isRecord, listAt, textAt } from './json.ts';
import { list } from './lists.ts';
import type { Resource } from './resource.ts';
import { CONFIG_MAPS, SECRETS } from './resource.ts';
import type { Transport } from './transport.ts';

/** Which ConfigMaps and Secrets a Pod reads, and when these changed. Of them only metadata is ever asked for. */

/** The volume of the service account's token, which the kubelet renews by itself. */
const TOKEN_VOLUME = /^kube-api-access-/;

/**
 * What the containers of a Pod read once, when they start: variables and files mounted one by one (subPath); with
 * `volumes` mounted folders too, which the kubelet renews, but which many programs read only once.
 */
export function readsOf(pod: unknown, { volumes, secrets }: Needs): readonly string[] {
  const containers = [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')];
  const variables = containers.flatMap(container => [
    ...listAt(container, 'env').flatMap(variable => [
      named('configmap', textAt(variable, 'valueFrom', 'configMapKeyRef', 'name')),
      named('secret', textAt(variable, 'valueFrom', 'secretKeyRef', 'name')),
    ]),
    ...listAt(container, 'envFrom').flatMap(source => [
      named('configmap', textAt(source, 'configMapRef', 'name')),
      named('secret', textAt(source, 'secretRef', 'name')),
    ]),
  ]);
  const mounts = containers.flatMap(container => listAt(container, 'volumeMounts'));
  const byFile = new Set(
    mounts
      .filter(mount => textAt(mount, 'subPath') || textAt(mount, 'subPathExpr'))
      .map(mount => textAt(mount, 'name') ?? ''),
  );
  const mounted = listAt(pod, 'spec', 'volumes')
    .filter(volume => {
      const name = textAt(volume, 'name') ?? '';
      return !TOKEN_VOLUME.test(name) && (volumes || byFile.has(name));
    })
    .flatMap(volume => [volume, ...listAt(volume, 'projected', 'sources')])
    .flatMap(source => [
      named('configmap', textAt(source, 'configMap', 'name')),
      // A volume says secretName, a projected source name.
      named('secret', textAt(source, 'secret', 'secretName') ?? textAt(source, 'secret', 'name')),
    ]);
  const all = [...variables, ...mounted].flat().filter(read => secrets || !read.startsWith('secret/'));
  return [...new Set(all)].toSorted();
}

const named = (kind: 'configmap' | 'secret', name: string | undefined): string[] =>
  name === undefined || name === '' ? [] : [`${kind}/${name}`];

/** When the data of each ConfigMap, and where asked for of each Secret, changed last. Throws like `list`. */
export async function readConfigChanges(transport: Transport, namespace: string, needs: Needs): Promise<ConfigChanges> {
  const changes = new Map<string, number>();
  if (!needs.config) return changes;
  const read = async (kind: string, resource: Resource): Promise<void> => {
    await list(transport, {
      resource,
      namespace,
      metadataOnly: true,
      keep: object => {
        const [where, name] = [textAt(object, 'metadata', 'namespace'), textAt(object, 'metadata', 'name')];
        changes.set(`${kind}/${where ?? ''}/${name ?? ''}`, dataChangedAt(object));
        return undefined;
      },
    });
  };
  await read('configmap', CONFIG_MAPS);
  if (needs.secrets) await read('secret', SECRETS);
  return changes;
}

/**
 * The last time that a manager of the data changed anything (managedFields keep one time for all fields of a manager, so
 * a label that came in the same write counts too); without one the creation. Milliseconds since the epoch.
 */
export function dataChangedAt(object: unknown): number {
  const times = listAt(object, 'metadata', 'managedFields')
    .filter(entry => ['f:data', 'f:binaryData'].some(field => isRecord(at(entry, 'fieldsV1', field))))
    .map(entry => textAt(entry, 'time'));
  const known = [textAt(object, 'metadata', 'creationTimestamp'), ...times].map(time => Date.parse(time ?? ''));
  return Math.max(0, ...known.filter(time => !Number.isNaN(time)));
}
