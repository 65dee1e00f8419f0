import type { Budget } from './domain/budget.ts';
import { isTakenBack, nextRestartedAt } from './domain/instant.ts';
import { injectionOf, newestReplicaSet, type Admission } from './domain/drift.ts';
import { injectionCriteria, needsOf } from './domain/policy.ts';
import { dropUnstarted, markStarted } from './domain/starts.ts';
import { keyOf, unreachable, type Autoscaler, type Condition, type Namespace, type Workload } from './domain/model.ts';
import type { PodUsage, Quota } from './domain/quota.ts';
import { formatRecord, ownRecord, tookEffectSince, type RestartRecord } from './domain/record.ts';
import { judge, type Leave, type Restart } from './domain/verdict.ts';
import { wantFor } from './domain/want.ts';
import type { Bench } from './domain/bench.ts';
import type { Landing } from './flight.ts';
import { endingOfError, type Gates } from './gates.ts';
import type { Hold } from './hold.ts';
import type { Observed } from './observed.ts';
import { SERVER_TIMEOUT, type Announcer, type Clock, type Cluster } from './ports.ts';
import { tryInjection } from './trials.ts';

export interface StartWorld {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly announcer: Announcer;
  readonly hold: Hold;
  readonly gates: Gates;
  readonly observed: Observed;
  readonly bench: Bench;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** The PodDisruptionBudgets of each workload, by its key. */
  readonly budgets: ReadonlyMap<string, readonly Budget[]>;
  /** By the key of their workload, as the look at the cluster showed them. */
  readonly autoscalers: ReadonlyMap<string, Autoscaler>;
  /** As the look at the cluster showed them: which namespaces have a ResourceQuota, and what one Pod counts for there. */
  readonly quotas: ReadonlyMap<string, readonly Quota[]>;
  readonly usage: ReadonlyMap<string, PodUsage>;
}

/** What came of trying to start one restart. */
export type Started =
  | {
      readonly kind: 'inFlight';
      /** As it stands after the PATCH. */
      readonly workload: Workload;
      readonly record: RestartRecord;
      readonly before: Condition | undefined;
      /** Containers that its Pods had. */
      readonly has: readonly string[];
      /** What a Pod was to get right before the PATCH; undefined where no criterion asks for it. */
      readonly tried: Admission | undefined;
    }
  /** Judged again, and left. */
  | { readonly kind: 'left'; readonly verdict: Leave }
  /** The gates closed first, and nothing was changed. */
  | { readonly kind: 'notStarted' }
  | { readonly kind: 'ended'; readonly landing: Landing; readonly at: string };

const BACKOFF = 1_000;
/** Somebody who writes to a workload all the time must not hold up the others: so many conflicts, and the pause after the second, which doubles. */
const CONFLICTS = 10;
const CONFLICT_WAIT = 100;
/** A PATCH goes out on no trial that is older than this: an injector may go down at any time. */
const TRIED = 15_000;
/** However long the API server asks us to wait: the gates must be looked at again. */
const MAX_WAIT = 15_000;

/**
 * Starts one restart with a PATCH that is conditional on the judged version. A crash before the PATCH leaves a name in
 * the checkpoint and nothing else; a crash after it leaves our record on the workload, which the next run finds.
 */
export async function start(restart: Restart, world: StartWorld, first: boolean): Promise<Started> {
  return new Starting(restart, world, first).toTheEnd();
}

class Starting {
  readonly #world: StartWorld;
  /** Why it is to be restarted, by the version that is judged. */
  #restart: Restart;
  #tried: Admission | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  /** The first start of an occurrence, which ignores how much time is left. */
  readonly #first: boolean;
  /** The version that is judged. */
  #workload: Workload;
  /** T; stays the same while the judged version does, so that a repeat is harmless. */
  #at = '';
  #attempts = 0;
  #conflicts = 0;
  #giveUp = Number.POSITIVE_INFINITY;

  constructor(restart: Restart, world: StartWorld, first: boolean) {
    this.#world = world;
    this.#first = first;
    this.#restart = restart;
    this.#workload = restart.workload;
  }

  async toTheEnd(): Promise<Started> {
    const { gates, announcer } = this.#world;
    try {
      const early = await this.#lookAgain();
      if (early !== undefined) return early;
      for (;;) {
        const started = await this.#attempt();
        if (started !== undefined) return started;
      }
    } catch (error) {
      if (this.#attempts > 0) throw error;
      gates.close(endingOfError(error, announcer));
      return { kind: 'notStarted' };
    }
  }

  /** Hours may have passed since the plan: the workload is judged again if it has changed. */
  async #lookAgain(): Promise<Started | undefined> {
    const newest = this.#world.observed.latest(this.#workload);
    if (newest?.resourceVersion !== this.#workload.resourceVersion) return this.#judgeAgain(newest);
    return undefined;
  }

  /** What a new Pod would get must be known right before each attempt; undefined when it is what the workload was judged by. */
  async #tryAgain(): Promise<Started | undefined> {
    const { bench, cluster, clock, observed } = this.#world;
    const tried = await cluster.tryPod(this.#workload, this.#restart.replicaSet);
    if (observed.closed) return this.#attempts === 0 ? { kind: 'notStarted' } : this.#settle();
    const want = wantFor(bench.want, injectionOf([], tried, injectionCriteria(bench.policy)));
    if (want !== this.#restart.want) return this.#judgeAgain(undefined);
    this.#tried = tried;
    this.#triedAt = clock.elapsed();
    return undefined;
  }

  get #isTried(): boolean {
    const { bench, clock } = this.#world;
    return injectionCriteria(bench.policy).length === 0 || clock.elapsed() - this.#triedAt <= TRIED;
  }

  /** One attempt; undefined means: once more. */
  async #attempt(): Promise<Started | undefined> {
    const { gates, clock, cluster, hold, bench } = this.#world;
    if ((await gates.check(this.#first)) !== undefined)
      return this.#attempts === 0 ? { kind: 'notStarted' } : this.#settle();
    // Saving and trying take time, so whichever is too old is done again.
    if (!this.#isTried) return this.#tryAgain();
    const now = clock.elapsed();
    if (this.#attempts++ === 0) this.#giveUp = now + bench.policy.rollout.timeout;
    if (this.#at === '') this.#at = nextRestartedAt(clock.now(), this.#workload.restartedAt);
    const record = this.#record();
    hold.change(checkpoint => markStarted(checkpoint, this.#workload, record));
    const text = formatRecord(record);
    // By the other ways it is only written down here what is going to happen.
    const answer = await (record.way === undefined
      ? cluster.restart({ workload: this.#workload, at: this.#at, record: text })
      : cluster.rewriteRecord(this.#workload, text));
    switch (answer.kind) {
      case 'accepted':
        return this.#flying(answer.workload);
      case 'conflict':
        return this.#afterConflict();
      case 'gone':
        return this.#ended({ outcome: 'gone', detail: 'it was deleted' });
      case 'forbidden': {
        const { verb, resource, namespace } = answer.permission;
        const detail = `not permitted to ${verb} ${resource} in namespace ${namespace}`;
        gates.close({ kind: 'notPermitted', detail });
        return { kind: 'notStarted' };
      }
      case 'denied':
        return this.#ended({ outcome: 'denied', detail: answer.message });
      case 'unanswered':
        return this.#afterSilence(answer.message, answer.retryAfter);
      default:
        return unreachable(answer);
    }
  }

  /** The workload is not the one that was judged: ours after all, or judged again. */
  async #afterConflict(): Promise<Started | undefined> {
    const workload = await this.#read();
    if (workload === undefined) return this.#judgeAgain(workload);
    if (this.#isOurPatch(workload)) return this.#flying(workload);
    if (this.#wasTakenBack(workload)) {
      return this.#ended({ outcome: 'reverted', detail: 'restartedAt was taken back before we saw it' });
    }
    const record = ownRecord(workload, this.#world.bench.by);
    const another =
      record !== undefined && record.run !== this.#world.hold.me.run && workload.record !== this.#workload.record;
    if (++this.#conflicts >= CONFLICTS) {
      const detail = `somebody changed it ${this.#conflicts} times while it was judged`;
      return { kind: 'left', verdict: { kind: 'leave', workload, why: 'rolloutInProgress', detail } };
    }
    // Another run of this checkpoint restarted it: either it took the hold over, which a save tells, or it died and its
    // PATCH landed late, which is in flight now.
    if (another) await this.#world.hold.save();
    if (this.#conflicts === 1) return this.#judgeAgain(workload);
    await this.#world.observed.pause(Math.min(CONFLICT_WAIT * 2 ** (this.#conflicts - 2), MAX_WAIT));
    return this.#judgeAgain(undefined);
  }

  /** No answer: the PATCH may have taken effect. Repeating it with the same T and version is harmless. */
  async #afterSilence(message: string, retryAfter: number | undefined): Promise<Started | undefined> {
    const { announcer, clock, observed } = this.#world;
    announcer.tell({ kind: 'repeating', workload: this.#workload, detail: message });
    if (clock.elapsed() >= this.#giveUp) return this.#settle(message);
    await observed.pause(Math.min(retryAfter ?? BACKOFF * 2 ** (this.#attempts - 1), MAX_WAIT));
    return undefined;
  }

  /** The gates forbid repeating, not reading: after the server's own timeout a read says what became of the attempts. */
  async #settle(silence?: string): Promise<Started> {
    const { observed } = this.#world;
    await observed.pause(SERVER_TIMEOUT);
    if (observed.closed) {
      return this.#ended({ outcome: 'interrupted', detail: 'the run ended before the API server answered' });
    }
    const workload = await this.#read();
    if (workload !== undefined && this.#isOurPatch(workload)) return this.#flying(workload);
    // Ten minutes of silence are no fault of the workload.
    if (silence !== undefined) {
      this.#world.gates.close({ kind: 'error', detail: `the API server gave no answer to a PATCH: ${silence}` });
    }
    return { kind: 'notStarted' };
  }

  async #judgeAgain(known: Workload | undefined): Promise<Started | undefined> {
    const { cluster, bench, clock, announcer, namespaces, observed } = this.#world;
    const workload = known ?? (await this.#read());
    if (workload === undefined || workload.uid !== this.#workload.uid) {
      return this.#ended({ outcome: 'gone', detail: 'it was deleted, or deleted and created again' });
    }
    const landed = this.#landedBefore(workload);
    if (landed !== undefined) return this.#flying(workload, landed);
    const pods = (await cluster.pods(workload, needsOf(bench.policy))).filter(pod => !pod.terminating);
    const namespace = namespaces.get(workload.namespace);
    const subject = { workload, pods, replicaSet: newestReplicaSet(pods) };
    const tried = await tryInjection(subject, { cluster, clock, policy: bench.policy });
    if (observed.closed && this.#attempts === 0) return { kind: 'notStarted' };
    // Quotas were asked right before (quota-room.ts).
    const asked = { injection: tried?.injection, shortages: [] };
    const autoscaler = this.#world.autoscalers.get(keyOf(workload));
    const budgets = this.#world.budgets.get(keyOf(workload)) ?? [];
    const judged = { workload, pods, namespace, autoscaler, budgets, ...asked };
    const verdict = judge(judged, { ...bench, now: clock.now() });
    announcer.tell({
      kind: 'judgedAgain',
      workload,
      detail: verdict.kind === 'inFlight' ? 'in flight by an earlier run' : `${verdict.why}: ${verdict.detail}`,
    });
    switch (verdict.kind) {
      case 'restart':
        this.#workload = workload;
        this.#restart = verdict;
        this.#tried = tried?.admission;
        this.#triedAt = clock.elapsed();
        this.#at = '';
        return undefined;
      case 'inFlight':
        return { kind: 'inFlight', workload, record: verdict.record, before: undefined, has: [], tried: undefined };
      case 'leave':
        // What somebody does to it from now on is not taken for this start.
        if (this.#attempts === 0) {
          this.#world.hold.change(checkpoint => dropUnstarted(checkpoint, new Set([keyOf(workload)])));
        } else if (workload.resourceVersion === this.#workload.resourceVersion) {
          // An attempt without an answer may still be carried out.
          const settled = await this.#settle();
          if (settled.kind !== 'notStarted') return settled;
        }
        return { kind: 'left', verdict };
      default:
        return unreachable(verdict);
    }
  }

  #record(): RestartRecord {
    const { bench, hold } = this.#world;
    return {
      at: this.#at,
      by: bench.by,
      run: hold.me.run,
      sweep: bench.sweep.id,
      why: this.#restart.why,
      want: this.#restart.want,
      template: this.#workload.template,
      before: this.#workload.restartedAt,
      ...(this.#restart.way === 'rollout' ? {} : { way: this.#restart.way }),
    };
  }

  /**
   * An unanswered attempt took effect, for the revision has grown, and somebody undid it at once. Where a record that came
   * meanwhile is in force, it is one of ours with an earlier T, and was not taken back.
   */
  #wasTakenBack(workload: Workload): boolean {
    const judged = this.#workload;
    const { uid, template, restartedAt, record } = workload;
    const { by } = this.#world.bench;
    const same = uid === judged.uid && template === judged.template;
    const isInForce = record !== judged.record && ownRecord(workload, by) !== undefined;
    const undone = !isInForce && this.#restart.way === 'rollout' && isTakenBack(restartedAt, this.#at);
    const tookEffect = tookEffectSince({ revision: judged.revision, at: this.#at, by }, workload);
    return this.#attempts > 1 && same && tookEffect && undone;
  }

  #isOurPatch(workload: Workload): boolean {
    const record = ownRecord(workload, this.#world.bench.by);
    return record !== undefined && record.at === this.#at && record.run === this.#world.hold.me.run;
  }

  /** An attempt with an earlier T, whose answer was lost, took effect after all. */
  #landedBefore(workload: Workload): RestartRecord | undefined {
    const record = workload.record === this.#workload.record ? undefined : ownRecord(workload, this.#world.bench.by);
    return record?.run === this.#world.hold.me.run ? record : undefined;
  }

  #flying(workload: Workload, record = this.#record()): Started {
    const before = this.#workload.status.progressing;
    const { has } = this.#restart;
    return { kind: 'inFlight', workload, record, before, has, tried: this.#tried };
  }

  #ended(landing: Landing): Started {
    return { kind: 'ended', landing, at: this.#at };
  }

  async #read(): Promise<Workload | undefined> {
    const workload = await this.#world.cluster.workload(this.#workload);
    this.#world.observed.put(this.#workload, workload);
    return workload;
  }
}
