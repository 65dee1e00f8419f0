import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EMPTY } from '../../src/domain/checkpoint.ts';
import { statusText } from '../../src/terminal/status-view.ts';
import { aCheckpoint, aStart, aSweep, BY, SWEEP, T, WANT } from '../build.ts';

describe('the checkpoint for people', () => {
  test('says that there was no run yet', () => {
    assert.equal(statusText(EMPTY, BY), `Checkpoint ${BY}: no run yet.`);
  });

  test('has the sweep, the window, the stop, what is in flight and the runs, the last one first', () => {
    const checkpoint = aCheckpoint({
      hold: { run: 'run-3', pod: { name: 'nightshift-x7x2p', uid: 'u' } },
      sweep: aSweep({ total: 40, remaining: 12, counts: { restarted: 26, failed: 1, denied: 0 } }),
      occurrence: { name: 'nights', opensAt: SWEEP, failures: 1, done: 26 },
      stop: { at: T, why: 'failures', detail: 'shop/api failed', want: WANT },
      starts: [aStart(), aStart({ workload: 'shop/api', outcome: 'failed', spare: true })],
      runs: [
        { run: 'run-1', began: SWEEP, ended: T, exitCode: 0, summary: '26 restarted', ignoredWindow: true },
        { run: 'run-2', began: SWEEP, ended: T, exitCode: 3, summary: '1 failed' },
      ],
    });
    assert.equal(
      statusText(checkpoint, BY),
      `Checkpoint ${BY}
Run run-3 in Pod nightshift-x7x2p is active, or died.
Sweep ${SWEEP}: 26 restarted, 1 failed, 12 to do, of 40.
Window nights of ${SWEEP}: 26 restarted since the canary, 1 failure.
Stopped at ${T} (failures): shop/api failed
Maybe with one Pod more than wanted, which the next run takes back: shop/api.

NAMED OR IN FLIGHT   SINCE
shop/web             ${T}

RUN     BEGAN                  ENDED                  EXIT   SUMMARY
run-2   ${SWEEP}   ${T}   3      1 failed
run-1   ${SWEEP}   ${T}   0      (window ignored) 26 restarted`,
    );
  });
});
