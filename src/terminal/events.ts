import { printable } from '../domain/problem.ts';
import type { Outcome, Report } from '../domain/report.ts';

/** An Event about a workload, or about the run itself. */
export interface ReportEvent {
  readonly about: { readonly kind: 'run' } | { readonly kind: 'workload'; readonly outcome: Outcome };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** One for each restart that did not succeed, and one for a run that did or wanted something; a quiet run makes none. */
export function eventsOf({ run, outcomes, ending, counts, summary, exitCode }: Report): ReportEvent[] {
  const events = outcomes
    .filter(({ outcome }) => outcome !== 'restarted' && outcome !== 'gone' && outcome !== 'interrupted')
    .map((outcome): ReportEvent => {
      const reason = `Restart${outcome.outcome.charAt(0).toUpperCase()}${outcome.outcome.slice(1)}`;
      const message = printable(`${[outcome.why, outcome.detail].filter(Boolean).join(': ')} (nightshift run ${run})`);
      return { about: { kind: 'workload', outcome }, type: 'Warning', reason, message };
    });
  // Nobody would look for a run that waits in vain, night after night, and succeeds.
  const isBlocked = ending.kind === 'notReady' || (counts.left.unknown ?? 0) > 0;
  if (outcomes.length === 0 && exitCode === 0 && !isBlocked) return events;
  const type = exitCode === 0 && !isBlocked ? 'Normal' : 'Warning';
  return [
    ...events,
    { about: { kind: 'run' }, type, reason: 'RunEnded', message: printable(`run ${run}: ${summary}`) },
  ];
}
