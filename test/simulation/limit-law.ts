import { keyOf, type Workload } from '../../src/domain/model.ts';
import { instantOf } from './eyes.ts';
import { isFlying, refOf, type Flight } from './flights.ts';
import { fenceposts } from './replica-sets.ts';
import type { Witness } from './witness.ts';

/**
 * Never more in flight than the policy says, resumed ones included. Left out is what the process cannot know of: what took
 * effect after its inventory although its own process was dead, asleep or had lost the hold.
 */
export function judgeLimits(witness: Witness, started: Flight): void {
  const { court, process, draft, inventoryAt } = witness;
  const { api, budgets } = court.world;
  const replicasOf = ({ key }: Flight): number => api.get(refOf(key))?.replicas ?? 0;
  const flying = court.flights
    .flying()
    .filter(flight => !(flight.isOrphan && flight.acceptedAt > inventoryAt) && replicasOf(flight) > 0)
    .filter(flight => !court.isOnlyEndingAndForgotten(flight) && witness.isBound(flight))
    // Half done, with all its Pods there, and nobody takes more of them.
    .filter(({ way, leftBy }) => way === 'rollout' || leftBy !== process);
  const names = flying.map(({ key }) => key).join(', ');
  const demands = (holds: boolean, what: string): void => {
    court.demands(holds, 'limits hold', () => `${process.run}: ${what}, in flight: ${names}`);
  };
  const { workloads, pods, perNamespace } = draft.inFlight;
  demands(flying.length <= workloads, `${flying.length} in flight, ${workloads} allowed`);
  const inNamespace = flying.filter(({ key }) => key.split('/')[0] === started.key.split('/')[0]).length;
  demands(inNamespace <= perNamespace, `${inNamespace} in the namespace of ${started.key}, ${perNamespace} allowed`);
  // An autoscaler may have changed what the process does not know yet.
  const known = flying.filter(({ isDisturbed }) => !isDisturbed);
  const sum = known.reduce((total, flight) => total + (court.scaledRecently(flight.key) ? 0 : replicasOf(flight)), 0);
  demands(known.length <= 1 || sum <= pods, `${sum} Pods in flight, ${pods} allowed`);
  const shared = flying.flatMap(({ key }) => budgets.get(key) ?? []);
  demands(new Set(shared).size === shared.length, 'two share a PodDisruptionBudget');
  judgeRamp(witness, flying);
  judgeRoom(witness, started, flying);
}

/** So long a change of a workload need not be known, nor its Pods be back. */
const UNSETTLED = 5 * 60_000;

/**
 * Where a quota is tight, only those are in flight together whose surges it has room for. Left out is a namespace in which
 * somebody else has changed something: what a process saw there may be true no more.
 */
function judgeRoom({ court, process, inventoryAt }: Witness, started: Flight, flying: readonly Flight[]): void {
  const { api, quotas } = court.world;
  const { namespace } = refOf(started.key);
  const room = quotas.room.get(namespace);
  const isRecent = (at: number | undefined): boolean => (at ?? 0) > Math.min(inventoryAt, court.now - UNSETTLED);
  const isMoved = quotas.in(namespace).some(workload => {
    const [key, { uid, replicas, status }] = [keyOf(workload), workload];
    const changes = [court.scaledAt.get(key), court.editedAt.get(key), court.disturbedAt.get(uid)];
    return changes.some(isRecent) || status.availableReplicas < replicas;
  });
  if (room === undefined || isMoved) return;
  const others = flying.filter(({ key }) => key !== started.key && refOf(key).namespace === namespace);
  const added = (flight: Flight): number => addedBy(flight, api.get(refOf(flight.key)));
  const taken = others.reduce((sum, flight) => sum + added(flight), added(started));
  court.demands(
    others.length === 0 || taken <= room,
    'a tight quota is shared one after the other',
    () => `${process.run} starts ${started.key}, all add ${taken} Pods, the quota has room for ${room}`,
  );
}

function addedBy({ way }: Flight, workload: Workload | undefined): number {
  if (way !== 'rollout') return Number(way === 'replace');
  return workload === undefined ? 0 : fenceposts(workload).surge;
}

/**
 * Of a batch, those that went well and those in flight are never more than its size. Whether a run saw one go well that
 * somebody changed later without a word of it, only the run knows. Old Pods may be on their way out for longer than a
 * rollout is awaited.
 */
function judgeRamp({ court, process, draft, ramp, occurrence }: Witness, flying: readonly Flight[]): void {
  const isTold = ({ end }: Flight): boolean => end?.outcome === 'restarted' || end?.wasRestarted === true;
  const complete = court.flights.all.filter(flight => flight.completeAt !== undefined || isTold(flight));
  const ofRamp = complete.filter(flight => flight.ramp === ramp);
  // What is told and not saved is seen again on the workload, if it is a rollout. Else its Pods alone say how it ended.
  const isSure = (flight: Flight): boolean => isTold(flight) && flight.way === 'rollout';
  const least = ofRamp.filter(isSure).length;
  // Nor does anybody know of a failure that was not saved, once its Pods have come up after all.
  const isOpen = ({ end, way }: Flight): boolean => end === undefined || end.outcome === 'failed' || way !== 'rollout';
  const untold = ofRamp.filter(isOpen).length;
  // Where two openings overlap, one that began in the other is of both. What was in flight when the checkpoint was lost is adopted.
  const ofBoth = complete.filter(
    flight =>
      flight.ramp !== ramp &&
      // Nor does a checkpoint that is lost meanwhile take anything from one that takes long and is seen to its end.
      (flight.ramp.split('/')[1] === ramp.split('/')[1] ||
        flight.way !== 'rollout' ||
        flight.acceptedAt < court.lostAt) &&
      instantOf(flight.at) >= (occurrence ?? 0),
  ).length;
  // Of evictions that nobody goes on with, because what a Pod should be has changed since, the Pods alone say that they are done.
  const isMoot = ({ way, end, completeAt, key, sweep }: Flight): boolean => {
    const workload = court.world.api.get(refOf(key));
    const isHalfDone = way !== 'rollout' && end === undefined && completeAt === undefined;
    return (
      isHalfDone &&
      workload !== undefined &&
      court.eyes.stale(workload, draft, { begin: instantOf(sweep) }).length === 0
    );
  };
  const moot = court.flights.all.filter(flight => flight.ramp === ramp && isMoot(flight)).length;
  const most = least + untold + ofBoth + moot;
  const now = flying.filter(flight => flight.ramp === ramp && isFlying(flight)).length;
  const fits = Array.from({ length: most - least + 1 }, (_, index) => least + index).some(
    done => done + now <= batchEnd(draft.sizes, done),
  );
  court.demands(
    fits,
    'the ramp holds',
    () => `${process.run}: ${least} to ${most} done and ${now} in flight, the sizes are ${draft.sizes.join()}`,
  );
}

/** The place at which the batch ends that holds this one. */
export function batchEnd(sizes: readonly number[], place: number): number {
  let end = 0;
  for (let index = 0; ; index++) {
    end += sizes[Math.min(index, sizes.length - 1)] ?? 1;
    if (place < end) return end;
  }
}
