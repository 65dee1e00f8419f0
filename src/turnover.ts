import {
  unreachable,
  type FailureReason,
  type Pod,
  type Reason,
  type Workload,
  type WorkloadRef,
} from './domain/model.ts';
import { needsOf } from './domain/policy.ts';
import { owedRecord, ownRecord, type RestartRecord } from './domain/record.ts';
import { stuckReason } from './domain/rollout.ts';
import { withoutSpare } from './domain/starts.ts';
import { nextToGo } from './domain/succession.ts';
import { fought } from './domain/vetoes.ts';
import { mayBeDown } from './domain/way.ts';
import type { Landing } from './flight.ts';
import { Generations, type Sorted, type Turnover } from './generations.ts';
import { SERVER_TIMEOUT } from './ports.ts';
import { becomesReady } from './readiness.ts';
import { addSpare, returnSpare, returnSpareAtLast, type SpareWorld } from './spare.ts';
import type { StartWorld } from './start.ts';

/** Between two looks at the Pods while nothing is heard. */
const LOOK = 5_000;
/** A Pod goes only if what it needs was looked at so short a time ago. */
const PREPARED = 15_000;
/** So often in a row they are looked at again before one goes: twice is enough unless all answers are slow. */
const MOST_IN_VAIN = 10;
/** Pods that say they are doomed are believed when nothing moved for so long. */
const PATIENCE = 15_000;
/** Between two tries whether an injector, or a node, can tell what a Pod is. */
const UNKNOWN = 15_000;
/** Between two tries of an eviction that a budget does not allow; the server's own wish comes first. */
const BLOCKED = 5_000;
const MAX_WAIT = 15_000;
/** How long a Pod may take for its end before the next one goes beside it. */
const LEAVING = 60_000;
/** After a conflict: somebody may write to it all the time. */
const CONFLICT = 1_000;

/**
 * Replaces the stale Pods of a workload one after the other (way `evict`, as many at once as its strategy lets be
 * unavailable; way `replace` with one Pod more meanwhile): each only after the replacement of the one before is ready and
 * fresh. `rollout.timeout` counts for each anew. The first replacement that is stale, or cannot start, ends it.
 */
export async function turnOver(turnover: Turnover, world: StartWorld): Promise<Landing> {
  return new TurningOver(turnover, world).toTheEnd();
}

class TurningOver {
  readonly #turnover: Turnover;
  readonly #world: StartWorld;
  readonly #spares: SpareWorld;
  readonly #generations: Generations;
  #workload: Workload;
  #record: RestartRecord;
  #deadline: number;
  #movedAt: number;
  #lastSeen = '';
  /** What kept the last eviction from happening. */
  #blocked: string | undefined;
  /** Until when a request that got no answer may still be carried out; of an eviction, of which Pod. */
  #air: { readonly uid?: string; readonly until: number } | undefined;
  /** It may have one Pod more than it wants, without our having seen it. */
  #mayOwe = false;
  /** When its Pods were looked at. */
  #lookedAt = 0;
  /** When everything was there that the next Pod needs to go. */
  #preparedAt = Number.NEGATIVE_INFINITY;
  /** How often in a row its Pods had to be looked at again. */
  #inVain = 0;
  #completeSince: number | undefined;
  #isProven = false;
  /** Or has tried to, or an earlier run may have. */
  #hasEvicted: boolean;
  /** The version of the workload that was looked at last. */
  #seen: string | undefined;
  /** Of taking the spare Pod back. */
  #note = '';

  constructor(turnover: Turnover, world: StartWorld) {
    this.#turnover = turnover;
    this.#world = world;
    this.#spares = { ...world, by: world.bench.by };
    this.#generations = new Generations(turnover, world);
    this.#workload = turnover.workload;
    this.#record = turnover.record;
    this.#hasEvicted = turnover.isResumed;
    this.#movedAt = world.clock.elapsed();
    this.#deadline = this.#movedAt + turnover.policy.rollout.timeout;
  }

  async toTheEnd(): Promise<Landing> {
    const landing = await this.#untilLanded();
    const isOwed = this.#record.replicas !== undefined || this.#mayOwe;
    // By an earlier run, perhaps, that could not say so any more.
    if (!isOwed && landing.outcome === 'restarted') this.#world.hold.change(now => withoutSpare(now, this.#workload));
    if (!isOwed) return this.#withNote(landing);
    if (!(await this.#nothingInTheAir())) {
      this.#note = 'its spare Pod is not taken back yet: a request without an answer may still be carried out';
      return this.#withNote(landing);
    }
    const returned = await returnSpareAtLast(this.#workload, this.#spares);
    this.#note = returned.kind === 'not' ? `its spare Pod is not taken back yet: ${returned.detail}` : returned.detail;
    const isAsBefore =
      landing.outcome === 'failed' && returned.kind === 'returned' && returned.isSure && !this.#hasEvicted;
    return { ...this.#withNote(landing), ...(isAsBefore ? { isAsBefore } : {}) };
  }

  #withNote(landing: Landing): Landing {
    return { ...landing, detail: [landing.detail, this.#note].filter(Boolean).join('; ') };
  }

  async #untilLanded(): Promise<Landing> {
    const { observed } = this.#world;
    // Whoever judges it next finds it half done.
    if (!this.#turnover.isWanted) {
      return { outcome: 'superseded', detail: 'the policy asks for something else than it was begun for' };
    }
    while (!observed.closed) {
      const landing = await this.#step();
      if (landing !== undefined) return landing;
    }
    return { outcome: 'interrupted', detail: 'the run ended first; the next one goes on' };
  }

  /** Waits, acts or decides; undefined means: look again. */
  async #step(): Promise<Landing | undefined> {
    const changed = await this.#readAgain();
    if (changed !== undefined) return changed;
    this.#lookedAt = this.#world.clock.elapsed();
    const pods = await this.#world.cluster.pods(this.#workload, needsOf(this.#turnover.policy));
    const live = pods.filter(pod => !pod.terminating);
    const sorted = await this.#generations.sort(this.#workload, live);
    this.#noteProgress(sorted, pods.length - live.length);
    const failure = this.#generations.failureOf(sorted, this.#world.clock.elapsed() - this.#movedAt >= PATIENCE);
    if (failure !== undefined) return failure;
    if (sorted.unknown.length > 0) {
      return this.#isLate ? this.#generations.notKnown(this.#workload, sorted) : this.#wait(UNKNOWN);
    }
    if (sorted.stale.length > 0) return this.#goOn(sorted, pods);
    return this.#finish(pods, live);
  }

  /** The next Pod goes, as soon as that leaves as many available as are promised. */
  async #goOn(sorted: Sorted, pods: readonly Pod[]): Promise<Landing | undefined> {
    const { gates } = this.#world;
    const { way } = this.#turnover.record;
    if (way === 'replace' && this.#record.replicas === undefined) return this.#grow();
    const isDownAllowed = mayBeDown(this.#workload, this.#turnover.policy);
    if (way === 'evict' && this.#workload.replicas <= 1 && !isDownAllowed) {
      return { outcome: 'superseded', detail: 'somebody scaled it meanwhile, and its only Pod would be evicted' };
    }
    const next = nextToGo(
      { ...sorted, leaving: this.#isPatient ? pods.length - sorted.stale.length - sorted.fresh.length : 0 },
      { workload: this.#workload, way, mayBeDown: isDownAllowed },
    );
    if (next === undefined) return this.#isLate ? this.#late(sorted) : this.#wait(LOOK);
    if (!(await this.#isPrepared(next))) return this.#inVain++ < MOST_IN_VAIN ? undefined : this.#tooSlow();
    const ending = await gates.checkInFlight();
    if (ending !== undefined) {
      const detail = `${ending.detail}; ${sorted.stale.length} of its Pods are still to be replaced`;
      return { outcome: 'interrupted', detail };
    }
    this.#preparedAt = Number.NEGATIVE_INFINITY;
    this.#inVain = 0;
    const answer = await this.#world.cluster.evict(this.#workload, next);
    if (answer.kind === 'accepted' || answer.kind === 'unanswered') this.#hasEvicted = true;
    switch (answer.kind) {
      case 'accepted':
        this.#moved();
        return this.#wait(LOOK);
      case 'changed':
        return this.#isLate ? this.#late(sorted) : this.#wait(LOOK);
      case 'blocked':
        if (this.#blocked !== answer.message) {
          this.#world.announcer.tell({ kind: 'evictionBlocked', workload: this.#workload, detail: answer.message });
        }
        this.#blocked = answer.message;
        if (this.#isLate) return this.#late(sorted);
        return this.#wait(Math.min(answer.retryAfter ?? BLOCKED, MAX_WAIT));
      case 'never':
        return { outcome: 'denied', isOfItself: true, detail: answer.message };
      case 'forbidden': {
        const { verb, resource, namespace } = answer.permission;
        gates.close({ kind: 'notPermitted', detail: `not permitted to ${verb} ${resource} in namespace ${namespace}` });
        return { outcome: 'interrupted', detail: 'it is not permitted to evict its Pods' };
      }
      case 'denied':
        return { outcome: 'denied', detail: answer.message };
      case 'unanswered':
        return this.#unanswered(answer, { uid: next.uid });
      default:
        return unreachable(answer);
    }
  }

  /**
   * Waits for all that a Pod needs to go, its replacement for what a new batch would need. That may take minutes, after which
   * what its Pods were like says nothing any more: false means that they are to be looked at again.
   */
  async #isPrepared(next: Pod): Promise<boolean> {
    const { clock, hold, gates } = this.#world;
    if (this.#air !== undefined && this.#air.uid !== next.uid) {
      await this.#uncounted(() => this.#nothingInTheAir());
      return gates.endingInFlight !== undefined;
    }
    if (clock.elapsed() - this.#preparedAt <= PREPARED && hold.isFresh()) return true;
    await this.#uncounted(async () => {
      await becomesReady(this.#world, { inFlight: true });
      this.#preparedAt = clock.elapsed();
      await gates.checkInFlight();
    });
    return clock.elapsed() - this.#lookedAt < LOOK || gates.endingInFlight !== undefined;
  }

  /**
   * An eviction without an answer may still be carried out, beside the next one, or after the spare Pod is gone. False where the
   * run ends before that is over.
   */
  async #nothingInTheAir(): Promise<boolean> {
    const { clock, observed } = this.#world;
    const { until = 0 } = this.#air ?? {};
    while (clock.elapsed() < until && !observed.closed) await observed.pause(until - clock.elapsed());
    if (clock.elapsed() < until) return false;
    this.#air = undefined;
    return true;
  }

  /** One Pod more than it wants. */
  async #grow(): Promise<Landing | undefined> {
    const { gates, cluster, clock, observed, bench } = this.#world;
    if (ownRecord(this.#workload, bench.by)?.at !== this.#record.at) {
      return { outcome: 'superseded', detail: 'somebody took the record of its restart away' };
    }
    await this.#uncounted(() => becomesReady(this.#world, { inFlight: true }));
    // Hours may have passed since the look at the cluster.
    const autoscaler = await cluster.autoscaler(this.#workload);
    const fight = fought({ workload: this.#workload, autoscaler }, { now: clock.now() });
    if (fight !== undefined) return { outcome: 'superseded', detail: fight.detail };
    // The last thing before the PATCH: this process may have stood still in the look.
    const ending = await gates.checkInFlight();
    if (ending !== undefined) return { outcome: 'interrupted', detail: ending.detail };
    const added = await addSpare(this.#workload, this.#record, this.#spares);
    switch (added.kind) {
      case 'added':
        this.#record = added.record;
        this.#moved();
        return undefined;
      case 'changed': {
        const read = await cluster.workload(this.#workload);
        observed.put(this.#workload, read);
        // It may have been an attempt of ours that got no answer.
        const isOurs = read !== undefined && owedRecord(read, bench.by) !== undefined;
        if (isOurs) this.#moved();
        if (this.#isLate) return { outcome: 'denied', detail: 'somebody changes it all the time' };
        await observed.pause(CONFLICT);
        return undefined;
      }
      case 'gone':
        return { outcome: 'gone', detail: 'it was deleted' };
      case 'forbidden':
        gates.close({ kind: 'notPermitted', detail: `not permitted to patch ${added.permission.resource}` });
        return { outcome: 'interrupted', detail: 'it is not permitted to change it' };
      case 'denied':
        return { outcome: 'denied', detail: added.message };
      case 'unanswered':
        this.#mayOwe = true;
        return this.#unanswered(added);
      default:
        return unreachable(added);
    }
  }

  /** It may be carried out all the same; by `uid` the eviction of which Pod. */
  #unanswered(
    { message, retryAfter }: { readonly message: string; readonly retryAfter: number | undefined },
    pod: { readonly uid?: string } = {},
  ): Landing | Promise<undefined> {
    const { announcer, clock } = this.#world;
    this.#air = { ...pod, until: clock.elapsed() + SERVER_TIMEOUT };
    announcer.tell({ kind: 'repeating', workload: this.#workload, detail: message });
    return this.#isLate ? this.#unheard(message) : this.#wait(Math.min(retryAfter ?? BLOCKED, MAX_WAIT));
  }

  /** Ten minutes of silence are no fault of the workload. */
  #unheard(message: string): Landing {
    return this.#broken(`the API server gave no answer: ${message}`);
  }

  #tooSlow(): Landing {
    return this.#broken('the API server answers too slowly: what is known of the Pods is too old when one is to go');
  }

  #broken(detail: string): Landing {
    this.#world.gates.close({ kind: 'error', detail });
    return { outcome: 'interrupted', detail };
  }

  /** All live Pods are fresh: the spare one goes, then the rest has to stay healthy for a while. */
  async #finish(pods: readonly Pod[], live: readonly Pod[]): Promise<Landing | undefined> {
    const { clock, observed } = this.#world;
    const { status, replicas } = this.#workload;
    const owed = this.#record.replicas;
    const ready = live.filter(pod => pod.ready).length;
    // Of those that are ready the ReplicaSet may take any: all of them have to be available.
    if (owed !== undefined && ready >= owed && status.availableReplicas >= ready) {
      if (!(await this.#nothingInTheAir())) return undefined;
      const returned = await returnSpare(this.#workload, this.#spares, { isAnyFine: true });
      if (returned.kind === 'not') {
        return returned.isRefused
          ? { outcome: 'denied', detail: 'all its Pods are new' }
          : this.#unheard(returned.detail);
      }
      this.#note = returned.detail;
      const { replicas: _, ...record } = this.#record;
      this.#record = record;
      this.#mayOwe = false;
      this.#moved();
      return undefined;
    }
    const leaving = pods.length - live.length;
    const isThere =
      this.#workload.generation <= status.observedGeneration &&
      live.length === replicas &&
      status.replicas === replicas &&
      ready === replicas &&
      status.availableReplicas >= replicas;
    const isLeaving = leaving > 0 || (status.terminatingReplicas ?? 0) > 0;
    if (!isThere || (isLeaving && !this.#isLate)) {
      this.#completeSince = undefined;
      return this.#isLate ? this.#late({ stale: [], fresh: live }) : this.#wait(LOOK);
    }
    this.#completeSince ??= clock.elapsed();
    const soaked = this.#completeSince + this.#turnover.policy.rollout.soak;
    if (clock.elapsed() < soaked) {
      await observed.change(this.#workload, Math.min(LOOK, soaked - clock.elapsed()));
      return undefined;
    }
    if (!this.#isProven) {
      this.#isProven = true;
      this.#generations.forget();
      return undefined;
    }
    return { outcome: 'restarted', detail: leaving > 0 ? `${leaving} old Pods still terminating` : '' };
  }

  #late({ stale, fresh }: Pick<Sorted, 'stale' | 'fresh'>): Landing {
    if (this.#blocked !== undefined) {
      return { outcome: 'denied', isOfItself: true, detail: `no eviction within the timeout: ${this.#blocked}` };
    }
    const ready = fresh.filter(pod => pod.ready).length;
    const detail = `${ready} Pods are new and ready, ${stale.length} still to be replaced, ${this.#workload.replicas} expected`;
    const otherwise: Reason<FailureReason> = { why: 'timeout', detail };
    return { outcome: 'failed', ...stuckReason(this.#workload, fresh, otherwise) };
  }

  /** It is what it was, or why this is over. */
  async #readAgain(): Promise<Landing | undefined> {
    const { workload: began, record } = this.#turnover;
    const workload = await this.#newest(began);
    if (workload === undefined) return { outcome: 'gone', detail: 'it was deleted' };
    if (workload.uid !== began.uid) return { outcome: 'gone', detail: 'it was deleted and created again' };
    if (workload.deleting) return { outcome: 'gone', detail: 'it is being deleted' };
    this.#workload = workload;
    // An attempt without an answer may have taken effect, whatever somebody has done to the template since.
    const standing = owedRecord(workload, this.#world.bench.by) ?? ownRecord(workload, this.#world.bench.by);
    if (standing?.at === record.at) this.#record = standing;
    if (workload.optedOut) return { outcome: 'superseded', detail: 'somebody annotated it nightshift/restart: never' };
    if (workload.paused) return { outcome: 'superseded', detail: 'somebody paused it' };
    if (workload.template !== record.template) {
      return { outcome: 'superseded', detail: 'somebody changed its Pod template' };
    }
    const { restartedAt } = workload;
    if (restartedAt !== record.before) {
      const did = restartedAt === undefined ? 'took its restartedAt away' : `restarted it at ${restartedAt}`;
      return { outcome: 'superseded', detail: `somebody ${did}` };
    }
    const { replicas } = this.#record;
    if (replicas === undefined || workload.replicas === replicas + 1) return undefined;
    if (workload.replicas !== replicas) return { outcome: 'superseded', detail: '' };
    // GitOps, a person or an autoscaler wants exactly what it was: that will happen again. An autoscaler says nothing about others.
    const autoscaler = await this.#world.cluster.autoscaler(workload);
    return autoscaler === undefined
      ? { outcome: 'reverted', detail: '' }
      : { outcome: 'reverted', isOfItself: true, detail: `autoscaler ${autoscaler.name} may have done that` };
  }

  /** As the watch has told since the last look; where it has told nothing, as it is read. */
  async #newest(ref: WorkloadRef): Promise<Workload | undefined> {
    const { cluster, observed } = this.#world;
    const told = observed.latest(ref);
    if (told !== undefined && told.resourceVersion !== this.#seen) {
      this.#seen = told.resourceVersion;
      return told;
    }
    const read = await cluster.workload(ref);
    observed.put(ref, read);
    this.#seen = read?.resourceVersion;
    return read;
  }

  #noteProgress({ stale, fresh }: Sorted, leaving: number): void {
    const ready = fresh.filter(pod => pod.ready).length;
    const seen = JSON.stringify([stale.length, fresh.length, ready, leaving]);
    if (seen === this.#lastSeen) return;
    this.#lastSeen = seen;
    this.#movedAt = this.#world.clock.elapsed();
    const detail = `${ready} of ${stale.length + fresh.length} Pods are new and ready`;
    this.#world.announcer.tell({ kind: 'progress', workload: this.#workload, detail });
  }

  /** Something was done: its consequences get the whole time. */
  #moved(): void {
    this.#blocked = undefined;
    this.#movedAt = this.#world.clock.elapsed();
    this.#deadline = this.#movedAt + this.#turnover.policy.rollout.timeout;
  }

  /** The time that this takes counts for no Pod. */
  async #uncounted(wait: () => Promise<unknown>): Promise<void> {
    const { clock } = this.#world;
    const began = clock.elapsed();
    await wait();
    this.#deadline += clock.elapsed() - began;
  }

  /** Pods on their way out are waited for, but not each for as long as a rollout may take. */
  get #isPatient(): boolean {
    return this.#world.clock.elapsed() - this.#movedAt < LEAVING;
  }

  get #isLate(): boolean {
    return this.#world.clock.elapsed() >= this.#deadline;
  }

  async #wait(milliseconds: number): Promise<undefined> {
    const left = this.#deadline - this.#world.clock.elapsed();
    await this.#world.observed.change(this.#workload, Math.max(0, Math.min(milliseconds, left)));
    return undefined;
  }
}
