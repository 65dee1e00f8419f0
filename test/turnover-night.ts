import { formatRecord, parseRecord, type RestartRecord } from '../src/domain/record.ts';
import type { Pod } from '../src/domain/model.ts';
import { startOf } from '../src/domain/starts.ts';
import { ageReference } from '../src/domain/verdict.ts';
import type { Landing } from '../src/flight.ts';
import { turnOver } from '../src/turnover.ts';
import {
  aCheckpoint,
  aPolicy,
  aRecord,
  aWorkload,
  NOW,
  SECOND,
  somePods,
  T,
  WANTS_PROXY_2,
  type GivenWorkload,
} from './build.ts';
import type { FakeClock } from './fake-clock.ts';
import type { FakeCluster } from './fake-world.ts';
import { heldWorld } from './held-world.ts';

/** One restart that leaves the template as it is, from its record to its outcome. */

export const REF = { kind: 'Deployment' as const, namespace: 'shop', name: 'web' };

export type World = Awaited<ReturnType<typeof heldWorld>>;

export interface Night {
  readonly way: 'evict' | 'replace';
  readonly given?: GivenWorkload;
  readonly pods?: readonly Pod[];
  /** Of an earlier run. */
  readonly record?: Partial<RestartRecord>;
  readonly policy?: Readonly<Record<string, unknown>>;
  /** An earlier run began it. */
  readonly isResumed?: boolean;
  /** The checkpoint says that there may be a spare Pod. */
  readonly isMarked?: boolean;
  /** A milliseconds' count until the window closes. */
  readonly closesIn?: number;
  readonly isWanted?: boolean;
  readonly has?: readonly string[];
  /** What else is so, before it begins. */
  readonly arrange?: (world: World) => void;
  /** What else happens, at so many seconds. */
  readonly events?: readonly (readonly [seconds: number, happens: (world: World) => void])[];
  /** For so many seconds more it is looked at what becomes of its Pods. */
  readonly aftermath?: number;
}

/** Turns `shop/web` over, and says what came of it and what was done, in order. */
export async function night(given: Night) {
  const { way, closesIn = Number.POSITIVE_INFINITY, isWanted = true, has = [], aftermath = 0 } = given;
  const { arrange, events = [] } = given;
  const isResumed = given.isResumed ?? given.record?.replicas !== undefined;
  const policy = aPolicy({ stale: WANTS_PROXY_2, rollout: { timeout: '2m', soak: '0s' }, ...given.policy });
  const record = { ...aRecord({ at: T, ...given.record }), way };
  const workload = aWorkload({ record: formatRecord(record), ...given.given });
  const start = startOf(workload, T);
  const isMarked = given.isMarked ?? record.replicas !== undefined;
  const occurrence = { name: 'nights', opensAt: NOW };
  const world = await heldWorld({
    workloads: [workload],
    policy,
    checkpoint: aCheckpoint({ starts: [isMarked ? { ...start, spare: true } : start] }),
    windowAt: now =>
      now < NOW + closesIn
        ? { kind: 'open', occurrence, closesAt: NOW + closesIn }
        : { kind: 'closed', why: 'outsideWindows', opensAt: undefined },
  });
  const { cluster, clock, observed, hold, bench, gates } = world;
  cluster.setPods(workload, given.pods ?? somePods(workload.replicas));
  arrange?.(world);
  const over = new AbortController();
  const watch = cluster.watch([], change => observed.see(change), over.signal);
  for (const [seconds, happens] of events) clock.after(seconds * SECOND, () => happens(world));
  const least = leastReady(cluster, clock, over.signal);
  const age = ageReference(record, bench);
  const landing = await turnOver({ workload, record, age, has, tried: undefined, isResumed, policy, isWanted }, world);
  const seconds = clock.elapsed() / SECOND;
  await clock.sleep(aftermath * SECOND);
  over.abort();
  await watch;
  const now = cluster.get(REF);
  return {
    landing,
    seconds,
    done: cluster.calls
      .filter(call => /^(evict|rescale|rewrite)/.test(call))
      .map(call => call.replace(' shop/web', '')),
    replicas: now?.replicas,
    owed: parseRecord(now?.record)?.replicas,
    isMarked: hold.checkpoint.starts.some(({ spare }) => spare === true),
    left: (await cluster.pods(workload)).map(({ name }) => name).toSorted(),
    least: least(),
    ending: gates.ending?.kind,
  };
}

/** The fewest Pods that were ready at any time, until it is over. */
function leastReady(cluster: FakeCluster, clock: FakeClock, over: AbortSignal): () => number {
  let least = Number.POSITIVE_INFINITY;
  const look = async (): Promise<void> => {
    const asked = cluster.pods(aWorkload());
    cluster.calls.pop();
    const pods = await asked;
    least = Math.min(least, pods.filter(({ ready }) => ready).length);
    if (!over.aborted) clock.after(100, () => void look());
  };
  clock.after(0, () => void look());
  return () => least;
}

export const outcomeOf = ({ outcome, why }: Landing): string => [outcome, why].filter(Boolean).join(' ');
