import { keyOf, type LeaveReason, type Reason, type StaleReason, type WorkloadRef } from './model.ts';
import type { Leave, Restart } from './verdict.ts';

/** A reason that stands for several workloads: told once, instead of once for each. */
export interface CommonCause extends Reason<StaleReason | LeaveReason> {
  readonly count: number;
  /** `NAMESPACE/NAME` of one of them. */
  readonly example: string;
}

/** Without what concerns one workload only: the names of its Pods, and the ports of one connection. */
function general(detail: string, { name }: WorkloadRef): string {
  return detail
    .replaceAll(/\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}/g, 'ADDRESS')
    .split(/\s/)
    .map(word => (word.includes(`${name}-`) ? 'POD' : word))
    .join(' ');
}

const MANY = 3;

interface Verdicts {
  readonly batches: readonly (readonly Restart[])[];
  readonly left: readonly Leave[];
}

/** Why workloads are unknown, however few; and why many are stale for one cause. The most frequent first. */
export function commonCauses({ batches, left }: Verdicts): CommonCause[] {
  const causes = new Map<string, CommonCause>();
  for (const { workload, why, detail } of [...batches.flat(), ...left.filter(verdict => verdict.why === 'unknown')]) {
    const key = `${why} ${general(detail, workload)}`;
    const known = causes.get(key);
    causes.set(key, { why, detail, count: (known?.count ?? 0) + 1, example: known?.example ?? keyOf(workload) });
  }
  return [...causes.values()]
    .filter(({ why, count }) => why === 'unknown' || (count >= MANY && why !== 'podTooOld'))
    .toSorted((a, b) => b.count - a.count);
}
