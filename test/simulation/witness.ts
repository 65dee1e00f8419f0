import { keyOf, type Workload, type WorkloadRef } from '../../src/domain/model.ts';
import type { Report } from '../../src/domain/report.ts';
import type { News } from '../../src/news.ts';
import type { Announcer, RescaleOrder, RestartOrder } from '../../src/ports.ts';
import type { Calendar } from './calendar.ts';
import type { StoreWitness } from './config-map.ts';
import { noteWrite } from './checkpoint-law.ts';
import type { Court } from './court.ts';
import type { Draft } from './draft.ts';
import { instantOf, isMadeBy } from './eyes.ts';
import type { Flight } from './flights.ts';
import { noteBatch, noteEnd, noteLeft, notePlan, noteUndoing } from './outcome-law.ts';
import type { Process } from './process.ts';
import type { ClusterWitness } from './process-cluster.ts';
import { judgeReport } from './report-law.ts';
import type { SimulatedPod } from './pods.ts';
import { judgeEffect, judgeSending } from './start-law.ts';
import { begunBy, judgeEviction, judgeEvictionSent, judgeRecord, judgeRescale } from './turnover-law.ts';

/** What the last list of a workload's Pods showed. */
interface Proof {
  /** The T that all of them carry. */
  readonly carries: string | undefined;
  readonly count: number;
  readonly stale: number;
  /** Of these, those that were made since the last restart, which may have been removed since they were seen. */
  readonly staleSince: number;
  /** The T of that restart. */
  readonly of: string | undefined;
  /** Pods whose sidecar got lost while the injector was down. */
  readonly bare: number;
}

/** Watches one process: keeps what the invariants need to know of it, and asks them at every step. */
export class Witness implements ClusterWitness, StoreWitness, Announcer {
  readonly court: Court;
  readonly process: Process;
  readonly draft: Draft;
  readonly calendar: Calendar;
  /** The one workload that it was asked for. */
  readonly only: string | undefined;
  readonly startedAt: number;
  /** The policy's text as it began. */
  readonly policy: string;
  /** The occurrence that it began in, by its own clock; undefined outside. */
  readonly occurrence: number | undefined;
  inventoryAt = Number.POSITIVE_INFINITY;
  /** When the last acknowledged save was sent. */
  acknowledgedAt = Number.NEGATIVE_INFINITY;
  acknowledgedText: string | undefined;
  hasWritten = false;
  /** It is no run, but a person who wants one to go on. */
  isResume = false;
  /** Failures that it told, as uid and T. */
  readonly failures = new Set<string>();
  /** It knows of a reason to start nothing more. */
  isStopped = false;
  stop: Court['stop'];
  saying: { readonly text: string; readonly failures: readonly string[]; readonly stop: Court['stop'] } | undefined;
  ineffectiveInRow = 0;
  hasBatch = false;
  lastEndAt: number | undefined;
  readonly proofs = new Map<string, Proof>();
  /** Where an eviction was not allowed, by key. */
  readonly refused = new Set<string>();
  readonly sentAt = new WeakMap<RestartOrder, number>();

  constructor(
    court: Court,
    run: {
      readonly process: Process;
      readonly draft: Draft;
      readonly calendar: Calendar;
      readonly only?: string | undefined;
    },
  ) {
    this.court = court;
    this.process = run.process;
    this.draft = run.draft;
    this.calendar = run.calendar;
    this.only = run.only;
    this.startedAt = court.now;
    this.policy = court.policy.text;
    this.occurrence = run.calendar.occurrenceAt(run.process.clock.now());
  }

  /** Whether it is bound to go on with that; where the template stays as it is, with what it was asked for alone. */
  isBound(flight: Flight): boolean {
    const isAsked = flight.way === 'rollout' || this.only === undefined || this.only === flight.key;
    return isAsked && this.court.isBound(flight, this.draft);
  }

  /** The ramp that its starts count in. */
  get ramp(): string {
    return `${this.occurrence}/${this.court.rampEpoch}`;
  }

  connected(): void {
    const now = this.process.clock.now();
    // Outside, a Pod too many is looked for.
    this.court.demands(
      this.calendar.occurrenceAt(now) !== undefined || this.draft.mayReplace,
      'no request outside a window',
      () => `${this.process.run} connects`,
    );
  }

  inventoryRead(): void {
    this.inventoryAt = this.court.now;
  }

  podsRead(workload: Workload): void {
    const { eyes, flights } = this.court;
    const live = eyes.live(workload);
    const last = flights.last(workload);
    const begin = instantOf(last?.sweep);
    const stale = eyes.stale(workload, this.draft, { begin, fresh: last?.at });
    const before = this.proofs.get(workload.uid);
    const staleSince = stale.filter(({ createdAt }) => createdAt >= (last?.acceptedAt ?? 0)).length;
    this.proofs.set(workload.uid, {
      carries: carriedBy(workload, live, last?.at),
      count: live.length,
      stale: stale.length,
      staleSince: before?.of === last?.at ? Math.max(staleSince, before?.staleSince ?? 0) : staleSince,
      of: last?.at,
      bare: live.filter(({ sidecar }) => sidecar === undefined).length,
    });
  }

  restartSent(order: RestartOrder): void {
    this.sentAt.set(order, this.court.now);
    judgeSending(this, order);
  }

  restartTookEffect(order: RestartOrder, judged: Workload, accepted: Workload): void {
    judgeEffect(this, { order, judged, accepted });
  }

  recordRewritten(before: Workload, record: string): void {
    const begun = begunBy(before, record);
    if (begun !== undefined) judgeEffect(this, { order: begun, judged: before, accepted: before });
    else judgeRecord(this, before, record);
  }

  recordSent(workload: Workload, record: string): void {
    const begun = begunBy(workload, record);
    if (begun !== undefined) judgeSending(this, begun);
    else this.demandsFreshHold('record');
  }

  undoSent({ kind, name }: Workload): void {
    const goesBack = kind === 'Deployment' || kind === 'DaemonSet';
    this.court.demands(
      goesBack,
      'what does not go back is not taken back',
      () => `${this.process.run}: ${kind} ${name}`,
    );
  }

  rescaled(before: Workload, order: RescaleOrder): void {
    judgeRescale(this, before, order);
  }

  evictionSent(workload: WorkloadRef, uid: string): void {
    judgeEvictionSent(this, workload, uid);
  }

  evictionRefused(workload: WorkloadRef): void {
    this.refused.add(keyOf(workload));
  }

  evicted(workload: Workload, pod: SimulatedPod): void {
    judgeEviction(this, workload, pod);
  }

  demandsFreshHold(what: string): void {
    const age = this.court.now - this.acknowledgedAt;
    this.court.demands(
      age <= 30_000,
      'nothing is sent more than 30 s after the last acknowledged save began',
      () => `${this.process.run} sends a ${what} after ${age / 1000} s`,
    );
  }

  /** What a save says of failures is what was told before it was sent for the first time. */
  sending(text: string): void {
    if (this.saying?.text !== text) this.saying = { text, failures: [...this.failures], stop: this.stop };
  }

  wrote(text: string, before: string | undefined): void {
    noteWrite(this, { text, before });
  }

  acknowledged(text: string, sentAt: number): void {
    this.acknowledgedAt = sentAt;
    this.acknowledgedText = text;
  }

  tell(news: News): void {
    const { trace } = this.court.world;
    switch (news.kind) {
      case 'ended':
        trace.say(this.process.run, () => `told: ${toldEnd(news)}`);
        return noteEnd(this, news.outcome);
      case 'planned':
        trace.say(this.process.run, () => `told: ${toldPlan(news)}`);
        noteLeft(this, news.plan);
        return notePlan(this, news.plan);
      case 'batchStarted':
        trace.say(this.process.run, () => `told: a batch of ${news.size}`);
        return noteBatch(this);
      case 'unexpected': {
        const { error } = news;
        return this.court.breaks(
          'no error that nobody foresaw',
          error instanceof Error ? (error.stack ?? error.message) : String(error),
        );
      }
      case 'ending':
        return trace.say(this.process.run, () => `told: ending, ${news.ending.kind}: ${news.ending.detail}`);
      case 'undoing':
        trace.say(this.process.run, () => `told: takes ${news.workload.name} back, ${news.detail}`);
        return noteUndoing(this, news.workload);
      case 'evictionBlocked':
      case 'judgedAgain':
      case 'repeating':
      case 'recordNotWritten':
        return trace.say(this.process.run, () => `told: ${news.kind} ${news.workload.name}: ${news.detail}`);
      default:
        return trace.say(this.process.run, () => `told: ${news.kind}`);
    }
  }

  report = (): Promise<void> => Promise.resolve();

  ended(report: Report): void {
    const { trace } = this.court.world;
    trace.say(this.process.run, () => `ended with ${report.exitCode}, ${report.ending.kind}: ${report.summary}`);
    judgeReport(this, report);
  }
}

const toldEnd = ({ outcome: { name, outcome, why, detail } }: News & { readonly kind: 'ended' }): string =>
  [`${name} ${outcome}`, why, detail].filter(Boolean).join(', ');

function toldPlan({ plan, sweep }: News & { readonly kind: 'planned' }): string {
  const left = plan.left.map(({ workload, why }) => `${workload.name} ${why}`).join(', ');
  const batches = plan.batches.map(batch => batch.map(({ workload }) => workload.name).join(' ')).join(' | ');
  const flying = plan.inFlight.map(({ workload }) => workload.name).join(' ');
  return `plan of sweep ${sweep}: [${batches}], in flight [${flying}], left: ${left}`;
}

/** The T that all of them carry; of a Rollout's, which carry none, T where all were made since. */
function carriedBy(workload: Workload, live: readonly SimulatedPod[], t: string | undefined): string | undefined {
  if (workload.kind === 'Rollout') return live.every(pod => isMadeBy(t, pod, workload)) ? t : undefined;
  const [first] = live;
  return live.every(({ set }) => set.restartedAt === first?.set.restartedAt) ? first?.set.restartedAt : undefined;
}
