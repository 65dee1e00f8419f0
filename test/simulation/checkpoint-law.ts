import type { Stop } from '../../src/domain/checkpoint.ts';
import { decoded } from './court.ts';
import { instantOf } from './eyes.ts';
import type { Witness } from './witness.ts';

const MOST_BYTES = 16 * 1024;
/** A hold whose holder cannot be asked is taken over after a minute in which it stood still. */
const STANDSTILL = 60_000;

/** A save took effect. */
export function noteWrite(
  witness: Witness,
  { text, before }: { readonly text: string; readonly before: string | undefined },
): void {
  const { court, process } = witness;
  const checkpoint = decoded(text);
  const was = decoded(before);
  const isReadable = checkpoint !== undefined && Buffer.byteLength(text) <= MOST_BYTES;
  court.demands(isReadable, 'the checkpoint can be read and stays small', () => text);
  if (checkpoint === undefined) return;
  court.demands(checkpoint.save.run === process.run, 'a save names its run', () => checkpoint.save.run);
  if (was !== undefined) {
    court.demands(checkpoint.save.number === was.save.number + 1, 'saves are numbered', () => text);
    const isReplaced = was.sweep !== null && checkpoint.sweep !== null && was.sweep.id !== checkpoint.sweep.id;
    court.demands(!isReplaced, 'a sweep ends before another begins', () => `${was.sweep?.id} ${checkpoint.sweep?.id}`);
    judgeHold(witness, was.hold);
  }
  if (was !== undefined && was.want !== checkpoint.want && was.want !== '') court.forgets();
  if (was?.stop !== undefined && was.stop !== null && checkpoint.stop === null) {
    const isOver = witness.isResume || stopIsOver(witness, was.stop, was.want !== checkpoint.want);
    court.demands(isOver, 'a stop holds', () => `${process.run} forgets the stop of ${was.stop?.at}`);
    court.forgivesAll();
  }
  witness.hasWritten = true;
  court.writer = process;
  if (witness.saying?.text === text) commit(witness, witness.saying);
}

/** Failures bind until the next occurrence, or until somebody says otherwise; a cause outside the workloads as long as it is wanted. */
function stopIsOver({ draft, occurrence }: Witness, stop: Stop, isWantedNoMore: boolean): boolean {
  if (stop.why !== 'failures') return isWantedNoMore;
  return draft.resume === 'nextWindow' && (occurrence ?? 0) > instantOf(stop.at);
}

/** Two runs never both write: whoever has written once and was followed by another does not come back. */
function judgeHold({ court, process, hasWritten }: Witness, hold: { readonly run: string } | null): void {
  const isMine = court.writer === process || court.writer === undefined;
  if (hasWritten) {
    court.demands(isMine, 'a hold that is lost stays lost', () => `${process.run} writes after ${court.writer?.run}`);
    return;
  }
  const holder = court.writer;
  if (hold === null || holder === undefined || holder.run !== hold.run || holder.isOver) return;
  const stood = court.world.configMap.stoodFor;
  court.demands(
    stood >= STANDSTILL,
    'a hold is taken over only from the dead',
    () => `${process.run} takes it from ${holder.run} after ${stood / 1000} s`,
  );
}

/** What this process told of failures is known to whoever comes next. */
function commit({ court, occurrence }: Witness, { failures, stop }: NonNullable<Witness['saying']>): void {
  const key = String(occurrence);
  const known = court.failures.get(key) ?? new Set();
  for (const failure of failures) {
    known.add(failure);
    court.counted.add(failure);
  }
  court.failures.set(key, known);
  if (stop !== undefined) court.stop = stop;
}
