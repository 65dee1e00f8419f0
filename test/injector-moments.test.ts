import assert from 'node:assert/strict';
import { test } from 'node:test';
import { injectionOf, type Admission } from '../src/domain/drift.ts';
import { injectionCriteria } from '../src/domain/policy.ts';
import { nameStarts } from '../src/domain/starts.ts';
import { wantFor, wantOf } from '../src/domain/want.ts';
import { TERMINATED } from '../src/gates.ts';
import { start } from '../src/start.ts';
import { admittedWith, shapeWith } from './admissions.ts';
import { aPolicy, aRestart, aWorkload, MINUTE, NOW, somePods } from './build.ts';
import { rollsOut } from './fake-world.ts';
import { heldWorld } from './held-world.ts';
import { aNight, outcomesOf, QUICK, some } from './night.ts';

/** What becomes of restarts when an injector is upgraded, goes away or is restarted at an awkward moment. */

const POLICY = aPolicy({ stale: [{ injection: 'drift' }], rollout: { timeout: '60s', soak: '0s' } });
const WANT = wantOf(POLICY);

/** The first Pod got version 2, the others 3: the injector was upgraded while the rollout was under way. */
const mixed = rollsOut({ pods: index => ({ shape: shapeWith(index === 0 ? 2 : 3) }) });

test('an upgrade of the injector in the middle of rollouts does not stop the sweep until somebody says resume', async () => {
  const policy = {
    ...QUICK,
    batches: { sizes: [4], pause: '0s', inFlight: { perNamespace: 10 } },
    stale: [{ injection: 'drift' }],
  };
  const workloads = some(4);
  const night = aNight({ workloads, policy });
  const { cluster, clock, store } = night;
  let version = 2;
  cluster.onTry = () => admittedWith(version);
  for (const workload of workloads) {
    cluster.setPods(workload, somePods(3, { shape: shapeWith(1) }));
    cluster.scripts.set(`shop/${workload.name}`, mixed);
  }
  clock.after(500, () => (version = 3));
  const report = await night.runs();
  assert.deepEqual([report.ending.kind, store.checkpoint.stop], ['swept', null], outcomesOf(report).join());
});

const wantOfVersion = (version: number): string =>
  wantFor(WANT, injectionOf([], admittedWith(version), injectionCriteria(POLICY)));

async function starting(
  onTry: (world: Awaited<ReturnType<typeof heldWorld>>) => Admission,
  prepare: (world: Awaited<ReturnType<typeof heldWorld>>) => void = () => undefined,
) {
  const restart = { ...aRestart(), why: 'injectionDrift' as const, want: wantOfVersion(2) };
  const world = await heldWorld({
    workloads: [restart.workload],
    policy: aPolicy({ stale: [{ injection: 'drift' }] }),
  });
  const { cluster, hold } = world;
  cluster.setPods(restart.workload, somePods(3, { shape: shapeWith(1) }));
  hold.change(checkpoint => nameStarts(checkpoint, [restart.workload], NOW));
  cluster.onTry = () => onTry(world);
  prepare(world);
  return { started: await start(restart, world, true), world };
}

test('a workload whose trial was broken off by SIGTERM was not started, and is not said to be unknown', async () => {
  const { started } = await starting(({ gates }) => {
    gates.close(TERMINATED);
    return { kind: 'refused', message: 'broken off' };
  });
  assert.equal(started.kind, 'notStarted');
});

test('a PATCH that is repeated for minutes is tried again before: the injector may be down by now', async () => {
  let attempts = 0;
  const { world } = await starting(
    // What was asked right before the first attempt is version 2; three minutes later the injector is down and ignored.
    ({ clock }) => admittedWith(clock.elapsed() < MINUTE ? 2 : undefined),
    ({ cluster, clock }) => {
      cluster.onRestart = (_, apply) => {
        attempts++;
        return Promise.resolve(
          clock.elapsed() < 3 * MINUTE ? { kind: 'unanswered', message: 'HTTP 503', retryAfter: 15_000 } : apply(),
        );
      };
    },
  );
  assert.ok(attempts > 1);
  assert.equal(world.cluster.get(aWorkload())?.restartedAt, undefined, 'restarted while its injector was down');
});

test('nothing starts while what has to be ready is being restarted itself, in the same batch', async () => {
  // podOlderThan with ready: [istio-system/istiod], and istiod is as old as everybody else.
  const policy = {
    ...QUICK,
    batches: { sizes: [10], pause: '0s' },
    ready: [{ deployment: 'istio-system/istiod' }],
  };
  const workloads = [
    aWorkload({ namespace: 'istio-system', name: 'istiod', priority: '1' }),
    aWorkload({ name: 'web' }),
  ];
  const night = aNight({ workloads, policy });
  await night.runs();
  const [istiod] = night.announcer.of('ended').filter(({ outcome }) => outcome.name === 'istiod');
  const [web] = night.announcer.of('started').filter(({ workload }) => workload.name === 'web');
  assert.ok(istiod !== undefined && web !== undefined);
  assert.ok(web.time >= istiod.time, `web was started at ${web.time} ms, istiod was rolled out at ${istiod.time} ms`);
});
