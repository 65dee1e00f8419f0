import { keyOf, type Workload } from '../../src/domain/model.ts';
import type { Court } from './court.ts';

/** Of a DaemonSet there is one Pod on each node, and with a surge a new one beside the old one; of a StatefulSet one of each name. */
export function judgePlaces(court: Court, workload: Workload): void {
  const { kind, strategy } = workload;
  if (kind !== 'DaemonSet' && kind !== 'StatefulSet') return;
  // One of a StatefulSet that is on its way out still has its name.
  const pods = kind === 'StatefulSet' ? court.world.controller.pods(workload) : court.eyes.live(workload);
  const most = strategy.kind === 'rollingUpdate' && Number(strategy.maxSurge) > 0 ? 2 : 1;
  const counts = new Map<number | undefined, number>();
  for (const { place } of pods) counts.set(place, (counts.get(place) ?? 0) + 1);
  const crowded = [...counts].find(([, count]) => count > most);
  court.demands(
    crowded === undefined,
    'no two Pods are at one place',
    () => `${keyOf(workload)}: ${crowded?.[1]} at ${crowded?.[0]}`,
  );
}
