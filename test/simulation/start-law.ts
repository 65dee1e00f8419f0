import { keyOf, type Workload } from '../../src/domain/model.ts';
import { parseRecord } from '../../src/domain/record.ts';
import type { RestartOrder } from '../../src/ports.ts';
import { decoded } from './court.ts';
import { instantOf } from './eyes.ts';
import { floorOf, wayIn, type Flight } from './flights.ts';
import { isBeingUpdated, isHeldBack, rolls } from './kinds.ts';
import { judgeLimits } from './limit-law.ts';
import type { Witness } from './witness.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Clocks of two processes run apart, and jump. */
const CLOCKS = 10 * MINUTE;
/** A changed policy is seen at the next save, which is never 30 s ago; a save may be repeated for two minutes. */
const POLICY_SEEN = { calm: 32_000, rough: 200_000 };

/** What must hold whenever something that may hurt leaves the process. */
export function demandsStart(witness: Witness, who: string): void {
  const { court, process, calendar } = witness;
  const opensAt = calendar.occurrenceAt(process.clock.now());
  court.demands(opensAt !== undefined, 'nothing starts outside a window', () => `${who} while it is closed`);
  witness.demandsFreshHold('restart');
  court.demands(!witness.isStopped && !stopHolds(witness), 'a stop holds', () => `${who} after a stop`);
  court.demands(!process.interruption.signal.aborted, 'SIGTERM ends the starts', () => `${who} after SIGTERM`);
  court.demands(
    court.policy.text === witness.policy ||
      court.now - court.policy.changedAt < POLICY_SEEN[court.isCalm() ? 'calm' : 'rough'],
    'a changed policy ends the run',
    () => `${who} under a policy that changed ${(court.now - court.policy.changedAt) / 1000} s ago`,
  );
}

/** What must hold when a restart leaves the process. */
export function judgeSending(witness: Witness, order: RestartOrder): void {
  const { court, process } = witness;
  const key = keyOf(order.workload);
  const who = `${process.run} sends the restart of ${key}`;
  demandsStart(witness, who);
  const names = decoded(witness.acknowledgedText)?.starts ?? [];
  const isNamed = names.some(
    ({ workload, uid, outcome }) => workload === key && order.workload.uid.startsWith(uid) && outcome === undefined,
  );
  court.demands(isNamed, 'nothing unnamed starts', () => `${who}, which no acknowledged save names`);
  const standing = instantOf(order.workload.restartedAt);
  const record = parseRecord(order.record);
  const fits =
    record !== undefined &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(order.at) &&
    instantOf(order.at) >= standing + 1000 &&
    record.at === order.at &&
    record.by === 'ops/nightshift-checkpoint' &&
    record.run === process.run &&
    record.template === order.workload.template &&
    record.before === order.workload.restartedAt &&
    record.outcome === undefined;
  court.demands(fits, 'the restart says what it is', () => `${who}: ${order.at}, ${order.record}`);
}

/** What stands in the checkpoint binds whoever took it over since. */
function stopHolds({ court, occurrence, startedAt }: Witness): boolean {
  const { stop } = court;
  if (stop === undefined || stop.at > startedAt) return false;
  return stop.isManual || (occurrence ?? 0) <= Math.floor(stop.at / 1000) * 1000;
}

export interface Effect {
  readonly order: RestartOrder;
  readonly judged: Workload;
  readonly accepted: Workload;
}

/** What must hold when it takes effect: the standing version is the one that was judged, so all vetoes can be looked at. */
export function judgeEffect(witness: Witness, effect: Effect): void {
  const { court, process } = witness;
  const { order, judged } = effect;
  const record = parseRecord(order.record);
  const { draft } = witness;
  const want = court.eyes.want(judged, draft);
  const way = record?.way ?? 'rollout';
  const meant = wayIn(judged, draft).way;
  court.demands(
    way === meant,
    'it goes the way that it should',
    () => `${keyOf(judged)} by ${way}, not ${meant ?? 'at all'}`,
  );
  judgeVetoes(witness, judged);
  judgeRepeat(witness, effect, want);
  judgeNeed(witness, effect);
  const isOrphan = process.state !== 'alive' || court.writer !== process;
  const begun = court.now;
  const given = draft.stale.some(({ kind }) => kind === 'drift') ? court.world.injector.meant(judged) : Number.NaN;
  const flight: Flight = {
    key: keyOf(judged),
    uid: judged.uid,
    at: order.at,
    process,
    sweep: record?.sweep ?? '',
    template: judged.template,
    way,
    standing: way === 'rollout' ? order.at : judged.restartedAt,
    // What the injector gives may be another thing by the end.
    stale: workload =>
      court.eyes
        .stale(workload, draft, { begin: instantOf(record?.sweep) })
        .filter(({ createdAt, sidecar }) => createdAt < begun && sidecar !== given).length,
    want,
    recordWant: record?.want ?? '',
    acceptedAt: court.now,
    isOrphan,
    // Whose checkpoint is gone counts for nobody.
    ramp: court.writer === undefined ? 'none' : witness.ramp,
    available: judged.status.availableReplicas,
    // What the other kinds number is their spec, in which T stands.
    tookEffect: way !== 'rollout' || judged.kind !== 'Deployment',
    completeSince: undefined,
    completeAt: undefined,
    takenBackAt: undefined,
    lostStale: false,
    supersededAt: undefined,
    goneAt: undefined,
    end: undefined,
    leftBy: undefined,
    isDisturbed: court.now - (court.disturbedAt.get(judged.uid) ?? Number.NEGATIVE_INFINITY) < MINUTE,
  };
  court.flights.add(flight);
  if (!isOrphan) judgeLimits(witness, flight);
}

function judgeVetoes({ court, process, draft }: Witness, judged: Workload): void {
  const key = keyOf(judged);
  const forbids = (why: string, holds: boolean): void => {
    court.demands(!holds, 'what is unwilling is left', () => `${process.run} restarts ${key}, which is ${why}`);
  };
  forbids('paused', judged.paused);
  forbids('opted out', judged.optedOut);
  forbids('scaled to zero', judged.replicas === 0);
  forbids('not selected', !draft.namespaces.includes(judged.namespace));
  forbids('ahead of our clock', instantOf(judged.restartedAt) > process.clock.now() + HOUR + CLOCKS);
  forbids('to have a gap', wayIn(judged, draft).hasGap);
  forbids('given another template by people, Pod by Pod', isHeldBack(judged));
  forbids('of a kind that is not selected', !draft.kinds.includes(judged.kind));
  const { status, generation, replicas } = judged;
  forbids(
    'a Rollout of which its controller would evict none',
    judged.kind === 'Rollout' && status.availableReplicas <= floorOf(judged),
  );
  const record = parseRecord(judged.record);
  const last = court.flights.last(judged);
  // Of evictions the checkpoint may be all that tells; what was superseded may have gone on, and failed then.
  const isToldOnly =
    record?.way !== undefined &&
    last?.at === record.at &&
    (last.end?.outcome === 'failed' || last.end?.outcome === 'superseded');
  const isOurFailure = (record?.outcome === 'failed' || isToldOnly) && isInForce(judged);
  if (isOurFailure) return;
  forbids(
    'rolling out',
    generation > status.observedGeneration ||
      (rolls(judged) && (status.updatedReplicas < replicas || status.replicas > status.updatedReplicas)) ||
      isBeingUpdated(judged) ||
      judged.awaits !== undefined,
  );
  forbids('not healthy', draft.unhealthy === 'skip' && status.availableReplicas < replicas);
}

/** The template is what its record was written for. */
function isInForce({ record, restartedAt, template }: Workload): boolean {
  const standing = parseRecord(record);
  const meant = standing?.way === undefined ? standing?.at : standing.before;
  return standing !== undefined && meant === restartedAt && standing.template === template;
}

/** No workload is restarted twice in a sweep for the same want, but for what the design names. */
function judgeRepeat({ court, process, draft }: Witness, { order, judged }: Effect, want: string): void {
  const who = `${process.run} restarts ${keyOf(judged)} at ${order.at}`;
  const isDue = (at: string): boolean => process.clock.now() + CLOCKS >= instantOf(at) + draft.retryAfter;
  const record = parseRecord(order.record);
  const standing = parseRecord(judged.record);
  if (standing?.outcome !== undefined && isInForce(judged) && standing.want === record?.want) {
    const isAllowed = standing.outcome !== 'ineffective' && isDue(standing.at);
    const why = `its record says ${standing.outcome} of ${standing.at} for the same`;
    if (!court.demands(isAllowed, `${standing.outcome} is not repeated`, () => `${who}, and ${why}`)) return;
  }
  const last = court.flights.last(judged);
  if (last === undefined || last.want !== want || last.recordWant !== record?.want) return;
  if (last.template !== judged.template || last.supersededAt !== undefined) return;
  const isForgotten = court.forgottenAt > last.acceptedAt;
  if (last.takenBackAt !== undefined) {
    const isAllowed = !last.tookEffect || isForgotten || isDue(last.at);
    court.demands(isAllowed, 'reverted is not repeated', () => `${who}, taken back before from ${last.at}`);
    return;
  }
  const outcome = last.end?.outcome;
  if ((outcome === 'failed' || outcome === 'undone' || outcome === 'denied') && (isDue(last.at) || isForgotten)) return;
  if (outcome === 'ineffective' && isForgotten) return;
  if (last.sweep !== record?.sweep && outcome !== 'failed' && outcome !== 'ineffective') return;
  court.breaks(
    'nothing is restarted twice',
    `${who}, and ${last.process.run} did at ${last.at} for the same (${outcome})`,
  );
}

/** Something was stale, and the injector was there for some of the time that the decision took. */
function judgeNeed({ court, process, draft, inventoryAt }: Witness, { order, judged }: Effect): void {
  const { eyes, world } = court;
  const { injector } = world;
  const key = keyOf(judged);
  const live = eyes.live(judged);
  const asksInjector = draft.stale.some(({ kind }) => kind === 'drift');
  const isBare = injector.state === 'ignored' && live.every(({ sidecar }) => sidecar === undefined);
  const isAway = asksInjector && !isBare && (injector.downSince ?? Number.POSITIVE_INFINITY) <= inventoryAt;
  court.demands(!isAway, 'nothing is restarted while the injector is away', () => `${process.run} restarts ${key}`);
  const record = parseRecord(order.record);
  const last = court.flights.last(judged);
  const fresh = last !== undefined && last.sweep === record?.sweep ? last.at : undefined;
  if (eyes.stale(judged, draft, { begin: instantOf(record?.sweep), fresh }).length > 0) return;
  const isMoved =
    court.injectorChangedAt >= inventoryAt ||
    eyes.live(judged).some(({ createdAt }) => createdAt >= inventoryAt) ||
    live.length < judged.replicas;
  court.demands(isMoved, 'only what is stale is restarted', () => `${process.run} restarts ${key}, which is fresh`);
}
