import { formatDuration } from './duration.ts';
import { formatInstant } from './instant.ts';
import type { FailureReason, Kind, LeaveReason, OutcomeKind, WorkloadRef } from './model.ts';
import { unreachable } from './model.ts';
import { isBelowPromise, type Availability } from './availability.ts';
import type { Leave } from './verdict.ts';
import type { WindowState } from './window.ts';

/** What became of one restart in this run. */
export interface Outcome extends WorkloadRef {
  readonly kind: Kind;
  readonly uid: string;
  readonly outcome: OutcomeKind;
  /** Only a failure has a code. */
  readonly why?: FailureReason;
  readonly detail: string;
  /** Its worst moment while it was in flight; undefined when it never was. */
  readonly available?: Availability;
  /** From the first PATCH attempt, or from first sight of a resumed one. */
  readonly seconds: number;
}

/** Why a run ended. */
export type Ending =
  | { readonly kind: 'swept'; readonly detail: string }
  | { readonly kind: 'nothingToDo'; readonly detail: string }
  | { readonly kind: 'windowClosed'; readonly detail: string }
  | { readonly kind: 'notEnoughTime'; readonly detail: string }
  /** Something that the policy wants to be ready before is not. */
  | { readonly kind: 'notReady'; readonly detail: string }
  | { readonly kind: 'stopped'; readonly detail: string }
  | { readonly kind: 'stoppedBefore'; readonly detail: string }
  | { readonly kind: 'heldByAnother'; readonly detail: string }
  | { readonly kind: 'holdLost'; readonly detail: string }
  | { readonly kind: 'policyChanged'; readonly detail: string }
  | { readonly kind: 'policyInvalid'; readonly detail: string }
  | { readonly kind: 'terminated'; readonly detail: string }
  | { readonly kind: 'checkpointUnusable'; readonly detail: string }
  | { readonly kind: 'notPermitted'; readonly detail: string }
  | { readonly kind: 'error'; readonly detail: string };

/** The end of a run, the same value for the log, the termination message, Events and `--output json`. */
export interface Report {
  readonly version: 1;
  readonly run: string;
  readonly window: WindowSummary;
  /** Id of the sweep, null when none was open. */
  readonly sweep: string | null;
  /** Outcomes by kind, and those left by reason. */
  readonly counts: {
    readonly outcomes: Partial<Record<OutcomeKind, number>>;
    readonly left: Partial<Record<LeaveReason, number>>;
  };
  readonly outcomes: readonly Outcome[];
  readonly left: readonly Left[];
  readonly ending: Ending;
  /** Stale and willing, but not started in this run. */
  readonly remaining: number;
  /** One line for people. */
  readonly summary: string;
  readonly exitCode: number;
}

interface Left extends WorkloadRef {
  readonly kind: Kind;
  readonly why: LeaveReason;
  readonly detail: string;
}

/** The window with instants a person can read. */
export type WindowSummary =
  | { readonly kind: 'open'; readonly name: string; readonly opensAt: string; readonly closesAt: string | null }
  | { readonly kind: 'closed'; readonly why: string; readonly opensAt: string | null };

/** An allow window without a gap: `windowAt` looks a year ahead for its end. */
const NEVER_CLOSES = 365 * 86_400_000;

/** The state of the window as text; an instant that never comes (or not within a year) is null. */
export function summarizeWindow(state: WindowState): WindowSummary {
  if (state.kind === 'closed') {
    return {
      kind: 'closed',
      why: state.why,
      opensAt: state.opensAt === undefined ? null : formatInstant(state.opensAt),
    };
  }
  const { occurrence, closesAt } = state;
  const closes = closesAt - occurrence.opensAt < NEVER_CLOSES;
  return {
    kind: 'open',
    name: occurrence.name,
    opensAt: formatInstant(occurrence.opensAt),
    closesAt: closes ? formatInstant(closesAt) : null,
  };
}

export interface Facts {
  readonly run: string;
  readonly window: WindowState;
  readonly sweep: string | null | undefined;
  readonly left: readonly Leave[];
  readonly outcomes: readonly Outcome[];
  readonly remaining: number;
  readonly ending: Ending;
  /** Namespaces or permissions that were missing although the run went on: exit 4. */
  readonly notPermitted: readonly string[];
}

/** Puts the report together; nothing in it is decided elsewhere. */
export function makeReport(facts: Facts): Report {
  const left = facts.left.map(({ workload, why, detail }) => ({
    namespace: workload.namespace,
    name: workload.name,
    kind: workload.kind,
    why,
    detail,
  }));
  return {
    version: 1,
    run: facts.run,
    window: summarizeWindow(facts.window),
    sweep: facts.sweep ?? null,
    counts: { outcomes: countBy(facts.outcomes, o => o.outcome), left: countBy(left, l => l.why) },
    outcomes: facts.outcomes,
    left,
    ending: facts.ending,
    remaining: facts.remaining,
    summary: summarize(facts),
    exitCode: exitCode(facts),
  };
}

function summarize({ outcomes, remaining, left: untouched, ending }: Facts): string {
  const counted = Object.entries(countBy(outcomes, o => o.outcome)).map(([kind, n]) => `${n} ${kind}`);
  const todo = remaining > 0 ? [`${remaining} to do`] : [];
  const left = untouched.length > 0 ? [`${untouched.length} left alone`] : [];
  const unknown = untouched.filter(({ why }) => why === 'unknown').length;
  const below = outcomes.filter(({ available }) => available !== undefined && isBelowPromise(available)).length;
  const notes = [
    ...(unknown > 0 ? [`${unknown} of them unknown`] : []),
    ...(below > 0 ? [`${below} below the promised availability`] : []),
  ];
  const numbers = [...counted, ...todo, ...left, ...notes].join(', ');
  return numbers === '' ? ending.detail : `${numbers}: ${ending.detail}`;
}

/** The exit code that an ending asks for when every restart went well. */
export function exitCodeOf({ kind }: Ending): number {
  switch (kind) {
    case 'terminated':
      return 143;
    case 'checkpointUnusable':
      return 5;
    case 'notPermitted':
      return 4;
    case 'error':
      return 1;
    case 'policyInvalid':
      return 2;
    case 'swept':
    case 'nothingToDo':
    case 'windowClosed':
    case 'notEnoughTime':
    case 'notReady':
    case 'stopped':
    case 'stoppedBefore':
    case 'heldByAnother':
    case 'holdLost':
    case 'policyChanged':
      return 0;
    default:
      return unreachable(kind);
  }
}

/** Where several exit codes apply, the first of these. */
const PRECEDENCE = [143, 5, 4, 1, 2, 3, 0];

const strongest = (codes: readonly number[]): number => PRECEDENCE.find(code => codes.includes(code)) ?? 0;

/** Whether an ending asks for an exit code that goes before the other's. */
export function isStronger(ending: Ending, other: Ending): boolean {
  const [code, otherCode] = [exitCodeOf(ending), exitCodeOf(other)];
  return code !== otherCode && strongest([code, otherCode]) === code;
}

function exitCode({ ending, outcomes, notPermitted }: Facts): number {
  // The run that took over reports.
  if (ending.kind === 'holdLost') return 0;
  return strongest([exitCodeOf(ending), notPermitted.length > 0 ? 4 : 0, outcomes.some(isUnsuccessful) ? 3 : 0]);
}

/** Whether it is what an exit code tells of. */
export function isUnsuccessful({ outcome }: Outcome): boolean {
  return outcome === 'failed' || outcome === 'undone' || outcome === 'denied' || outcome === 'ineffective';
}

function countBy<T, K extends string>(items: readonly T[], code: (item: T) => K): Partial<Record<K, number>> {
  const counts: Partial<Record<K, number>> = {};
  for (const item of items) counts[code(item)] = (counts[code(item)] ?? 0) + 1;
  return counts;
}

/** How long until an instant, for people. */
export function until(instant: number, now: number): string {
  return formatDuration(Math.max(0, Math.ceil((instant - now) / 60_000)) * 60_000);
}
