/**
 * A start whose judged version is no longer the one that stands there, and of which no watch has told yet: only the
 * condition of the PATCH can know. The worker's own `start`, against the real API server.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatInstant } from '../../src/domain/instant.ts';
import { connect } from '../../src/kubernetes/connect.ts';
import { start } from '../../src/start.ts';
import { aNamespace, aPolicy } from '../build.ts';
import { heldWorld } from '../held-world.ts';
import { realClock } from '../kubernetes/real-clock.ts';
import { Site } from './site.ts';

/** Reads a Deployment, lets somebody change it, and starts its restart as it was read. */
async function startAfter(verb: 'label' | 'annotate', change: string) {
  const site = await Site.open();
  const [namespace = ''] = site.namespaces;
  await site.deploy(site.deployment({ name: 'app' }));
  const now = Date.now();
  const policy = aPolicy({ stale: [{ podOlderThan: '1s' }] });
  const world = await heldWorld({ policy, now, windowAt: () => open });
  const { cluster, close } = connect({
    kubeconfig: site.cluster.kubeconfig,
    clock: realClock,
    env: {},
    checkpoint: 'none',
  });
  try {
    const workload = await cluster.workload({ kind: 'Deployment', namespace, name: 'app' });
    assert.ok(workload !== undefined);
    world.observed.put(workload, workload);
    await site.cluster.kubectl('-n', namespace, verb, 'deployment', 'app', change);
    const bench = { ...world.bench, sweep: { id: formatInstant(now), begin: now } };
    const namespaces = new Map([[namespace, aNamespace({ name: namespace })]]);
    const restart = {
      kind: 'restart',
      workload,
      why: 'podTooOld',
      detail: '',
      oldestPod: 0,
      want: bench.want,
      way: 'rollout',
      because: '',
      replicaSet: { name: '', uid: '' },
      has: [],
      autoscaler: undefined,
      failedBefore: false,
    } as const;
    const none = { budgets: new Map(), autoscalers: new Map(), quotas: new Map(), usage: new Map() };
    const started = await start(restart, { ...world, cluster, bench, namespaces, ...none }, true);
    const patches = (await site.cluster.requestsBy('admin')).filter(
      request => request.verb === 'patch' && request.userAgent === 'nightshift' && request.namespace === namespace,
    );
    return { started, codes: patches.map(({ code }) => code), restarts: await site.restarts() };
  } finally {
    await close();
  }
}

const open = { kind: 'open', occurrence: { name: 'always', opensAt: 0 }, closesAt: Number.POSITIVE_INFINITY } as const;

describe('a Deployment that was changed after it was judged', { concurrency: 2 }, () => {
  // A label: an annotation makes a new generation, and until that is observed a rollout is in progress.
  test('is refused as judged, judged again and restarted once', async () => {
    const { started, codes, restarts } = await startAfter('label', 'somebody=was-here');
    assert.equal(started.kind === 'left' ? started.verdict : started.kind, 'inFlight');
    assert.deepEqual(codes, [409, 200]);
    assert.deepEqual(restarts, { app: 1 });
  });

  test('is left when the change was an opt-out', async () => {
    const { started, codes, restarts } = await startAfter('annotate', 'nightshift/restart=never');
    assert.equal(started.kind === 'left' && started.verdict.why, 'optedOut');
    assert.deepEqual(codes, [409]);
    assert.deepEqual(restarts, { app: 0 });
  });
});
