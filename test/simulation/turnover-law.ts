import { keyOf, type Workload, type WorkloadRef } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import type { Outcome } from '../../src/domain/report.ts';
import type { RescaleOrder, RestartOrder } from '../../src/ports.ts';
import { instantOf } from './eyes.ts';
import { floorOf, refOf, spareOf, type Flight } from './flights.ts';
import type { SimulatedPod } from './pods.ts';
import { demandsStart } from './start-law.ts';
import type { Court } from './court.ts';
import type { Witness } from './witness.ts';

/** What must hold of restarts that leave the template as it is. */

/** What one look at the Pods may not know yet, milliseconds. */
const JUST_NOW = 60_000;

/** The restart that this record begins; undefined for one that goes on, or that changes the template, too. */
export function begunBy(workload: Workload, text: string): RestartOrder | undefined {
  const record = parseRecord(text);
  const isBegun = record?.way !== undefined && record.at !== parseRecord(workload.record)?.at;
  return isBegun ? { workload, at: record.at, record: text } : undefined;
}

/** A record says how it ended, or that nothing is owed any more because somebody else has decided on the replicas. */
export function judgeRecord({ court }: Witness, { record: standing = '{}', replicas }: Workload, text: string): void {
  const [was, is]: [Record<string, unknown>, Record<string, unknown>] = [JSON.parse(standing), JSON.parse(text)];
  const { outcome, reason: _, ...rest } = is;
  const same = Object.entries(rest).every(([key, value]) => was[key] === value);
  const isEnd = typeof outcome === 'string';
  const owed = was['replicas'];
  const isTheirs = typeof owed === 'number' && is['replicas'] === undefined && replicas !== owed + 1;
  court.demands(
    same && (isEnd || isTheirs),
    'only the outcome of a record changes',
    () => `${standing} becomes ${text}`,
  );
}

/**
 * One more than it wants, or what it wanted, together with the record that says so. A ReplicaSet takes whom it likes: no Pod from
 * before goes for a new one.
 */
export function judgeRescale(witness: Witness, before: Workload, { replicas, record }: RescaleOrder): void {
  const { court, process, refused } = witness;
  const [was, is] = [parseRecord(before.record), parseRecord(record)];
  const isSame = was !== undefined && is?.at === was.at && is.run === was.run && is.way === 'replace';
  const isGrown = was?.replicas === undefined && is?.replicas === before.replicas && replicas === before.replicas + 1;
  const isBack = was?.replicas === replicas && is?.replicas === undefined && before.replicas === replicas + 1;
  court.demands(
    isSame && (isGrown || isBack),
    'replicas are one more than is wanted, or what is wanted',
    () => `${process.run} scales ${keyOf(before)} from ${before.replicas} to ${replicas} with ${record}`,
  );
  const flight = court.flights.last(before);
  const isOther = before.restartedAt !== flight?.standing || before.template !== flight?.template;
  if (!isBack || flight === undefined || isOther || refused.has(keyOf(before))) return;
  const live = court.eyes.live(before);
  // What was made in place of the one that went may have become ready since that was looked at.
  if (live.some(({ createdAt }) => court.now - createdAt < JUST_NOW)) return;
  const isOld = ({ createdAt }: SimulatedPod): boolean => createdAt < flight.acceptedAt;
  const isLeftToLuck = live.length > replicas && live.every(({ state }) => state === 'available') && live.some(isOld);
  court.demands(
    !isLeftToLuck || court.eyes.stale(before, witness.draft, { begin: instantOf(was.sweep) }).length === 0,
    'no Pod of before goes with the spare one',
    () => `${process.run} scales ${keyOf(before)} to ${replicas} while all of its Pods are there`,
  );
}

/** Every eviction is a start of its own, but that of the newest Pod where there is one more than is wanted: that one goes again. */
export function judgeEvictionSent(witness: Witness, ref: WorkloadRef, uid: string): void {
  const workload = witness.court.world.api.get(ref);
  const isBack = workload !== undefined && spareOf(workload) !== undefined && isNewest(witness.court, workload, uid);
  if (isBack) return witness.demandsFreshHold('eviction');
  const who = `${witness.process.run} evicts a Pod of ${keyOf(ref)}`;
  demandsStart(witness, who);
  const { court, draft } = witness;
  const { downSince = Number.POSITIVE_INFINITY } = court.world.injector;
  court.demands(
    !draft.isReadyAsked || court.now - downSince < JUST_NOW,
    'nothing goes while what must be ready is not',
    () => `${who}, the injector is away since ${new Date(downSince).toISOString()}`,
  );
}

/** Those that were made a moment ago need not be known. */
function isNewest({ eyes, now }: Court, workload: Workload, uid: string): boolean {
  const live = eyes.live(workload);
  const made = live.find(pod => pod.uid === uid)?.createdAt ?? now;
  return live.every(({ createdAt }) => createdAt < made + 1000 || createdAt > now - JUST_NOW);
}

/** What is stale goes, one after the other, and never below what is promised. */
export function judgeEviction(
  { court, process, draft, inventoryAt }: Witness,
  workload: Workload,
  pod: SimulatedPod,
): void {
  const key = keyOf(workload);
  const record = parseRecord(workload.record);
  const flight = court.flights.last(workload);
  const who = `${process.run} evicts ${pod.name} of ${key}`;
  const isLate = process.state !== 'alive' || court.writer !== process;
  // An eviction has no condition on the workload, which may have changed since it was read.
  const isOther = workload.restartedAt !== flight?.standing || workload.template !== flight?.template;
  if (isLate || flight === undefined || isOther) return;
  if (spareOf(workload) !== undefined && isNewest(court, workload, pod.uid)) {
    flight.lostStale ||= court.eyes.stale(workload, draft, { begin: instantOf(flight.sweep) }).includes(pod);
    return;
  }
  const isHeard = workload.optedOut && court.now - (court.optedOutAt.get(workload.uid) ?? court.now) > JUST_NOW;
  court.demands(!isHeard, 'what is unwilling is left', () => `${who}, which is opted out`);
  // Whoever lost the checkpoint goes on in a sweep of its own, in which more is too old.
  const begins = [record?.sweep ?? flight.sweep, court.checkpoint?.sweep?.id].map(instantOf);
  const stale = court.eyes.stale(workload, draft, { begin: Math.max(...begins) });
  const isStale = stale.includes(pod) || court.injectorChangedAt >= inventoryAt;
  court.demands(isStale, 'only stale Pods are evicted', () => `${who}, which is fresh`);
  const since = court.now - (court.disturbedAt.get(workload.uid) ?? Number.NEGATIVE_INFINITY);
  if (since < JUST_NOW || court.scaledRecently(key) || pod.state !== 'available') return;
  const isPassedOver = (other: SimulatedPod): boolean =>
    workload.kind === 'StatefulSet' &&
    other.createdAt < flight.acceptedAt &&
    other.state === 'available' &&
    (other.place ?? 0) > (pod.place ?? 0);
  court.demands(
    court.injectorChangedAt >= inventoryAt || !stale.some(isPassedOver),
    'of a StatefulSet the highest ordinal goes first',
    () => who,
  );
  const others = court.eyes.live(workload).filter(other => other !== pod && other.state === 'available').length;
  const floor =
    flight.way === 'replace' ? (spareOf(workload) ?? Number.POSITIVE_INFINITY) : floorOf(workload, flight.way);
  const isGapAllowed = draft.downtime === 'allow' || workload.downtimeAllowed;
  const least = Math.max(floor, isGapAllowed ? 0 : 1);
  court.demands(
    others >= least,
    'no Pod goes before its replacement is there',
    () => `${who}: ${others} of ${least} stay`,
  );
}

/** Whatever came of it, it has what it wants again when that is told, or else that is told. */
export function judgeSpareAtEnd({ court, process }: Witness, { detail }: Outcome, { key, way, uid }: Flight): void {
  const workload = court.world.api.get(refOf(key));
  if (way !== 'replace' || workload?.uid !== uid || court.writer !== process) return;
  const isKept = spareOf(workload) !== undefined && !detail.includes('is not taken back yet');
  court.demands(
    !isKept,
    'the spare Pod goes with its restart',
    () => `${process.run} tells the end of ${key}: ${detail}`,
  );
}
