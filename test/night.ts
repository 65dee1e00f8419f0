import type { Checkpoint } from '../src/domain/checkpoint.ts';
import type { Workload } from '../src/domain/model.ts';
import { run } from '../src/run.ts';
import type { Wishes } from '../src/world.ts';
import { aWorkload, NOW, policyText, RUN } from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeAnnouncer, FakeCluster, FakeStore } from './fake-world.ts';

/** No pause and no soak. */
export const QUICK = { batches: { sizes: [1, 2, 4], pause: '0s' }, rollout: { soak: '0s' } };
export const WISHES: Wishes = { holder: { run: RUN, pod: undefined }, only: undefined, ignoreWindow: false };
export const some = (count: number): Workload[] =>
  Array.from({ length: count }, (_, index) => aWorkload({ name: `w${index}` }));

interface Night {
  readonly workloads?: readonly Workload[];
  readonly checkpoint?: Checkpoint;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly now?: number;
}

/** A cluster, a checkpoint and a policy for one run after the other. */
export function aNight({ workloads = some(3), checkpoint, policy = QUICK, now = NOW }: Night = {}) {
  const clock = new FakeClock(now);
  const cluster = new FakeCluster(clock, workloads);
  const store = new FakeStore(checkpoint);
  const announcer = new FakeAnnouncer(clock);
  const source = { name: 'policy.yaml', text: policyText(policy), read: () => Promise.resolve(source.text) };
  const interruption = new AbortController();
  let connects = 0;
  const world = {
    clock,
    policySource: source,
    announcer,
    connect: () => {
      connects++;
      return { cluster, store };
    },
    interrupted: interruption.signal,
  };
  return {
    ...world,
    cluster,
    store,
    source,
    interruption,
    world,
    connects: () => connects,
    runs: (wishes: Partial<Wishes> = {}) => run(world, { ...WISHES, ...wishes }),
  };
}

/** `NAME OUTCOME`, or the reason of a failure. */
export const outcomesOf = (report: Awaited<ReturnType<typeof run>>): string[] =>
  report.outcomes.map(({ name, outcome, why }) => `${name} ${why ?? outcome}`);
/** How often a Pod template took effect, per workload. */
export const revisions = ({ cluster }: Pick<ReturnType<typeof aNight>, 'cluster'>, count = 3): (number | undefined)[] =>
  some(count).map(workload => cluster.get(workload)?.revision);
