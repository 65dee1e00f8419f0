import type { Restart, InFlight } from '../src/domain/verdict.ts';
import { keyOf, type Workload } from '../src/domain/model.ts';
import { makePlan } from '../src/domain/plan.ts';
import { execute } from '../src/execute.ts';
import { aPolicy, SECOND } from './build.ts';
import type { FakeAnnouncer, Script } from './fake-world.ts';
import { heldWorld } from './held-world.ts';

export type WalkWorld = Awaited<ReturnType<typeof heldWorld>>;

export interface Walk {
  readonly restarts?: readonly Restart[];
  readonly inFlight?: readonly InFlight[];
  readonly policy?: Readonly<Record<string, unknown>>;
  /** By name; `rollsOut` for everybody else. */
  readonly scripts?: Readonly<Record<string, Script>>;
  /** What else happens, at so many seconds. */
  readonly events?: readonly (readonly [seconds: number, happens: (world: WalkWorld) => void])[];
  readonly before?: (world: WalkWorld) => void;
  readonly world?: Omit<NonNullable<Parameters<typeof heldWorld>[0]>, 'policy' | 'workloads'>;
}

/** Walks a plan of these restarts to its end, with a watch and with a hold that is renewed. */
export async function walk({
  restarts = [],
  inFlight = [],
  policy: document,
  scripts = {},
  events = [],
  ...more
}: Walk) {
  const policy = aPolicy({ batches: { sizes: [1000], pause: '0s' }, rollout: { soak: '0s' }, ...document });
  const workloads = [...inFlight, ...restarts].map(({ workload }) => workload);
  const world = await heldWorld({ ...more.world, policy, workloads });
  const { clock, cluster, observed, hold, announcer } = world;
  for (const workload of workloads) {
    const script = scripts[workload.name];
    if (script !== undefined) cluster.scripts.set(keyOf(workload), script);
  }
  for (const { workload } of inFlight) void scripts[workload.name]?.(cluster, workload);
  for (const [seconds, happens] of events) clock.after(seconds * SECOND, () => happens(world));
  more.before?.(world);
  const over = new AbortController();
  const background = [cluster.watch([], change => observed.see(change), over.signal), hold.keepFresh(over.signal)];
  const wanted = restarts.map(restart => ({ ...restart, want: world.bench.want }));
  const plan = makePlan([...inFlight, ...wanted], { sizes: policy.batches.sizes, place: 0, probing: false });
  try {
    const executed = await execute(plan, world);
    const outcomes = executed.outcomes.map(({ name, outcome, why }) => `${name} ${why ?? outcome}`);
    return {
      ...world,
      executed,
      outcomes,
      seconds: clock.elapsed() / SECOND,
      flights: flightsOf(announcer, workloads),
    };
  } finally {
    over.abort();
    await Promise.all(background);
  }
}

export interface Flown {
  readonly workload: Workload;
  readonly from: number;
  /** Undefined when nobody saw it end. */
  readonly to: number | undefined;
}

/** When each restart was in flight, in seconds, by what was told. */
function flightsOf({ told }: FakeAnnouncer, workloads: readonly Workload[]): Flown[] {
  return told.flatMap(news => {
    if (news.kind !== 'started' && news.kind !== 'resumed') return [];
    const key = keyOf(news.workload);
    const end = told.find(other => other.kind === 'ended' && keyOf(other.outcome) === key);
    const flown = workloads.filter(workload => keyOf(workload) === key);
    return flown.map(workload => ({ workload, from: news.time / SECOND, to: end && end.time / SECOND }));
  });
}

/** The most that `sizeOf` comes to for those in flight at once. */
export function peak(flights: readonly Flown[], sizeOf: (flying: readonly Workload[]) => number): number {
  return Math.max(
    0,
    ...flights.map(({ from }) =>
      sizeOf(
        flights.filter(other => other.from <= from && from < (other.to ?? Infinity)).map(({ workload }) => workload),
      ),
    ),
  );
}
