import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Checkpoint } from '../src/domain/checkpoint.ts';
import { encodeCheckpoint } from '../src/domain/checkpoint.ts';
import { windowAt, type WindowState } from '../src/domain/window.ts';
import { Gates } from '../src/gates.ts';
import { NotPermitted, OutOfReach } from '../src/ports.ts';
import { aCheckpoint, aSweep, BEGIN, HOUR, MINUTE, NOW, SECOND, T, WANT } from './build.ts';
import type { FakeStore } from './fake-world.ts';
import { heldWorld } from './held-world.ts';

/** The window of the tests is open from 01:00 to 05:00. */
const CLOSES = BEGIN + 4 * HOUR;

const takenOver = (store: FakeStore): void =>
  store.put(encodeCheckpoint({ ...store.checkpoint, save: { run: 'other', number: 99 } }));
const stop: Checkpoint['stop'] = { at: T, why: 'failures', detail: 'shop/web failed', want: WANT };

describe('the window', () => {
  for (const { edge, kind } of [
    { edge: -1, kind: undefined },
    { edge: 0, kind: 'windowClosed' },
    { edge: 1, kind: 'windowClosed' },
  ]) {
    test(`at its end ${edge < 0 ? '' : '+'}${edge} ms lets ${kind === undefined ? 'a start' : 'none'} through`, async () => {
      const { gates } = await heldWorld({ now: CLOSES + edge });
      assert.equal((await gates.check())?.kind, kind);
    });
  }

  test('is looked at anew: the clock may jump back', async () => {
    let now = NOW;
    const { clock, gates } = await heldWorld();
    clock.now = () => now;
    assert.equal(await gates.check(), undefined);
    now = BEGIN - 1;
    assert.equal((await gates.check())?.kind, 'windowClosed');
  });

  test('is looked at anew: the clock may have jumped back before the first check', async () => {
    const { clock, hold, observed, announcer, bench } = await heldWorld();
    clock.now = () => BEGIN - 1;
    const windowOf = (now: number) => windowAt(bench.policy.windows, now);
    const window = { kind: 'open' as const, occurrence: { name: 'nights', opensAt: BEGIN }, closesAt: CLOSES };
    const gates = new Gates({ clock, hold, observed, announcer, window, windowAt: windowOf, started: false });
    assert.equal((await gates.check())?.kind, 'windowClosed');
  });

  test('that closed says when it opens again', async () => {
    const { gates } = await heldWorld({ now: CLOSES });
    assert.match((await gates.check())?.detail ?? '', /opens in 20h/);
  });

  test('that never closes lets starts through for ever', async () => {
    const occurrence = { name: 'ignored', opensAt: NOW };
    const window = (): WindowState => ({ kind: 'open', occurrence, closesAt: Number.POSITIVE_INFINITY });
    const { gates, clock } = await heldWorld({
      windowAt: window,
      started: true,
      checkpoint: aCheckpoint({ sweep: aSweep({ rolloutSeconds: [600] }) }),
    });
    await clock.sleep(48 * HOUR);
    assert.equal(await gates.check(), undefined);
  });
});

describe('the time that is left', () => {
  const typical = aCheckpoint({ sweep: aSweep({ rolloutSeconds: [20, 60, 600] }) });
  for (const { left, started, kind } of [
    { left: MINUTE + 1, started: true, kind: undefined },
    { left: MINUTE, started: true, kind: undefined },
    { left: MINUTE - 1, started: true, kind: 'notEnoughTime' },
    { left: MINUTE - 1, started: false, kind: undefined },
    { left: 1, started: false, kind: undefined },
  ]) {
    test(`${left} ms for a rollout of a minute, ${started ? 'not the first' : 'the first'} of the occurrence: ${kind ?? 'go'}`, async () => {
      const { gates } = await heldWorld({ now: CLOSES - left, checkpoint: typical, started });
      assert.equal((await gates.check())?.kind, kind);
    });
  }

  test('counts from the first start of this run on', async () => {
    const { gates } = await heldWorld({ now: CLOSES - SECOND, checkpoint: typical });
    assert.equal(await gates.check(), undefined);
    gates.started();
    assert.equal((await gates.check())?.kind, 'notEnoughTime');
  });

  test('does not count before anything is known', async () => {
    const { gates } = await heldWorld({ now: CLOSES - 1, started: true });
    assert.equal(await gates.check(), undefined);
  });
});

describe('the gates close', () => {
  test('when a stop is in the checkpoint', async () => {
    const { gates, hold } = await heldWorld();
    assert.equal(await gates.check(), undefined);
    hold.change(checkpoint => ({ ...checkpoint, stop }));
    assert.deepEqual(await gates.check(), { kind: 'stopped', detail: 'stopped: shop/web failed' });
  });

  test('when the hold is lost, which a save tells as soon as the hold is not fresh', async () => {
    const { gates, store, clock } = await heldWorld();
    takenOver(store);
    await clock.sleep(30 * SECOND);
    assert.equal(await gates.check(), undefined);
    await clock.sleep(1);
    assert.equal((await gates.check())?.kind, 'holdLost');
  });

  test('unless a hold that is not fresh can be saved', async () => {
    const { gates, store, clock, hold } = await heldWorld();
    await clock.sleep(HOUR);
    assert.equal(await gates.check(), undefined);
    assert.deepEqual([store.saves.length, hold.isFresh()], [2, true]);
  });

  test('when the window closes while that save is under way', async () => {
    const { gates, store, clock } = await heldWorld({ now: CLOSES - 31 * SECOND });
    await clock.sleep(30.5 * SECOND);
    store.onWrite = async apply => {
      await clock.sleep(SECOND);
      return apply();
    };
    assert.equal((await gates.check())?.kind, 'windowClosed');
  });

  for (const { because, happens, kind } of [
    {
      because: 'the ConfigMap is missing',
      happens: (store: FakeStore) => void (store.missing = true),
      kind: 'checkpointUnusable',
    },
    { because: 'the checkpoint is damaged', happens: (store: FakeStore) => store.put('{'), kind: 'checkpointUnusable' },
    {
      because: 'the right to save is gone',
      happens: (store: FakeStore) =>
        void (store.onWrite = () =>
          Promise.reject(new NotPermitted({ verb: 'update', resource: 'configmaps', namespace: 'ops' }))),
      kind: 'notPermitted',
    },
    {
      because: 'the API server is away',
      happens: (store: FakeStore) => void (store.onWrite = () => Promise.reject(new OutOfReach('away'))),
      kind: 'error',
    },
  ] as const) {
    test(`as ${kind} when ${because}`, async () => {
      const { gates, store, clock } = await heldWorld();
      happens(store);
      await clock.sleep(MINUTE);
      assert.equal((await gates.check())?.kind, kind);
    });
  }

  test('once, with the first reason, and never open again', async () => {
    const { gates, hold, announcer } = await heldWorld();
    hold.change(checkpoint => ({ ...checkpoint, stop }));
    await gates.check();
    hold.change(checkpoint => ({ ...checkpoint, stop: null }));
    gates.close({ kind: 'policyChanged', detail: '' });
    assert.equal((await gates.check())?.kind, 'stopped');
    assert.deepEqual(
      announcer.of('ending').map(({ ending }) => ending.kind),
      ['stopped'],
    );
  });

  for (const [first, second, stands] of [
    ['stopped', 'terminated', 'terminated'],
    ['terminated', 'stopped', 'terminated'],
    ['windowClosed', 'notPermitted', 'notPermitted'],
    ['policyInvalid', 'error', 'error'],
    ['error', 'policyInvalid', 'error'],
    ['notPermitted', 'checkpointUnusable', 'checkpointUnusable'],
    ['checkpointUnusable', 'terminated', 'terminated'],
    ['windowClosed', 'stopped', 'windowClosed'],
  ] as const) {
    test(`and of ${first}, then ${second}, the reason is ${stands}: it decides the exit code`, async () => {
      const { gates } = await heldWorld();
      for (const kind of [first, second]) gates.close({ kind, detail: '' });
      assert.equal(gates.ending?.kind, stands);
    });
  }
});

describe('what is in flight', () => {
  for (const [kind, abandoned] of [
    ['windowClosed', false],
    ['notEnoughTime', false],
    ['stopped', false],
    ['policyChanged', false],
    ['policyInvalid', false],
    ['checkpointUnusable', false],
    ['terminated', true],
    ['holdLost', true],
    ['notPermitted', true],
    ['error', true],
  ] as const) {
    test(`is ${abandoned ? 'left to the next run' : 'awaited'} when the run ends as ${kind}`, async () => {
      const { gates, observed } = await heldWorld();
      gates.close({ kind, detail: '' });
      assert.equal(observed.closed, abandoned);
    });
  }

  test('is left to the next run also when the gates are closed already', async () => {
    const { gates, observed } = await heldWorld();
    for (const kind of ['windowClosed', 'terminated'] as const) gates.close({ kind, detail: '' });
    assert.ok(observed.closed);
  });
});

describe('a rollout that ends after the window', () => {
  test('is an overrun, and says by how long', async () => {
    const { gates, clock } = await heldWorld({ now: CLOSES - SECOND });
    assert.equal(await gates.check(), undefined);
    assert.equal(gates.overrun(), undefined);
    await clock.sleep(91 * SECOND);
    assert.equal(gates.overrun(), 'overrun: 1m30s after the window closed');
  });
});

describe('a pause', () => {
  for (const { left, closes } of [
    { left: MINUTE - 1, closes: true },
    { left: MINUTE, closes: true },
    { left: MINUTE + 1, closes: false },
  ]) {
    test(`of a minute with ${left} ms left ${closes ? 'is not worth it' : 'is'}`, async () => {
      const { gates } = await heldWorld({ now: CLOSES - left });
      assert.equal(gates.closesWithin(MINUTE), closes);
    });
  }
});
