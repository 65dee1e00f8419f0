import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Observed } from '../src/observed.ts';
import { aWorkload, HOUR, SECOND, type GivenWorkload } from './build.ts';
import { FakeClock } from './fake-clock.ts';

const WEB = aWorkload();
const REF = { kind: 'Deployment' as const, namespace: 'shop', name: 'web' };

describe('the newest that is known of a workload', () => {
  for (const { because, workload, seen } of [
    { because: 'is what the watch shows', workload: aWorkload({ resourceVersion: '101' }), seen: true },
    { because: 'is not what the watch shows late', workload: aWorkload({ resourceVersion: '99' }), seen: false },
    {
      because: 'is a newer generation, without numbers',
      workload: aWorkload({ resourceVersion: 'x', generation: 8 }),
      seen: true,
    },
    {
      because: 'is not an older generation, without numbers',
      workload: aWorkload({ resourceVersion: 'x', generation: 6 }),
      seen: false,
    },
    {
      because: 'is another of that name, whatever its version',
      workload: aWorkload({ uid: 'u2', resourceVersion: '5' }),
      seen: true,
    },
  ]) {
    test(because, () => {
      const observed = new Observed(new FakeClock(), [WEB]);
      observed.see({ kind: 'changed', workload });
      assert.equal(observed.latest(REF), seen ? workload : WEB);
    });
  }

  test('is the same, whichever of two sources comes first', () => {
    const read = aWorkload({ resourceVersion: '1000' });
    const watched = aWorkload({ resourceVersion: '999' });
    for (const first of ['read', 'watch']) {
      const observed = new Observed(new FakeClock(), [WEB]);
      if (first === 'read') observed.put(REF, read);
      observed.see({ kind: 'changed', workload: watched });
      if (first === 'watch') observed.put(REF, read);
      assert.equal(observed.latest(REF), read);
    }
  });

  test('is nothing once it is deleted, and the next of that name is seen', () => {
    const observed = new Observed(new FakeClock(), [WEB]);
    observed.see({ kind: 'deleted', ref: REF, uid: WEB.uid });
    assert.equal(observed.latest(REF), undefined);
    const again = aWorkload({ uid: 'u2', generation: 1 });
    observed.see({ kind: 'changed', workload: again });
    assert.equal(observed.latest(REF), again);
  });

  test('stays when one that had its name before was deleted', () => {
    const observed = new Observed(new FakeClock(), [WEB]);
    observed.see({ kind: 'deleted', ref: REF, uid: 'u0' });
    assert.equal(observed.latest(REF), WEB);
  });

  test('is not kept of workloads that are not in the plan', () => {
    const observed = new Observed(new FakeClock(), [WEB]);
    observed.see({ kind: 'changed', workload: aWorkload({ name: 'other' }) });
    assert.equal(observed.latest({ kind: 'Deployment', namespace: 'shop', name: 'other' }), undefined);
  });
});

describe('whoever waits for a change', () => {
  for (const { because, happens, wakes } of [
    { because: 'wakes when it comes', happens: o => o.see({ kind: 'changed', workload: WEB }), wakes: 5 },
    {
      because: 'wakes when the workload is gone',
      happens: o => o.see({ kind: 'deleted', ref: REF, uid: WEB.uid }),
      wakes: 5,
    },
    { because: 'wakes when somebody read it', happens: o => o.put(REF, WEB), wakes: 5 },
    { because: 'wakes when everything ends', happens: o => o.close(), wakes: 5 },
    {
      because: 'sleeps on when another workload changes',
      happens: o => o.see({ kind: 'changed', workload: aWorkload({ name: 'api' }) }),
      wakes: 60,
    },
    { because: 'sleeps on when only pauses end', happens: o => o.wake(), wakes: 60 },
    {
      because: 'sleeps on when an old version comes',
      happens: o => o.see({ kind: 'changed', workload: aWorkload({ resourceVersion: '99' }) }),
      wakes: 60,
    },
  ] satisfies readonly { because: string; happens: (observed: Observed) => void; wakes: number }[]) {
    test(because, async () => {
      const clock = new FakeClock();
      const observed = new Observed(clock, [WEB, aWorkload({ name: 'api' })]);
      clock.after(5 * SECOND, () => happens(observed));
      await observed.change(REF, 60 * SECOND);
      assert.equal(clock.elapsed(), wakes * SECOND);
    });
  }

  test('does not wait for a time that is over', async () => {
    const clock = new FakeClock();
    await new Observed(clock, [WEB]).change(REF, -5);
    assert.equal(clock.elapsed(), 0);
  });

  test('does not wait when everything has ended', async () => {
    const clock = new FakeClock();
    const observed = new Observed(clock, [WEB]);
    observed.close();
    await observed.change(REF, HOUR);
    await observed.pause(HOUR);
    assert.deepEqual([clock.elapsed(), observed.closed], [0, true]);
  });
});

describe('a pause', () => {
  for (const { because, happens, wakes } of [
    { because: 'ends early by a call', happens: o => o.wake(), wakes: 5 },
    { because: 'ends early when everything ends', happens: o => o.close(), wakes: 5 },
    { because: 'is not cut short by a change', happens: o => o.put(REF, WEB), wakes: 60 },
  ] satisfies readonly { because: string; happens: (observed: Observed) => void; wakes: number }[]) {
    test(because, async () => {
      const clock = new FakeClock();
      const observed = new Observed(clock, [WEB]);
      clock.after(5 * SECOND, () => happens(observed));
      await observed.pause(60 * SECOND);
      assert.equal(clock.elapsed(), wakes * SECOND);
    });
  }
});

describe('the worst moment of its availability', () => {
  const worstAfter = (...seen: readonly GivenWorkload[]) => {
    const start = aWorkload({ replicas: 10 });
    const observed = new Observed(new FakeClock(), [start]);
    observed.measure(start, 'rollout');
    for (const [index, given] of seen.entries()) {
      observed.put(REF, aWorkload({ replicas: 10, resourceVersion: String(101 + index), ...given }));
    }
    return observed.worstOf(REF);
  };

  test('is measured against what the strategy promises', () => {
    assert.deepEqual(worstAfter({ status: { availableReplicas: 7 } }, {}), { least: 7, promised: 8 });
    assert.deepEqual(worstAfter({}, {}), { least: 10, promised: 8 });
  });

  test('is measured against what is wanted, where a spare Pod is there already', () => {
    const start = aWorkload({ replicas: 3 });
    const observed = new Observed(new FakeClock(), [start]);
    observed.measure(start, 'replace', 2);
    observed.put(REF, aWorkload({ replicas: 3, resourceVersion: '101', status: { availableReplicas: 2 } }));
    assert.deepEqual(observed.worstOf(REF), { least: 2, promised: 2 });
  });

  test('is no broken promise when an autoscaler takes replicas away and brings them back', () => {
    const back = worstAfter({ replicas: 5, status: { availableReplicas: 5 } }, { status: { availableReplicas: 5 } });
    assert.deepEqual(back, { least: 5, promised: 4 });
  });

  test('is that of this workload, and not of another that has its name', () => {
    assert.deepEqual(worstAfter({ uid: 'u2', status: { availableReplicas: 0 } }), { least: 10, promised: 8 });
  });
});
