import type { Report } from '../domain/report.ts';
import { table } from './table.ts';

/** The last line of `run --output json` (design.md section 7). */
export function reportJson(report: Report): unknown {
  return { ...report, outcomes: report.outcomes.map(outcome => ({ ...outcome, uid: undefined })) };
}

/** The end of a run for people: what did not go well, then one line for everything. */
export function reportText({ outcomes, summary }: Report): string {
  const unsuccessful = outcomes.filter(({ outcome }) => outcome !== 'restarted');
  const rows = unsuccessful.map(({ namespace, name, outcome, why, detail }) => [
    `${namespace}/${name}`,
    outcome,
    why ?? '',
    detail,
  ]);
  const blocks = rows.length > 0 ? [table(['WORKLOAD', 'OUTCOME', 'WHY', 'DETAIL'], rows), ''] : [];
  return [...blocks, summary].join('\n');
}

/** What `kubectl describe pod` shows of a run that ended: at most 4096 bytes, so only the essence. */
export function terminationMessage({ run, summary, exitCode, ending, outcomes }: Report): string {
  const failed = outcomes.filter(
    ({ outcome }) => outcome === 'failed' || outcome === 'denied' || outcome === 'ineffective',
  );
  const named = failed
    .slice(0, 10)
    .map(({ namespace, name, outcome, why }) => ({ workload: `${namespace}/${name}`, outcome, why }));
  return JSON.stringify({ run, exitCode, ending: ending.kind, summary: summary.slice(0, 1000), failed: named });
}
