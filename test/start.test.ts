import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeCheckpoint } from '../src/domain/checkpoint.ts';
import { formatInstant } from '../src/domain/instant.ts';
import { nameStarts } from '../src/domain/starts.ts';
import { formatRecord, parseRecord } from '../src/domain/record.ts';
import type { PatchAnswer, RestartOrder } from '../src/ports.ts';
import { start } from '../src/start.ts';
import {
  aCheckpoint,
  aPolicy,
  aRecord,
  aRestart,
  aRestarted,
  aWorkload,
  BEGIN,
  BY,
  HOUR,
  NOW,
  RUN,
  SECOND,
  SWEEP,
  WANT,
  type GivenWorkload,
} from './build.ts';
import { heldWorld } from './held-world.ts';

const REF = { kind: 'Deployment' as const, namespace: 'shop', name: 'web' };
const SILENCE: PatchAnswer = { kind: 'unanswered', message: '503 overloaded', retryAfter: undefined };
const NOW_TEXT = formatInstant(NOW);

/** What the API server makes of one attempt; `apply` is what an ideal one does. */
type Attempt = (apply: () => PatchAnswer, world: World) => PatchAnswer;
type World = Awaited<ReturnType<typeof heldWorld>>;

const answers =
  (answer: PatchAnswer): Attempt =>
  () =>
    answer;
/** It takes effect, and nobody hears of it. */
const applied: Attempt = apply => {
  apply();
  return SILENCE;
};
const changed =
  (given: GivenWorkload): Attempt =>
  (apply, { cluster }) => {
    cluster.update(REF, given);
    return apply();
  };

/** Starts `shop/web`; each attempt of the table is one PATCH, and those after it are answered as by an ideal server. */
async function starting(
  attempts: readonly Attempt[] = [],
  options: Parameters<typeof heldWorld>[0] & {
    readonly before?: (world: World) => void | Promise<void>;
    readonly given?: GivenWorkload;
  } = {},
) {
  const { before, given, ...worldly } = options;
  const restart = aRestart(given);
  const world = await heldWorld({ workloads: [restart.workload], ...worldly });
  const { cluster, hold, clock } = world;
  hold.change(checkpoint => nameStarts(checkpoint, [restart.workload], NOW));
  const orders: (RestartOrder & { readonly seconds: number; readonly fresh: boolean })[] = [];
  cluster.onRestart = (order, apply) => {
    orders.push({ ...order, seconds: clock.elapsed() / SECOND, fresh: hold.isFresh() });
    const attempt = attempts[orders.length - 1];
    return Promise.resolve(attempt === undefined ? apply() : attempt(apply, world));
  };
  await before?.(world);
  const started = await start(restart, world, true);
  return { ...world, started, orders, seconds: clock.elapsed() / SECOND };
}

describe('a restart', () => {
  test('is one PATCH of the version that was judged, with T and the record', async () => {
    const { started, orders, cluster } = await starting();
    assert.equal(started.kind, 'inFlight');
    assert.equal(orders.length, 1);
    assert.equal(orders[0]?.workload.resourceVersion, '100');
    assert.equal(cluster.get(REF)?.restartedAt, NOW_TEXT);
    assert.deepEqual(parseRecord(cluster.get(REF)?.record), {
      at: NOW_TEXT,
      by: BY,
      run: RUN,
      sweep: SWEEP,
      why: 'podTooOld',
      want: WANT,
      template: 'template-1',
    });
  });

  test('remembers what stood there before, and is a second later than that', async () => {
    const { orders } = await starting([], { given: { restartedAt: formatInstant(NOW) } });
    const record = parseRecord(orders[0]?.record);
    assert.deepEqual([record?.before, record?.at], [NOW_TEXT, formatInstant(NOW + SECOND)]);
  });

  test('carries what stood in its status before, to tell an old failure from a new one', async () => {
    const progressing = { reason: 'ProgressDeadlineExceeded', message: '', lastUpdateTime: 'long ago' };
    const { started } = await starting([], { given: { status: { progressing } } });
    assert.deepEqual(started.kind === 'inFlight' && started.before, progressing);
  });

  test('carries it also when its answer was lost', async () => {
    const progressing = { reason: 'ProgressDeadlineExceeded', message: '', lastUpdateTime: 'long ago' };
    const { started } = await starting([applied], { given: { status: { progressing } } });
    assert.deepEqual(started.kind === 'inFlight' && started.before, progressing);
  });

  test('marks its name in the checkpoint with T', async () => {
    const { hold } = await starting([], { given: { restartedAt: '2026-11-24T01:20:00Z' } });
    assert.deepEqual(
      hold.checkpoint.starts.map(({ workload, at }) => [workload, at]),
      [['shop/web', '2026-11-24T01:20:01Z']],
    );
  });
});

describe('nothing is sent', () => {
  for (const { because, ending, options } of [
    { because: 'when the window is closed', ending: 'windowClosed', options: { now: BEGIN + 4 * HOUR } },
    {
      because: 'when there is a stop',
      ending: 'stopped',
      options: {
        before: ({ hold }) =>
          hold.change(c => ({ ...c, stop: { at: SWEEP, why: 'failures', detail: '', want: WANT } })),
      },
    },
    {
      because: 'when the hold is lost',
      ending: 'holdLost',
      options: {
        before: world => {
          takeOver(world);
          return world.hold.save();
        },
      },
    },
    {
      because: 'when the gates were closed',
      ending: 'terminated',
      options: { before: ({ gates }) => gates.close({ kind: 'terminated', detail: '' }) },
    },
  ] satisfies readonly { because: string; ending: string; options: Parameters<typeof starting>[1] }[]) {
    test(because, async () => {
      const { started, orders, gates } = await starting([], options);
      await gates.check();
      assert.deepEqual([started.kind, orders.length, gates.ending?.kind], ['notStarted', 0, ending]);
    });
  }
});

/** Another run of the same checkpoint. */
function takeOver({ store }: Pick<World, 'store'>): void {
  store.put(encodeCheckpoint({ ...store.checkpoint, save: { run: 'other', number: 99 } }));
}

describe('a workload that changed since the plan', () => {
  for (const { because, why, given } of [
    { because: 'was paused', why: 'paused', given: { paused: true } },
    { because: 'opted out', why: 'optedOut', given: { optedOut: true } },
    { because: 'is being rolled out', why: 'rolloutInProgress', given: { status: { updatedReplicas: 1 } } },
    { because: 'was scaled to nothing', why: 'zeroReplicas', given: { replicas: 0 } },
  ] as const) {
    test(`and ${because} is left, without a PATCH, and its name is forgotten`, async () => {
      const { started, orders, hold } = await starting([], {
        before: ({ cluster, observed }) => observed.put(REF, cluster.update(REF, given)),
      });
      assert.equal(started.kind === 'left' && started.verdict.why, why);
      assert.equal(orders.length, 0);
      assert.deepEqual(hold.checkpoint.starts, []);
    });
  }

  test('and is still stale is restarted as it is now', async () => {
    const { started, orders, announcer } = await starting([], {
      before: ({ cluster, observed }) =>
        observed.put(
          REF,
          cluster.update(REF, { template: 'template-2', generation: 8, status: { observedGeneration: 8 } }),
        ),
    });
    assert.equal(started.kind, 'inFlight');
    assert.equal(orders[0]?.workload.resourceVersion, '1001');
    assert.equal(parseRecord(orders[0]?.record)?.template, 'template-2');
    assert.equal(announcer.of('judgedAgain').length, 1);
  });

  for (const { because, happens } of [
    { because: 'was deleted', happens: ({ cluster }: World) => cluster.remove(REF) },
    {
      because: 'was deleted and made again',
      happens: ({ cluster }: World) => {
        cluster.remove(REF);
        cluster.add(aWorkload({ uid: 'another', resourceVersion: '500' }));
      },
    },
  ]) {
    test(`and ${because} is gone`, async () => {
      const { started, orders } = await starting([], {
        before: world => {
          happens(world);
          world.observed.put(REF, world.cluster.get(REF));
        },
      });
      assert.equal(started.kind === 'ended' && started.landing.outcome, 'gone');
      assert.equal(orders.length, 0);
    });
  }
});

describe('after a conflict the workload is read', () => {
  test('and restarted when it is still stale and willing', async () => {
    const { started, orders, cluster } = await starting([changed({ labels: { a: 'b' } })]);
    assert.equal(started.kind, 'inFlight');
    assert.deepEqual(
      orders.map(({ workload }) => workload.resourceVersion),
      ['100', '1001'],
    );
    assert.deepEqual(cluster.calls, ['restart shop/web', 'get shop/web', 'pods shop/web', 'restart shop/web']);
  });

  test('and gets a later T when somebody restarted it meanwhile', async () => {
    const { orders } = await starting([changed({ restartedAt: '2026-11-24T01:20:00Z', labels: { a: 'b' } })]);
    assert.deepEqual(
      orders.map(({ at }) => at),
      [NOW_TEXT, '2026-11-24T01:20:01Z'],
    );
  });

  test('and left for this run when that happens again and again, with longer and longer pauses', async () => {
    const busy = Array.from({ length: 20 }, (_, index) => changed({ labels: { round: String(index) } }));
    const { started, orders, clock } = await starting(busy);
    assert.deepEqual(started.kind === 'left' && [started.verdict.why, started.verdict.detail], [
      'rolloutInProgress',
      'somebody changed it 10 times while it was judged',
    ]);
    assert.equal(orders.length, 10);
    assert.ok(clock.elapsed() >= 25_000, String(clock.elapsed()));
  });

  test('and left when it is not', async () => {
    const { started, orders } = await starting([changed({ paused: true })]);
    assert.equal(started.kind === 'left' && started.verdict.why, 'paused');
    assert.equal(orders.length, 1);
  });

  test('and our own lost answer is in flight, once', async () => {
    const { started, orders, cluster } = await starting([applied]);
    assert.equal(started.kind, 'inFlight');
    assert.deepEqual(new Set(orders.map(({ at }) => at)), new Set([NOW_TEXT]));
    assert.equal(cluster.get(REF)?.revision, 5);
  });

  test('and in flight when it took effect late, after it was judged again and had got a later T', async () => {
    let late: Parameters<Attempt>[0] = () => SILENCE;
    const delayed: Attempt = apply => {
      late = apply;
      return SILENCE;
    };
    const refusedForNothing: Attempt = () => ({ kind: 'conflict' });
    const overtaken: Attempt = (apply, { cluster }) => {
      late();
      cluster.update(REF, { revision: 5 });
      return apply();
    };
    const { started, cluster } = await starting([delayed, refusedForNothing, overtaken], {
      before: ({ cluster: world }) => void world.scripts.set('shop/web', () => Promise.resolve()),
    });
    assert.equal(started.kind, 'inFlight');
    assert.equal(started.kind === 'inFlight' && started.record.at, cluster.get(REF)?.restartedAt);
  });

  test('and reverted when it had taken effect and was taken back at once', async () => {
    const takenBack: Attempt = (apply, { cluster }) => {
      apply();
      cluster.update(REF, { restartedAt: undefined, generation: 9, revision: 6, status: { observedGeneration: 9 } });
      return SILENCE;
    };
    const { started, orders } = await starting([takenBack], {
      before: ({ cluster }) => void cluster.scripts.set('shop/web', () => Promise.resolve()),
    });
    assert.equal(started.kind === 'ended' && started.landing.outcome, 'reverted');
    assert.equal(orders.length, 2);
  });

  test('and not reverted where it never took effect, and somebody scaled what counts every change', async () => {
    const ref = { ...REF, kind: 'StatefulSet' as const };
    const scaled: Attempt = (_, { cluster }) => {
      cluster.update(ref, { priority: '1', generation: 8, revision: 5, status: { observedGeneration: 8 } });
      return SILENCE;
    };
    const { started, orders } = await starting([scaled], { given: { kind: 'StatefulSet', revision: 4 } });
    assert.deepEqual([started.kind, orders.length], ['inFlight', 3]);
  });

  test('and gone when it is', async () => {
    const { started } = await starting([
      (_, { cluster }) => {
        cluster.remove(REF);
        return { kind: 'conflict' };
      },
    ]);
    assert.equal(started.kind === 'ended' && started.landing.outcome, 'gone');
  });

  test('and gone when it was made again: that is a 422 about its uid', async () => {
    const { started, orders } = await starting([
      (_, { cluster }) => {
        cluster.remove(REF);
        cluster.add(aWorkload({ uid: 'another' }));
        return { kind: 'conflict' };
      },
    ]);
    assert.equal(started.kind === 'ended' && started.landing.outcome, 'gone');
    assert.equal(orders.length, 1);
  });

  const theirs = aRecord({ run: 'other', at: '2026-11-24T01:10:30Z' });
  const restartedByAnother = {
    generation: 8,
    restartedAt: theirs.at,
    record: formatRecord(theirs),
    status: { updatedReplicas: 0 },
  };

  test('and the hold is lost when another run of this checkpoint restarted it', async () => {
    const { orders, hold, gates } = await starting([
      (apply, world) => {
        takeOver(world);
        return changed(restartedByAnother)(apply, world);
      },
    ]);
    assert.deepEqual([orders.length, hold.loss?.kind, gates.ending?.kind], [1, 'takenOver', 'holdLost']);
  });

  test('and awaited when that run died and its PATCH came late', async () => {
    const { started, orders, hold } = await starting([changed(restartedByAnother)]);
    assert.deepEqual([orders.length, hold.loss], [1, undefined]);
    assert.deepEqual(started.kind === 'inFlight' && started.record, theirs);
  });

  test('and judged like anybody when another checkpoint restarted it', async () => {
    const record = formatRecord({ ...theirs, by: 'ops/other' });
    const { started } = await starting([changed({ ...restartedByAnother, record })]);
    assert.equal(started.kind === 'left' && started.verdict.why, 'rolloutInProgress');
  });
});

describe('the API server', () => {
  test('that knows no such workload ends it as gone', async () => {
    const { started } = await starting([answers({ kind: 'gone' })]);
    assert.equal(started.kind === 'ended' && started.landing.outcome, 'gone');
  });

  test('that refuses it ends it as denied, in its own words', async () => {
    const { started, orders } = await starting([answers({ kind: 'denied', message: 'policy: no restarts' })]);
    assert.deepEqual(started, {
      kind: 'ended',
      landing: { outcome: 'denied', detail: 'policy: no restarts' },
      at: NOW_TEXT,
    });
    assert.equal(orders.length, 1);
  });

  test('that does not permit it closes the gates, and nothing happened to the workload', async () => {
    const permission = { verb: 'patch', resource: 'deployments.apps', namespace: 'shop' };
    const { started, gates } = await starting([answers({ kind: 'forbidden', permission })]);
    assert.equal(started.kind, 'notStarted');
    assert.deepEqual(gates.ending, {
      kind: 'notPermitted',
      detail: 'not permitted to patch deployments.apps in namespace shop',
    });
  });
});

describe('a PATCH without an answer', () => {
  const silent = answers(SILENCE);

  test('is repeated with the same T and version, less and less often, and only on a fresh hold', async () => {
    const { started, orders } = await starting(Array.from({ length: 7 }, () => silent));
    assert.equal(started.kind, 'inFlight');
    assert.deepEqual(
      orders.map(({ seconds }) => seconds),
      [0, 1, 3, 7, 15, 30, 45, 60],
    );
    assert.deepEqual(new Set(orders.map(({ at }) => at)), new Set([NOW_TEXT]));
    assert.deepEqual(new Set(orders.map(({ workload }) => workload.resourceVersion)), new Set(['100']));
    assert.ok(orders.every(({ fresh }) => fresh));
  });

  test('is repeated after the time that the server asks for, but the gates are looked at in between', async () => {
    const { orders } = await starting([
      answers({ ...SILENCE, retryAfter: 4 * SECOND }),
      answers({ ...SILENCE, retryAfter: 3_600 * SECOND }),
    ]);
    assert.deepEqual(
      orders.map(({ seconds }) => seconds),
      [0, 4, 4 + 15],
    );
  });

  const closing = { now: BEGIN + 4 * HOUR - 2 * SECOND };

  test('that took effect is in flight although the window closed: the gates forbid repeating, not reading', async () => {
    const { started, orders, gates } = await starting([silent, applied, silent], closing);
    assert.deepEqual([started.kind, orders.length, gates.ending?.kind], ['inFlight', 2, 'windowClosed']);
  });

  test('that took no effect until the server gave up is not started when the window closed', async () => {
    const { started, orders, seconds } = await starting([silent, silent], closing);
    assert.deepEqual([started.kind, orders.length], ['notStarted', 2]);
    assert.ok(seconds >= 3 + 10, `${seconds}`);
  });

  test('is in flight for all we know when the run has to end at once', async () => {
    const { started, seconds } = await starting([silent, silent, silent, silent], {
      before: ({ clock, gates }) => clock.after(5 * SECOND, () => gates.close({ kind: 'terminated', detail: '' })),
    });
    assert.equal(started.kind === 'ended' && started.landing.outcome, 'interrupted');
    assert.equal(seconds, 5);
  });

  test('for as long as a rollout may take is no fault of the workload: the run ends with an error', async () => {
    const policy = aPolicy({ rollout: { timeout: '2m' } });
    const { started, gates } = await starting(
      Array.from({ length: 50 }, () => silent),
      { policy },
    );
    assert.deepEqual([started.kind, gates.ending?.kind], ['notStarted', 'error']);
  });
});

test('an error before the first PATCH leaves the workload to do, and ends the run', async () => {
  const { started, gates } = await starting([], {
    before: ({ cluster, observed }) => {
      observed.put(REF, cluster.update(REF, { labels: {} }));
      cluster.pods = () => Promise.reject(new Error('away'));
    },
  });
  assert.deepEqual([started.kind, gates.ending?.kind], ['notStarted', 'error']);
});

test('a restart of a run of ours that is over does not keep a workload from being restarted', async () => {
  const before = aRestarted({}, { sweep: '2026-11-01T01:00:00Z', at: '2026-11-01T01:05:00Z' });
  const { started } = await starting([], { given: before, checkpoint: aCheckpoint() });
  assert.equal(started.kind, 'inFlight');
});
