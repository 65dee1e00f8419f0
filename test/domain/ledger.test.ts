import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Checkpoint, Stop } from '../../src/domain/checkpoint.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import {
  enterOccurrence,
  newSweep,
  recordOutcome,
  resume,
  stopInForce,
  typicalRollout,
} from '../../src/domain/ledger.ts';
import type { OutcomeKind } from '../../src/domain/model.ts';
import type { Outcome } from '../../src/domain/report.ts';
import { nameStarts } from '../../src/domain/starts.ts';
import {
  aCheckpoint,
  anOutcome,
  aPolicy,
  aStart,
  aSweep,
  aWorkload,
  BEGIN,
  DAY,
  NOW,
  OCCURRENCE,
  SECOND,
  SWEEP,
  T,
  WANT,
} from '../build.ts';

const POLICY = aPolicy();
const MANUAL = aPolicy({ onFailure: { resume: 'manual' } });
const TONIGHT = { policy: POLICY, want: WANT, occurrence: OCCURRENCE };
const TOMORROW = { ...TONIGHT, occurrence: { name: 'nights', opensAt: BEGIN + DAY } };

const aStop = (given: Partial<Stop> = {}): Stop => ({
  at: T,
  why: 'failures',
  detail: 'shop/web failed',
  want: WANT,
  ...given,
});

/** Restarts that end one after the other, each of a workload of its own that was named before. */
function after(outcomes: readonly OutcomeKind[], policy = POLICY, before: Checkpoint = aCheckpoint()): Checkpoint {
  return outcomes.reduce((checkpoint, outcome, index) => {
    const name = `w${index}`;
    const named = nameStarts(checkpoint, [aWorkload({ name })], BEGIN);
    return recordOutcome(named, anOutcome({ name, outcome }), { policy, want: WANT, at: T, for: WANT, now: NOW });
  }, before);
}

describe('a stop for failures', () => {
  for (const { opensAt, holds, because } of [
    { opensAt: Date.parse(T) - SECOND, holds: true, because: 'holds for the ticks that follow in its window' },
    { opensAt: Date.parse(T), holds: true, because: 'holds in a window that opened with it' },
    { opensAt: Date.parse(T) + SECOND, holds: false, because: 'ends with a window that opened later' },
  ]) {
    test(because, () => {
      const stop = stopInForce(aCheckpoint({ stop: aStop() }), { ...TONIGHT, occurrence: { name: 'any', opensAt } });
      assert.equal(stop !== undefined, holds);
    });
  }

  test('holds in every window when someone has to say resume', () => {
    const checkpoint = aCheckpoint({ stop: aStop() });
    assert.deepEqual(stopInForce(checkpoint, { ...TOMORROW, policy: MANUAL }), aStop());
    assert.equal(stopInForce(resume(checkpoint), { ...TOMORROW, policy: MANUAL }), undefined);
  });

  test('holds whatever is wanted', () => {
    assert.ok(stopInForce(aCheckpoint({ stop: aStop() }), { ...TONIGHT, want: 'other' }) !== undefined);
  });
});

for (const why of ['ineffective', 'reverts', 'denials'] as const) {
  describe(`a stop for ${why}`, () => {
    const checkpoint = aCheckpoint({ stop: aStop({ why }) });
    test('holds beyond its window', () => assert.ok(stopInForce(checkpoint, TOMORROW) !== undefined));
    test('ends when other things are wanted', () => {
      assert.equal(stopInForce(checkpoint, { ...TONIGHT, want: 'other' }), undefined);
    });
    test('ends when someone says resume', () => assert.equal(stopInForce(resume(checkpoint), TONIGHT), undefined));
  });
}

test('without a stop none is in force', () => assert.equal(stopInForce(aCheckpoint(), TONIGHT), undefined));

describe('failures stop the occurrence', () => {
  for (const { stopAfter, outcomes, stopped } of [
    { stopAfter: 1, outcomes: ['restarted', 'restarted'], stopped: false },
    { stopAfter: 1, outcomes: ['failed'], stopped: true },
    { stopAfter: 2, outcomes: ['failed'], stopped: false },
    { stopAfter: 2, outcomes: ['failed', 'restarted', 'failed'], stopped: true },
    { stopAfter: 3, outcomes: ['failed', 'failed'], stopped: false },
    { stopAfter: 1, outcomes: ['denied', 'gone', 'superseded', 'ineffective', 'reverted'], stopped: false },
  ] satisfies { stopAfter: number; outcomes: OutcomeKind[]; stopped: boolean }[]) {
    test(`${stopped ? 'stopped' : 'not stopped'} at ${stopAfter} by ${outcomes.join(', ')}`, () => {
      const { stop } = after(outcomes, aPolicy({ onFailure: { stopAfter } }));
      assert.equal(stop?.why, stopped ? 'failures' : undefined);
    });
  }

  test('with the name and the reason of the workload, and the second', () => {
    const outcome = anOutcome({ outcome: 'failed', why: 'imagePull', detail: 'proxy:3 not found' });
    const { stop } = recordOutcome(aCheckpoint(), outcome, { policy: POLICY, want: WANT, at: T, for: WANT, now: NOW });
    assert.deepEqual(stop, aStop({ at: formatInstant(NOW), detail: 'shop/web failed: imagePull' }));
  });

  test('and the first stop stands', () => {
    const { stop, occurrence } = after(['failed', 'failed']);
    assert.match(stop?.detail ?? '', /shop\/w0/);
    assert.equal(occurrence?.failures, 2);
  });

  test('counted once, however often the same restart is seen to fail', () => {
    const now = { policy: aPolicy({ onFailure: { stopAfter: 2 } }), want: WANT, at: T, for: WANT, now: NOW };
    const once = recordOutcome(aCheckpoint({ starts: [aStart()] }), anOutcome({ outcome: 'failed' }), now);
    const twice = recordOutcome(once, anOutcome({ outcome: 'failed' }), now);
    assert.deepEqual(twice, once);
    const later = recordOutcome(once, anOutcome({ outcome: 'failed' }), { ...now, at: formatInstant(NOW) });
    assert.equal(later.occurrence?.failures, 2);
  });
});

describe('ineffective restarts, reverts and refusals stop the sweep', () => {
  for (const { outcomes, why } of [
    { outcomes: ['ineffective'], why: undefined },
    { outcomes: ['ineffective', 'ineffective'], why: 'ineffective' },
    { outcomes: ['ineffective', 'restarted', 'ineffective'], why: undefined },
    { outcomes: ['ineffective', 'superseded', 'gone', 'ineffective'], why: 'ineffective' },
    { outcomes: ['reverted', 'reverted'], why: undefined },
    { outcomes: ['reverted', 'restarted', 'reverted', 'superseded', 'reverted'], why: 'reverts' },
    { outcomes: ['denied', 'denied'], why: undefined },
    { outcomes: ['denied', 'denied', 'denied'], why: 'denials' },
    { outcomes: ['denied', 'denied', 'interrupted', 'denied'], why: 'denials' },
    { outcomes: ['denied', 'denied', 'restarted', 'denied', 'denied'], why: undefined },
    { outcomes: ['denied', 'denied', 'gone', 'denied'], why: undefined },
  ] satisfies { outcomes: OutcomeKind[]; why: Stop['why'] | undefined }[]) {
    test(`${why === undefined ? 'not ' : ''}by ${outcomes.join(', ')}`, () => {
      assert.equal(after(outcomes).stop?.why, why);
    });
  }

  test('over several occurrences', () => {
    const firstNight = enterOccurrence(after(['reverted', 'reverted']), TOMORROW);
    assert.equal(after(['reverted'], POLICY, firstNight).stop?.why, 'reverts');
    const ineffective = enterOccurrence(after(['ineffective']), TOMORROW);
    assert.equal(after(['ineffective'], POLICY, ineffective).stop?.why, 'ineffective');
  });
});

describe('the ramp and the failures', () => {
  const occurrence = { name: 'nights', opensAt: SWEEP, failures: 1, done: 26 };
  const opensAt = formatInstant(BEGIN + DAY);
  const sweep = aSweep({ ineffectiveInRow: 1, reverts: 2, deniedInRow: 2, rolloutSeconds: [40] });
  const afresh = aSweep({ rolloutSeconds: [40] });

  test('go on within an occurrence', () => {
    const checkpoint = aCheckpoint({ occurrence, sweep });
    assert.deepEqual(enterOccurrence(checkpoint, TONIGHT), checkpoint);
  });

  test('start again with the next, and the sweep goes on', () => {
    const entered = enterOccurrence(aCheckpoint({ occurrence, sweep }), TOMORROW);
    assert.deepEqual(entered.occurrence, { name: 'nights', opensAt, failures: 0, done: 0 });
    assert.deepEqual(entered.sweep, sweep);
  });

  test('start again after a stop that ended, and so does what the sweep counts', () => {
    const entered = enterOccurrence(aCheckpoint({ occurrence, sweep, stop: aStop() }), TOMORROW);
    assert.equal(entered.stop, null);
    assert.deepEqual(entered.occurrence, { name: 'nights', opensAt, failures: 0, done: 0 });
    assert.deepEqual(entered.sweep, afresh);
  });

  test('start again in the same occurrence when other things are wanted after a stop for that', () => {
    const checkpoint = aCheckpoint({ occurrence, sweep, stop: aStop({ why: 'ineffective' }) });
    const entered = enterOccurrence(checkpoint, { ...TONIGHT, want: 'other' });
    assert.deepEqual(entered.occurrence, { name: 'nights', opensAt: SWEEP, failures: 0, done: 0 });
    assert.deepEqual([entered.want, entered.sweep], ['other', afresh]);
  });

  test('begin with a canary again when other things are wanted, and what failed stays counted', () => {
    const { occurrence: entered } = enterOccurrence(aCheckpoint({ occurrence, sweep }), { ...TONIGHT, want: 'other' });
    assert.deepEqual(entered, { ...occurrence, done: 0 });
  });

  test('stay while a stop holds', () => {
    const checkpoint = aCheckpoint({ occurrence, sweep, stop: aStop() });
    assert.deepEqual(enterOccurrence(checkpoint, TONIGHT), checkpoint);
    assert.deepEqual(enterOccurrence(checkpoint, { ...TOMORROW, policy: MANUAL }), checkpoint);
  });

  test('begin with the first run', () => {
    const entered = enterOccurrence(aCheckpoint({ occurrence: null, sweep: null }), TONIGHT);
    assert.deepEqual(entered.occurrence, { name: 'nights', opensAt: SWEEP, failures: 0, done: 0 });
  });

  test('start again with resume', () => {
    const resumed = resume(aCheckpoint({ occurrence, sweep, stop: aStop() }));
    assert.deepEqual([resumed.stop, resumed.occurrence?.failures, resumed.occurrence?.done], [null, 0, 0]);
    assert.deepEqual(resumed.sweep, afresh);
  });

  test('move on with what is restarted, and with nothing else', () => {
    const { occurrence: end } = after(['restarted', 'gone', 'superseded', 'denied', 'reverted', 'restarted']);
    assert.deepEqual([end?.done, end?.failures], [2, 0]);
  });
});

describe('what ended under other criteria does not bind the new ones, and what is unfinished is kept', () => {
  const starts = [aStart({ outcome: 'denied' }), aStart({ workload: 'shop/api' })];
  for (const [when, sweep] of [
    ['within a sweep', aSweep()],
    ['between two sweeps', null],
  ] as const) {
    test(when, () => {
      const entered = enterOccurrence(aCheckpoint({ starts, sweep }), { ...TONIGHT, want: 'other' });
      assert.deepEqual([entered.starts, entered.want], [[starts[1]], 'other']);
    });
  }
});

describe('what is started before an occurrence opens', () => {
  const before = formatInstant(BEGIN - SECOND);
  test('is no step of its ramp', () => {
    const now = { policy: POLICY, want: WANT, for: WANT, now: NOW };
    const early = recordOutcome(aCheckpoint(), anOutcome(), { ...now, at: before });
    const inTime = recordOutcome(aCheckpoint(), anOutcome(), { ...now, at: SWEEP });
    assert.deepEqual([early.occurrence?.done, inTime.occurrence?.done], [0, 1]);
  });
});

describe('the name of a start', () => {
  const named = aCheckpoint({ starts: [aStart({ revision: 9 })] });

  test('keep their outcome and T', () => {
    const outcome = anOutcome({ outcome: 'superseded' });
    const { starts } = recordOutcome(named, outcome, { policy: POLICY, want: WANT, at: T, for: WANT, now: NOW });
    assert.deepEqual(starts[0], { ...aStart({ outcome: 'superseded' }), revision: 9 });
  });

  test('stay without an outcome when the run ends first', () => {
    const outcome = anOutcome({ outcome: 'interrupted' });
    const now = { policy: POLICY, want: WANT, at: T, for: WANT, now: NOW };
    assert.deepEqual(recordOutcome(named, outcome, now), named);
  });
});

describe('the sweep', () => {
  test('has the second it began for an id', () => {
    const sweep = newSweep(BEGIN + 999);
    assert.deepEqual([sweep.id, sweep.total, sweep.counts], [SWEEP, 0, {}]);
  });

  test('counts each outcome, and what is left to do', () => {
    const { sweep } = after(
      ['restarted', 'restarted', 'failed', 'gone'],
      POLICY,
      aCheckpoint({ sweep: aSweep({ remaining: 3 }) }),
    );
    assert.deepEqual(sweep?.counts, { restarted: 2, failed: 1, gone: 1 });
    assert.equal(sweep?.remaining, 0);
  });
});

describe('a typical rollout', () => {
  for (const { seconds, typical } of [
    { seconds: [], typical: undefined },
    { seconds: [40], typical: 40_000 },
    { seconds: [600, 10, 20], typical: 20_000 },
    { seconds: [9, 100, 20], typical: 20_000 },
  ]) {
    test(`is ${typical ?? 'unknown'} after ${seconds.join(', ') || 'none'}`, () => {
      assert.equal(typicalRollout(aCheckpoint({ sweep: aSweep({ rolloutSeconds: seconds }) })), typical);
    });
  }

  test('is unknown outside a sweep', () => assert.equal(typicalRollout(aCheckpoint({ sweep: null })), undefined));

  test('is learned from what was restarted, the last 25 of them', () => {
    const outcomes = Array.from(
      { length: 30 },
      (_, index): Outcome => anOutcome({ name: `w${index}`, seconds: index }),
    );
    const now = { policy: POLICY, want: WANT, at: T, for: WANT, now: NOW };
    const some = [...outcomes, anOutcome({ outcome: 'failed', seconds: 600 })];
    const { sweep } = some.reduce((checkpoint, outcome) => recordOutcome(checkpoint, outcome, now), aCheckpoint());
    assert.deepEqual(
      sweep?.rolloutSeconds,
      outcomes.slice(-25).map(({ seconds }) => seconds),
    );
  });
});

test('what its own autoscaler took back, or its own budget denied, says nothing about others', () => {
  for (const outcome of ['reverted', 'denied'] as const) {
    const now = { policy: POLICY, want: WANT, at: T, for: WANT, now: NOW };
    const before = aCheckpoint({ sweep: aSweep({ reverts: 2, deniedInRow: 2 }) });
    const told = anOutcome({ name: 'w0', outcome });
    assert.equal(recordOutcome(before, told, { ...now, isOfItself: true }).sweep?.reverts, 2);
    assert.notEqual(recordOutcome(before, told, now).stop, null);
  }
  const calm = aCheckpoint({ sweep: aSweep({ reverts: 2 }) });
  const now = { policy: POLICY, want: WANT, at: T, for: WANT, now: NOW, isOfItself: true };
  assert.equal(recordOutcome(calm, anOutcome({ name: 'w0', outcome: 'reverted' }), now).stop, null);
});
