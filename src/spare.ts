import { isSpare, markSpare, withoutSpare } from './domain/starts.ts';
import { formatRecord, ownRecord, owedRecord, type RestartRecord } from './domain/record.ts';
import { keyOf, unreachable, type Needs, type Workload, type WorkloadRef } from './domain/model.ts';
import type { Hold } from './hold.ts';
import { Observed } from './observed.ts';
import { SERVER_TIMEOUT, wordsOf, type Clock, type Cluster, type PatchAnswer } from './ports.ts';

/**
 * The spare Pod of a `replace`: one more than the workload wants, for a while. What it wants stands in the record, which is
 * written and taken away together with the number itself; the checkpoint says where to look for it.
 */

export interface SpareWorld {
  readonly cluster: Cluster;
  readonly clock: Clock;
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
  /**
   * By us, unless nothing was owed any more, or somebody wants another number, which `detail` tells. `isSure` that no Pod from
   * before went for it.
   */
  | { readonly kind: 'returned'; readonly isOurs: boolean; readonly isSure: boolean; readonly detail: string }
  | { readonly kind: 'not'; readonly isRefused: boolean; readonly detail: string };

const ATTEMPTS = 10;
const BACKOFF = 500;
/** So often the newest Pod is to go first; a budget may need a moment after the last one that went. */
const PATIENCE = 5;
/** A Pod that was just made is not ready sooner. */
const SOON = 3_000;
const AGE_ONLY: Needs = { kinds: [], shapes: false, config: false, volumes: false, secrets: false };
/** However long the API server asks us to wait before the next attempt, in milliseconds. */
const MAX_WAIT = 15_000;

/**
 * Puts the replicas back to what they were, which needs the hold and not the gates. Somebody else's number stays as it is,
 * and is said. The newest Pod goes, unless all of them are proven, so that any may go. Throws like a read.
 */
export async function returnSpare(
  ref: WorkloadRef,
  world: SpareWorld,
  { isAnyFine = false }: { readonly isAnyFine?: boolean } = {},
): Promise<Returned> {
  const returned = await new PuttingBack(ref, world, isAnyFine).toTheEnd();
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

class PuttingBack {
  readonly #ref: WorkloadRef;
  readonly #world: SpareWorld;
  /** How often it was tried to have the newest Pod go. */
  #tried: number;
  #hasEvicted = false;
  /** Its status changes with each Pod that comes or goes, sooner than a slow API server answers. */
  #isContended = false;

  constructor(ref: WorkloadRef, world: SpareWorld, isAnyFine: boolean) {
    this.#ref = ref;
    this.#world = world;
    this.#tried = isAnyFine ? PATIENCE : 0;
  }

  async toTheEnd(): Promise<Returned> {
    const { cluster, hold, observed, by } = this.#world;
    let detail = 'the run ended first';
    // Once whatever happens: a run that ends leaves nothing behind if it can.
    for (let attempt = 0; attempt === 0 || (attempt < ATTEMPTS && !observed.closed); ) {
      const workload = await cluster.workload(this.#ref);
      observed.put(this.#ref, workload);
      const owed = workload && owedRecord(workload, by);
      if (workload === undefined || owed === undefined) {
        return { kind: 'returned', isOurs: false, isSure: false, detail: '' };
      }
      const { replicas, ...others } = owed;
      const isOurs = workload.replicas === replicas + 1;
      const sureness = isOurs ? await this.#makeSure(workload, replicas) : 'unsure';
      if (sureness === 'ended') break;
      if (sureness === 'again') continue;
      await hold.freshen();
      if (hold.loss !== undefined) return { kind: 'not', isRefused: false, detail: hold.loss.detail };
      const answer = await this.#write(workload, { replicas, record: formatRecord(others), isOurs });
      if (answer.kind === 'accepted') {
        observed.put(this.#ref, answer.workload);
        const theirs = `somebody set its replicas to ${workload.replicas} while it had one Pod more than ${replicas}, so that stays`;
        return { kind: 'returned', isOurs, isSure: sureness === 'sure', detail: isOurs ? '' : theirs };
      }
      this.#isContended ||= answer.kind === 'conflict';
      detail = 'message' in answer ? answer.message : answer.kind;
      if (answer.kind === 'forbidden' || answer.kind === 'denied') return { kind: 'not', isRefused: true, detail };
      const wait = answer.kind === 'unanswered' ? (answer.retryAfter ?? BACKOFF) : BACKOFF * (attempt + 1);
      attempt++;
      await observed.pause(Math.min(wait, MAX_WAIT));
    }
    return { kind: 'not', isRefused: false, detail };
  }

  /** Has the newest Pod go first; `again`: the workload and its Pods have changed, or are to be looked at once more. */
  async #makeSure(workload: Workload, replicas: number): Promise<'sure' | 'unsure' | 'again' | 'ended'> {
    const { clock, hold, observed, by } = this.#world;
    await hold.freshen();
    if (this.#tried >= PATIENCE || ownRecord(workload, by) === undefined) return 'unsure';
    const lookedAt = clock.elapsed();
    const newest = await this.#evictNewest(workload, replicas);
    if (newest !== 'needless') this.#tried++;
    switch (newest) {
      case 'evicted':
        this.#hasEvicted = true;
        return 'again';
      case 'notNow':
        // The next run has the time for it.
        if (observed.closed) return 'ended';
        await observed.pause(BACKOFF * this.#tried);
        return 'again';
      case 'unanswered':
        // It may still be carried out, beside what the ReplicaSet takes.
        if (observed.closed) return 'ended';
        await observed.pause(SERVER_TIMEOUT);
        return 'again';
      case 'needless':
        if (clock.elapsed() - lookedAt <= SOON) return 'sure';
        this.#tried++;
        return observed.closed ? 'unsure' : 'again';
      case 'likely':
      case 'refused':
        return 'unsure';
      default:
        return unreachable(newest);
    }
  }

  /**
   * Which Pod goes when the replicas shrink is not left to luck: a ReplicaSet takes one that waits for its start first, then
   * one that is not ready, and of the others whom it likes (who shares a node, and ages by their logarithm: pkg/controller
   * ActivePodsWithRanks). So the newest, the spare Pod or a replacement that nobody relies on yet, is evicted before, and the
   * ReplicaSet takes what it makes in its place. Where a budget forbids that, or nobody may, it chooses after all.
   */
  async #evictNewest(workload: Workload, replicas: number): Promise<Newest> {
    const { cluster, hold } = this.#world;
    const live = (await cluster.pods(workload, AGE_ONLY)).filter(({ terminating }) => !terminating);
    const [newest, ...others] = live.toSorted((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1));
    if (newest === undefined || live.length <= replicas) return 'needless';
    if (!newest.ready && others.every(({ ready }) => ready)) return 'needless';
    // Beside others that are not ready either: what has been made this moment still waits for its start.
    if (!newest.ready && this.#hasEvicted) return 'likely';
    if (!hold.isFresh()) return hold.loss === undefined ? 'notNow' : 'refused';
    const answer = await cluster.evict(workload, newest);
    switch (answer.kind) {
      case 'accepted':
        return 'evicted';
      case 'never':
      case 'forbidden':
      case 'denied':
        return 'refused';
      case 'blocked':
      case 'changed':
        return 'notNow';
      case 'unanswered':
        return 'unanswered';
      default:
        return unreachable(answer);
    }
  }

  async #write(
    workload: Workload,
    { replicas, record, isOurs }: { readonly replicas: number; readonly record: string; readonly isOurs: boolean },
  ): Promise<PatchAnswer> {
    const { cluster, observed } = this.#world;
    if (!isOurs) return cluster.rewriteRecord(workload, record);
    const order = { workload, replicas, record };
    // A run that ends tries it once.
    return this.#isContended || observed.closed ? cluster.scaleBack(order) : cluster.rescale(order);
  }
}

/** `needless`: the ReplicaSet takes the right one by itself; `likely`: it most probably does; `refused`: it is left to it. */
type Newest = 'evicted' | 'needless' | 'likely' | 'refused' | 'notNow' | 'unanswered';

/** The same for several, one after the other; as sentences what was put back, and what could not be. */
export async function returnSpares(
  refs: readonly WorkloadRef[],
  { interrupted, ...world }: Omit<SpareWorld, 'observed'> & { readonly interrupted: AbortSignal },
): Promise<{ readonly returned: readonly string[]; readonly kept: readonly string[] }> {
  const [ours, kept]: [string[], string[]] = [[], []];
  const observed = new Observed(world.clock, []);
  const close = (): void => observed.close();
  interrupted.addEventListener('abort', close);
  if (interrupted.aborted) close();
  for (const ref of refs) {
    if (observed.closed) {
      kept.push(`the spare Pod of ${keyOf(ref)} is not taken back yet: the run ended first`);
      continue;
    }
    const answer = await returnSpareAtLast(ref, { ...world, observed });
    if (answer.kind === 'not') kept.push(`the spare Pod of ${keyOf(ref)} is not taken back yet: ${answer.detail}`);
    else if (answer.detail !== '') ours.push(`${keyOf(ref)}: ${answer.detail}`);
    else if (answer.isOurs) ours.push(`the spare Pod of ${keyOf(ref)}, which an earlier run left, is taken back`);
  }
  interrupted.removeEventListener('abort', close);
  return { returned: ours, kept };
}
