import { keyOf } from '../domain/model.ts';
import { printable } from '../domain/problem.ts';
import { isUnsuccessful, type Report } from '../domain/report.ts';
import { isBelowPromise } from '../domain/availability.ts';
import { jsonLine } from './json.ts';
import { table } from './table.ts';

/** The last line of `run --output json`. */
export function reportJson(report: Report): unknown {
  return { ...report, outcomes: report.outcomes.map(outcome => ({ ...outcome, uid: undefined })) };
}

/** The end of a run for people: what did not go well, then one line for everything. */
export function reportText({ outcomes, summary }: Report): string {
  const unsuccessful = outcomes.filter(
    ({ outcome, available }) => outcome !== 'restarted' || (available !== undefined && isBelowPromise(available)),
  );
  const rows = unsuccessful.map(one => [keyOf(one), one.outcome, one.why ?? '', one.detail]);
  const blocks = rows.length > 0 ? [table(['WORKLOAD', 'OUTCOME', 'WHY', 'DETAIL'], rows), ''] : [];
  return [...blocks, printable(summary)].join('\n');
}

/** The kubelet cuts a longer one, in the middle of the JSON. */
const MOST_BYTES = 4096;

/** What `kubectl describe pod` shows of a run that ended: the essence, and as many of the failures as fit. */
export function terminationMessage({ run, summary, exitCode, ending, outcomes }: Report): string {
  const failed = outcomes
    .filter(isUnsuccessful)
    .map(one => ({ workload: keyOf(one), outcome: one.outcome, why: one.why }));
  const message = (named: number): string =>
    jsonLine({
      run,
      exitCode,
      ending: ending.kind,
      summary: summary.slice(0, 500),
      failed: failed.slice(0, named),
    });
  let named = failed.length;
  while (named > 0 && Buffer.byteLength(message(named)) > MOST_BYTES) named--;
  return message(named);
}
