/** A worker whose clock is wrong, by seconds or by hours, in turns with one whose clock is right. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OPEN } from '../e2e/site.ts';
import { NEW, upgradedSite, sidecarPolicy } from '../e2e/upgraded.ts';
import { reportOf } from '../worker-log.ts';
import { NAMES, openFaultySite } from './proxy-site.ts';
import { assertFresh, assertRestartedOnce } from './witness.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const SHIFTS = { '5 s ahead': 5 * SECOND, '5 s behind': -5 * SECOND, '2 h ahead': 2 * HOUR, '2 h behind': -2 * HOUR };

const SHIFTED = fileURLToPath(new URL('shifted-clock.ts', import.meta.url));

const withClock = (shift: number): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${SHIFTED}`,
  TEST_CLOCK_SHIFT: String(shift),
});

const CRITERIA = {
  'by image': {},
  // Every Pod is too old at once: only the sweep says which ones were made in it.
  'by age': { stale: [{ podOlderThan: '1s' }] },
};

describe('runs whose clocks are wrong and right in turns, all but the last of them killed', { concurrency: 4 }, () => {
  for (const [clock, shift] of Object.entries(SHIFTS)) {
    for (const [criterion, policy] of Object.entries(CRITERIA)) {
      for (const first of ['wrong', 'right'] as const) {
        test(`${clock}, ${first} first, ${criterion}: each restarted once`, async () => {
          await using faulty = await openFaultySite({ freeze: false, policy });
          const shifts = first === 'wrong' ? [shift, 0, shift] : [0, shift, 0];
          for (const each of shifts) {
            const kill = (): void => void faulty.current()?.process.kill('SIGKILL');
            const rule = { method: 'PATCH', path: /deployments/, every: 2, times: 1 };
            faulty.proxy.add({ ...rule, fault: { kind: 'act', when: 'after', act: kill } });
            const worker = faulty.start(withClock(each));
            assert.equal(await worker.ended, 'SIGKILL', worker.stdout());
            assertClock(worker.lines()[0]?.['time'], each);
          }
          const last = faulty.start(withClock(first === 'wrong' ? 0 : shift));
          assert.equal(await last.ended, 0, last.stdout());
          // The third may have started all that was left.
          assert.match(reportOf(last.stdout()).ending.kind, /swept|nothingToDo/);
          await faulty.assertSound();
        });
      }
    }
  }
});

/** The worker's first words tell its time. */
function assertClock(time: unknown, shift: number): void {
  const behind = Date.now() + shift - Date.parse(String(time));
  assert.ok(behind >= 0 && behind < 60 * SECOND, `the worker says ${String(time)}`);
}

describe('a window is what the clock of the worker says', { concurrency: 4 }, () => {
  for (const [clock, shift] of Object.entries(SHIFTS)) {
    test(`${clock}: nothing starts once it closes`, async () => {
      const site = await upgradedSite(NAMES, { replicas: 1, podAnnotations: { 'test.nightshift/delay': '2s' } });
      // One by one they take longer than that.
      const closesAt = Math.ceil((Date.now() + shift) / SECOND) * SECOND + 12 * SECOND;
      const freeze = { name: 'freeze', from: localTime(closesAt), until: localTime(closesAt + 24 * HOUR) };
      const changes = { batches: { sizes: [1], pause: '0s' } };
      const policy = site.policyFile(sidecarPolicy(site, { ...changes, windows: { ...OPEN, deny: [freeze] } }));
      const worker = site.start(['run', '--policy', policy, '--output', 'json'], withClock(shift));
      assert.equal(await worker.ended, 0, worker.stdout());
      const { ending } = reportOf(worker.stdout());
      assert.ok(['windowClosed', 'notEnoughTime'].includes(ending.kind), ending.detail);
      const patches = (await site.requests()).filter(({ verb }) => verb === 'patch');
      assert.ok(patches.length > 0, 'it was open first');
      for (const { name, at } of patches) assert.ok(at + shift < closesAt, `${name} was restarted after it closed`);

      const again = site.start(['run', '--policy', policy, '--output', 'json'], withClock(shift + 13 * SECOND));
      assert.equal(await again.ended, 0);
      assert.equal(reportOf(again.stdout()).ending.kind, 'windowClosed');
      assert.equal((await site.requests()).filter(({ verb }) => verb === 'patch').length, patches.length);

      const whole = site.policyFile(sidecarPolicy(site));
      const rest = site.start(['run', '--policy', whole, '--output', 'json']);
      assert.equal(await rest.ended, 0, rest.stdout());
      await assertRestartedOnce(site, NAMES);
      await assertFresh(site, NAMES, NEW);
    });
  }
});

const localTime = (instant: number): string => new Date(instant).toISOString().slice(0, 19);
