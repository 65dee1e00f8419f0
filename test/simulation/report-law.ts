import type { Report } from '../../src/domain/report.ts';
import type { Witness } from './witness.ts';

/** Where several exit codes apply, the first of these. */
const PRECEDENCE = [143, 5, 4, 1, 2, 3, 0];
const OF_ENDINGS: Readonly<Record<string, number>> = {
  terminated: 143,
  checkpointUnusable: 5,
  notPermitted: 4,
  error: 1,
  policyInvalid: 2,
};

/** What a run says at its end. */
export function judgeReport({ court, process, hasWritten }: Witness, report: Report): void {
  const { ending, outcomes, exitCode } = report;
  const isBad = outcomes.some(({ outcome }) => ['failed', 'undone', 'denied', 'ineffective'].includes(outcome));
  const codes = [OF_ENDINGS[ending.kind] ?? 0, ...(isBad ? [3] : [])];
  const meant = ending.kind === 'holdLost' ? 0 : PRECEDENCE.find(code => codes.includes(code));
  court.demands(
    exitCode === meant,
    'the exit code is the documented one',
    () => `${process.run}: ${exitCode}, not ${meant}`,
  );
  if (ending.kind === 'holdLost' && hasWritten) {
    const isLost = court.writer !== process;
    court.demands(isLost, 'only what is lost is told to be', () => `${process.run}: nobody else took the hold`);
  }
  if (court.isQuiet) {
    const isCalm = exitCode === 0 || exitCode === 3;
    court.demands(isCalm, 'a quiet night has no errors', () => `${process.run}: ${exitCode}, ${ending.detail}`);
  }
}
