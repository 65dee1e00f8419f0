import type { Checkpoint } from '../domain/checkpoint.ts';
import { plural, table } from './table.ts';

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
  const blocks = [lines.join('\n')];
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

function sweepLine(sweep: NonNullable<Checkpoint['sweep']>): string {
  const counts = Object.entries(sweep.counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  return `Sweep ${sweep.id}: ${[...counts, `${sweep.remaining} to do`].join(', ')}, of ${sweep.total}.`;
}
