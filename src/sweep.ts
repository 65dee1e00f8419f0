import { assess, type Assessment } from './domain/assessment.ts';
import { commonCauses } from './domain/causes.ts';
import type { Checkpoint } from './domain/checkpoint.ts';
import { formatInstant } from './domain/instant.ts';
import { isOfOccurrence, outlivesUnknown } from './domain/ledger.ts';
import { keyOf, type Workload } from './domain/model.ts';
import { missingOnly, needsOf, samePolicy } from './domain/policy.ts';
import type { Plan } from './domain/plan.ts';
import { isOwed, spares } from './domain/starts.ts';
import { unseenContainers } from './domain/staleness.ts';
import { isStronger, makeReport, type Ending, type Outcome, type Report } from './domain/report.ts';
import { execute, type Executed } from './execute.ts';
import { takenBack } from './flight.ts';
import { endingOf, endingOfError, Gates, TERMINATED } from './gates.ts';
import type { Hold } from './hold.ts';
import { Observed } from './observed.ts';
import { OutOfReach, wordsOf, type Inventory } from './ports.ts';
import { readPolicy } from './read-policy.ts';
import { notReady } from './readiness.ts';
import { returnSpares } from './spare.ts';
import { tryInjections } from './trials.ts';
import type { ConnectedWorld, OpenWindow, Wishes } from './world.ts';

/** All that a run has once it holds the checkpoint. */
export interface Held extends ConnectedWorld, OpenWindow {
  readonly wishes: Wishes;
  readonly hold: Hold;
  /** The checkpoint as the run before left it. */
  readonly before: Checkpoint;
}

/** inventory -> verdicts -> plan -> execute -> report. However it ends, the hold is given back, unless another run has it. */
export async function sweep(held: Held): Promise<Report> {
  return new Sweep(held).toTheEnd();
}

class Sweep {
  readonly #held: Held;
  readonly #began: number;
  /** Aborts when the run is over: ends the renewal and the watch. */
  readonly #over = new AbortController();
  #assessment: Assessment | undefined;
  #executed: Executed = { outcomes: [], left: [], remaining: 0, ending: undefined };
  #skipped: readonly string[] = [];
  /** What became of restarts of earlier runs, as the workloads say. */
  #found: readonly Outcome[] = [];

  constructor(held: Held) {
    this.#held = held;
    this.#began = held.clock.now();
  }

  async toTheEnd(): Promise<Report> {
    const { hold } = this.#held;
    const renewal = hold.keepFresh(this.#over.signal);
    const { announcer, interrupted } = this.#held;
    const ending = await this.#carryOut().catch((error: unknown) => endingOfError(error, announcer, interrupted));
    this.#over.abort();
    await renewal;
    const report = this.#report(ending);
    await hold.release(checkpoint => this.#close(checkpoint, report));
    if (hold.loss === undefined) return report;
    // Without the last save nobody knows of the sweep's end.
    const lost = endingOf(hold.loss);
    return this.#report(isStronger(ending, lost) ? ending : lost);
  }

  async #carryOut(): Promise<Ending> {
    const { cluster, clock, hold, announcer, policy, wishes, window, store, before, interrupted } = this.#held;
    const inventory = await Promise.race([cluster.inventory(needsOf(policy)), aborted(interrupted)]);
    if (inventory === undefined) return TERMINATED;
    this.#skipped = inventory.skipped.map(({ namespace }) => namespace);
    for (const { namespace, why } of inventory.skipped) {
      announcer.tell({ kind: 'namespaceSkipped', namespace, detail: why });
    }
    for (const unserved of inventory.unserved) announcer.tell({ kind: 'kindUnserved', unserved });
    const unready = await notReady(policy, cluster);
    if (unready !== undefined) announcer.tell({ kind: 'notReady', detail: unready });
    const { only } = wishes;
    const by = store.identity;
    const trial = { cluster, clock, policy, by, now: clock.now(), only, unready, interrupted };
    const trials = await Promise.race([tryInjections(inventory, trial), aborted(interrupted)]);
    if (trials === undefined || interrupted.aborted) return TERMINATED;
    const { injections, ...cost } = trials;
    if (cost.dryRuns > 0) announcer.tell({ kind: 'tried', ...cost });
    const assessment = assess(inventory, hold.checkpoint, {
      policy,
      occurrence: window.occurrence,
      by,
      now: clock.now(),
      only,
      injections,
    });
    this.#assessment = assessment;
    const { plan, bench, checkpoint } = assessment;
    hold.change(current => ({ ...checkpoint, save: current.save, hold: current.hold }));
    // The occurrence of a run that ignores the window is its own: the night's, and its stop, stay as they are.
    if (wishes.ignoreWindow) {
      hold.asStored = mine => ({ ...mine, occurrence: before.occurrence, stop: mine.stop ?? before.stop });
    }
    for (const container of unseenContainers(policy.stale, inventory.pods.values())) {
      announcer.tell({ kind: 'containerUnseen', container });
    }
    announcer.tell({ kind: 'planned', plan, sweep: bench.sweep.id });
    await this.#tellReverts(assessment.reverted, plan);
    await this.#returnSpares(inventory, assessment);
    const work = [...plan.inFlight, ...plan.batches.flat()].map(({ workload }) => workload);
    this.#tellCauses(plan);
    if (work.length === 0) {
      return unready === undefined
        ? { kind: 'nothingToDo', detail: this.#nothing(inventory, plan) }
        : { kind: 'notReady', detail: unready };
    }
    const observed = new Observed(clock, work);
    const gates = this.#gates(observed);
    const watch = cluster
      .watch(inventory.bookmark, change => observed.see(change), this.#over.signal)
      .catch((error: unknown) => gates.close(endingOfError(error, announcer)));
    try {
      this.#executed = await execute(plan, {
        cluster,
        clock,
        announcer,
        hold,
        gates,
        observed,
        bench,
        namespaces: inventory.namespaces,
        budgets: inventory.budgets,
        autoscalers: inventory.autoscalers,
        quotas: inventory.quotas,
        usage: inventory.usage,
      });
    } finally {
      this.#over.abort();
      await watch;
    }
    // An injector that went away in the middle.
    this.#tellCauses({ batches: [], left: this.#executed.left });
    return this.#executed.ending ?? { kind: 'swept', detail: 'nothing stale and willing is left' };
  }

  /** Taken back between two runs: named here, with who owns the value now, for the run that did it is over. */
  async #tellReverts(reverted: readonly Workload[], { batches }: Plan): Promise<void> {
    const { cluster, announcer } = this.#held;
    for (const workload of reverted) {
      const owner = await cluster.ownerOfRestartedAt(workload).catch(() => undefined);
      const { namespace, name, kind, uid } = workload;
      const outcome = {
        namespace,
        name,
        kind,
        uid,
        outcome: 'reverted' as const,
        detail: takenBack(owner),
        seconds: 0,
      };
      this.#found = [...this.#found, outcome];
      announcer.tell({ kind: 'ended', outcome, remaining: batches.flat().length, typicalSeconds: 0, width: 1 });
    }
  }

  /** Left by earlier runs, where the restart does not go on. */
  async #returnSpares({ workloads }: Inventory, { bench, plan: { inFlight } }: Assessment): Promise<void> {
    const { hold, announcer } = this.#held;
    const { by } = bench;
    const owed = workloads.filter(workload => isOwed(workload, bench));
    const goesOn = new Set(inFlight.map(({ workload }) => keyOf(workload)));
    const refs = new Map([...spares(hold.checkpoint), ...owed].map(ref => [keyOf(ref), ref]));
    const left = [...refs].filter(([key]) => !goesOn.has(key)).map(([, ref]) => ref);
    const { returned, kept } = await returnSpares(left, { ...this.#held, by });
    for (const detail of returned) announcer.tell({ kind: 'spares', detail, isWarning: false });
    for (const detail of kept) announcer.tell({ kind: 'spares', detail, isWarning: true });
  }

  #tellCauses(plan: Pick<Plan, 'batches' | 'left'>): void {
    for (const cause of commonCauses(plan)) this.#held.announcer.tell({ kind: 'commonCause', cause });
  }

  #nothing({ workloads }: Inventory, { left }: Plan): string {
    const { policy, wishes } = this.#held;
    const missing = missingOnly(wishes.only, workloads, policy);
    if (missing !== undefined) return `there is no ${missing}`;
    const isKnown = left.every(({ why }) => why !== 'unknown');
    return isKnown ? 'nothing is stale and willing' : 'nothing else is stale and willing';
  }

  /** The gates, and all that closes them from outside. */
  #gates(observed: Observed): Gates {
    const { clock, hold, window, windowOf, announcer, interrupted } = this.#held;
    const started = hold.checkpoint.starts.some(({ at }) => isOfOccurrence(hold.checkpoint, at));
    const gates = new Gates({ clock, hold, observed, announcer, window, windowAt: windowOf, started });
    const terminate = (): void => gates.close(TERMINATED);
    if (interrupted.aborted) terminate();
    else interrupted.addEventListener('abort', terminate, { once: true, signal: this.#over.signal });
    hold.onLoss = loss => gates.close(endingOf(loss));
    if (hold.loss !== undefined) gates.close(endingOf(hold.loss));
    hold.beforeSave = async () => {
      const ending = await this.#policyEnding();
      if (ending !== undefined) gates.close(ending);
    };
    return gates;
  }

  /** The policy is read again at each save: a change ends the run, an invalid one is the emergency stop. */
  async #policyEnding(): Promise<Ending | undefined> {
    const { policySource, policy } = this.#held;
    try {
      const again = await readPolicy(policySource);
      return samePolicy(again, policy)
        ? undefined
        : { kind: 'policyChanged', detail: 'the policy changed; the next run goes by the new one' };
    } catch (error) {
      if (error instanceof OutOfReach) return undefined;
      const detail = wordsOf(error);
      return { kind: 'policyInvalid', detail: `the policy changed and cannot be used: ${detail}` };
    }
  }

  #report(ending: Ending): Report {
    const { wishes, window, hold } = this.#held;
    const left = [...(this.#assessment?.plan.left ?? []), ...this.#executed.left];
    return makeReport({
      run: wishes.holder.run,
      window,
      sweep: this.#assessment && (hold.checkpoint.sweep?.id ?? null),
      left,
      outcomes: [...this.#found, ...this.#executed.outcomes],
      remaining: this.#executed.remaining,
      ending,
      notPermitted: this.#skipped,
    });
  }

  /** The last save. The sweep closes when all that was eligible has an outcome. */
  #close(checkpoint: Checkpoint, report: Report): Checkpoint {
    const { wishes, before, clock, policy } = this.#held;
    const { sweep: open } = checkpoint;
    const waits =
      open !== null &&
      report.left.some(({ why }) => why === 'unknown') &&
      outlivesUnknown(open, { policy, now: clock.now() });
    const finished = report.ending.kind === 'swept' && !waits && (wishes.only === undefined || before.sweep === null);
    const entry = {
      run: report.run,
      began: formatInstant(this.#began),
      ended: formatInstant(clock.now()),
      exitCode: report.exitCode,
      summary: report.summary,
      ...(wishes.ignoreWindow ? { ignoredWindow: true as const } : {}),
    };
    return { ...checkpoint, sweep: finished ? null : checkpoint.sweep, runs: [...checkpoint.runs, entry] };
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  return promise;
}
