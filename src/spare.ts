import { isSpare, markSpare, withoutSpare } from './domain/starts.ts';
import { formatRecord, owedRecord, type RestartRecord } from './domain/record.ts';
import { keyOf, type Workload, type WorkloadRef } from './domain/model.ts';
import type { Hold } from './hold.ts';
import { Observed } from './observed.ts';
import { wordsOf, type Clock, type Cluster, type PatchAnswer } from './ports.ts';

/**
 * The spare Pod of a `replace`: one more than the workload wants, for a while. What it wants stands in the record, which is
 * written and taken away together with the number itself; the checkpoint says where to look for it.
 */

export interface SpareWorld {
  readonly cluster: Cluster;
  readonly hold: Hold;
  readonly observed: Pick<Observed, 'put' | 'closed' | 'pause'>;
  readonly by: string;
}

export type Added =
  | { readonly kind: 'added'; readonly workload: Workload; readonly record: RestartRecord }
  /** It has changed since it was read: to be looked at again. */
  | { readonly kind: 'changed' }
  | Exclude<PatchAnswer, { readonly kind: 'accepted' | 'conflict' }>;

/**
 * One attempt. A crash before the PATCH leaves a mark in the checkpoint and nothing else; one after it a record that says
 * what the replicas were, which the next run finds, in the window or outside.
 */
export async function addSpare(workload: Workload, record: RestartRecord, world: SpareWorld): Promise<Added> {
  const { cluster, hold, observed } = world;
  if (!isSpare(hold.checkpoint, workload)) {
    hold.change(checkpoint => markSpare(checkpoint, workload, record.at));
    await hold.save();
    if (!hold.isFresh()) return { kind: 'changed' };
  }
  const { replicas } = workload;
  const owed = { ...record, replicas };
  const answer = await cluster.rescale({ workload, replicas: replicas + 1, record: formatRecord(owed) });
  if (answer.kind === 'conflict') return { kind: 'changed' };
  if (answer.kind !== 'accepted') return answer;
  observed.put(workload, answer.workload);
  return { kind: 'added', workload: answer.workload, record: owed };
}

/** What became of taking a spare Pod back. */
export type Returned =
  /** By us, unless nothing was owed any more, or somebody wants another number, which `detail` tells. */
  | { readonly kind: 'returned'; readonly isOurs: boolean; readonly detail: string }
  | { readonly kind: 'not'; readonly isRefused: boolean; readonly detail: string };

const ATTEMPTS = 10;
const BACKOFF = 500;
/** However long the API server asks us to wait before the next attempt, in milliseconds. */
const MAX_WAIT = 15_000;

/**
 * Puts the replicas back to what they were, which needs the hold and not the gates. Somebody else's number stays as it is,
 * and is said. Throws like a read.
 */
export async function returnSpare(ref: WorkloadRef, world: SpareWorld): Promise<Returned> {
  const returned = await putBack(ref, world);
  if (returned.kind === 'returned') world.hold.change(checkpoint => withoutSpare(checkpoint, ref));
  return returned;
}

/** The same where it is the last that is done, whatever goes wrong. Never throws. */
export async function returnSpareAtLast(ref: WorkloadRef, world: SpareWorld): Promise<Returned> {
  try {
    return await returnSpare(ref, world);
  } catch (error) {
    return { kind: 'not', isRefused: false, detail: wordsOf(error) };
  }
}

async function putBack(ref: WorkloadRef, { cluster, hold, observed, by }: SpareWorld): Promise<Returned> {
  let detail = 'the run ended first';
  for (let attempt = 0; attempt < ATTEMPTS && !observed.closed; attempt++) {
    const workload = await cluster.workload(ref);
    observed.put(ref, workload);
    const owed = workload && owedRecord(workload, by);
    if (workload === undefined || owed === undefined) return { kind: 'returned', isOurs: false, detail: '' };
    await hold.freshen();
    if (hold.loss !== undefined) return { kind: 'not', isRefused: false, detail: hold.loss.detail };
    const { replicas, ...others } = owed;
    const record = formatRecord(others);
    const isOurs = workload.replicas === replicas + 1;
    const answer = isOurs
      ? await cluster.rescale({ workload, replicas, record })
      : await cluster.rewriteRecord(workload, record);
    if (answer.kind === 'accepted') {
      observed.put(ref, answer.workload);
      const theirs = `somebody set its replicas to ${workload.replicas} while it had one Pod more than ${replicas}, so that stays`;
      return { kind: 'returned', isOurs, detail: isOurs ? '' : theirs };
    }
    detail = 'message' in answer ? answer.message : answer.kind;
    if (answer.kind === 'forbidden' || answer.kind === 'denied') return { kind: 'not', isRefused: true, detail };
    const wait = answer.kind === 'unanswered' ? (answer.retryAfter ?? BACKOFF) : BACKOFF * attempt;
    await observed.pause(Math.min(wait, MAX_WAIT));
  }
  return { kind: 'not', isRefused: false, detail };
}

/** The same for several, one after the other; as sentences what was put back, and what could not be. */
export async function returnSpares(
  refs: readonly WorkloadRef[],
  {
    interrupted,
    ...world
  }: Omit<SpareWorld, 'observed'> & { readonly clock: Clock; readonly interrupted: AbortSignal },
): Promise<{ readonly returned: readonly string[]; readonly kept: readonly string[] }> {
  const [ours, kept]: [string[], string[]] = [[], []];
  const observed = new Observed(world.clock, []);
  const close = (): void => observed.close();
  interrupted.addEventListener('abort', close);
  if (interrupted.aborted) close();
  for (const ref of refs) {
    const answer = await returnSpareAtLast(ref, { ...world, observed });
    if (answer.kind === 'not') kept.push(`the spare Pod of ${keyOf(ref)} is not taken back yet: ${answer.detail}`);
    else if (answer.detail !== '') ours.push(`${keyOf(ref)}: ${answer.detail}`);
    else if (answer.isOurs) ours.push(`the spare Pod of ${keyOf(ref)}, which an earlier run left, is taken back`);
  }
  interrupted.removeEventListener('abort', close);
  return { returned: ours, kept };
}
