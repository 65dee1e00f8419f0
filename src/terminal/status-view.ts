import type { Checkpoint } from '../domain/checkpoint.ts';
import { printable } from '../domain/problem.ts';
import { countedCodes, plural, table } from './table.ts';

/** The checkpoint for people. */
export function statusText(checkpoint: Checkpoint, identity: string): string {
  const { sweep, hold, stop, occurrence, starts, runs } = checkpoint;
  if (checkpoint.save.number === 0) return `Checkpoint ${identity}: no run yet.`;
  const unfinished = starts.filter(({ outcome }) => outcome === undefined);
  const lines = [
    `Checkpoint ${identity}`,
    hold === null
      ? 'No run is active.'
      : `Run ${hold.run}${hold.pod === undefined ? '' : ` in Pod ${hold.pod.name}`} is active, or died.`,
    sweep === null ? 'No sweep is open.' : sweepLine(sweep),
  ];
  if (occurrence !== null) {
    lines.push(
      `Window ${occurrence.name} of ${occurrence.opensAt}: ${occurrence.done} restarted since the canary, ${plural(occurrence.failures, 'failure')}.`,
    );
  }
  if (stop !== null) lines.push(`Stopped at ${stop.at} (${stop.why}): ${stop.detail}`);
  const spare = starts.filter(start => start.spare === true).map(({ workload }) => workload);
  if (spare.length > 0)
    lines.push(`Maybe with one Pod more than wanted, which the next run takes back: ${spare.join(', ')}.`);
  const blocks = [lines.map(printable).join('\n')];
  if (unfinished.length > 0) {
    blocks.push(
      table(
        ['NAMED OR IN FLIGHT', 'SINCE'],
        unfinished.map(({ workload, at }) => [workload, at]),
      ),
    );
  }
  if (runs.length > 0) {
    const rows = runs
      .toReversed()
      .map(run => [
        run.run,
        run.began,
        run.ended,
        String(run.exitCode),
        `${run.ignoredWindow ? '(window ignored) ' : ''}${run.summary}`,
      ]);
    blocks.push(table(['RUN', 'BEGAN', 'ENDED', 'EXIT', 'SUMMARY'], rows));
  }
  return blocks.join('\n\n');
}

/** What is lost with the checkpoint, and what is not. */
export function forgottenText(checkpoint: Checkpoint, identity: string): string {
  const { sweep, stop, occurrence, starts, runs } = checkpoint;
  const unfinished = starts.filter(({ outcome }) => outcome === undefined).length;
  const remembered = countedCodes(starts.flatMap(({ outcome }) => (outcome === 'restarted' ? [] : (outcome ?? []))));
  const lines = [
    ...(sweep === null ? [] : [`the open sweep (${sweepLine(sweep).replace(/\.$/, '')})`]),
    ...(stop === null ? [] : [`the stop of ${stop.at}: ${stop.detail}`]),
    ...(occurrence === null ? [] : [`the place in the batches: ${occurrence.done} restarted since the canary`]),
    ...(unfinished === 0
      ? []
      : [`${plural(unfinished, 'start')} that nobody saw end; a run finds them on the workloads`]),
    ...(remembered === '' ? [] : [`why workloads are left, where these do not say so themselves: ${remembered}`]),
    ...(runs.length === 0 ? [] : [`the history of ${plural(runs.length, 'run')}`]),
  ];
  if (lines.length === 0) return `Checkpoint ${identity} is empty: there is nothing to forget.`;
  return `To be forgotten of checkpoint ${identity}:\n${lines.map(line => printable(`- ${line}`)).join('\n')}\nThe workloads keep their records.`;
}

function sweepLine(sweep: NonNullable<Checkpoint['sweep']>): string {
  const counts = Object.entries(sweep.counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  return `Sweep ${sweep.id}: ${[...counts, `${sweep.remaining} to do`].join(', ')}, of ${sweep.total}.`;
}
