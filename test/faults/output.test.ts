/** Standard output that nobody can write to, and a process that runs out of memory: the work is done all the same. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cluster } from '../e2e/site.ts';
import { linesOf } from '../worker-log.ts';
import { openFaultySite } from './proxy-site.ts';
import { stalledPipe } from './stalled-pipe.ts';

describe('standard output', { concurrency: 4 }, () => {
  test('whose reader went away: the run goes on', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    const worker = faulty.start();
    await worker.said('restart started');
    worker.process.stdout?.destroy();
    assert.equal(await worker.ended, 0, worker.stderr());
    await faulty.assertSound();
  });

  test('on a disk that is full: the run goes on', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    const full = openSync('/dev/full', 'w');
    const worker = faulty.start({}, full);
    closeSync(full);
    assert.equal(await worker.ended, 0, worker.stderr());
    await faulty.assertSound();
  });

  test('whose reader stalls for ever: the run goes on', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    using pipe = stalledPipe(join((await cluster()).folder, `${faulty.site.id}.fifo`));
    const worker = faulty.start({}, pipe.end);
    assert.equal(await worker.ended, 0, worker.stderr());
    assert.deepEqual(linesOf(pipe.drain()), []);
    await faulty.assertSound();
  });

  test('whose reader stalls for a while: what was said meanwhile comes later', async () => {
    await using faulty = await openFaultySite({ freeze: false });
    using pipe = stalledPipe(join((await cluster()).folder, `${faulty.site.id}.fifo`));
    const drained = Promise.withResolvers<string>();
    const act = (): void => drained.resolve(pipe.drain());
    const rule = { method: 'PATCH', path: /deployments/, every: 4, times: 1 };
    faulty.proxy.add({ ...rule, fault: { kind: 'delayed', act, until: Promise.resolve() } });
    const worker = faulty.start({}, pipe.end);
    assert.equal(await worker.ended, 0, worker.stderr());
    const text = ((await drained.promise) + pipe.drain()).trimStart();
    const messages = linesOf(text).map(({ message }) => message);
    assert.equal(messages[0], 'planned');
    assert.equal(messages.filter(message => message === 'restart ended').length, 8);
    assert.ok(messages.includes('run ended'), messages.join());
    await faulty.assertSound();
  });
});

test('a run whose memory ends in the middle of a batch: the next one does the rest', async () => {
  await using faulty = await openFaultySite({ freeze: false });
  const leak = fileURLToPath(new URL('leak.ts', import.meta.url));
  const act = (): void => void faulty.current()?.process.kill('SIGUSR2');
  const rule = { method: 'PATCH', path: /deployments/, every: 4, times: 1 };
  faulty.proxy.add({ ...rule, fault: { kind: 'delayed', act, until: Promise.resolve() } });
  const worker = faulty.start({ NODE_OPTIONS: `--max-old-space-size=96 --import=${leak}` });
  assert.equal(await worker.ended, 'SIGABRT');
  assert.match(worker.stderr(), /JavaScript heap out of memory/);
  await faulty.untilFresh();
  await faulty.assertSound();
});
