/**
 * Cleaning up after a cluster whose owner is gone. Run as a program, `leftovers.ts FOLDER` removes that one: a shell
 * that waits for the owner's death starts it (see owned-folder.ts). Whatever survives even that, the next start removes.
 */
import { existsSync, rmSync, statfsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isHeld } from './held.ts';
import { hasEnded, killMarked } from './processes.ts';
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
  const pids = new Set<number>();
  await until(`the processes of ${folder} to end`, () => haveEnded(folder, pids), { everyMilliseconds: 10 });
  removeFiles(folder);
}

/** The same for an exit handler, which cannot wait. */
export function removeClusterNow(folder: string): void {
  const pids = new Set<number>();
  const deadline = performance.now() + 2000;
  while (!haveEnded(folder, pids) && performance.now() < deadline);
  removeFiles(folder);
}

/** Kills until nothing new turns up (a process may have started another in between) and all of them have ended. */
function haveEnded(folder: string, pids: Set<number>): boolean {
  const found = killMarked(folder);
  for (const pid of found) pids.add(pid);
  return found.length === 0 && [...pids].every(hasEnded);
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
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || stats.uid !== process.getuid?.()) return false;
  const socket = join(folder, OWNER_SOCKET);
  if (existsSync(socket)) return !(await isHeld(socket));
  return Date.now() - stats.mtimeMs > 10_000;
}

if (import.meta.main) {
  const [, , folder] = process.argv;
  if (folder !== undefined && basename(folder).startsWith(FOLDER_PREFIX)) await removeCluster(folder);
}
