/** A Rollout on its way: its Pods carry no T, and its controller says when it is done. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod, WorkloadRef } from '../src/domain/model.ts';
import { ageReference } from '../src/domain/verdict.ts';
import { follow } from '../src/flight.ts';
import { Observed } from '../src/observed.ts';
import {
  aBench,
  aPod,
  aPolicy,
  aRecord,
  aRestarted,
  aTrouble,
  imagesOf,
  SECOND,
  somePods,
  T,
  type GivenWorkload,
} from './build.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster } from './fake-world.ts';

const REF: WorkloadRef = { kind: 'Rollout', namespace: 'shop', name: 'web' };
const UNDER_WAY = 'its restart is under way';
const AT = Date.parse(T);
const OLD = somePods(3);
const NEW = somePods(3, { createdAt: AT });
/** What its template says of an earlier rollout, which says nothing about this restart. */
const ANNOTATED = somePods(3, { restartedAt: T });

/** Follows a restart that its controller has seen; what happens at so many seconds, and what becomes of it when. */
async function flight(
  events: readonly (readonly [seconds: number, given: GivenWorkload, pods?: readonly Pod[]])[],
  policy = aPolicy({ rollout: { soak: '0s', timeout: '2m' } }),
) {
  const clock = new FakeClock();
  const strategy = { kind: 'rollingUpdate', maxSurge: 0, maxUnavailable: 1 } as const;
  const workload = aRestarted({ ...REF, strategy, awaits: UNDER_WAY, status: { terminatingReplicas: undefined } });
  const cluster = new FakeCluster(clock);
  cluster.add(workload, OLD);
  const observed = new Observed(clock, [workload]);
  const over = new AbortController();
  const watch = cluster.watch([], change => observed.see(change), over.signal);
  for (const [seconds, given, pods] of events) {
    clock.after(seconds * SECOND, () => {
      if (pods !== undefined) cluster.setPods(REF, pods);
      cluster.update(REF, given);
    });
  }
  const { uid, template } = workload;
  const age = ageReference(aRecord(), aBench());
  const of = { ref: REF, uid, at: T, template, before: undefined, age, want: aBench().want, has: [], tried: undefined };
  const landing = await follow(
    { ...of, stood: undefined },
    { cluster, clock, observed, policy, configChanges: new Map(), progress: () => undefined },
  );
  over.abort();
  await watch;
  const { outcome, why, detail } = landing;
  return { outcome: why === undefined ? outcome : `${outcome}: ${why}`, detail, seconds: clock.elapsed() / SECOND };
}

describe('a Rollout', () => {
  test('is restarted when its controller says so and no live Pod is from before T', async () => {
    assert.deepEqual(await flight([[9, { awaits: undefined }, NEW]]), { outcome: 'restarted', detail: '', seconds: 9 });
  });

  test('is not restarted before its controller says so, although all its Pods are new and available', async () => {
    const { outcome, seconds } = await flight([
      [5, {}, NEW],
      [40, { awaits: undefined }],
    ]);
    assert.deepEqual([outcome, seconds], ['restarted', 40]);
  });

  test('is not restarted while its newest Pod is not available, although its controller has evicted the last one', async () => {
    const { outcome, seconds } = await flight([
      [5, { awaits: undefined, status: { availableReplicas: 2 } }, NEW],
      [30, { status: { availableReplicas: 3 } }],
    ]);
    assert.deepEqual([outcome, seconds], ['restarted', 30]);
  });

  test('is not restarted while an evicted Pod is on its way out: its controller may not have counted that', async () => {
    const leaving = aPod({ name: 'old', terminating: true });
    const { outcome, seconds } = await flight([
      [5, { awaits: undefined }, [...NEW.slice(1), leaving]],
      [12, {}, NEW],
    ]);
    assert.deepEqual([outcome, seconds], ['restarted', 12]);
  });

  test('is not proven by Pods that carry T and are from before it', async () => {
    const { outcome, detail } = await flight([[9, { awaits: undefined }, ANNOTATED]]);
    assert.equal(outcome, 'failed: notProven');
    assert.equal(detail, `0 of 3 live Pods are not from before ${T}, 3 expected`);
  });

  test('fails when the Pods that are new are doomed, whatever those before do', async () => {
    const image = aTrouble({ reason: 'ImagePullBackOff', message: 'not found' });
    const pods = [...OLD.slice(1), aPod({ createdAt: AT + SECOND, troubles: [image] })];
    const { outcome, seconds } = await flight([[1, { status: { availableReplicas: 2 } }, pods]]);
    assert.deepEqual([outcome, seconds], ['failed: imagePull', 16]);
  });

  test('fails at the timeout with what its controller waits for', async () => {
    const { outcome, detail, seconds } = await flight([]);
    assert.deepEqual([outcome, seconds], ['failed: timeout', 120]);
    assert.equal(detail, `${UNDER_WAY}; 3 of 3 Pods available`);
  });

  test('has new Pods by definition, whatever their age', async () => {
    const policy = aPolicy({ stale: [{ podOlderThan: '1s' }], rollout: { soak: '0s' } });
    assert.equal((await flight([[9, { awaits: undefined }, NEW]], policy)).outcome, 'restarted');
  });

  test('is ineffective when its new Pods still match', async () => {
    const policy = aPolicy({ stale: [{ container: 'proxy', imageNot: ['proxy:2'] }], rollout: { soak: '0s' } });
    const same = NEW.map(pod => ({ ...pod, images: imagesOf('app:1', 'proxy:1') }));
    assert.equal((await flight([[9, { awaits: undefined }, same]], policy)).outcome, 'ineffective');
  });
});
