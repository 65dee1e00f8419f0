import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Start } from '../../src/domain/checkpoint.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import { countSweep, reconcile } from '../../src/domain/reconcile.ts';
import { formatRecord, type RestartRecord } from '../../src/domain/record.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import {
  aCheckpoint,
  aLeave,
  anInFlight,
  aRecord,
  aRestart,
  aRestarted,
  aStart,
  aSweep,
  BY,
  NOW,
  SECOND,
  SWEEP,
  T,
  type GivenWorkload,
} from '../build.ts';

/** A run died after it named `shop/web` for a start at 01:00; what the next one finds tells how far it came. */

const NAMED = aStart({ at: SWEEP });

const found = (workload: ReturnType<typeof aRestarted>): Verdict => ({
  kind: 'leave',
  workload,
  why: 'fresh',
  detail: '',
});

/** What becomes of the name, and how far the ramp moves. */
function settled(verdict: Verdict | undefined, start: Start = NAMED): { start: Start | undefined; done: number } {
  const { starts, occurrence } = reconcile(aCheckpoint({ starts: [start] }), verdict === undefined ? [] : [verdict], {
    by: BY,
    now: NOW,
    unread: new Set(),
  });
  return { start: starts[0], done: occurrence?.done ?? 0 };
}

describe('a run that died', () => {
  for (const { because, verdict, start, done = 0 } of [
    { because: 'before the PATCH leaves a name, which is forgotten', verdict: aRestart(), start: undefined },
    {
      because: 'after the PATCH leaves a restart in flight, with its T',
      verdict: anInFlight(),
      start: { ...NAMED, at: T, outcome: undefined },
    },
    {
      because: 'before it saw the end of a good rollout leaves one that counts in the ramp',
      verdict: found(aRestarted()),
      start: { ...NAMED, at: T, outcome: 'restarted' },
      done: 1,
    },
    {
      because: 'before it saved a failure that stands on the workload leaves a failed one',
      verdict: found(aRestarted({}, { outcome: 'failed' })),
      start: { ...NAMED, at: T, outcome: 'failed' },
    },
    {
      because: 'and whose restart was undone with its record leaves a reverted one: the revision has grown',
      verdict: aRestart({ revision: 6 }),
      start: { ...NAMED, outcome: 'reverted' },
    },
    {
      because: 'and whose restart was undone to an older restartedAt leaves a reverted one',
      verdict: aRestart({ revision: 6, restartedAt: '2026-11-01T01:00:00Z' }),
      start: { ...NAMED, outcome: 'reverted' },
    },
    {
      because: 'and whose workload got another template leaves nothing to remember',
      verdict: aRestart({ revision: 6, template: 'template-2' }),
      start: undefined,
    },
    {
      because: 'and whose workload somebody restarted since leaves nothing to remember',
      verdict: aRestart({ revision: 6, restartedAt: '2026-11-24T01:30:00Z' }),
      start: undefined,
    },
    { because: 'and whose workload is gone leaves nothing to remember', verdict: undefined, start: undefined },
    {
      because: 'and whose workload was made again leaves nothing to remember',
      verdict: aRestart({ uid: 'another', revision: 6 }),
      start: undefined,
    },
    {
      because: 'is not mistaken for the run before: an older record says nothing about the name',
      verdict: found(aRestarted({ revision: 4 }, { at: '2026-11-17T01:00:00Z' })),
      start: undefined,
    },
  ] satisfies readonly { because: string; verdict: Verdict | undefined; start: Start | undefined; done?: number }[]) {
    test(because, () => assert.deepEqual(settled(verdict), { start, done }));
  }
});

describe('a run that died, and of whose StatefulSet every change of the spec counts', () => {
  const kind = 'StatefulSet';
  const named = { ...NAMED, workload: 'shop/web (StatefulSet)' };
  const record = (given: Partial<RestartRecord> = {}) => formatRecord(aRecord(given));
  for (const { because, given, start } of [
    { because: 'before the PATCH leaves nothing to remember where somebody scaled it', given: {}, start: undefined },
    {
      because: 'leaves a reverted one where the record tells of a T that does not stand there any more',
      given: { record: record() },
      start: { ...named, outcome: 'reverted' },
    },
    {
      because: 'leaves nothing to remember where the record is of the time before',
      given: { record: record({ at: '2026-11-17T01:00:00Z' }) },
      start: undefined,
    },
    {
      because: 'leaves nothing to remember where the record is of another checkpoint',
      given: { record: record({ by: 'ops/other' }) },
      start: undefined,
    },
  ] satisfies readonly { because: string; given: GivenWorkload; start: Start | undefined }[]) {
    test(because, () => assert.deepEqual(settled(aRestart({ kind, revision: 6, ...given }), named).start, start));
  }

  test('is taken back although the record is gone where the end of its rollout was seen', () => {
    const seen: Start = { ...named, at: T, outcome: 'restarted' };
    assert.equal(settled(aRestart({ kind, revision: 6 }), seen).start?.outcome, 'reverted');
  });
});

test('evictions leave no T that could be taken back: whoever restarted it, by a clock behind ours, did that', () => {
  const record = formatRecord(aRecord({ way: 'evict' }));
  const restartedAt = formatInstant(Date.parse(T) - SECOND);
  const { start } = settled(aRestart({ revision: 6, restartedAt, record }), { ...NAMED, at: T });
  assert.equal(start, undefined);
});

test('and so they do where somebody rolled its template back and its record away', () => {
  const start: Start = { ...NAMED, at: T };
  assert.equal(settled(aRestart({ revision: 7 }), { ...start, inPlace: true }).start, undefined);
  assert.equal(settled(aRestart({ revision: 7 }), start).start?.outcome, 'reverted');
});

test('and so they do where only the record told of them, because the run died before it could save', () => {
  const record = aRecord({ way: 'evict' });
  const verdict = { ...anInFlight({ record: formatRecord(record) }), record };
  const adopted = settled(verdict).start ?? assert.fail();
  assert.equal(adopted.inPlace, true);
  assert.equal(settled(aRestart({ revision: 7 }), adopted).start, undefined);
});

test('an eviction that was seen to its end stays so where the workload is left for something else', () => {
  const seen: Start = { ...NAMED, at: T, outcome: 'restarted', inPlace: true };
  const workload = aRestarted({ record: formatRecord(aRecord({ way: 'evict' })) });
  const sick: Verdict = { kind: 'leave', workload, why: 'notHealthy', detail: '' };
  assert.equal(settled(sick, seen).start?.outcome, 'restarted');
});

test('an earlier attempt that took effect late, after a later T was noted, is the restart, and nobody took it back', () => {
  const later = aStart({ at: formatInstant(Date.parse(T) + SECOND) });
  const { start, done } = settled(found(aRestarted({ revision: 5 })), later);
  assert.deepEqual({ start, done }, { start: { ...later, at: T, outcome: 'restarted' }, done: 1 });
});

test('a restart that took effect and was taken back to an earlier one of ours is reverted', () => {
  const later = aStart({ at: formatInstant(Date.parse(T) + SECOND) });
  assert.equal(settled(found(aRestarted({ revision: 6 })), later).start?.outcome, 'reverted');
});

test('a restart in flight that nobody named is adopted, so that its failure counts once', () => {
  const verdict = anInFlight({ revision: 9 });
  assert.deepEqual(reconcile(aCheckpoint(), [verdict], { by: BY, now: NOW, unread: new Set() }).starts, [
    aStart({ revision: 9 }),
  ]);
});

test('and so are no more than a policy may have in flight, so that the checkpoint stays small', () => {
  const many = Array.from({ length: 900 }, (_, index) => anInFlight({ name: `w${index}` }));
  const named = aStart({ workload: 'shop/named' });
  const stays = anInFlight({ name: 'named' });
  const { starts } = reconcile(aCheckpoint({ starts: [named] }), [...many, stays], {
    by: BY,
    now: NOW,
    unread: new Set(),
  });
  assert.equal(starts.length, 50);
});

test('a good rollout that began before the occurrence opened does not count in its ramp', () => {
  const before = '2026-11-24T00:59:59Z';
  const { start, done } = settled(found(aRestarted({}, { at: before })), aStart({ at: before }));
  assert.deepEqual([start?.outcome, done], ['restarted', 0]);
});

describe('a restart that was good and is undone between two runs', () => {
  const undone = (name: string): Verdict => aRestart({ name, revision: 6 });
  const names = ['a', 'b', 'c'];
  const after = (count: number, at = T) => {
    const starts = names.map(name => aStart({ workload: `shop/${name}`, at, outcome: 'restarted' }));
    return reconcile(aCheckpoint({ starts }), names.slice(0, count).map(undone), {
      by: BY,
      now: NOW,
      unread: new Set<string>(),
    });
  };

  test('is reverted from then on', () => {
    assert.deepEqual(
      after(1).starts.map(({ outcome }) => outcome),
      ['reverted', 'restarted', 'restarted'],
    );
  });

  test('counts towards the three that stop the sweep', () => {
    assert.deepEqual([after(2).sweep?.reverts, after(2).stop], [2, null]);
    assert.deepEqual(
      [after(3).sweep?.reverts, after(3).stop?.why, after(3).stop?.want],
      [3, 'reverts', aCheckpoint().want],
    );
  });

  test('counts once, however often it is seen', () => {
    const again = reconcile(after(2), names.slice(0, 2).map(undone), { by: BY, now: NOW, unread: new Set<string>() });
    assert.deepEqual([again.sweep?.reverts, again.stop], [2, null]);
  });

  test('counts in its own sweep only', () => {
    const { sweep, stop } = after(3, '2026-11-17T01:00:00Z');
    assert.deepEqual([sweep?.reverts, stop], [0, null]);
  });

  test('does not move the ramp', () => assert.equal(after(3).occurrence?.done, 0));
});

test('what has an outcome already keeps it', () => {
  for (const outcome of ['failed', 'denied', 'reverted', 'ineffective', 'superseded', 'gone'] as const) {
    const ended = aStart({ outcome });
    assert.deepEqual(settled(aRestart({ revision: 6 }), ended), { start: ended, done: 0 });
    assert.deepEqual(settled(undefined, ended), { start: ended, done: 0 });
  }
  const good = aStart({ outcome: 'restarted' });
  assert.deepEqual(settled(undefined, good), { start: good, done: 0 });
  assert.deepEqual(settled(found(aRestarted()), good), { start: good, done: 0 });
});

describe('the sweep', () => {
  test('counts what is restarted and what is to do from the workloads', () => {
    const verdicts = [
      aLeave('restartedThisSweep', { name: 'a' }),
      aLeave('restartedThisSweep', { name: 'b' }),
      aLeave('fresh', { name: 'c' }),
      aLeave('failedBefore', { name: 'd' }),
      anInFlight({ name: 'e' }),
      aRestart({ name: 'f' }),
    ];
    const { sweep } = countSweep(aCheckpoint({ sweep: aSweep({ counts: { failed: 1, restarted: 9 } }) }), verdicts);
    assert.deepEqual([sweep?.remaining, sweep?.total, sweep?.counts], [2, 4, { failed: 1, restarted: 2 }]);
  });

  test('keeps the largest total that it saw', () => {
    assert.equal(countSweep(aCheckpoint({ sweep: aSweep({ total: 40 }) }), [aRestart()]).sweep?.total, 40);
  });

  test('is not made by counting', () => {
    assert.equal(countSweep(aCheckpoint({ sweep: null }), [aRestart()]).sweep, null);
  });
});

test('an unfinished start in a namespace that could not be read waits for a run that may read it', () => {
  const starts = [aStart({ workload: 'secret/web' }), aStart({ workload: 'shop/web' })];
  const unread = new Set(['secret']);
  assert.deepEqual(reconcile(aCheckpoint({ starts }), [], { by: BY, now: NOW, unread }).starts, starts.slice(0, 1));
});

test('what is half done and that nobody looked at (--only) waits for a run that looks', () => {
  const workload = aRestarted({ restartedAt: undefined, record: formatRecord(aRecord({ way: 'evict' })) });
  const left: Verdict = { kind: 'leave', workload, why: 'notSelected', detail: '--only shop/another' };
  const starts = (only: string | undefined) =>
    reconcile(aCheckpoint({ starts: [NAMED] }), [left], { by: BY, now: NOW, unread: new Set(), only }).starts;
  assert.deepEqual(starts('shop/another'), [NAMED]);
  assert.equal(starts('shop/web')[0]?.outcome, 'superseded');
  assert.equal(starts(undefined)[0]?.outcome, 'superseded');
});
