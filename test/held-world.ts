import assert from 'node:assert/strict';
import type { Checkpoint } from '../src/domain/checkpoint.ts';
import type { Workload } from '../src/domain/model.ts';
import type { Policy } from '../src/domain/policy.ts';
import { wantOf } from '../src/domain/want.ts';
import { windowAt, type WindowState } from '../src/domain/window.ts';
import { Gates } from '../src/gates.ts';
import { readCheckpoint, takeHold } from '../src/hold.ts';
import { Observed } from '../src/observed.ts';
import { aBench, aCheckpoint, aPolicy, NOW, RUN } from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeAnnouncer, FakeCluster, FakeStore } from './fake-world.ts';

/** Between the hold and the first start: all that `start` and `execute` need, on a cluster of stale workloads. */
export async function heldWorld({
  workloads = [],
  checkpoint: given,
  policy = aPolicy(),
  now = NOW,
  started = false,
  windowAt: windowOf = (at: number) => windowAt(policy.windows, at),
}: {
  readonly workloads?: readonly Workload[];
  readonly checkpoint?: Checkpoint;
  readonly policy?: Policy;
  readonly now?: number;
  readonly started?: boolean;
  readonly windowAt?: (now: number) => WindowState;
} = {}) {
  const checkpoint = given ?? aCheckpoint({ want: wantOf(policy) });
  const clock = new FakeClock(now);
  const store = new FakeStore(checkpoint);
  const announcer = new FakeAnnouncer(clock);
  const cluster = new FakeCluster(clock, workloads);
  const observed = new Observed(clock, workloads);
  const interruption = new AbortController();
  const read = await readCheckpoint(store);
  assert.ok(read.kind === 'read');
  const taken = await takeHold(
    read,
    { run: RUN, pod: undefined },
    { store, clock, announcer, interrupted: interruption.signal },
  );
  assert.ok(taken.kind === 'held');
  const { hold } = taken;
  const window = windowOf(now);
  // A window that is closed is seen to be so by the first check.
  const seen: WindowState & { kind: 'open' } =
    window.kind === 'open' ? window : { kind: 'open', occurrence: { name: 'nights', opensAt: now }, closesAt: now };
  const gates = new Gates({ clock, hold, observed, announcer, window: seen, windowAt: windowOf, started });
  hold.onLoss = () => void gates.check();
  const bench = aBench({ policy, now });
  const { namespaces, budgetsOf: budgets, autoscalers, quotasIn: quotas, usage } = cluster;
  return {
    clock,
    store,
    announcer,
    cluster,
    observed,
    hold,
    gates,
    bench,
    namespaces,
    budgets,
    autoscalers,
    quotas,
    usage,
  };
}
