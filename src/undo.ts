import { amend, type Amendment, type Restarted } from './amend.ts';
import type { FailureReason, Workload } from './domain/model.ts';
import { formatRecord } from './domain/record.ts';
import { rolloutState } from './domain/rollout.ts';
import { needsOf } from './domain/policy.ts';
import { wordsOf } from './ports.ts';
import type { StartWorld } from './start.ts';

/** A restart that failed, and is to be taken back. */
export interface Failed extends Restarted {
  readonly reason: FailureReason | undefined;
}

/** Undone, or why it is not, as a phrase. */
export type Undone = { readonly kind: 'undone' } | { readonly kind: 'not'; readonly detail: string };

/** Between two looks for old Pods that are not what they were yet. */
const AGAIN = 2_000;

/**
 * Puts back what stood in the Pod template before, so that the Pods from before, which still serve, become the wanted ones
 * again; and waits until they are. Only while the template is still ours. The failure is saved already: a crash before the
 * PATCH leaves a failed restart as it was, one after it a rollout to what was there before, which needs nobody.
 */
export async function takeBack(failed: Failed, world: StartWorld): Promise<Undone> {
  if (failed.workload.kind === 'StatefulSet') {
    return not('a StatefulSet does not go back while its broken Pod is there: delete that Pod');
  }
  if (failed.workload.kind === 'Rollout') {
    return not(
      'a Rollout does not go back: its Pods from before were evicted, and it waits for the new one to come up',
    );
  }
  try {
    const amended = await amend(failed, putBack(failed, world), world);
    return amended.kind === 'amended' ? await isBack(amended.workload, world) : not(amended.detail);
  } catch (error) {
    return not(wordsOf(error));
  }
}

const not = (detail: string): Undone => ({ kind: 'not', detail });

const putBack = ({ reason }: Failed, { cluster }: StartWorld): Amendment => ({
  settled: (workload, record) => {
    // The answer to an attempt before was lost.
    if (record.undone === true) return { kind: 'amended', workload };
    return rolloutState(workload).kind === 'complete'
      ? { kind: 'pointless', detail: 'its rollout is complete' }
      : undefined;
  },
  write: (workload, record) => {
    const text = formatRecord({ ...record, outcome: 'failed', reason, undone: true });
    return cluster.undo({ workload, back: record.before, record: text });
  },
});

/** Waits until all live Pods are of the template from before, as long as a rollout may take. */
async function isBack(undone: Workload, { cluster, clock, observed, bench }: StartWorld): Promise<Undone> {
  observed.put(undone, undone);
  const deadline = clock.elapsed() + bench.policy.rollout.timeout;
  for (;;) {
    if (observed.closed) return not('taken back, and the run ended before it was there');
    const workload = observed.latest(undone);
    const isOurs =
      workload?.uid === undone.uid &&
      workload.template === undone.template &&
      workload.restartedAt === undone.restartedAt;
    if (!isOurs) return not('taken back, and somebody has changed it since');
    const state = rolloutState(workload);
    const left = deadline - clock.elapsed();
    if (state.kind === 'complete' || state.kind === 'terminating') {
      const pods = await cluster.pods(workload, needsOf(bench.policy));
      const live = pods.filter(({ terminating }) => !terminating);
      if (live.every(({ restartedAt }) => restartedAt === undone.restartedAt)) return { kind: 'undone' };
    }
    if (left <= 0)
      return not(`taken back, but not there yet: ${'detail' in state ? state.detail : 'Pods are missing'}`);
    await observed.change(workload, state.kind === 'progressing' ? left : Math.min(AGAIN, left));
  }
}
