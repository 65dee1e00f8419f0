/**
 * What admission can put into a Pod, reduced to what can be compared: for each container and field the names in it with a
 * digest of their values. Digests, because values may be secret and fifty thousand Pods have to fit.
 */

/** What of a container can differ; `annotations` are the Pod's. `args` with the command, `env` by name, `mounts` by path with what is mounted. */
export const FIELDS = ['image', 'args', 'env', 'resources', 'mounts', 'other', 'annotations'] as const;
export type Field = (typeof FIELDS)[number];

/** Name -> digest; the image stands there as it is. */
export type Values = Readonly<Record<string, string>>;
export type ContainerShape = Readonly<Partial<Record<Field, Values>>>;

/** Kept as text, which takes a tenth of the memory. */
export interface PodShape {
  /** `Record<container, ContainerShape>` as JSON. */
  readonly containers: string;
  /** `Values` as JSON. */
  readonly annotations: string;
}

/** A value that is another one each time: it equals any, and none. */
export const CHANCE = '?';

/** The name under which `other` tells whether a container is one or an init container. */
export const PLACEMENT = 'placement';

export const encodeContainers = (containers: Readonly<Record<string, ContainerShape>>): string =>
  JSON.stringify(containers);
export const encodeValues = (values: Values): string => JSON.stringify(values);

export function containersOf({ containers }: PodShape): ReadonlyMap<string, ContainerShape> {
  const parsed: Record<string, ContainerShape> = JSON.parse(containers);
  return new Map(Object.entries(parsed));
}

export function annotationsOf({ annotations }: PodShape): Values {
  const parsed: Values = JSON.parse(annotations);
  return parsed;
}
