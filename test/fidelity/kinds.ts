/** What the controllers of StatefulSets and DaemonSets make of a restart, and what a run makes of these. */
import type { Kind, Pod, Workload } from '../../src/domain/model.ts';
import { run } from './nights.ts';
import {
  follow,
  isComplete,
  known,
  NEEDS,
  NODES,
  type Part,
  PLAYED,
  restart,
  rolling,
  type Scenario,
  type Theatre,
  until,
} from './theatre.ts';

type Other = Part & { readonly kind: Exclude<Kind, 'Deployment' | 'Rollout'> };

const set = (part: Partial<Part> = {}): Other => ({ name: 'db', replicas: 3, ...part, kind: 'StatefulSet' });
const daemons = (part: Partial<Part> = {}): Other => ({ name: 'agent', ...part, kind: 'DaemonSet' });
const ON_DELETE = { kind: 'onDelete' } as const;

const counted = ({ status }: Workload): string =>
  `${status.updatedReplicas} new of ${status.replicas}, ${status.availableReplicas} available`;

/** Its controller has seen the newest change, and does nothing more for a while. */
async function atRest(theatre: Theatre, { name, kind }: Other, holds: (workload: Workload) => boolean) {
  const isSeen = ({ status, generation }: Workload): boolean => status.observedGeneration >= generation;
  await until(theatre, [name, 'at rest', kind], workload => isSeen(workload) && holds(workload));
  await theatre.clock.sleep(3_000);
  return known(theatre, name, kind);
}

/** Restarts one, and what could be seen until it is complete, or `holds` and nothing more happens. */
async function rollout(theatre: Theatre, part: Other, holds?: (workload: Workload) => boolean) {
  await theatre.deploy(part);
  const { name, kind } = part;
  await using following = await follow(theatre);
  const before = await known(theatre, name, kind);
  const answer = await restart(theatre, before);
  const after =
    holds === undefined
      ? await until(theatre, [name, 'complete', kind], isComplete)
      : await atRest(theatre, part, holds);
  const isThere = ({ resourceVersion }: Workload): boolean => resourceVersion === after.resourceVersion;
  while (!following.of(name).some(isThere)) await theatre.clock.sleep(20);
  const states = following.of(name).map(({ status }) => status);
  return {
    answer: answer.kind,
    least: Math.min(...states.map(status => status.availableReplicas)),
    end: counted(after),
    generations: after.generation - before.generation,
  };
}

const ended = (least: number, end: string) => ({ answer: 'accepted', least, end, generations: 1 });

/** The restart of one whose new Pods do not start is taken back: what is there then. */
async function takenBack(theatre: Theatre, part: Other, isOver: (workload: Workload) => boolean): Promise<string> {
  const { name, kind } = part;
  await theatre.deploy({ ...part, sick: 'image' });
  await restart(theatre, await known(theatre, name, kind));
  const isStuck = ({ status, replicas }: Workload): boolean =>
    status.updatedReplicas === 1 && status.availableReplicas === replicas - 1;
  const stuck = await until(theatre, [name, 'stuck', kind], isStuck);
  await theatre.cluster.undo({ workload: stuck, back: undefined, record: '{}' });
  return counted(await atRest(theatre, part, isOver));
}

async function podsOf(theatre: Theatre, { name, kind }: Other): Promise<readonly Pod[]> {
  const pods = await theatre.cluster.pods(await known(theatre, name, kind), NEEDS);
  return pods.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** One Pod is evicted, and once more when it is gone: by its uid. */
async function evicted(theatre: Theatre, part: Other) {
  const { name, kind } = part;
  await theatre.deploy(part);
  const before = await podsOf(theatre, part);
  const [pod] = before;
  if (pod === undefined) throw new Error(`${name} has no Pods`);
  const workload = await known(theatre, name, kind);
  const first = await theatre.cluster.evict(workload, pod);
  const others = async (): Promise<readonly Pod[]> =>
    (await podsOf(theatre, part)).filter(({ uid }) => !before.some(one => one.uid === uid));
  const isMade = async (): Promise<boolean> => {
    const pods = await podsOf(theatre, part);
    return pods.length === before.length && pods.every(({ ready }) => ready) && (await others()).length === 1;
  };
  while (!(await isMade())) await theatre.clock.sleep(50);
  const second = await theatre.cluster.evict(workload, pod);
  const [successor] = await others();
  return { answers: [first.kind, second.kind], sameName: successor?.name === pod.name };
}

export const KINDS_ROLL: readonly Scenario[] = [
  {
    title: 'a StatefulSet of three, one after the other',
    play: on => rollout(on, set()),
    ends: ended(2, '3 new of 3, 3 available'),
  },
  {
    title: 'a StatefulSet of three with Pods that come up together',
    play: on => rollout(on, set({ parallel: true })),
    ends: ended(2, '3 new of 3, 3 available'),
  },
  {
    title: 'a StatefulSet of one',
    play: on => rollout(on, set({ replicas: 1 })),
    ends: ended(0, '1 new of 1, 1 available'),
  },
  {
    title: 'a StatefulSet from a partition on',
    play: on => rollout(on, set({ strategy: { kind: 'partitioned', partition: 1 } }), hasNew(2, 3)),
    ends: ended(2, '2 new of 3, 3 available'),
  },
  {
    title: 'a StatefulSet whose Pods people delete',
    play: on => rollout(on, set({ strategy: ON_DELETE }), hasNew(0, 3)),
    ends: ended(3, '0 new of 3, 3 available'),
  },
  ...[false, true].map(
    (parallel): Scenario => ({
      title: `a StatefulSet whose new Pod never starts goes no further (${parallel ? 'Parallel' : 'OrderedReady'})`,
      play: on => rollout(on, set({ parallel, sick: 'image' }), hasNew(1, 2)),
      ends: ended(2, '1 new of 3, 2 available'),
    }),
  ),
  {
    title: 'nor back, in order',
    play: on => takenBack(on, set(), hasNew(2, 2)),
    ends: '2 new of 3, 2 available',
  },
  {
    title: 'but back, where Pods come up together',
    play: on => takenBack(on, set({ parallel: true }), hasNew(3, 3)),
    ends: '3 new of 3, 3 available',
  },
  {
    title: 'a DaemonSet, node by node',
    play: on => rollout(on, daemons()),
    ends: ended(NODES - 1, `${NODES} new of ${NODES}, ${NODES} available`),
  },
  {
    title: 'a DaemonSet with a new Pod beside the old one',
    play: on => rollout(on, daemons({ strategy: rolling(1, 0) })),
    ends: ended(NODES, `${NODES} new of ${NODES}, ${NODES} available`),
  },
  {
    title: 'a DaemonSet whose Pods people delete',
    play: on => rollout(on, daemons({ strategy: ON_DELETE }), hasNew(0, NODES)),
    ends: ended(NODES, `0 new of ${NODES}, ${NODES} available`),
  },
  {
    title: 'a DaemonSet whose new Pods never start loses as many as it may',
    play: on => rollout(on, daemons({ strategy: rolling(0, 3), sick: 'image' }), hasNew(3, NODES - 3)),
    ends: ended(NODES - 3, `3 new of ${NODES}, ${NODES - 3} available`),
  },
  {
    title: 'and none where they are beside the old ones, which alone are counted',
    play: on => rollout(on, daemons({ strategy: rolling(2, 0), sick: 'image' }), hasNew(0, NODES)),
    ends: ended(NODES, `0 new of ${NODES}, ${NODES} available`),
  },
  {
    title: 'a DaemonSet goes back',
    play: on => takenBack(on, daemons(), hasNew(NODES, NODES)),
    ends: `${NODES} new of ${NODES}, ${NODES} available`,
  },
  {
    title: 'a Pod of a StatefulSet is followed by one of its name, which is another one',
    play: on => evicted(on, set()),
    ends: { answers: ['accepted', 'changed'], sameName: true },
  },
  {
    title: 'one of a DaemonSet by one of another name',
    play: on => evicted(on, daemons()),
    ends: { answers: ['accepted', 'changed'], sameName: false },
  },
];

/** As often as that of the new template, and available. */
function hasNew(updated: number, available: number): (workload: Workload) => boolean {
  return ({ status }) => status.updatedReplicas === updated && status.availableReplicas === available;
}

/** Which Pods it has, and what stands in its spec. */
async function whatStands(theatre: Theatre, part: Other) {
  const { restartedAt, generation, record } = await known(theatre, part.name, part.kind);
  const uids = (await podsOf(theatre, part)).map(({ uid }) => uid);
  return { restartedAt, generation, record, uids };
}

/** One run by evictions: every Pod is another one, and nothing but the record has changed. */
async function evictions(theatre: Theatre, part: Other) {
  await theatre.deploy(part);
  const before = await whatStands(theatre, part);
  const told = await run(theatre, { wishes: { kinds: PLAYED } });
  const after = await whatStands(theatre, part);
  return {
    ...told,
    same: after.uids.filter(uid => before.uids.includes(uid)).length,
    pods: after.uids.length - before.uids.length,
    generations: after.generation - before.generation,
    restartedAt: after.restartedAt,
    hasRecord: after.record !== undefined,
  };
}

const byEvictions = (name: string) => ({
  exitCode: 0,
  ending: 'swept',
  outcomes: { [name]: 'restarted' },
  left: {},
  same: 0,
  pods: 0,
  generations: 0,
  restartedAt: undefined,
  hasRecord: true,
});

export const KINDS_NIGHTS: readonly Scenario[] = [
  {
    title: 'every kind is restarted',
    async play(on) {
      await on.deploy({ name: 'web' }, set(), daemons(), daemons({ name: 'surging', strategy: rolling(1, 0) }));
      return run(on, { wishes: { kinds: PLAYED } });
    },
    ends: {
      exitCode: 0,
      ending: 'swept',
      outcomes: { web: 'restarted', db: 'restarted', agent: 'restarted', surging: 'restarted' },
      left: {},
    },
  },
  ...[
    set({ strategy: ON_DELETE }),
    set({ strategy: { kind: 'partitioned', partition: 2 } }),
    set({ strategy: ON_DELETE, parallel: true }),
    daemons({ strategy: ON_DELETE }),
  ].map(
    (part): Scenario => ({
      title: `evictions of a ${part.kind} (${part.strategy?.kind}${part.parallel === true ? ', Parallel' : ''})`,
      play: on => evictions(on, part),
      ends: byEvictions(part.name),
    }),
  ),
  {
    title: 'a StatefulSet whose new Pod never starts has failed, and is not undone',
    async play(on) {
      await on.deploy(set({ sick: 'image' }));
      const told = await run(on, { wishes: { kinds: PLAYED, undo: true } });
      return { ...told, stands: counted(await known(on, 'db', 'StatefulSet')) };
    },
    ends: {
      exitCode: 3,
      ending: 'stopped',
      outcomes: { db: 'failed: imagePull' },
      left: {},
      stands: '1 new of 3, 2 available',
    },
  },
  {
    title: 'a DaemonSet whose new Pods never start is undone',
    async play(on) {
      await on.deploy(daemons({ sick: 'image' }));
      const told = await run(on, { wishes: { kinds: PLAYED, undo: true } });
      return { ...told, stands: counted(await known(on, 'agent', 'DaemonSet')) };
    },
    ends: {
      exitCode: 3,
      ending: 'stopped',
      outcomes: { agent: 'undone: imagePull' },
      left: {},
      stands: `${NODES} new of ${NODES}, ${NODES} available`,
    },
  },
  {
    title: 'a StatefulSet of one has a gap, by its rollout as by an eviction, and is left',
    async play(on) {
      await on.deploy(set({ replicas: 1 }), set({ name: 'cache', replicas: 1, strategy: ON_DELETE }));
      return run(on, { wishes: { kinds: PLAYED } });
    },
    ends: {
      exitCode: 0,
      ending: 'nothingToDo',
      outcomes: {},
      left: { db: 'wouldCauseDowntime', cache: 'wouldCauseDowntime' },
    },
  },
];
