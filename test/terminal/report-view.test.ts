import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeReport, type Facts } from '../../src/domain/report.ts';
import { reportJson, reportText, terminationMessage } from '../../src/terminal/report-view.ts';
import { aLeave, anOutcome, BEGIN, HOUR, OCCURRENCE, RUN, SWEEP } from '../build.ts';

const FAILED = anOutcome({ name: 'api', outcome: 'failed', why: 'imagePull', detail: 'no image', seconds: 16 });

const aReport = (given: Partial<Facts> = {}) =>
  makeReport({
    run: RUN,
    window: { kind: 'open', occurrence: OCCURRENCE, closesAt: BEGIN + 4 * HOUR },
    sweep: SWEEP,
    left: [aLeave('paused', { name: 'stopped' })],
    outcomes: [anOutcome(), FAILED],
    remaining: 3,
    ending: { kind: 'stopped', detail: 'stopped: shop/api failed' },
    notPermitted: [],
    ...given,
  });

test('the report for machines is documented, without what only we need', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(reportJson(aReport()))), {
    version: 1,
    run: RUN,
    window: { kind: 'open', name: 'nights', opensAt: '2026-11-24T01:00:00Z', closesAt: '2026-11-24T05:00:00Z' },
    sweep: SWEEP,
    counts: { outcomes: { restarted: 1, failed: 1 }, left: { paused: 1 } },
    outcomes: [
      { namespace: 'shop', name: 'web', kind: 'Deployment', outcome: 'restarted', detail: '', seconds: 40 },
      {
        namespace: 'shop',
        name: 'api',
        kind: 'Deployment',
        outcome: 'failed',
        why: 'imagePull',
        detail: 'no image',
        seconds: 16,
      },
    ],
    left: [{ namespace: 'shop', name: 'stopped', kind: 'Deployment', why: 'paused', detail: 'left: paused' }],
    ending: { kind: 'stopped', detail: 'stopped: shop/api failed' },
    remaining: 3,
    summary: '1 restarted, 1 failed, 3 to do, 1 left alone: stopped: shop/api failed',
    exitCode: 3,
  });
});

describe('the report for people', () => {
  test('lists what did not go well, and ends with the summary', () => {
    assert.equal(
      reportText(aReport()),
      `WORKLOAD   OUTCOME   WHY         DETAIL
shop/api   failed    imagePull   no image

1 restarted, 1 failed, 3 to do, 1 left alone: stopped: shop/api failed`,
    );
  });

  test('is one line when all went well', () => {
    const outcomes = [anOutcome()];
    assert.equal(reportText(aReport({ outcomes })), '1 restarted, 3 to do, 1 left alone: stopped: shop/api failed');
  });
});

describe('the termination message', () => {
  test('is JSON with the exit code, the ending and what failed', () => {
    assert.deepEqual(JSON.parse(terminationMessage(aReport())), {
      run: RUN,
      exitCode: 3,
      ending: 'stopped',
      summary: '1 restarted, 1 failed, 3 to do, 1 left alone: stopped: shop/api failed',
      failed: [{ workload: 'shop/api', outcome: 'failed', why: 'imagePull' }],
    });
  });

  test('fits into the 4096 bytes that the kubelet keeps, with the longest names and letters', () => {
    const [namespace, name] = ['n'.repeat(63), 'w'.repeat(241)];
    const outcomes = Array.from({ length: 12 }, () =>
      anOutcome({ namespace, name, outcome: 'failed', why: 'crashLoopBackOff' }),
    );
    for (const letter of ['é', '\u0001', '🌙', '"']) {
      const message = terminationMessage(
        aReport({ outcomes, ending: { kind: 'stopped', detail: letter.repeat(2000) } }),
      );
      assert.ok(Buffer.byteLength(message) <= 4096, `${Buffer.byteLength(message)} of ${letter}`);
      assert.doesNotThrow(() => JSON.parse(message));
    }
  });

  test('fits into the 4096 bytes that the kubelet keeps, with many failures', () => {
    const outcomes = Array.from({ length: 300 }, (_, index) =>
      anOutcome({ name: `a-workload-of-the-shop-${index}`, outcome: 'denied' }),
    );
    const ending = { kind: 'stopped', detail: 'x'.repeat(20_000) } as const;
    const message = terminationMessage(aReport({ outcomes, ending }));
    assert.ok(Buffer.byteLength(message) <= 4096, `${Buffer.byteLength(message)}`);
    assert.doesNotThrow(() => JSON.parse(message));
  });
});
