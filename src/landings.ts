import { amend, type Amended, type Restarted } from './amend.ts';
import { isTakenBack } from './domain/instant.ts';
import { recordOutcome, recordRevert, typicalRollout } from './domain/ledger.ts';
import { keyOf, type OutcomeKind, type Workload } from './domain/model.ts';
import { formatRecord, type RestartRecord } from './domain/record.ts';
import type { Outcome } from './domain/report.ts';
import { isBelowPromise } from './domain/availability.ts';
import { takenBack, type Landing } from './flight.ts';
import { wordsOf } from './ports.ts';
import type { StartWorld } from './start.ts';
import { takeBack } from './undo.ts';

/** Writes down how restarts end: for the report, in the checkpoint, and, where it outlives the sweep, on the workload. */
export class Landings {
  readonly outcomes: Outcome[] = [];
  readonly #world: StartWorld;
  /** How many are still to be started. */
  readonly #remaining: () => number;
  /** Those that were restarted, as they were then. */
  readonly #settled = new Map<string, Restarted>();

  constructor(world: StartWorld, remaining: () => number) {
    this.#world = world;
    this.#remaining = remaining;
  }

  /**
   * Writes an outcome down: a failure first in the checkpoint, keyed by uid and T, so that it counts once, then on the
   * workload. A crash between the two: the next run finds it in flight, sees the same, and counts nothing.
   */
  async land(
    workload: Workload,
    landing: Landing,
    from: { readonly at: string; readonly for: string; readonly began: number; readonly way?: RestartRecord['way'] },
  ): Promise<void> {
    const { hold, clock, gates, bench, observed } = this.#world;
    const available = landing.outcome === 'gone' ? undefined : observed.worstOf(workload);
    const fell =
      available !== undefined && isBelowPromise(available)
        ? `only ${available.least} replicas were available, ${available.promised} are promised`
        : '';
    const detail = [landing.detail, fell, gates.overrun()].filter(Boolean).join('; ');
    const { isAsBefore = false, isOfItself = false, ...told } = landing;
    const measured = { ...told, detail, ...(available === undefined ? {} : { available }) };
    const outcome = outcomeOf(workload, measured, clock.elapsed() - from.began);
    const { policy, want } = bench;
    hold.change(checkpoint =>
      recordOutcome(checkpoint, outcome, { ...from, isOfItself, policy, want, now: clock.now() }),
    );
    const isRollout = from.way === undefined;
    // An evicted Pod does not come back.
    if (landing.outcome === 'failed' && policy.onFailure.undo && isRollout)
      return this.#undo(workload, outcome, from.at);
    const isUndone = isAsBefore && policy.onFailure.undo;
    const ended: Outcome = isUndone ? { ...outcome, outcome: 'undone' } : outcome;
    this.outcomes.push(ended);
    this.#tellEnd(ended);
    if (landing.outcome === 'restarted' && isRollout) this.#settled.set(keyOf(workload), { workload, at: from.at });
    const end = writtenOnWorkload(landing.outcome, isRollout);
    if (end === undefined) return;
    await hold.save();
    await this.#writeOnWorkload({ workload, at: from.at }, { outcome: end, reason: landing.why });
  }

  /** It is still in flight, until the Pods from before are back; what it counts as, a failure, is saved before. */
  async #undo(workload: Workload, outcome: Outcome, at: string): Promise<void> {
    const { hold, announcer } = this.#world;
    announcer.tell({ kind: 'undoing', workload: outcome, detail: outcome.detail });
    await hold.save();
    const undone = await takeBack({ workload, at, reason: outcome.why }, this.#world);
    const told: Outcome =
      undone.kind === 'undone'
        ? { ...outcome, outcome: 'undone' }
        : { ...outcome, detail: `${outcome.detail}; not undone: ${undone.detail}` };
    this.outcomes.push(told);
    this.#tellEnd(told);
    if (undone.kind === 'not')
      await this.#writeOnWorkload({ workload, at }, { outcome: 'failed', reason: outcome.why });
  }

  #tellEnd(outcome: Outcome): void {
    const { hold, bench, announcer } = this.#world;
    const typicalSeconds = (typicalRollout(hold.checkpoint) ?? 0) / 1000;
    const width = bench.policy.batches.inFlight.workloads;
    announcer.tell({ kind: 'ended', outcome, remaining: this.#remaining(), typicalSeconds, width });
  }

  async #writeOnWorkload(
    { workload, at }: Restarted,
    end: {
      readonly outcome: OutcomeKind & RestartRecord['outcome'];
      readonly reason: string | undefined;
    },
  ): Promise<void> {
    const { cluster, announcer } = this.#world;
    const amended = await amend(
      { workload, at },
      {
        write: (now, record) =>
          cluster.rewriteRecord(now, formatRecord({ ...record, outcome: end.outcome, reason: end.reason })),
      },
      this.#world,
      // The outcome stands in the checkpoint; the record is for the runs after the next hundred starts.
    ).catch((error: unknown): Amended => ({ kind: 'failed', detail: wordsOf(error) }));
    if (amended.kind === 'failed') announcer.tell({ kind: 'recordNotWritten', workload, detail: amended.detail });
  }

  /** It is still in flight when the run ends. */
  abandon(workload: Workload, detail: string): void {
    this.outcomes.push(outcomeOf(workload, { outcome: 'interrupted', detail }, 0));
  }

  /** What was restarted well and is taken back later: told as what it is, and counted like one that was taken back at once. */
  async noticeReverts(): Promise<void> {
    const { observed, cluster, hold, bench, clock } = this.#world;
    for (const [key, { workload, at }] of this.#settled) {
      const now = observed.latest(workload);
      const isSame = now !== undefined && now.uid === workload.uid && now.template === workload.template;
      if (!isSame || !isTakenBack(now.restartedAt, at)) continue;
      this.#settled.delete(key);
      const owner = await cluster.ownerOfRestartedAt(workload).catch(() => undefined);
      const index = this.outcomes.findIndex(outcome => keyOf(outcome) === key);
      const before = this.outcomes[index];
      if (before === undefined) continue;
      const outcome = { ...before, outcome: 'reverted' as const, detail: takenBack(owner) };
      this.outcomes[index] = outcome;
      const { policy, want } = bench;
      hold.change(checkpoint => recordRevert(checkpoint, outcome, { policy, want, at, for: want, now: clock.now() }));
      this.#tellEnd(outcome);
    }
  }
}

/**
 * What the next run must not do again. By the other ways than a rollout the record stands there from the beginning, and says
 * that it goes on unless it says how it ended.
 */
function writtenOnWorkload(outcome: OutcomeKind, isRollout: boolean): RestartRecord['outcome'] {
  if (outcome === 'failed' || outcome === 'ineffective') return outcome;
  return !isRollout && (outcome === 'denied' || outcome === 'reverted') ? outcome : undefined;
}

function outcomeOf(workload: Workload, landing: Landing & Pick<Outcome, 'available'>, milliseconds: number): Outcome {
  const { namespace, name, kind, uid } = workload;
  return { namespace, name, kind, uid, ...landing, seconds: Math.round(milliseconds / 100) / 10 };
}
