import assert from 'node:assert/strict';
import { test } from 'node:test';
import { injectionOf, type Admission } from '../src/domain/drift.ts';
import { injectionCriteria } from '../src/domain/policy.ts';
import { nameStarts } from '../src/domain/starts.ts';
import { ageReference } from '../src/domain/verdict.ts';
import { wantFor, wantOf } from '../src/domain/want.ts';
import { follow } from '../src/flight.ts';
import { TERMINATED } from '../src/gates.ts';
import { Observed } from '../src/observed.ts';
import { start } from '../src/start.ts';
import { admittedWith, REFUSED, shapeWith } from './admissions.ts';
import {
  aBench,
  aPolicy,
  aRecord,
  aRestart,
  aRestarted,
  aWorkload,
  MINUTE,
  NOW,
  SECOND,
  somePods,
  T,
} from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster, type Script } from './fake-world.ts';
import { heldWorld } from './held-world.ts';
import { aNight, outcomesOf, QUICK, some } from './night.ts';

const POLICY = aPolicy({ stale: [{ injection: 'drift' }], rollout: { timeout: '60s', soak: '0s' } });
const WANT = wantOf(POLICY);

/** The first Pod got version 2, the others 3: the injector was upgraded while the rollout was under way. */
const mixed: Script = async (on, workload) => {
  await on.sleep(SECOND);
  const { generation: observedGeneration, replicas, restartedAt } = workload;
  const [first, ...others] = somePods(replicas, { restartedAt, createdAt: NOW });
  assert.ok(first !== undefined);
  on.setPods(workload, [{ ...first, shape: shapeWith(2) }, ...others.map(pod => ({ ...pod, shape: shapeWith(3) }))]);
  on.update(workload, {
    status: { observedGeneration, updatedReplicas: replicas, replicas, availableReplicas: replicas },
  });
};

test('an injector that is upgraded in the middle of a rollout makes it no ineffective one: every Pod got what was to be had when it was made', async () => {
  const clock = new FakeClock();
  const workload = aRestarted({ generation: 8, status: { observedGeneration: 7 } });
  const cluster = new FakeCluster(clock, [workload]);
  const observed = new Observed(clock, [workload]);
  const over = new AbortController();
  const watch = cluster.watch(new Map(), change => observed.see(change), over.signal);
  cluster.onTry = () => admittedWith(3);
  void mixed(cluster, workload);
  const landing = await follow(
    {
      ref: workload,
      uid: workload.uid,
      at: T,
      template: workload.template,
      before: undefined,
      age: ageReference(aRecord(), aBench()),
      want: `${WANT}.2`,
      stood: undefined,
      tried: admittedWith(2),
    },
    { cluster, clock, observed, policy: POLICY, configChanges: new Map(), progress: () => undefined },
  );
  over.abort();
  await watch;
  assert.notEqual(landing.outcome, 'ineffective', landing.detail);
});

test('such an upgrade does not stop the sweep until somebody says resume', async () => {
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

test('a rollout of an earlier run that went well has not failed because the injector cannot be asked', async () => {
  const clock = new FakeClock();
  const workload = aRestarted();
  const cluster = new FakeCluster(clock, [workload]);
  cluster.setPods(workload, somePods(3, { restartedAt: T, shape: shapeWith(2) }));
  const observed = new Observed(clock, [workload]);
  cluster.onTry = () => REFUSED;
  const landing = await follow(
    {
      ref: workload,
      uid: workload.uid,
      at: T,
      template: workload.template,
      before: undefined,
      age: ageReference(aRecord(), aBench()),
      // The hash of what its Pods have stands in the record.
      want: wantOfVersion(2),
      stood: undefined,
      tried: undefined,
    },
    { cluster, clock, observed, policy: POLICY, configChanges: new Map(), progress: () => undefined },
  );
  assert.notEqual(landing.outcome, 'failed', landing.detail);
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
