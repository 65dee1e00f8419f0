import { unreachable } from '../../src/domain/model.ts';
import type { ContainerImage, Pod, ReplicaSetRef, Trouble } from '../../src/domain/model.ts';
import { shapeWith } from '../admissions.ts';

/** What can be wrong with the Pods that a workload gets. */
export type Sickness = 'crashes' | 'image' | 'config' | 'init' | 'unschedulable' | 'silent';
export const SICKNESSES: readonly Sickness[] = ['crashes', 'image', 'config', 'init', 'unschedulable', 'silent'];

/** A ReplicaSet, or what a StatefulSet or DaemonSet was at one time (a ControllerRevision), with its Pods. */
export interface ReplicaSet extends ReplicaSetRef {
  readonly template: string;
  readonly restartedAt: string | undefined;
  revision: number;
  pods: SimulatedPod[];
}

export interface SimulatedPod {
  readonly name: string;
  readonly uid: string;
  /** Its ordinal in a StatefulSet, or the node that a DaemonSet has it on; undefined for Pods that are all alike. */
  readonly place: number | undefined;
  readonly set: ReplicaSet;
  /** Milliseconds since the epoch; the API tells whole seconds. */
  readonly createdAt: number;
  /** Of the sidecar; undefined for none. */
  readonly sidecar: number | undefined;
  /** What its image says: the template decides that. */
  readonly app: string;
  state: 'starting' | 'available' | 'terminating';
  /** It has become available, and its containers run until it is gone. */
  serves: boolean;
  sickness: Sickness | undefined;
}

/** The Pod as it is read. */
export function projected(pod: SimulatedPod): Pod {
  const { name, uid, set, createdAt, sidecar, app, state } = pod;
  return {
    name,
    uid,
    ready: state === 'available',
    createdAt: Math.floor(createdAt / 1000) * 1000,
    restartedAt: set.restartedAt,
    terminating: state === 'terminating',
    replicaSet: { name: set.name, uid: set.uid },
    images: imagesOf(app, sidecar),
    shape: shapeOf(sidecar),
    reads: ['configmap/settings'],
    troubles: state === 'starting' ? troublesOf(pod.sickness) : [],
  };
}

const images = new Map<string, ContainerImage[]>();
const shapes = new Map<number | undefined, NonNullable<Pod['shape']>>();

function imagesOf(app: string, sidecar: number | undefined): ContainerImage[] {
  const key = `${app} ${sidecar}`;
  const known = images.get(key);
  if (known !== undefined) return known;
  const made = [{ container: 'app', image: app, imageId: undefined }];
  if (sidecar !== undefined) made.push({ container: 'proxy', image: `proxy:${sidecar}`, imageId: undefined });
  images.set(key, made);
  return made;
}

function shapeOf(sidecar: number | undefined): NonNullable<Pod['shape']> {
  const shape = shapes.get(sidecar) ?? shapeWith(sidecar);
  shapes.set(sidecar, shape);
  return shape;
}

function troublesOf(sickness: Sickness | undefined): Trouble[] {
  const waiting = (reason: string, init = false): Trouble[] => [
    { kind: 'waiting', container: 'app', init, reason, message: 'it does not start', exitCode: 1, restarts: 3 },
  ];
  switch (sickness) {
    case 'crashes':
      return waiting('CrashLoopBackOff');
    case 'image':
      return waiting('ImagePullBackOff');
    case 'config':
      return waiting('CreateContainerConfigError');
    case 'init':
      return waiting('CrashLoopBackOff', true);
    case 'unschedulable':
      return [{ kind: 'unschedulable', message: '0/3 nodes are available' }];
    case 'silent':
    case undefined:
      return [];
    default:
      return unreachable(sickness);
  }
}
