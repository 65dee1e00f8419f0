import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NotPermitted, OutOfReach } from '../src/ports.ts';
import { run } from '../src/run.ts';
import { newRunId } from '../src/world.ts';
import {
  aCheckpoint,
  aPod,
  aWorkload,
  BEGIN,
  DAY,
  HOUR,
  MINUTE,
  NOW,
  policyText,
  RUN,
  somePods,
  SECOND,
  SWEEP,
} from './build.ts';
import { admittedWith, REFUSED, shapeWith } from './admissions.ts';
import { rollsOut } from './fake-world.ts';
import { aNight, outcomesOf, QUICK, revisions, some, WISHES } from './night.ts';

describe('a run', () => {
  test('restarts all that is stale, and gives the checkpoint back with its summary', async () => {
    const night = aNight();
    const report = await night.runs();
    assert.deepEqual(outcomesOf(report), ['w0 restarted', 'w1 restarted', 'w2 restarted']);
    assert.deepEqual(
      [report.exitCode, report.ending.kind, report.sweep, report.remaining],
      [0, 'swept', '2026-11-24T01:10:00Z', 0],
    );
    const { hold, sweep, stop, runs } = night.store.checkpoint;
    assert.deepEqual([hold, sweep, stop], [null, null, null]);
    assert.deepEqual(runs, [
      { run: RUN, began: '2026-11-24T01:10:00Z', ended: '2026-11-24T01:10:20Z', exitCode: 0, summary: report.summary },
    ]);
  });

  test('finds nothing to do after that, and neither restarts nor waits', async () => {
    const night = aNight();
    await night.runs();
    const before = night.clock.elapsed();
    const report = await night.runs();
    assert.deepEqual([report.ending.kind, report.outcomes, report.exitCode], ['nothingToDo', [], 0]);
    assert.deepEqual(revisions(night), [5, 5, 5]);
    assert.equal(night.clock.elapsed(), before);
  });

  test('that has nothing to do does not watch', async () => {
    const night = aNight({ workloads: [aWorkload({ paused: true })] });
    const report = await night.runs();
    assert.deepEqual(report.counts.left, { paused: 1 });
    assert.deepEqual(night.cluster.calls, ['inventory']);
  });

  test('goes on the next night where the window closed, with the canary first', async () => {
    const night = aNight({ workloads: some(8), now: BEGIN + 4 * HOUR - 15 * SECOND });
    const first = await night.runs();
    assert.ok(first.remaining > 0 && first.outcomes.length > 0, first.summary);
    assert.equal(first.exitCode, 0);
    const { sweep } = night.store.checkpoint;
    await night.clock.sleep(20 * HOUR + MINUTE);
    const second = await night.runs();
    assert.equal(second.sweep ?? sweep?.id, sweep?.id);
    assert.equal(night.announcer.of('planned')[1]?.plan.batches[0]?.length, 1);
    assert.deepEqual(
      revisions(night, 8),
      Array.from({ length: 8 }, () => 5),
    );
  });

  test('looks at one workload only when it is told to, and does not close the sweep with it', async () => {
    const night = aNight({ checkpoint: aCheckpoint() });
    const report = await night.runs({ only: 'shop/w1' });
    assert.deepEqual(outcomesOf(report), ['w1 restarted']);
    assert.deepEqual(report.counts.left, { notSelected: 2 });
    assert.equal(night.store.checkpoint.sweep?.id, SWEEP);
  });

  test('skips namespaces that it may not read, and ends with 4', async () => {
    const night = aNight();
    night.cluster.skipped = [{ namespace: 'secret', why: 'forbidden' }];
    const report = await night.runs();
    assert.deepEqual([report.outcomes.length, report.exitCode], [3, 4]);
    assert.equal(night.announcer.of('namespaceSkipped').length, 1);
  });

  test('has an id that begins with its second', () => {
    assert.match(newRunId(NOW), /^20261124T011000Z-[0-9a-f]{8}$/);
  });
});

describe('SIGTERM', () => {
  for (const { when, after, inFlight } of [
    { when: 'while the canary is in flight', after: 5, inFlight: ['w0 interrupted'] },
    {
      when: 'while the second batch is in flight',
      after: 12,
      inFlight: ['w0 restarted', 'w1 interrupted', 'w2 interrupted'],
    },
  ]) {
    test(`${when} ends the run at once with 143, and the next one awaits and goes on`, async () => {
      const night = aNight({ workloads: some(4) });
      night.clock.after(after * SECOND, () => night.interruption.abort());
      const report = await night.runs();
      assert.deepEqual([report.exitCode, outcomesOf(report), night.clock.elapsed()], [143, inFlight, after * SECOND]);
      assert.equal(night.store.checkpoint.hold, null);

      const next = { ...night.world, interrupted: new AbortController().signal };
      const second = await run(next, WISHES);
      assert.equal(second.exitCode, 0);
      assert.deepEqual(
        night.announcer.of('resumed').length,
        inFlight.filter(text => text.includes('interrupted')).length,
      );
      assert.deepEqual(revisions(night, 4), [5, 5, 5, 5]);
      assert.equal(night.store.checkpoint.sweep, null);
    });
  }

  test('before the first start starts nothing', async () => {
    const night = aNight();
    night.interruption.abort();
    const report = await night.runs();
    assert.deepEqual([report.exitCode, revisions(night), night.store.checkpoint.hold], [143, [4, 4, 4], null]);
  });

  test('in a pause starts nothing any more', async () => {
    const night = aNight({ policy: { ...QUICK, batches: { sizes: [1], pause: '5m' } } });
    night.clock.after(MINUTE, () => night.interruption.abort());
    const report = await night.runs();
    assert.deepEqual([report.exitCode, outcomesOf(report), report.remaining], [143, ['w0 restarted'], 2]);
    assert.equal(night.clock.elapsed(), MINUTE);
  });

  test('while the inventory is read gives the hold back', async () => {
    const night = aNight();
    night.cluster.inventory = () => new Promise(() => undefined);
    night.clock.after(5 * SECOND, () => night.interruption.abort());
    const report = await night.runs();
    assert.deepEqual([report.exitCode, night.store.checkpoint.hold], [143, null]);
  });

  test('while a holder is waited for changes nothing', async () => {
    const night = aNight({ checkpoint: aCheckpoint({ hold: { run: 'dead' } }) });
    night.clock.after(5 * SECOND, () => night.interruption.abort());
    const report = await night.runs();
    assert.deepEqual([report.exitCode, night.store.version], [143, 1]);
  });

  test('after the window closed still ends with 143', async () => {
    const night = aNight({ now: BEGIN + 4 * HOUR - 5 * SECOND });
    night.cluster.scripts.set('shop/w0', rollsOut({ seconds: 300 }));
    night.clock.after(60 * SECOND, () => night.interruption.abort());
    assert.equal((await night.runs()).exitCode, 143);
  });
});

describe('the policy is read again at each save', () => {
  const slow = { ...QUICK, batches: { sizes: [1], pause: '0s' }, rollout: { soak: '20s' } };
  for (const { because, text, exitCode, ending, restarted } of [
    {
      because: 'a change ends the run after what is in flight, with 0',
      text: () => policyText({ ...slow, stale: [{ podOlderThan: '6d' }] }),
      exitCode: 0,
      ending: 'policyChanged',
      restarted: 1,
    },
    {
      because: 'a comment or the order of keys is no change',
      text: (before: string) =>
        `# a comment\n${JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(before)).toReversed()))}`,
      exitCode: 0,
      ending: 'swept',
      restarted: 3,
    },
    {
      because: 'an invalid one is the emergency stop, with 2',
      text: () => 'stop!',
      exitCode: 2,
      ending: 'policyInvalid',
      restarted: 1,
    },
  ]) {
    test(because, async () => {
      const night = aNight({ policy: slow });
      night.clock.after(5 * SECOND, () => void (night.source.text = text(night.source.text)));
      const report = await night.runs();
      assert.deepEqual([report.exitCode, report.ending.kind, report.outcomes.length], [exitCode, ending, restarted]);
    });
  }

  test('a file that is gone is the emergency stop, too', async () => {
    const night = aNight({ policy: slow });
    night.clock.after(5 * SECOND, () => void (night.source.read = () => Promise.reject(new Error('ENOENT'))));
    assert.equal((await night.runs()).exitCode, 2);
  });

  test('an API server that cannot be asked for it is not', async () => {
    const night = aNight({ policy: slow });
    night.clock.after(5 * SECOND, () => void (night.source.read = () => Promise.reject(new OutOfReach('away'))));
    const report = await night.runs();
    assert.deepEqual([report.exitCode, report.outcomes.length], [0, 3]);
  });
});

describe('what the API server does not do', () => {
  const permission = { verb: 'list', resource: 'pods', namespace: '' };
  for (const { because, happens, exitCode } of [
    {
      because: 'an inventory that is forbidden ends with 4',
      happens: ({ cluster }) => void (cluster.inventory = () => Promise.reject(new NotPermitted(permission))),
      exitCode: 4,
    },
    {
      because: 'an inventory that never comes ends with 1',
      happens: ({ cluster }) => void (cluster.inventory = () => Promise.reject(new OutOfReach('away'))),
      exitCode: 1,
    },
    {
      because: 'a checkpoint that may not be read ends with 4',
      happens: ({ store }) => void (store.read = () => Promise.reject(new NotPermitted(permission))),
      exitCode: 4,
    },
    {
      because: 'a watch that is forbidden ends with 4',
      happens: ({ cluster }) => void (cluster.watch = () => Promise.reject(new NotPermitted(permission))),
      exitCode: 4,
    },
    {
      because: 'a PATCH that is forbidden ends with 4',
      happens: ({ cluster }) => void (cluster.onRestart = () => Promise.resolve({ kind: 'forbidden', permission })),
      exitCode: 4,
    },
    {
      because: 'a PATCH that is refused ends with 3',
      happens: ({ cluster }) => void (cluster.onRestart = () => Promise.resolve({ kind: 'denied', message: 'no' })),
      exitCode: 3,
    },
    {
      because: 'something that nobody foresaw ends with 1',
      happens: ({ cluster }) => void (cluster.inventory = () => Promise.reject(new TypeError('boom'))),
      exitCode: 1,
    },
  ] satisfies readonly { because: string; happens: (night: ReturnType<typeof aNight>) => void; exitCode: number }[]) {
    test(because, async () => {
      const night = aNight();
      happens(night);
      const report = await night.runs();
      assert.equal(report.exitCode, exitCode, report.summary);
      assert.equal(night.store.checkpoint.hold, null);
    });
  }

  test('what was forbidden is tried again by the next run, once it is permitted', async () => {
    const night = aNight();
    const ideal = night.cluster.onRestart;
    night.cluster.onRestart = () => Promise.resolve({ kind: 'forbidden', permission });
    await night.runs();
    night.cluster.onRestart = ideal;
    assert.equal((await night.runs()).outcomes.length, 3);
  });

  test('what was refused is left for 20 h, and tried again after that', async () => {
    const night = aNight({ workloads: some(1) });
    const ideal = night.cluster.onRestart;
    night.cluster.onRestart = () => Promise.resolve({ kind: 'denied', message: 'no' });
    await night.runs();
    night.cluster.onRestart = ideal;
    assert.deepEqual((await night.runs()).counts.left, { deniedBefore: 1 });
    await night.clock.sleep(DAY);
    assert.deepEqual(outcomesOf(await night.runs()), ['w0 restarted']);
  });
});

test('a workload whose restart was undone between two runs is left, and the others are not', async () => {
  const night = aNight({ workloads: some(2) });
  await night.runs();
  const ref = { kind: 'Deployment' as const, namespace: 'shop', name: 'w0' };
  night.cluster.update(ref, {
    restartedAt: undefined,
    record: undefined,
    generation: 20,
    revision: 6,
    status: { observedGeneration: 20 },
  });
  night.cluster.setPods(ref, [aPod(), aPod(), aPod()]);
  const report = await night.runs();
  assert.deepEqual([report.outcomes, report.counts.left], [[], { fresh: 1, revertedBefore: 1 }]);
});

test('a restart that was taken back between two runs is told by the run that finds it, with who owns the value now', async () => {
  const night = aNight({ policy: { ...QUICK, batches: { sizes: [1], pause: '1m' } } });
  night.clock.after(12 * SECOND, () => night.interruption.abort());
  const first = await night.runs();
  assert.deepEqual([outcomesOf(first), first.exitCode], [['w0 restarted'], 143]);
  const w0 = { kind: 'Deployment' as const, namespace: 'shop', name: 'w0' };
  const { generation = 0, revision = 0 } = night.cluster.get(w0) ?? {};
  night.cluster.owner = 'argocd';
  const undone = { restartedAt: undefined, record: undefined, generation: generation + 1, revision: revision + 1 };
  night.cluster.update(w0, { ...undone, status: { observedGeneration: generation + 1 } });
  const again = { ...night.world, interrupted: new AbortController().signal };
  const second = await run(again, WISHES);
  assert.deepEqual(outcomesOf(second), ['w0 reverted', 'w1 restarted', 'w2 restarted']);
  assert.match(second.outcomes[0]?.detail ?? '', /its owner now: argocd/);
  // With new Pods of the old template.
  assert.equal(second.left.find(({ name }) => name === 'w0')?.why, 'fresh');
});

test('a container that is misspelt in the policy is told, for all are fresh by it', async () => {
  const night = aNight({ policy: { ...QUICK, stale: [{ container: 'proxi', imageNot: ['proxy:2'] }] } });
  const { ending } = await night.runs();
  assert.deepEqual(
    night.announcer.of('containerUnseen').map(({ container }) => container),
    ['proxi'],
  );
  assert.equal(ending.detail, 'nothing is stale and willing');
});

test('a kind that nobody has installed is told once, and the others are restarted', async () => {
  const night = aNight();
  night.cluster.unserved = ['Rollout'];
  const { ending } = await night.runs();
  assert.deepEqual(
    night.announcer.of('kindUnserved').map(({ unserved }) => unserved),
    ['Rollout'],
  );
  assert.equal(ending.kind, 'swept');
});

describe('under a policy that asks the injector', () => {
  const policy = { ...QUICK, stale: [{ injection: 'drift' }] };
  const drifted = (night: ReturnType<typeof aNight>): void => {
    night.cluster.onTry = () => admittedWith(2);
    for (const workload of some(3)) night.cluster.setPods(workload, somePods(3, { shape: shapeWith(1) }));
  };

  test('a run tells what trying cost', async () => {
    const night = aNight({ policy });
    drifted(night);
    await night.runs();
    assert.deepEqual(
      night.announcer.of('tried').map(({ workloads, dryRuns }) => [workloads, dryRuns]),
      [[3, 6]],
    );
  });

  test('what is unknown is not called willing or not', async () => {
    const night = aNight({ policy });
    drifted(night);
    night.cluster.onTry = () => REFUSED;
    const { ending } = await night.runs();
    assert.deepEqual(ending, { kind: 'nothingToDo', detail: 'nothing else is stale and willing' });
  });

  test('nobody is asked while it is not ready, and the run waits for another time', async () => {
    const night = aNight({ policy: { ...policy, ready: [{ deployment: 'mesh/injector' }] } });
    drifted(night);
    const report = await night.runs();
    assert.deepEqual([report.ending.kind, report.exitCode, report.counts.left], ['notReady', 0, { unknown: 3 }]);
    assert.ok(!night.cluster.calls.some(call => call.startsWith('try')));
    assert.deepEqual(night.announcer.of('tried'), []);
  });
});
