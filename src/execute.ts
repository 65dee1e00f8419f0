import type { Admission } from './domain/drift.ts';
import { isTakenBack } from './domain/instant.ts';
import { isOfOccurrence, recordOutcome, recordRevert, typicalRollout } from './domain/ledger.ts';
import { dropUnstarted, isNamed, nameable, nameStarts } from './domain/starts.ts';
import { keyOf, unreachable, type Condition, type OutcomeKind, type Workload } from './domain/model.ts';
import { leftInBatch, type Plan } from './domain/plan.ts';
import { formatRecord, ownRecord, type RestartRecord } from './domain/record.ts';
import type { Ending, Outcome } from './domain/report.ts';
import { isBelowPromise } from './domain/rollout.ts';
import { ageReference, type Leave, type Restart } from './domain/verdict.ts';
import { follow, takenBack, type Landing } from './flight.ts';
import { endingOfError } from './gates.ts';
import { wordsOf } from './ports.ts';
import { notReady } from './readiness.ts';
import { start, type StartWorld } from './start.ts';

export interface Executed {
  readonly outcomes: readonly Outcome[];
  /** Judged again right before their start, and left. */
  readonly left: readonly Leave[];
  /** Stale and willing, but not started. */
  readonly remaining: number;
  /** Undefined when everything was walked through. */
  readonly ending: Ending | undefined;
}

/** However long the API server asks us to wait before we write an outcome on a workload again. */
const MAX_WAIT = 15_000;
/** Between two looks whether what has to be ready is. */
const READY_POLL = 5_000;

/**
 * Walks the plan: batch by batch, inside a batch as many at once as the limits allow, until all is done or the gates
 * close. What is in flight then is awaited, unless the run has to end at once.
 */
export async function execute(plan: Plan, world: StartWorld): Promise<Executed> {
  return new Execution(plan, world).toTheEnd();
}

class Execution {
  readonly #world: StartWorld;
  readonly #plan: Plan;
  readonly #queue: Restart[];
  /** Of the batch under way, those that did not start yet. */
  #batch: Restart[] = [];
  readonly #inFlight = new Map<string, Workload>();
  readonly #outcomes: Outcome[] = [];
  readonly #left: Leave[] = [];
  /** Those that were restarted, as they were then. */
  readonly #settled = new Map<string, { readonly workload: Workload; readonly at: string }>();
  #landed = Promise.withResolvers<void>();

  constructor(plan: Plan, world: StartWorld) {
    this.#world = world;
    this.#plan = plan;
    this.#queue = plan.batches.flat();
  }

  async toTheEnd(): Promise<Executed> {
    const { gates, hold } = this.#world;
    for (const { workload, record } of this.#plan.inFlight)
      this.#launch(workload, () => this.#resume(workload, record));
    // What an earlier occurrence left is no part of this one's ramp, and goes before its canary.
    const ofThisOne = ({ record }: { readonly record: RestartRecord }) => isOfOccurrence(hold.checkpoint, record.at);
    if (!this.#plan.inFlight.every(ofThisOne)) await this.#landing(0);
    while (this.#queue.length > 0 && (await gates.check()) === undefined && (await this.#isReady())) {
      const before = this.#outcomes.length;
      await this.#runBatch();
      if (this.#outcomes.length > before) await this.#pause();
    }
    await this.#landing(0);
    await this.#noticeReverts();
    // The last one failed: nothing is left to start, but it is a stop all the same.
    if (hold.checkpoint.stop !== null) await gates.check();
    const unstarted = new Set([...this.#queue, ...this.#left].map(({ workload }) => keyOf(workload)));
    hold.change(checkpoint => dropUnstarted(checkpoint, unstarted));
    return { outcomes: this.#outcomes, left: this.#left, remaining: this.#remaining, ending: gates.ending };
  }

  /** Restarts of an earlier run count in the batch that it began; while they fill it, nothing new starts. */
  async #runBatch(): Promise<void> {
    const { gates, announcer } = this.#world;
    this.#batch = this.#queue.splice(0, Math.max(0, this.#batchSize() - this.#inFlight.size));
    const size = this.#batch.length;
    if (size > 0)
      announcer.tell({ kind: 'batchStarted', size, remaining: this.#queue.length, probing: this.#isProbing });
    while (this.#batch.length > 0) {
      await this.#noticeReverts();
      // One of this batch changed nothing: the rest of it goes one by one.
      if (this.#isProbing && this.#batch.length < size) break;
      const restart = this.#batch.find(({ workload }) => this.#fits(workload));
      if (restart === undefined) {
        await this.#landing(this.#inFlight.size - 1);
        continue;
      }
      await this.#name(restart);
      const first = gates.isFirst;
      if ((await gates.check(first)) !== undefined) break;
      gates.started();
      this.#batch = this.#batch.filter(other => other !== restart);
      this.#launch(restart.workload, () => this.#start(restart, first));
    }
    this.#queue.unshift(...this.#batch);
    this.#batch = [];
    await this.#landing(0);
  }

  /** Waits for what the policy wants to be ready first, at most as long as a rollout may take; the next run waits again. */
  async #isReady(): Promise<boolean> {
    const { bench, cluster, clock, gates, announcer, observed } = this.#world;
    const until = clock.elapsed() + bench.policy.rollout.timeout;
    for (let told = false; ; told = true) {
      const waiting = await notReady(bench.policy, cluster);
      if (waiting === undefined) return gates.ending === undefined;
      if (!told) announcer.tell({ kind: 'notReady', detail: waiting });
      if (clock.elapsed() >= until) gates.close({ kind: 'notReady', detail: waiting });
      else await observed.pause(READY_POLL);
      if ((await gates.check()) !== undefined) return false;
    }
  }

  /** What was restarted well and is taken back later: told as what it is, and counted like one that was taken back at once. */
  async #noticeReverts(): Promise<void> {
    const { observed, cluster, hold, bench, clock } = this.#world;
    for (const [key, { workload, at }] of this.#settled) {
      const now = observed.latest(workload);
      const isSame = now !== undefined && now.uid === workload.uid && now.template === workload.template;
      if (!isSame || !isTakenBack(now.restartedAt, at)) continue;
      this.#settled.delete(key);
      const owner = await cluster.ownerOfRestartedAt(workload);
      const index = this.#outcomes.findIndex(outcome => keyOf(outcome) === key);
      const before = this.#outcomes[index];
      if (before === undefined) continue;
      const outcome = { ...before, outcome: 'reverted' as const, detail: takenBack(owner) };
      this.#outcomes[index] = outcome;
      const { policy, want } = bench;
      hold.change(checkpoint => recordRevert(checkpoint, outcome, { policy, want, at, now: clock.now() }));
      this.#tellEnd(outcome);
    }
  }

  get #remaining(): number {
    return this.#batch.length + this.#queue.length;
  }

  #batchSize(): number {
    const { hold, bench } = this.#world;
    return this.#isProbing ? 1 : leftInBatch(bench.policy.batches.sizes, hold.checkpoint.occurrence?.done ?? 0);
  }

  get #isProbing(): boolean {
    return (this.#world.hold.checkpoint.sweep?.ineffectiveInRow ?? 0) > 0;
  }

  /**
   * A workload that is larger than the limit on Pods goes alone. Those that share a PodDisruptionBudget never go together:
   * rollouts ignore it, and two at once may take more than it allows.
   */
  #fits(candidate: Workload): boolean {
    const { bench, observed, budgets } = this.#world;
    const { workloads, pods, perNamespace } = bench.policy.batches.inFlight;
    const flying = [...this.#inFlight.values()];
    if (flying.length === 0) return true;
    // An autoscaler may have changed the replicas since the plan.
    const replicasOf = (workload: Workload): number => observed.latest(workload)?.replicas ?? workload.replicas;
    const budgetsOf = (workload: Workload): readonly string[] => budgets.get(keyOf(workload)) ?? [];
    const taken = new Set(flying.flatMap(budgetsOf));
    return (
      flying.length < workloads &&
      !budgetsOf(candidate).some(budget => taken.has(budget)) &&
      flying.reduce((sum, workload) => sum + replicasOf(workload), replicasOf(candidate)) <= pods &&
      flying.filter(({ namespace }) => namespace === candidate.namespace).length < perNamespace
    );
  }

  /** Nothing unnamed starts, so that the next run knows where to look if this one dies. */
  async #name(restart: Restart): Promise<void> {
    const { hold, clock } = this.#world;
    if (isNamed(hold.checkpoint, restart.workload)) return;
    const next = [restart, ...this.#batch.filter(other => other !== restart)].map(({ workload }) => workload);
    const unnamed = nameable(next.filter(workload => !isNamed(hold.checkpoint, workload)));
    hold.change(checkpoint => nameStarts(checkpoint, unnamed, clock.now()));
    await hold.save();
  }

  async #pause(): Promise<void> {
    const { gates, bench, announcer, observed, clock } = this.#world;
    const { pause } = bench.policy.batches;
    if (this.#queue.length === 0 || pause === 0 || (await gates.check()) !== undefined) return;
    if (gates.closesWithin(pause)) {
      gates.close({ kind: 'windowClosed', detail: 'the window closes before the pause between two batches is over' });
      return;
    }
    announcer.tell({ kind: 'pausing', milliseconds: pause, remaining: this.#remaining });
    const until = clock.elapsed() + pause;
    while (clock.elapsed() < until && gates.ending === undefined && !observed.closed) {
      await observed.pause(until - clock.elapsed());
    }
  }

  /** Resolves when no more than so many are in flight. */
  async #landing(most: number): Promise<void> {
    while (this.#inFlight.size > Math.max(0, most)) await this.#landed.promise;
  }

  #launch(workload: Workload, journey: () => Promise<void>): void {
    this.#inFlight.set(keyOf(workload), workload);
    this.#world.observed.measure(this.#world.observed.latest(workload) ?? workload);
    void journey()
      .catch((error: unknown) => this.#abandon(workload, error))
      .then(() => {
        this.#inFlight.delete(keyOf(workload));
        const landed = this.#landed;
        this.#landed = Promise.withResolvers();
        landed.resolve();
      });
  }

  /** An error in one journey ends the run; what is in flight, this one included, is left to the next one. */
  #abandon(workload: Workload, error: unknown): void {
    const { gates, announcer } = this.#world;
    gates.close(endingOfError(error, announcer));
    this.#outcomes.push(outcomeOf(workload, { outcome: 'interrupted', detail: gates.ending?.detail ?? '' }, 0));
  }

  async #resume(workload: Workload, record: RestartRecord): Promise<void> {
    const began = this.#world.clock.elapsed();
    this.#world.announcer.tell({ kind: 'resumed', workload, at: record.at });
    await this.#fly(workload, { record, template: record.template, before: undefined, tried: undefined, began });
  }

  async #start(restart: Restart, first: boolean): Promise<void> {
    const { clock, announcer } = this.#world;
    const began = clock.elapsed();
    const started = await start(restart, this.#world, first);
    switch (started.kind) {
      case 'inFlight': {
        const { workload, record, before, tried } = started;
        announcer.tell({ kind: 'started', workload, at: record.at, why: restart.why, detail: restart.detail });
        return this.#fly(workload, { record, template: workload.template, before, tried, began });
      }
      case 'left':
        this.#left.push(started.verdict);
        return undefined;
      case 'notStarted':
        this.#queue.unshift(restart);
        return undefined;
      case 'ended':
        return this.#land(restart.workload, started.landing, { at: started.at, began });
      default:
        return unreachable(started);
    }
  }

  async #fly(
    workload: Workload,
    from: {
      readonly record: RestartRecord;
      readonly template: string;
      readonly before: Condition | undefined;
      readonly tried: Admission | undefined;
      readonly began: number;
    },
  ): Promise<void> {
    const { observed, bench, announcer, clock, cluster } = this.#world;
    observed.put(workload, workload);
    const { record, template, before, tried, began } = from;
    const landing = await follow(
      { ref: workload, uid: workload.uid, at: record.at, template, before, tried, age: ageReference(record, bench) },
      {
        cluster,
        clock,
        observed,
        policy: bench.policy,
        configChanges: bench.configChanges,
        progress: (ref, detail) => announcer.tell({ kind: 'progress', workload: ref, detail }),
      },
    );
    await this.#land(workload, landing, { at: record.at, began });
  }

  /**
   * Writes an outcome down: a failure first in the checkpoint, keyed by uid and T, so that it counts once, then on the
   * workload. A crash between the two: the next run finds it in flight, sees the same, and counts nothing.
   */
  async #land(
    workload: Workload,
    landing: Landing,
    from: { readonly at: string; readonly began: number },
  ): Promise<void> {
    const { hold, clock, gates, bench, observed } = this.#world;
    const available = landing.outcome === 'gone' ? undefined : observed.worstOf(workload);
    const fell =
      available !== undefined && isBelowPromise(available)
        ? `only ${available.least} replicas were available, ${available.promised} are promised`
        : '';
    const detail = [landing.detail, fell, gates.overrun()].filter(Boolean).join('; ');
    const measured = { ...landing, detail, ...(available === undefined ? {} : { available }) };
    const outcome = outcomeOf(workload, measured, clock.elapsed() - from.began);
    this.#outcomes.push(outcome);
    const { policy, want } = bench;
    hold.change(checkpoint => recordOutcome(checkpoint, outcome, { policy, want, at: from.at, now: clock.now() }));
    this.#tellEnd(outcome);
    if (landing.outcome === 'restarted') this.#settled.set(keyOf(workload), { workload, at: from.at });
    if (landing.outcome !== 'failed' && landing.outcome !== 'ineffective') return;
    await hold.save();
    await this.#writeOnWorkload(workload, { at: from.at, outcome: landing.outcome, reason: landing.why });
  }

  #tellEnd(outcome: Outcome): void {
    const { hold, bench, announcer } = this.#world;
    const typicalSeconds = (typicalRollout(hold.checkpoint) ?? 0) / 1000;
    const width = bench.policy.batches.inFlight.workloads;
    announcer.tell({ kind: 'ended', outcome, remaining: this.#remaining, typicalSeconds, width });
  }

  /** Needs the hold and T in the template, not the gates. */
  async #writeOnWorkload(
    ref: Workload,
    end: {
      readonly at: string;
      readonly outcome: OutcomeKind & RestartRecord['outcome'];
      readonly reason: string | undefined;
    },
  ): Promise<void> {
    const { cluster, hold, bench, announcer, observed } = this.#world;
    let detail = '';
    for (let attempt = 0; attempt < 5 && !observed.closed; attempt++) {
      try {
        const workload = await cluster.workload(ref);
        const record = workload && ownRecord(workload, bench.by);
        if (workload === undefined || record === undefined || record.at !== end.at) return;
        if (!hold.isFresh()) await hold.save();
        if (hold.loss !== undefined || observed.closed) return;
        const text = formatRecord({ ...record, outcome: end.outcome, reason: end.reason });
        const answer = await cluster.rewriteRecord(workload, text);
        if (answer.kind === 'accepted' || answer.kind === 'gone') return;
        detail = 'message' in answer ? answer.message : answer.kind;
        if (answer.kind === 'unanswered') await observed.pause(Math.min(answer.retryAfter ?? 1_000, MAX_WAIT));
        else if (answer.kind !== 'conflict') break;
      } catch (error) {
        // The outcome stands in the checkpoint; the record is for the runs after the next hundred starts.
        detail = wordsOf(error);
        break;
      }
    }
    announcer.tell({ kind: 'recordNotWritten', workload: ref, detail });
  }
}

function outcomeOf(workload: Workload, landing: Landing & Pick<Outcome, 'available'>, milliseconds: number): Outcome {
  const { namespace, name, kind, uid } = workload;
  return { namespace, name, kind, uid, ...landing, seconds: Math.round(milliseconds / 100) / 10 };
}
