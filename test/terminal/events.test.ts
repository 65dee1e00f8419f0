import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeReport, type Ending } from '../../src/domain/report.ts';
import { eventsOf } from '../../src/terminal/events.ts';
import { anOutcome, BEGIN, HOUR, OCCURRENCE, RUN, SWEEP } from '../build.ts';

function aReport(
  outcomes: readonly ReturnType<typeof anOutcome>[],
  ending: Ending = { kind: 'swept', detail: 'done' },
) {
  const window = { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + HOUR } as const;
  return makeReport({ run: RUN, window, sweep: SWEEP, left: [], outcomes, remaining: 0, ending, notPermitted: [] });
}

test('a run that did nothing and wants nothing makes no Event', () => {
  assert.deepEqual(eventsOf(aReport([], { kind: 'nothingToDo', detail: '' })), []);
});

test('a good run makes one', () => {
  assert.deepEqual(eventsOf(aReport([anOutcome(), anOutcome({ name: 'api' })])), [
    { about: { kind: 'run' }, type: 'Normal', reason: 'RunEnded', message: `run ${RUN}: 2 restarted: done` },
  ]);
});

test('a run that ended badly warns, even when it restarted nothing', () => {
  const [event] = eventsOf(aReport([], { kind: 'error', detail: 'away' }));
  assert.deepEqual([event?.type, event?.message], ['Warning', `run ${RUN}: away`]);
});

describe('a restart', () => {
  for (const [outcome, reason] of [
    ['failed', 'RestartFailed'],
    ['ineffective', 'RestartIneffective'],
    ['reverted', 'RestartReverted'],
    ['superseded', 'RestartSuperseded'],
    ['denied', 'RestartDenied'],
  ] as const) {
    test(`that ended as ${outcome} has an Event of its own: ${reason}`, () => {
      const bad = anOutcome({ outcome, detail: 'a sentence' });
      const [event, ofRun] = eventsOf(aReport([anOutcome({ name: 'api' }), bad]));
      assert.deepEqual(event, {
        about: { kind: 'workload', outcome: bad },
        type: 'Warning',
        reason,
        message: `a sentence (nightshift run ${RUN})`,
      });
      assert.deepEqual(ofRun?.about, { kind: 'run' });
    });
  }

  test('that failed says why', () => {
    const [event] = eventsOf(aReport([anOutcome({ outcome: 'failed', why: 'imagePull', detail: 'not found' })]));
    assert.equal(event?.message, `imagePull: not found (nightshift run ${RUN})`);
  });

  for (const outcome of ['restarted', 'gone', 'interrupted'] as const) {
    test(`that ended as ${outcome} has none`, () => {
      assert.deepEqual(
        eventsOf(aReport([anOutcome({ outcome })])).map(({ about }) => about.kind),
        ['run'],
      );
    });
  }
});
