import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Checkpoint } from '../src/domain/checkpoint.ts';
import type { Workload } from '../src/domain/model.ts';
import { isRollingOut } from '../src/domain/rollout.ts';
import { run } from '../src/run.ts';
import type { World } from '../src/world.ts';
import { aTrouble, aWorkload, policyText, SECOND } from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeAnnouncer, FakeCluster, FakeStore, getsStuck, rollsOut, type Script } from './fake-world.ts';

/**
 * A run dies, or stands still for a while, at some moment of its life; others follow. Answers take a
 * quarter of a second each way, so that the end comes before, on and after each write.
 */

const WAY = SECOND / 4;
const LIMIT = 2;
const POLICY = {
  batches: { sizes: [1, 3, 4], pause: '2s', inFlight: { workloads: LIMIT, pods: 100, perNamespace: 10 } },
  rollout: { soak: '2s' },
};
const NEVER = new Promise<never>(() => undefined);

/** The same object for a process that goes on only when `alive` resolves: before each call, and with each answer. */
function mortal<T extends object>(target: T, alive: () => Promise<void>): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key, object);
      if (typeof value !== 'function') return value;
      return async (...given: unknown[]): Promise<unknown> => {
        await alive();
        const answer: unknown = await Reflect.apply(value, object, given);
        await alive();
        return answer;
      };
    },
  });
}

interface Night {
  readonly scripts?: Readonly<Record<string, Script>>;
  /** When the first run is to stop, in seconds. */
  readonly at: number;
  /** When it goes on, in seconds; never when it is killed. */
  readonly again?: number;
}

/** One run that is cut short, then others until nothing is left to do; and what the cluster looks like then. */
async function night({ at, again, scripts = {} }: Night) {
  const clock = new FakeClock();
  const workloads = Array.from({ length: 6 }, (_, index) => aWorkload({ name: `w${index}` }));
  const cluster = new FakeCluster(clock, workloads);
  const store = new FakeStore();
  let most = 0;
  for (const { name } of workloads) cluster.scripts.set(`shop/${name}`, scripts[name] ?? rollsOut({ seconds: 4 }));
  cluster.onRestart = async (_, apply) => {
    await clock.sleep(WAY);
    const answer = apply();
    most = Math.max(most, workloads.filter(ref => isRollingOut(cluster.get(ref) ?? ref)).length);
    await clock.sleep(WAY);
    return answer;
  };
  store.onWrite = async apply => {
    await clock.sleep(WAY);
    const answer = apply();
    await clock.sleep(WAY);
    return answer;
  };
  const alive = async (): Promise<void> => {
    const now = clock.elapsed() / SECOND;
    if (now < at || (again !== undefined && now >= again)) return;
    await (again === undefined ? NEVER : clock.sleep(again * SECOND - clock.elapsed()));
  };
  const world: World = {
    clock,
    policySource: { name: 'policy.yaml', read: () => Promise.resolve(policyText(POLICY)) },
    announcer: new FakeAnnouncer(clock),
    connect: () => ({ cluster, store }),
    interrupted: new AbortController().signal,
  };
  const doomed: World = {
    ...world,
    clock: {
      now: clock.now,
      elapsed: clock.elapsed,
      sleep: async (milliseconds, signal) => {
        await clock.sleep(milliseconds, signal);
        await alive();
      },
    },
    policySource: mortal(world.policySource, alive),
    connect: () => ({ cluster: mortal(cluster, alive), store: mortal(store, alive) }),
  };
  const wishes = (id: string) => ({ holder: { run: id, pod: undefined }, only: undefined, ignoreWindow: false });
  const first = run(doomed, wishes('first'));
  await clock.sleep(at * SECOND);
  const reports = [];
  for (let tick = 1; tick <= 4; tick++) {
    reports.push(await run(world, wishes(`run-${tick}`)));
    await clock.sleep(60 * SECOND);
  }
  if (again !== undefined) reports.push(await first);
  const checkpoint: Checkpoint = store.checkpoint;
  const restarts = (ref: Workload): number => (cluster.get(ref)?.revision ?? 0) - ref.revision;
  return {
    cluster,
    checkpoint,
    reports,
    most,
    restarts: Object.fromEntries(workloads.map(w => [w.name, restarts(w)])),
  };
}

const ONCE = { w0: 1, w1: 1, w2: 1, w3: 1, w4: 1, w5: 1 };
/** Steps that are no multiple of a round trip meet each of its quarters. */
const moments = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step);

test('after a run that is killed at any moment the next ones restart every workload, and none twice', async () => {
  for (const at of moments(0, 36, 1.25)) {
    const { restarts, most, checkpoint, reports } = await night({ at });
    assert.deepEqual(restarts, ONCE, `killed after ${at} s`);
    assert.ok(most <= LIMIT, `${most} in flight when killed after ${at} s`);
    assert.deepEqual([checkpoint.sweep, checkpoint.hold, checkpoint.stop], [null, null, null]);
    assert.ok(reports.every(({ exitCode }) => exitCode === 0));
  }
});

test('after a run that is killed at any moment a failure still stops the sweep, restarted once and counted once', async () => {
  const scripts = { w1: getsStuck({ troubles: [aTrouble()] }) };
  for (const at of moments(5, 32, 1.75)) {
    const { restarts, checkpoint } = await night({ at, scripts });
    assert.equal(restarts['w1'], 1, `killed after ${at} s`);
    const { stop, occurrence } = checkpoint;
    assert.deepEqual([stop?.why, occurrence?.failures], ['failures', 1], `killed after ${at} s`);
    assert.deepEqual([restarts['w4'], restarts['w5']], [0, 0], `killed after ${at} s`);
  }
});

test('a run that stands still for two minutes at any moment is taken over, and restarts nothing twice when it wakes', async () => {
  for (const at of moments(0, 36, 1.75)) {
    const { restarts, checkpoint } = await night({ at, again: at + 120 });
    assert.deepEqual(restarts, ONCE, `stood still after ${at} s`);
    assert.deepEqual([checkpoint.sweep, checkpoint.stop], [null, null], `stood still after ${at} s`);
  }
});
