/**
 * Cleaning up after a cluster whose owner is gone. Run as a program, `leftovers.ts FOLDER` removes that one: a shell
 * that waits for the owner's death starts it (see `watchOver`). Whatever survives even that, the next start removes.
 */
import { spawn } from 'node:child_process';
import { existsSync, rmSync, statfsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isHeld } from './held.ts';
import { killMarked } from './processes.ts';
import { until } from './until.ts';

export const FOLDER_PREFIX = 'nightshift-cluster-';
export const OWNER_SOCKET = 'owner.sock';
const MEMORY = '/dev/shm';

/** Where etcd keeps its data: in memory where a gigabyte is free there (a container often has 64 MB), else on disk. */
export function dataFolder(folder: string): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize > 2 ** 30) return join(MEMORY, basename(folder));
  } catch {
    // No such file system here.
  }
  return join(folder, 'data');
}

/** Kills what still runs of a cluster and removes its files. */
export async function removeCluster(folder: string): Promise<void> {
  await until(`the processes of ${folder} to end`, () => killMarked(folder) === 0, { everyMilliseconds: 10 });
  removeFiles(folder);
}

/** The same for an exit handler, which cannot wait. */
export function removeClusterNow(folder: string): void {
  const deadline = performance.now() + 2000;
  while (killMarked(folder) > 0 && performance.now() < deadline);
  removeFiles(folder);
}

function removeFiles(folder: string): void {
  rmSync(join(MEMORY, basename(folder)), { recursive: true, force: true, maxRetries: 3 });
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes every cluster whose owner is dead; those of living owners, in this process or another, stay. */
export async function removeDeadClusters(): Promise<void> {
  const names = await readdir(tmpdir());
  const folders = names.filter(name => name.startsWith(FOLDER_PREFIX)).map(name => join(tmpdir(), name));
  for (const folder of folders) {
    if (await isAbandoned(folder)) await removeCluster(folder);
  }
}

/** A folder is a moment older than its owner's socket: one without a socket is left alone while it is young. */
async function isAbandoned(folder: string): Promise<boolean> {
  const socket = join(folder, OWNER_SOCKET);
  if (existsSync(socket)) return !(await isHeld(socket));
  const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  return age > 10_000;
}

/**
 * Starts a shell that waits on a pipe which only this process holds. Its end without a word means that we died, even
 * by SIGKILL: then the cluster is removed at once. Call the result when everything was removed in good order.
 */
export function watchOver(folder: string): () => void {
  const script = 'read -r farewell || exec "$0" "$1" "$2"';
  const program = fileURLToPath(import.meta.url);
  const shell = spawn('/bin/sh', ['-c', script, process.execPath, program, folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return () => shell.stdin.end('farewell\n');
}

if (import.meta.main) {
  const [, , folder] = process.argv;
  if (folder !== undefined && basename(folder).startsWith(FOLDER_PREFIX)) await removeCluster(folder);
}
