import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { binaries } from './binaries.ts';
import { hold } from './held.ts';
import { dataFolder, FOLDER_PREFIX, OWNER_SOCKET, removeDeadClusters } from './leftovers.ts';
import { killMarked, markedProcesses, startProcess } from './processes.ts';
import { until } from './until.ts';

/** Owns what `create` returns the folder and a port of, prints both, and ends as it is told. */
function ownerProgram(create: string): string {
  const file = (name: string) => pathToFileURL(join(import.meta.dirname, name)).href;
  return `
    const { startCluster } = await import('${file('cluster.ts')}');
    const { createOwnedFolder } = await import('${file('owned-folder.ts')}');
    const { startProcess } = await import('${file('processes.ts')}');
    const folder = await (${create})();
    process.stdout.write(folder + '\\n');
    process.stdin.once('data', word => {
      if (String(word) === 'exit') process.exit(0);
      if (String(word) === 'throw') throw new Error('as a test may do');
      process.stdin.destroy();
    });`;
}

const CLUSTER = 'async () => (await startCluster({ nodes: 1 })).folder';

const TWO_SLEEPERS = `async () => {
  const { path: folder } = await createOwnedFolder();
  const args = ['-c', 'sleep 1000 & wait'];
  startProcess(folder, { name: 'sleeper', file: '/bin/sh', args, folder, logFile: folder + '/log' });
  return folder;
}`;

async function startOwner(create: string): Promise<{ readonly owner: ChildProcess; readonly folder: string }> {
  const args = ['--input-type=module', '-e', ownerProgram(create)];
  const owner = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const [line] = await once(owner.stdout, 'data');
  return { owner, folder: String(line).trim() };
}

describe('nothing is left behind', () => {
  before(() => binaries());

  const endings: readonly { readonly how: string; readonly end: (owner: ChildProcess) => unknown }[] = [
    { how: 'is killed by SIGKILL', end: owner => owner.kill('SIGKILL') },
    { how: 'is interrupted', end: owner => owner.kill('SIGINT') },
    { how: 'is asked to end', end: owner => owner.kill('SIGTERM') },
    { how: 'calls process.exit', end: owner => owner.stdin?.write('exit') },
    { how: 'throws', end: owner => owner.stdin?.write('throw') },
    { how: 'ends without stopping anything', end: owner => owner.stdin?.write('end') },
  ];

  for (const { how, end } of endings) {
    it(`by an owner that ${how}`, async () => {
      const { owner, folder } = await startOwner(TWO_SLEEPERS);
      await until('both to sleep', () => markedProcesses(folder).length === 2);
      end(owner);
      await once(owner, 'exit');
      await until('processes and files to go', () => traces(folder).length === 0, { seconds: 10 });
    });
  }

  it('of a whole cluster whose owner is killed by SIGKILL: no process, no port, no file', async () => {
    const { owner, folder } = await startOwner(CLUSTER);
    assert.ok(markedProcesses(folder).length >= 5);
    const {
      clusters: [{ cluster }],
    } = JSON.parse(readFileSync(join(folder, 'admin.kubeconfig'), 'utf8'));
    const ca = readFileSync(cluster['certificate-authority']);
    assert.equal(await answers(cluster.server, ca), true);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await until('processes and files to go', () => traces(folder).length === 0, { seconds: 10 });
    assert.equal(await answers(cluster.server, ca), false);
  });
});

function traces(folder: string): unknown[] {
  const name = basename(folder);
  const files = [tmpdir(), dirname(dataFolder(folder))].flatMap(parent =>
    existsSync(parent) ? readdirSync(parent).filter(file => file === name) : [],
  );
  return [...markedProcesses(folder), ...files];
}

/** Whether that very API server is there: its port may be another one's by now. */
function answers(server: string, ca: Buffer): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server).port), ca });
    socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false));
    socket.unref();
  });
}

describe('the next start', () => {
  const folders: string[] = [];
  after(() => folders.forEach(folder => rmSync(folder, { recursive: true, force: true })));

  function folderOfACluster(): string {
    const folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
    folders.push(folder);
    return folder;
  }

  /** Sleeps for ever, and has a child that does so as well. */
  function startSleeper(folder: string) {
    const args = ['-c', 'sleep 1000 & wait'];
    return startProcess(folder, { name: 'sleeper', file: '/bin/sh', args, folder, logFile: join(folder, 'log') });
  }

  it('removes processes, their children and the files of an owner that is dead', async () => {
    const folder = folderOfACluster();
    const sleeper = startSleeper(folder);
    await until('the child', () => markedProcesses(folder).length === 2);
    const killed = spawn(process.execPath, ['--input-type=module', '-e', holding(join(folder, OWNER_SOCKET))]);
    await until('the owner', () => existsSync(join(folder, OWNER_SOCKET)));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await removeDeadClusters();
    await sleeper.ended;
    assert.deepEqual(traces(folder), []);
  });

  it('leaves alone what belongs to a living owner', async () => {
    const folder = folderOfACluster();
    const held = await hold(join(folder, OWNER_SOCKET));
    const sleeper = startSleeper(folder);
    await removeDeadClusters();
    assert.ok(markedProcesses(folder).includes(sleeper.process.pid ?? 0));
    killMarked(folder);
    await sleeper.ended;
    held?.release();
  });

  it('gives a cluster that is just being born ten seconds to show its owner', async () => {
    const folder = folderOfACluster();
    mkdirSync(join(folder, 'anything'));
    await removeDeadClusters();
    assert.equal(existsSync(folder), true);
    const long = Date.now() / 1000 - 11;
    utimesSync(folder, long, long);
    await removeDeadClusters();
    assert.equal(existsSync(folder), false);
  });
});

function holding(path: string): string {
  const held = pathToFileURL(join(import.meta.dirname, 'held.ts')).href;
  return `const { hold } = await import('${held}'); await hold('${path}'); setInterval(() => {}, 1000);`;
}
