import { instantOf } from './eyes.ts';
import { isFlying, refOf, type Flight } from './flights.ts';
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
    .filter(flight => !court.isOnlyEndingAndForgotten(flight) && court.isBound(flight, draft))
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
  // What is told and not saved is seen again on the workload, if it is a rollout.
  const isSure = (flight: Flight): boolean => isTold(flight) && flight.way === 'rollout';
  const least = ofRamp.filter(isSure).length;
  const untold = ofRamp.filter(flight => flight.end === undefined || (isTold(flight) && !isSure(flight))).length;
  // Where two openings overlap, one that began in the other is of both. What was in flight when the checkpoint was lost is adopted.
  const ofBoth = complete.filter(
    flight =>
      flight.ramp !== ramp &&
      (flight.ramp.split('/')[1] === ramp.split('/')[1] || flight.acceptedAt < court.lostAt) &&
      instantOf(flight.at) >= (occurrence ?? 0),
  ).length;
  const most = least + untold + ofBoth;
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
