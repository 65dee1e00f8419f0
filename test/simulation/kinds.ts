import { unreachable, type Kind, type Strategy, type Workload } from '../../src/domain/model.ts';
import type { Resident } from './fleet.ts';
import type { Random } from './random.ts';

/** Every kind that is restarted, with the strategies that it has. */

/** The same resident as another kind, perhaps. All that is drawn for it comes from `random`. */
export function asSomeKind(resident: Resident, random: Random): Resident {
  const kind = random.weighted<Kind>([
    [3, 'Deployment'],
    [4, 'StatefulSet'],
    [3, 'DaemonSet'],
    [3, 'Rollout'],
  ]);
  if (kind === 'Deployment') return resident;
  const { workload, temper } = resident;
  const { terminatingReplicas: _, progressing: __, ...status } = workload.status;
  const way = random.weighted<string | undefined>([
    [8, undefined],
    [1, 'evict'],
    [0.5, 'rollout'],
    [0.5, 'replace'],
  ]);
  const other: Workload = {
    ...workload,
    kind,
    way,
    strategy: drawStrategy(kind, workload.replicas, random),
    // The others cannot be.
    paused: kind === 'Rollout' && workload.paused,
    status: { ...status, terminatingReplicas: undefined, progressing: undefined },
  };
  return {
    ...resident,
    workload: other,
    temper: { ...temper, isParallel: random.chance(0.4), ofRestarts: random.chance(0.4) },
  };
}

function drawStrategy(kind: Exclude<Kind, 'Deployment'>, replicas: number, random: Random): Strategy {
  const rolling = (maxSurge: number, maxUnavailable: number): Strategy => ({
    kind: 'rollingUpdate',
    maxSurge,
    maxUnavailable,
  });
  const onDelete: Strategy = { kind: 'onDelete' };
  switch (kind) {
    case 'StatefulSet':
      return random.weighted<Strategy>([
        [5, rolling(0, 1)],
        [1, rolling(0, 2)],
        [2, onDelete],
        [2, { kind: 'partitioned', partition: random.int(1, Math.max(1, replicas)) }],
      ]);
    case 'DaemonSet':
      return random.weighted<Strategy>([
        [4, rolling(0, 1)],
        [1, rolling(0, 2)],
        [3, rolling(random.int(1, 2), 0)],
        [2, onDelete],
      ]);
    case 'Rollout':
      return rolling(
        0,
        random.weighted<number>([
          [4, Math.max(1, Math.floor(replicas / 4))],
          [1, 2],
          [1, Math.max(1, replicas)],
        ]),
      );
    default:
      return unreachable(kind);
  }
}

/** Whether a changed template, or `spec.restartAt`, makes all its Pods anew. */
export const rolls = ({ strategy }: Pick<Workload, 'strategy'>): boolean =>
  strategy.kind === 'rollingUpdate' || strategy.kind === 'recreate';

/** Its template has changed, and OnDelete leaves it to people when its Pods get the new one. */
export const isHeldBack = ({
  strategy,
  replicas,
  status,
}: Pick<Workload, 'strategy' | 'replicas' | 'status'>): boolean =>
  strategy.kind === 'onDelete' && status.updatedReplicas < replicas;

/** Its controller still replaces the Pods from the partition on. */
export const isBeingUpdated = ({
  strategy,
  replicas,
  status,
}: Pick<Workload, 'strategy' | 'replicas' | 'status'>): boolean =>
  strategy.kind === 'partitioned' && status.updatedReplicas < replicas - strategy.partition;
