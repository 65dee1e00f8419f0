import type { Admission } from './domain/drift.ts';
import { isOfRamp } from './domain/ledger.ts';
import { dropUnstarted, isNamed, nameable, nameStarts } from './domain/starts.ts';
import { keyOf, unreachable, type Condition, type Workload } from './domain/model.ts';
import { leftInBatch, type Plan } from './domain/plan.ts';
import { reliedOn } from './domain/policy.ts';
import type { RestartRecord } from './domain/record.ts';
import type { Ending, Outcome } from './domain/report.ts';
import { ageReference, type Leave, type Restart } from './domain/verdict.ts';
import { isSameWant } from './domain/want.ts';
import { addedBy } from './domain/way.ts';
import { follow } from './flight.ts';
import { endingOfError } from './gates.ts';
import { Landings } from './landings.ts';
import { askQuorum } from './quorum.ts';
import { QuotaRoom } from './quota-room.ts';
import { becomesReady, Room } from './readiness.ts';
import { start, type StartWorld } from './start.ts';
import { turnOver } from './turnover.ts';

export interface Executed {
  readonly outcomes: readonly Outcome[];
  /** Judged again right before their start, and left. */
  readonly left: readonly Leave[];
  /** Stale and willing, but not started. */
  readonly remaining: number;
  /** Undefined when everything was walked through. */
  readonly ending: Ending | undefined;
}

/**
 * Walks the plan: batch by batch, inside a batch as many at once as the limits allow, until all is done or the gates
 * close. What is in flight then is awaited, unless the run has to end at once.
 */
export async function execute(plan: Plan, world: StartWorld): Promise<Executed> {
  return new Execution(plan, world).toTheEnd();
}

/** What is restarted, and how. */
type Flying = Pick<Restart, 'workload' | 'way'> & {
  /** What it wants, while an earlier run's spare Pod is there. */
  readonly wanted?: number | undefined;
};

class Execution {
  readonly #world: StartWorld;
  readonly #plan: Plan;
  readonly #queue: Restart[];
  /** Of the batch under way, those that did not start yet. */
  #batch: Restart[] = [];
  readonly #inFlight = new Map<string, Flying>();
  readonly #landings: Landings;
  readonly #left: Leave[] = [];
  readonly #quotas: QuotaRoom;
  #landed = Promise.withResolvers<void>();

  constructor(plan: Plan, world: StartWorld) {
    this.#world = world;
    this.#plan = plan;
    this.#queue = plan.batches.flat();
    this.#landings = new Landings(world, () => this.#remaining);
    this.#quotas = new QuotaRoom(world);
  }

  async toTheEnd(): Promise<Executed> {
    const { gates, hold } = this.#world;
    for (const { workload, record } of this.#plan.inFlight)
      this.#launch({ workload, way: record.way ?? 'rollout', wanted: record.replicas }, () =>
        this.#resume(workload, record),
      );
    // What an earlier occurrence left, or other criteria, is no part of this ramp, and goes before its canary.
    const ofThisOne = ({ record }: { readonly record: RestartRecord }) =>
      isOfRamp(hold.checkpoint, { at: record.at, for: record.want });
    if (!this.#plan.inFlight.every(ofThisOne)) await this.#landing(0);
    while (this.#queue.length > 0 && (await gates.check()) === undefined && (await becomesReady(this.#world))) {
      const before = this.#landings.outcomes.length;
      await this.#runBatch();
      if (this.#landings.outcomes.length > before) await this.#pause();
    }
    await this.#landing(0);
    await this.#landings.noticeReverts();
    // The last one failed: nothing is left to start, but it is a stop all the same.
    if (hold.checkpoint.stop !== null) await gates.check();
    const unstarted = new Set([...this.#queue, ...this.#left].map(({ workload }) => keyOf(workload)));
    hold.change(checkpoint => dropUnstarted(checkpoint, unstarted));
    return { outcomes: this.#landings.outcomes, left: this.#left, remaining: this.#remaining, ending: gates.ending };
  }

  /** Restarts of an earlier run count in the batch that it began; while they fill it, nothing new starts. */
  async #runBatch(): Promise<void> {
    const { gates, announcer } = this.#world;
    this.#batch = this.#queue.splice(0, Math.max(0, this.#batchSize() - this.#inFlight.size));
    const size = this.#batch.length;
    const room = new Room(this.#world);
    if (size > 0)
      announcer.tell({ kind: 'batchStarted', size, remaining: this.#queue.length, probing: this.#isProbing });
    while (this.#batch.length > 0) {
      await this.#landings.noticeReverts();
      // One of this batch changed nothing: the rest of it goes one by one.
      if (this.#isProbing && this.#batch.length < size) break;
      const restart = this.#batch.find(candidate => !this.#quotas.waits(candidate) && this.#fits(candidate));
      if (restart === undefined) {
        await this.#landing(this.#inFlight.size - 1);
        continue;
      }
      // The rest of it waits for room as the next batch would.
      if (!(await room.isThere())) break;
      const quota = await this.#quotas.ask(restart, () => this.#flyingIn(restart.workload.namespace));
      const answer = quota.kind === 'room' ? await askQuorum(restart, this.#world) : quota;
      if (answer.kind === 'closed') break;
      if (answer.kind === 'later') continue;
      if (answer.kind === 'left') {
        this.#batch = this.#batch.filter(other => other !== restart);
        this.#left.push(answer.verdict);
        continue;
      }
      await this.#name(restart);
      const first = gates.isFirst;
      if ((await gates.check(first)) !== undefined) break;
      gates.started();
      this.#batch = this.#batch.filter(other => other !== restart);
      this.#launch(restart, () => this.#start(restart, first));
    }
    this.#queue.unshift(...this.#batch);
    this.#batch = [];
    await this.#landing(0);
  }

  #flyingIn(namespace: string): readonly Flying[] {
    return [...this.#inFlight.values()].filter(({ workload }) => workload.namespace === namespace);
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
   * A workload that is larger than a limit on Pods goes alone. Those that share a PodDisruptionBudget never go together:
   * rollouts ignore it, and two at once may take more than it allows.
   */
  #fits({ workload: candidate, way }: Flying): boolean {
    const { bench, observed, budgets } = this.#world;
    const { workloads, pods, surgePods = Number.POSITIVE_INFINITY, perNamespace } = bench.policy.batches.inFlight;
    const others = [...this.#inFlight.values()];
    const flying = others.map(({ workload }) => workload);
    if (flying.length === 0) return true;
    // An autoscaler may have changed the replicas since the plan.
    const replicasOf = (workload: Workload): number => observed.latest(workload)?.replicas ?? workload.replicas;
    // The spare Pod is among the replicas as soon as it is wanted.
    const podsOf = (one: Flying): number =>
      Math.max(replicasOf(one.workload), one.workload.replicas + Number(one.way === 'replace'));
    const added = (one: Flying): number => addedBy(one.way, { ...one.workload, replicas: replicasOf(one.workload) });
    const budgetsOf = (workload: Workload): readonly string[] =>
      (budgets.get(keyOf(workload)) ?? []).map(({ name }) => name);
    const taken = new Set(flying.flatMap(budgetsOf));
    // What others rely on is rolled out before anybody else starts.
    const relied = new Set(reliedOn(bench.policy).map(keyOf));
    const isReliedOn = (workload: Workload): boolean => relied.has(keyOf(workload));
    if (isReliedOn(candidate) || flying.some(isReliedOn)) return false;
    return (
      flying.length < workloads &&
      !budgetsOf(candidate).some(budget => taken.has(budget)) &&
      others.reduce((sum, other) => sum + podsOf(other), podsOf({ workload: candidate, way })) <= pods &&
      others.reduce((sum, other) => sum + added(other), added({ workload: candidate, way })) <= surgePods &&
      flying.filter(({ namespace }) => namespace === candidate.namespace).length < perNamespace
    );
  }

  /** Nothing unnamed starts, so that the next run knows where to look if this one dies. */
  async #name(restart: Restart): Promise<void> {
    const { hold, clock } = this.#world;
    if (isNamed(hold.checkpoint, restart.workload)) return;
    const next = [restart, ...this.#batch.filter(other => other !== restart)].map(({ workload }) =>
      this.#now(workload),
    );
    const unnamed = nameable(next.filter(workload => !isNamed(hold.checkpoint, workload)));
    hold.change(checkpoint => nameStarts(checkpoint, unnamed, clock.now()));
    await hold.save();
  }

  /** What others changed since the plan is not taken for what this start did, should nobody see its end. */
  #now(workload: Workload): Workload {
    const latest = this.#world.observed.latest(workload);
    return latest?.uid === workload.uid ? latest : workload;
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

  #launch({ workload, way, wanted }: Flying, journey: () => Promise<void>): void {
    this.#inFlight.set(keyOf(workload), { workload, way });
    this.#world.observed.measure(this.#world.observed.latest(workload) ?? workload, way, wanted);
    void journey()
      .catch((error: unknown) => this.#abandon(workload, error))
      .then(() => {
        this.#inFlight.delete(keyOf(workload));
        this.#quotas.ended(workload);
        const landed = this.#landed;
        this.#landed = Promise.withResolvers();
        landed.resolve();
      });
  }

  /** An error in one journey ends the run; what is in flight, this one included, is left to the next one. */
  #abandon(workload: Workload, error: unknown): void {
    const { gates, announcer } = this.#world;
    gates.close(endingOfError(error, announcer));
    this.#landings.abandon(workload, gates.ending?.detail ?? '');
  }

  async #resume(workload: Workload, record: RestartRecord): Promise<void> {
    const began = this.#world.clock.elapsed();
    this.#world.announcer.tell({ kind: 'resumed', workload, at: record.at });
    // Where more is going to be done to it, the policy is looked at again first, and what must be ready.
    if (record.way !== undefined) {
      await this.#world.hold.save();
      await becomesReady(this.#world);
    }
    await this.#fly(workload, {
      record,
      template: record.template,
      before: undefined,
      has: [],
      tried: undefined,
      isResumed: true,
      began,
    });
  }

  async #start(restart: Restart, first: boolean): Promise<void> {
    const { clock, announcer } = this.#world;
    const began = clock.elapsed();
    const started = await start(restart, this.#world, first);
    switch (started.kind) {
      case 'inFlight': {
        const { workload, record, before, has, tried } = started;
        const { why, detail } = restart;
        announcer.tell({ kind: 'started', workload, at: record.at, way: record.way ?? 'rollout', why, detail });
        return this.#fly(workload, { record, template: workload.template, before, has, tried, began });
      }
      case 'left':
        this.#left.push(started.verdict);
        return undefined;
      case 'notStarted':
        this.#queue.unshift(restart);
        return undefined;
      case 'ended':
        return this.#landings.land(restart.workload, started.landing, { at: started.at, for: restart.want, began });
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
      readonly has: readonly string[];
      readonly tried: Admission | undefined;
      readonly isResumed?: boolean;
      readonly began: number;
    },
  ): Promise<void> {
    const { observed, bench, announcer, clock, cluster } = this.#world;
    observed.put(workload, workload);
    const { record, template, before, has, tried, isResumed = false, began } = from;
    // Restarted for other criteria than now: these say nothing about it, and judge its Pods like anybody's next time.
    const isWanted = isSameWant(record.want, bench.want);
    const policy = isWanted ? bench.policy : { ...bench.policy, stale: [] };
    const age = ageReference(record, bench);
    const { way } = record;
    if (way !== undefined) {
      const turnover = {
        workload,
        record: { ...record, way },
        age,
        has,
        tried,
        isResumed,
        policy: bench.policy,
        isWanted,
      };
      const landing = await turnOver(turnover, this.#world);
      return this.#landings.land(workload, landing, { at: record.at, for: record.want, began, way });
    }
    const landing = await follow(
      {
        ref: workload,
        uid: workload.uid,
        at: record.at,
        template,
        before,
        has,
        tried,
        want: record.want,
        stood: record.before,
        age,
      },
      {
        cluster,
        clock,
        observed,
        policy,
        configChanges: bench.configChanges,
        progress: (ref, detail) => announcer.tell({ kind: 'progress', workload: ref, detail }),
      },
    );
    await this.#landings.land(workload, landing, { at: record.at, for: record.want, began });
  }
}
