import { createHash } from 'node:crypto';
import {
  encodeContainers,
  encodeValues,
  PLACEMENT,
  type ContainerShape,
  type PodShape,
  type Values,
} from '../domain/shape.ts';
import type { Interner } from './interner.ts';
import { at, canonical, isRecord, listAt, textAt, textsAt } from './json.ts';

/** Fields of a container that have a place of their own, and those that say nothing. */
const APART = new Set(['name', 'image', 'command', 'args', 'env', 'envFrom', 'resources', 'volumeMounts']);
/** The volume that the ServiceAccount admission plugin adds to every Pod, under a random name. */
const TOKEN_VOLUME = /^kube-api-access-/;

/**
 * What of a Pod, or of a Pod template, may be admission's (domain/shape.ts). Some write the ReplicaSet into it, which is
 * another one after each restart: its name and uid count as one and the same. Never throws.
 */
export function projectShape(pod: unknown, interner: Interner, itself: readonly string[] = []): PodShape {
  const parts = Object.fromEntries(PARTS.map(key => [key, at(pod, 'spec', key)]));
  const spec = withoutNames(JSON.stringify(parts), itself);
  // The Pods of one ReplicaSet have their containers in common, to the letter but for the token's volume. Without quotes,
  // so that no other text in any Pod can stand for it.
  const alike = spec.replaceAll(/"kube-api-access-[a-z0-9]+"/g, 'TOKEN');
  const key = createHash('sha256').update(alike).digest('base64');
  const annotations = Object.entries(textsAt(pod, 'metadata', 'annotations'))
    .filter(([name]) => !OF_NETWORKS.test(name))
    .map(([name, value]) => [name, withoutNames(value, itself)] as const);
  return {
    containers: interner.computed(key, () => encodeContainers(containersOf({ spec: JSON.parse(spec) }))),
    annotations: encodeValues(digests(annotations)),
  };
}

const PARTS = ['initContainers', 'containers', 'volumes'];

/** Network plugins write an address on each Pod after its start: nothing of admission, and fifty thousand texts. */
const OF_NETWORKS =
  /^(cni\.projectcalico\.org|k8s\.v1\.cni\.cncf\.io|k8s\.ovn\.org|ovn\.kubernetes\.io|vpc\.amazonaws\.com)\//;

/** What Kubernetes calls a ReplicaSet. A Pod may name anything as its owner: a quote, say, which holds JSON together. */
const NAME_OR_UID = /^[a-z0-9.]+-[a-z0-9.-]+$/;

function withoutNames(text: string, itself: readonly string[]): string {
  return itself.filter(it => NAME_OR_UID.test(it)).reduce((rest, it) => rest.replaceAll(it, 'ITSELF'), text);
}

function containersOf(pod: unknown): Record<string, ContainerShape> {
  const volumes = new Map(
    listAt(pod, 'spec', 'volumes').map(volume => [textAt(volume, 'name') ?? '', withoutName(volume)] as const),
  );
  const placed = [
    ...listAt(pod, 'spec', 'initContainers').map(
      container =>
        [
          container,
          textAt(container, 'restartPolicy') === 'Always' ? 'a native sidecar' : 'an init container',
        ] as const,
    ),
    ...listAt(pod, 'spec', 'containers').map(container => [container, 'a container'] as const),
  ];
  return Object.fromEntries(
    placed.map(([container, placement]) => [textAt(container, 'name') ?? '', shapeOf(container, placement, volumes)]),
  );
}

function shapeOf(container: unknown, placement: string, volumes: ReadonlyMap<string, unknown>): ContainerShape {
  const command = ['command', 'args'].map(key => [key, at(container, key)] as const);
  const env = listAt(container, 'env').map(
    variable => [textAt(variable, 'name') ?? '', withoutName(variable)] as const,
  );
  const envFrom = listAt(container, 'envFrom').map((source, index) => [`envFrom[${index}]`, source] as const);
  const mounts = listAt(container, 'volumeMounts')
    .filter(mount => !TOKEN_VOLUME.test(textAt(mount, 'name') ?? ''))
    .map(
      mount =>
        // By what is mounted: injectors and clusters choose names of volumes as they like.
        [textAt(mount, 'mountPath') ?? '', [withoutName(mount), volumes.get(textAt(mount, 'name') ?? '')]] as const,
    );
  const others = isRecord(container) ? Object.entries(container).filter(([key]) => !APART.has(key)) : [];
  return {
    image: { '': textAt(container, 'image') ?? '' },
    args: digests(command),
    env: digests([...env, ...envFrom]),
    resources: digests([['', at(container, 'resources')]]),
    mounts: digests(mounts),
    other: { ...digests(others), [PLACEMENT]: placement },
  };
}

function withoutName(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const { name: _, ...rest } = value;
  return rest;
}

/** What is absent and what is empty are the same to Kubernetes, and API servers differ in which they send. */
function digests(entries: readonly (readonly [string, unknown])[]): Values {
  const told = entries.map(([name, value]) => [name, canonical(value)] as const).filter(([, text]) => !EMPTY.has(text));
  return Object.fromEntries(
    told.map(([name, text]) => [name, createHash('sha256').update(text).digest('hex').slice(0, 8)]),
  );
}

const EMPTY = new Set(['null', '{}', '[]']);
