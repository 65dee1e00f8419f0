/** A log collector that hangs must not keep a run, for the next Job does not start while one is there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { stalledPipe } from '../faults/stalled-pipe.ts';
import { BUNDLE } from './site.ts';

test('a run ends by itself though nobody reads what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-stalled-'));
  try {
    using pipe = stalledPipe(join(folder, 'pipe'));
    const policy = join(folder, 'policy.yaml');
    const always = { name: 'always', opens: '0 0 * * *', lasts: '1d' };
    const windows = { allow: [always], deny: [{ name: 'freeze', from: '2020-01-01', until: '2999-01-01' }] };
    const stale = [{ podOlderThan: '7d' }];
    const text = stringify({ apiVersion: 'nightshift/v1alpha1', kind: 'RestartPolicy', windows, stale });
    writeFileSync(policy, text);
    const child = spawn(process.execPath, [BUNDLE, 'run', '--policy', policy, '--output', 'json'], {
      stdio: ['ignore', pipe.end, 'inherit'],
      // For ever, as far as a test is concerned.
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    const ended = Promise.withResolvers<number | NodeJS.Signals | null>();
    child.once('exit', (code, signal) => ended.resolve(signal ?? code));
    assert.equal(await ended.promise, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
