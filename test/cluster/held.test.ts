import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { alone, hold, isHeld } from './held.ts';
import { until } from './until.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'held-'));
});
after(() => rmSync(folder, { recursive: true }));

const held = pathToFileURL(join(import.meta.dirname, 'held.ts')).href;

async function holderOf(path: string): Promise<ChildProcess> {
  const program = `const { hold } = await import('${held}'); await hold('${path}'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' });
  await until('the other process to hold the path', () => isHeld(path));
  return child;
}

test('a path that nobody holds is free', async () => {
  assert.equal(await isHeld(join(folder, 'free.sock')), false);
});

test('a path is held by one at a time, and until its process is killed', async () => {
  const path = join(folder, 'one.sock');
  const other = await holderOf(path);
  assert.equal(await hold(path), undefined);
  other.kill('SIGKILL');
  await once(other, 'exit');
  assert.equal(await isHeld(path), false);
  assert.equal(existsSync(path), true);
});

test('the work of several is done one after the other', async () => {
  const path = join(folder, 'queue.sock');
  const steps: string[] = [];
  let waiting = 0;
  const work = async () => {
    steps.push('in');
    await until('the others to wait', () => waiting >= 2, { everyMilliseconds: 1 });
    steps.push('out');
  };
  await Promise.all([1, 2, 3].map(() => alone(path, () => (waiting += 1), work)));
  assert.deepEqual(steps, ['in', 'out', 'in', 'out', 'in', 'out']);
  assert.equal(existsSync(path), false);
});

test('the work goes on when whoever holds the path is killed', async () => {
  const path = join(folder, 'killed.sock');
  const other = await holderOf(path);
  const result = alone(
    path,
    () => other.kill('SIGKILL'),
    async () => 'done',
  );
  assert.equal(await result, 'done');
});
