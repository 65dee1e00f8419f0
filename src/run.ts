import { randomBytes } from 'node:crypto';
import { assess, type Assessment } from './domain/assessment.ts';
import type { Checkpoint } from './domain/checkpoint.ts';
import { formatInstant } from './domain/instant.ts';
import { stopInForce } from './domain/ledger.ts';
import type { Plan } from './domain/plan.ts';
import { parsePolicy, samePolicy, wantOf, type Policy, type Problem } from './domain/policy.ts';
import { isStronger, makeReport, until, type Ending, type Facts, type Report } from './domain/report.ts';
import { windowAt, type WindowState } from './domain/window.ts';
import { execute, type Executed } from './execute.ts';
import { endingOf, endingOfError, Gates } from './gates.ts';
import { readCheckpoint, takeHold, type Hold, type Holder } from './hold.ts';
import { Observed } from './observed.ts';
import {
  OutOfReach,
  type Announcer,
  type CheckpointStore,
  type Clock,
  type Cluster,
  type Inventory,
  type PolicySource,
} from './ports.ts';

/** The world that a run acts in. */
export interface World {
  readonly clock: Clock;
  readonly policySource: PolicySource;
  readonly announcer: Announcer;
  /** Called only when there is something to ask: a run outside its window makes no API call. */
  readonly connect: () => { readonly cluster: Cluster; readonly store: CheckpointStore };
  /** Aborts on SIGTERM and SIGINT. */
  readonly interrupted: AbortSignal;
}

interface ConnectedWorld extends World {
  readonly cluster: Cluster;
  readonly store: CheckpointStore;
}

export interface Wishes {
  readonly holder: Holder;
  /** `NAMESPACE/NAME`: nothing else is selected. */
  readonly only: string | undefined;
  /** Denies included; the occurrence is the run itself. */
  readonly ignoreWindow: boolean;
}

/** The policy does not say what to do; nothing was touched. */
export class InvalidPolicy extends Error {
  override name = 'InvalidPolicy';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(`the policy has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`);
    this.problems = problems;
  }
}

/** A run's id: the second it began and four random digits, sortable and easy to find in logs. */
export function newRunId(now: number): string {
  return `${formatInstant(now).replaceAll(/[-:]/g, '')}-${randomBytes(2).toString('hex')}`;
}

/** policy -> window -> hold -> inventory -> verdicts -> plan -> execute -> report. Throws `InvalidPolicy`. */
export async function run(world: World, wishes: Wishes): Promise<Report> {
  const policy = await readPolicy(world.policySource);
  const now = world.clock.now();
  const windowOf = windowsOf(policy, wishes, now);
  const window = windowOf(now);
  if (window.kind === 'closed') return nothingDone(wishes, window, windowClosed(window, now));
  if (wishes.ignoreWindow) world.announcer.tell({ kind: 'windowIgnored' });

  const ports = world.connect();
  try {
    return await runInWindow({ ...world, ...ports }, wishes, { policy, window, windowOf });
  } catch (error) {
    // Before the hold was taken: nothing is in flight, nothing to give back.
    return nothingDone(wishes, window, endingOfError(error, world.announcer));
  }
}

interface OpenWindow {
  readonly policy: Policy;
  readonly window: WindowState & { readonly kind: 'open' };
  readonly windowOf: (now: number) => WindowState;
}

async function runInWindow(world: ConnectedWorld, wishes: Wishes, open: OpenWindow): Promise<Report> {
  const { policy, window } = open;
  const { store } = world;
  const read = await readCheckpoint(store);
  if (read.kind === 'unusable') return nothingDone(wishes, window, { kind: 'checkpointUnusable', detail: read.detail });
  const stopped = stoppedBefore(read.checkpoint, { policy, want: wantOf(policy), occurrence: window.occurrence });
  if (stopped !== undefined) return nothingDone(wishes, window, stopped);
  const taken = await takeHold(read, wishes.holder, world);
  if (taken.kind === 'heldByAnother') return nothingDone(wishes, window, taken);
  if (taken.kind === 'interrupted') return nothingDone(wishes, window, TERMINATED);
  if (taken.kind === 'lost') return nothingDone(wishes, window, endingOf(taken.loss));
  const held = { ...world, ...open, wishes, hold: taken.hold, before: read.checkpoint };
  return new RunUnderHold(held).toTheEnd();
}

export type Preview =
  | { readonly kind: 'unusable'; readonly detail: string }
  | {
      readonly kind: 'plan';
      readonly window: WindowState;
      readonly plan: Plan;
      readonly sweep: string | null;
      /** Why a run would start nothing even while the window is open. */
      readonly stop: string | undefined;
      readonly skipped: Inventory['skipped'];
    };

/** What a run would do now: the plan that `run` carries out, made without the hold and without a write. Throws like `run`. */
export async function preview(world: World, wishes: Wishes): Promise<Preview> {
  const policy = await readPolicy(world.policySource);
  const now = world.clock.now();
  const window = windowsOf(policy, wishes, now)(now);
  const { cluster, store } = world.connect();
  const read = await readCheckpoint(store);
  if (read.kind === 'unusable') return read;
  // Outside the window the plan is the one of the next opening.
  const occurrence = window.kind === 'open' ? window.occurrence : { name: '', opensAt: window.opensAt ?? now };
  const { checkpoint } = read;
  const stop = stopInForce(checkpoint, { policy, want: wantOf(policy), occurrence });
  const inventory = await cluster.inventory();
  const by = store.identity;
  const assessment = assess(inventory, checkpoint, { policy, occurrence, by, now, only: wishes.only });
  return {
    kind: 'plan',
    window,
    plan: assessment.plan,
    sweep: assessment.checkpoint.sweep?.id ?? null,
    stop: stop?.detail,
    skipped: inventory.skipped,
  };
}

interface Held extends ConnectedWorld, OpenWindow {
  readonly wishes: Wishes;
  readonly hold: Hold;
  /** The checkpoint as the run before left it. */
  readonly before: Checkpoint;
}

/** From the hold to the report. However it ends, the hold is given back, unless another run has it. */
class RunUnderHold {
  readonly #held: Held;
  readonly #began: number;
  /** Aborts when the run is over: ends the renewal and the watch. */
  readonly #over = new AbortController();
  #assessment: Assessment | undefined;
  #executed: Executed = { outcomes: [], left: [], remaining: 0, ending: undefined };
  #skipped: readonly string[] = [];

  constructor(held: Held) {
    this.#held = held;
    this.#began = held.clock.now();
  }

  async toTheEnd(): Promise<Report> {
    const { hold } = this.#held;
    const renewal = hold.keepFresh(this.#over.signal);
    const ending = await this.#sweep().catch((error: unknown) => endingOfError(error, this.#held.announcer));
    this.#over.abort();
    await renewal;
    const report = this.#report(ending);
    await hold.release(checkpoint => this.#close(checkpoint, report));
    if (hold.loss === undefined) return report;
    // Without the last save nobody knows of the sweep's end.
    const lost = endingOf(hold.loss);
    return this.#report(isStronger(ending, lost) ? ending : lost);
  }

  async #sweep(): Promise<Ending> {
    const { cluster, clock, hold, announcer, policy, wishes, window, store, interrupted } = this.#held;
    const inventory = await Promise.race([cluster.inventory(), aborted(interrupted)]);
    if (inventory === undefined) return TERMINATED;
    this.#skipped = inventory.skipped.map(({ namespace }) => namespace);
    for (const { namespace, why } of inventory.skipped)
      announcer.tell({ kind: 'namespaceSkipped', namespace, detail: why });
    const assessment = assess(inventory, hold.checkpoint, {
      policy,
      occurrence: window.occurrence,
      by: store.identity,
      now: clock.now(),
      only: wishes.only,
    });
    this.#assessment = assessment;
    const { plan, bench, checkpoint } = assessment;
    hold.change(current => ({ ...checkpoint, save: current.save, hold: current.hold }));
    announcer.tell({ kind: 'planned', plan, sweep: bench.sweep.id });
    const work = [...plan.inFlight, ...plan.batches.flat()];
    if (work.length === 0) return { kind: 'nothingToDo', detail: 'nothing is stale and willing' };
    const observed = new Observed(
      clock,
      work.map(({ workload }) => workload),
    );
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
      });
    } finally {
      this.#over.abort();
      await watch;
    }
    return this.#executed.ending ?? { kind: 'swept', detail: 'nothing stale and willing is left' };
  }

  /** The gates, and all that closes them from outside. */
  #gates(observed: Observed): Gates {
    const { clock, hold, window, windowOf, announcer, interrupted } = this.#held;
    const { occurrence } = hold.checkpoint;
    const started = (occurrence?.done ?? 0) + (occurrence?.failures ?? 0) > 0;
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
      const detail = error instanceof Error ? error.message : String(error);
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
      outcomes: this.#executed.outcomes,
      remaining: this.#executed.remaining,
      ending,
      notPermitted: this.#skipped,
    });
  }

  /** The last save. The sweep closes when all that was eligible has an outcome. */
  #close(checkpoint: Checkpoint, report: Report): Checkpoint {
    const { wishes, before, clock } = this.#held;
    const finished = report.ending.kind === 'swept' && (wishes.only === undefined || before.sweep === null);
    const entry = {
      run: report.run,
      began: formatInstant(this.#began),
      ended: formatInstant(clock.now()),
      exitCode: report.exitCode,
      summary: report.summary,
      ...(wishes.ignoreWindow ? { ignoredWindow: true as const } : {}),
    };
    const closed = { ...checkpoint, sweep: finished ? null : checkpoint.sweep, runs: [...checkpoint.runs, entry] };
    // The occurrence of a run that ignored the window was its own: the night's, and its stop, are as they were.
    return wishes.ignoreWindow
      ? { ...closed, occurrence: before.occurrence, stop: closed.stop ?? before.stop }
      : closed;
  }
}

const TERMINATED: Ending = { kind: 'terminated', detail: 'told to end; the next run resumes' };

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  return promise;
}

async function readPolicy(source: PolicySource): Promise<Policy> {
  const parsed = parsePolicy(await source.read());
  if (parsed.kind === 'invalid') throw new InvalidPolicy(parsed.problems);
  return parsed.policy;
}

function windowsOf(policy: Policy, { ignoreWindow }: Wishes, now: number): (now: number) => WindowState {
  if (!ignoreWindow) return instant => windowAt(policy.windows, instant);
  const occurrence = { name: 'ignored', opensAt: now };
  return () => ({ kind: 'open', occurrence, closesAt: Number.POSITIVE_INFINITY });
}

function windowClosed(window: WindowState & { readonly kind: 'closed' }, now: number): Ending {
  const why = window.why === 'denied' ? `closed by ${window.denyName}` : 'closed';
  const opens =
    window.opensAt === undefined
      ? 'and does not open again'
      : `opens ${formatInstant(window.opensAt)}, in ${until(window.opensAt, now)}`;
  return { kind: 'windowClosed', detail: `the window is ${why}, ${opens}` };
}

/** A stop outlives its run. Starts that nobody saw end are awaited all the same. */
function stoppedBefore(checkpoint: Checkpoint, now: Parameters<typeof stopInForce>[1]): Ending | undefined {
  const stop = stopInForce(checkpoint, now);
  if (stop === undefined || checkpoint.starts.some(({ outcome }) => outcome === undefined)) return undefined;
  const goesOn =
    stop.why === 'failures' && now.policy.onFailure.resume === 'nextWindow'
      ? 'the next window goes on'
      : 'nightshift resume goes on';
  return { kind: 'stoppedBefore', detail: `stopped at ${stop.at}: ${stop.detail}; ${goesOn}` };
}

function nothingDone({ holder }: Wishes, window: WindowState, ending: Ending): Report {
  const facts: Facts = {
    run: holder.run,
    window,
    sweep: null,
    left: [],
    outcomes: [],
    remaining: 0,
    ending,
    notPermitted: [],
  };
  return makeReport(facts);
}
