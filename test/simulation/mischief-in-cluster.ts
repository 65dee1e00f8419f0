import { formatInstant, nextRestartedAt } from '../../src/domain/instant.ts';
import { keyOf, type Workload } from '../../src/domain/model.ts';
import { TAKEN_BACK_AFTER, uidOf } from './fleet.ts';
import type { Mischief } from './mischief.ts';
import { SICKNESSES } from './pods.ts';
import type { Random } from './random.ts';
import type { Stage } from './stage.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** For one of the workloads, rather one that is in flight. */
const on =
  (does: (workload: Workload, stage: Stage, random: Random) => string): Mischief =>
  (stage, random) => {
    const all = stage.workloads();
    const flying = new Set(stage.court.flights.flying().map(({ uid }) => uid));
    const busy = all.filter(({ uid }) => flying.has(uid));
    const candidates = busy.length > 0 && random.chance(0.4) ? busy : all;
    return candidates.length === 0 ? undefined : does(random.pick(candidates), stage, random);
  };

const disturb = (workload: Workload, { court }: Stage): void => {
  court.disturbedAt.set(workload.uid, court.now);
  const flight = court.flights.last(workload);
  if (flight !== undefined) flight.isDisturbed = true;
};

/** What other controllers and people do to workloads. */
export const CLUSTER_MISCHIEF = {
  /** An autoscaler. */
  scale: on((workload, stage, random) => {
    const replicas = random.pick([0, 1, 2, 4, 7]);
    // Pods are gone with their nodes before anybody is told of it.
    if (workload.kind === 'DaemonSet') disturb(workload, stage);
    stage.controller.scale(workload, replicas);
    return `${keyOf(workload)} to ${replicas}`;
  }),
  takeBack: on((workload, { api, court }) => {
    const flight = court.flights.last(workload);
    if (flight === undefined || flight.at !== workload.restartedAt) return `nothing to take back at ${keyOf(workload)}`;
    api.update(workload, { restartedAt: undefined });
    return `restartedAt of ${keyOf(workload)}`;
  }),
  gitOps: on((workload, { takenBack }, random) => {
    const wait = random.pick(TAKEN_BACK_AFTER);
    takenBack.set(keyOf(workload), wait);
    return `takes restarts of ${keyOf(workload)} back after ${wait / SECOND} s`;
  }),
  /** The old template comes back, and the annotations of then. */
  undo: on((workload, stage) => {
    const { api, controller } = stage;
    const [, before] = controller.sets(workload).toSorted((a, b) => b.revision - a.revision);
    if (before === undefined) return `nothing to undo at ${keyOf(workload)}`;
    disturb(workload, stage);
    const { template, restartedAt } = before;
    // Annotations come back of a Deployment only, and a Rollout's restart is no part of its template.
    if (workload.kind === 'Deployment') api.update(workload, { template, restartedAt, record: undefined });
    else api.update(workload, workload.kind === 'Rollout' ? { template } : { template, restartedAt });
    return `${keyOf(workload)} to revision ${before.revision}`;
  }),
  setImage: on((workload, { api }, random) => {
    const template = `t${random.int(2, 9)}`;
    if (template === workload.template) return `${keyOf(workload)} has it`;
    api.update(workload, { template });
    return `${keyOf(workload)} to ${template}`;
  }),
  otherRestart: on((workload, { api, timeline }) => {
    const restartedAt = nextRestartedAt(timeline.now, workload.restartedAt);
    api.update(workload, { restartedAt });
    return `${keyOf(workload)} at ${restartedAt}`;
  }),
  remove: on((workload, { api }) => {
    api.remove(workload);
    return keyOf(workload);
  }),
  recreate: on((workload, { api, timeline, controller }, random) => {
    api.remove(workload);
    const back = (): void => {
      if (api.get(workload) !== undefined) return;
      const uid = uidOf(random);
      const nothing = {
        observedGeneration: 0,
        replicas: 0,
        updatedReplicas: 0,
        availableReplicas: 0,
        terminatingReplicas: 0,
      };
      const status = { ...nothing, progressing: undefined, replicaFailure: undefined };
      const anew = { ...workload, uid, generation: 1, revision: 0, restartedAt: undefined, record: undefined, status };
      api.create(controller.asNew(anew));
      controller.look(anew);
    };
    timeline.after(random.pick([20, 2 * SECOND, MINUTE]), back);
    return keyOf(workload);
  }),
  optOut: on((workload, { api, timeline }, random) => {
    api.update(workload, { optedOut: true });
    if (random.chance(0.7)) timeline.after(random.int(1, 60) * MINUTE, () => api.update(workload, { optedOut: false }));
    return keyOf(workload);
  }),
  pauseRollout: on((workload, { api, timeline }, random) => {
    if (workload.kind !== 'Deployment' && workload.kind !== 'Rollout') return `${keyOf(workload)} cannot be`;
    api.update(workload, { paused: true });
    timeline.after(random.int(1, 40) * MINUTE, () => {
      if (api.get(workload)?.paused === true) api.update(workload, { paused: false });
    });
    return keyOf(workload);
  }),
  /** Writes that mean nothing, one after the other. */
  relabel: on((workload, { api, timeline }, random) => {
    const times = random.int(1, 30);
    for (let time = 0; time < times; time++) {
      timeline.after(time * random.int(50, 2_000), () => api.update(workload, { labels: { round: String(time) } }));
    }
    return `${keyOf(workload)} ${times} times`;
  }),
  evict: on((workload, stage) => {
    disturb(workload, stage);
    stage.controller.evict(workload);
    return `a Pod of ${keyOf(workload)}`;
  }),
  sicken: on((workload, { controller, timeline }, random) => {
    const temper = controller.tempers.get(keyOf(workload));
    const sickness = random.pick(SICKNESSES);
    if (temper !== undefined) temper.sickness = sickness;
    if (random.chance(0.5)) timeline.after(random.int(1, 60) * MINUTE, () => controller.heal(workload));
    return `new Pods of ${keyOf(workload)}: ${sickness}`;
  }),
  /** Its sidecar stays what it was, whatever is wanted. */
  pin: on((workload, { injector, court, timeline }) => {
    injector.pinned.set(keyOf(workload), 1);
    court.injectorChangedAt = timeline.now;
    return keyOf(workload);
  }),
  changeConfig: (({ timeline, cosmos }, random) => {
    const namespace = random.pick(['shop', 'pay']);
    cosmos.configChanges.set(`configmap/${namespace}/settings`, Math.floor(timeline.now / SECOND) * SECOND);
    return `settings of ${namespace} at ${formatInstant(timeline.now)}`;
  }) satisfies Mischief,
};
