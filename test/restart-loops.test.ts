import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Admission } from '../src/domain/drift.ts';
import type { Workload } from '../src/domain/model.ts';
import { encodeContainers, encodeValues, type PodShape } from '../src/domain/shape.ts';
import { aWorkload, MINUTE, SECOND, somePods } from './build.ts';
import type { Script } from './fake-world.ts';
import { aNight, QUICK } from './night.ts';

/** What would be restarted tick after tick if nobody remembered what a restart was for. */

const shapeOf = (values: {
  resources?: string;
  annotations?: Record<string, string>;
  env?: Record<string, string>;
}): PodShape => ({
  containers: encodeContainers({
    app: { image: { '': 'app:1' } },
    proxy: {
      image: { '': 'proxy:1' },
      env: values.env ?? {},
      resources: { '': values.resources ?? 'r' },
      other: { placement: 'a container' },
    },
  }),
  annotations: encodeValues(values.annotations ?? {}),
});
const template: PodShape = {
  containers: encodeContainers({ app: { image: { '': 'app:1' } } }),
  annotations: encodeValues({}),
};

/** Ticks every ten minutes; every Pod gets what admission makes at that moment. */
async function ticks(count: number, admissionAt: (elapsed: number, workload: Workload) => PodShape, names = ['w0']) {
  const workloads = names.map(name => aWorkload({ name }));
  const night = aNight({ workloads, policy: { ...QUICK, stale: [{ injection: 'drift' }] } });
  const { cluster, clock } = night;
  cluster.onTry = (workload): Admission => ({
    kind: 'admitted',
    template,
    pod: admissionAt(clock.elapsed(), cluster.get(workload) ?? workload),
  });
  const rolls: Script = async (on, workload) => {
    await on.sleep(SECOND);
    const { generation: observedGeneration, replicas, restartedAt } = workload;
    on.setPods(workload, somePods(replicas, { restartedAt, shape: admissionAt(clock.elapsed(), workload) }));
    await on.sleep(9 * SECOND);
    on.update(workload, {
      status: { observedGeneration, updatedReplicas: replicas, replicas, availableReplicas: replicas },
    });
  };
  for (const workload of workloads) {
    cluster.setPods(workload, somePods(3, { shape: admissionAt(-MINUTE, workload) }));
    cluster.scripts.set(`shop/${workload.name}`, rolls);
  }
  const outcomes: string[][] = [];
  for (let tick = 0; tick < count; tick++) {
    const report = await night.runs();
    outcomes.push(report.outcomes.map(({ name, outcome, detail }) => `${name} ${outcome} ${detail}`));
    await clock.sleep((tick + 1) * 10 * MINUTE - clock.elapsed());
  }
  const restarts = Object.fromEntries(
    names.map(name => [name, cluster.calls.filter(call => call === `restart shop/${name}`).length]),
  );
  return { outcomes, restarts };
}

test('an injector that writes the second of admission gets one workload restarted at most once, not at every tick', async () => {
  // OpenKruise: kruise.io/sidecarset-hash holds metav1.Now(); two dry runs within one second are equal.
  const { restarts, outcomes } = await ticks(6, elapsed =>
    shapeOf({ annotations: { 'kruise.io/sidecarset-hash': String(Math.floor(elapsed / SECOND)) } }),
  );
  assert.ok((restarts['w0'] ?? 0) <= 1, JSON.stringify({ restarts, outcomes }, null, 1));
});

test('a sidecar that an autoscaler sizes anew every few minutes gets nobody restarted at every tick', async () => {
  // VPA admission (Initial, Recreate, Auto) sizes injected containers that it sees, by the recommendation of the moment.
  const { restarts, outcomes } = await ticks(6, elapsed =>
    shapeOf({ resources: String(Math.floor(elapsed / (5 * MINUTE))) }),
  );
  assert.ok((restarts['w0'] ?? 0) <= 1, JSON.stringify({ restarts, outcomes }, null, 1));
});

test('an ineffective restart stays remembered where admission writes down the ReplicaSet', async () => {
  // The OpenTelemetry operator puts k8s.replicaset.name into OTEL_RESOURCE_ATTRIBUTES. Pods never get MODE, whatever the dry run says.
  const env = (workload: Workload) => ({ OTEL_RESOURCE_ATTRIBUTES: `rs-${workload.restartedAt ?? 'first'}` });
  const workloads = [aWorkload({ name: 'w0' })];
  const night = aNight({ workloads, policy: { ...QUICK, stale: [{ injection: 'drift' }] } });
  const { cluster, clock } = night;
  const [w0] = workloads;
  assert.ok(w0 !== undefined);
  cluster.onTry = workload => ({
    kind: 'admitted',
    template,
    pod: shapeOf({ env: { ...env(cluster.get(workload) ?? workload), MODE: 'dry' } }),
  });
  cluster.setPods(w0, somePods(3, { shape: shapeOf({ env: { ...env(w0), MODE: 'live' } }) }));
  cluster.scripts.set('shop/w0', async (on, workload) => {
    const { generation: observedGeneration, replicas, restartedAt } = workload;
    on.setPods(
      workload,
      somePods(replicas, { restartedAt, shape: shapeOf({ env: { ...env(workload), MODE: 'live' } }) }),
    );
    await on.sleep(9 * SECOND);
    on.update(workload, {
      status: { observedGeneration, updatedReplicas: replicas, replicas, availableReplicas: replicas },
    });
  });
  const outcomes: string[] = [];
  for (let tick = 0; tick < 5; tick++) {
    const report = await night.runs();
    outcomes.push(...report.outcomes.map(({ outcome }) => `${tick} ${outcome}`));
    await clock.sleep(10 * MINUTE);
  }
  assert.deepEqual(outcomes, ['0 ineffective']);
});

test('a value that is one of two by chance gets nobody restarted', async () => {
  // vault-k8s writes its secrets into VAULT_CONFIG in the order of a Go map: with two of them it is one of two texts.
  let state = 7;
  const coin = () => (state = (state * 1103515245 + 12345) % 2147483648) > 1073741824;
  const { restarts, outcomes } = await ticks(6, () => shapeOf({ env: { VAULT_CONFIG: coin() ? 'ab' : 'ba' } }), [
    'w0',
    'w1',
    'w2',
    'w3',
  ]);
  assert.deepEqual(restarts, { w0: 0, w1: 0, w2: 0, w3: 0 }, JSON.stringify(outcomes));
});

test('what changes on live Pods after their start gets them restarted once for the same want, not at every tick', async () => {
  // A controller that writes over what admission wrote (an in-place resize of the sidecar, SidecarSet hot upgrades).
  const workloads = [aWorkload({ name: 'w0' })];
  const night = aNight({ workloads, policy: { ...QUICK, stale: [{ injection: 'drift' }] } });
  const { cluster, clock } = night;
  const [w0] = workloads;
  assert.ok(w0 !== undefined);
  cluster.onTry = () => ({ kind: 'admitted', template, pod: shapeOf({ resources: 'at admission' }) });
  cluster.setPods(w0, somePods(3, { shape: shapeOf({ resources: 'resized in place' }) }));
  cluster.scripts.set('shop/w0', async (on, workload) => {
    const { generation: observedGeneration, replicas, restartedAt } = workload;
    on.setPods(workload, somePods(replicas, { restartedAt, shape: shapeOf({ resources: 'at admission' }) }));
    await on.sleep(9 * SECOND);
    on.update(workload, {
      status: { observedGeneration, updatedReplicas: replicas, replicas, availableReplicas: replicas },
    });
    await on.sleep(3 * MINUTE);
    on.setPods(workload, somePods(replicas, { restartedAt, shape: shapeOf({ resources: 'resized in place' }) }));
  });
  const outcomes: string[] = [];
  for (let tick = 0; tick < 5; tick++) {
    const report = await night.runs();
    outcomes.push(...report.outcomes.map(({ outcome }) => `${tick} ${outcome}`));
    await clock.sleep(10 * MINUTE);
  }
  assert.deepEqual(outcomes, ['0 restarted']);
});
